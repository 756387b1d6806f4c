// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "action/load/load_action.h"
#include "action/load/sources.h"
#include "action/sql/testing.h"
#include "cloud/local/local.h"

#include "action/api/doctest.h"

namespace tutti::action {
namespace {

struct World : SqlWorld {
  cloud::BufferPool buffers;
  rt::Pool files{1};
  cloud::Connections connections{
      table,
      cloud::local::openers({.project = project, .buffers = buffers, .files = files.executor()})};
  LoadAction action{service, connections};

  Result<Outcome> run(Value with) {
    return with_service([&](rt::Context& c) { return action.run(c, attempt, with); });
  }
  Result<Outcome> load(Value from, ValueMap more = {}) {
    more.set("from", std::move(from));
    if (!more.contains("into")) {
      more.set("into", "warehouse.shop.sales");
    }
    return run(std::move(more));
  }
  Value rows(const std::string& sql) {
    return output_of(with_service([&](rt::Context& c) {
      return service.query(c, {project, "local", "warehouse"}, {.text = sql});
    }))["rows"];
  }
  int64_t count() {
    return rows("SELECT count(*) AS n FROM shop.sales").as_list().at(0).get_int("n");
  }
};

TEST_CASE("files of several kinds become rows, schema and table being made") {
  World w;
  w.put("clouds/s3/b/in/a.csv", "id,zip,amount\n1,01234,2.50\n2,00001,3\n");
  w.put("clouds/s3/b/in/b.csv", "amount,id,ZIP\n4,3,\n");
  w.put("clouds/s3/b/in/_SUCCESS", "");
  const Value output = output_of(w.load("s3://b/in/"));
  CHECK(output["rows"] == Value(3));
  CHECK(output["files"] == Value(2));
  CHECK(output["bytes"] ==
        Value(static_cast<int64_t>(
            std::string_view("id,zip,amount\n1,01234,2.50\n2,00001,3\namount,id,ZIP\n4,3,\n")
                .size())));
  CHECK(output["already_loaded"] == Value(false));
  CHECK(output["manifest"].get_string("digest").starts_with("sha256:"));
  CHECK(w.rows("SELECT id, zip, amount FROM shop.sales ORDER BY id") ==
        *parse_json(R"([{"id":1,"zip":"01234","amount":2.5},{"id":2,"zip":"00001","amount":3.0},
                        {"id":3,"zip":null,"amount":4.0}])"));

  w.put("clouds/landing/x.json", R"([{"id": 7, "zip": "9", "amount": 1}, {"id": 8}])");
  w.put("clouds/landing/y.ndjson", "{\"id\": 9, \"zip\": \"5\"}\n{\"id\": 10}\n");
  CHECK(output_of(w.load("landing://x.json"))["rows"] == Value(2));
  CHECK(output_of(w.load("landing://y.ndjson"))["rows"] == Value(2));
  w.rows("COPY (SELECT 11::BIGINT AS id, 'z' AS zip) TO 'landing://p.parquet'");
  w.rows("COPY (SELECT 12 AS id, '00012' AS zip) TO 'landing://q.csv.gz'");
  CHECK(output_of(w.load(ValueList{"landing://p.parquet"}))["rows"] == Value(1));
  CHECK(output_of(w.load("landing://q.csv.gz"))["rows"] == Value(1));
  CHECK(w.count() == 9);
  // Read with the table's types: what looks like a number stays the text it is.
  CHECK(w.rows("SELECT zip FROM shop.sales WHERE id = 12").as_list().at(0)["zip"] ==
        Value("00012"));
}

TEST_CASE("the same files are loaded once, whatever happened to the first answer") {
  World w;
  w.put("clouds/s3/b/a.csv", "id\n1\n2\n");
  CHECK(output_of(w.load("s3://b/a.csv"))["already_loaded"] == Value(false));
  const Value again = output_of(w.load("s3://b/a.csv"));
  CHECK(again["already_loaded"] == Value(true));
  CHECK(again["rows"] == Value(2));
  CHECK(w.count() == 2);
  CHECK(w.attempt.system.ends_with("are in warehouse.shop.sales already: nothing was changed\n"));

  w.put("clouds/s3/b/a.csv", "id\n3\n");  // its old rows cannot be told from others
  const Failed changed = failure_of(w.load("s3://b/a.csv"));
  CHECK(changed.error.text() ==
        "s3://b/a.csv: it changed since it was loaded into shop.sales, which has its rows. mode: "
        "replace loads all files anew, mode: merge with a `key` updates the rows; or give new data "
        "a new name");
  CHECK_FALSE(changed.retryable);
  CHECK(w.count() == 2);

  w.rows("DROP TABLE shop.sales");  // and what is gone can be loaded again
  CHECK(output_of(w.load("s3://b/a.csv"))["already_loaded"] == Value(false));
  CHECK(w.count() == 1);
}

TEST_CASE("only files that are not in the table yet are appended") {
  World w;
  w.put("clouds/s3/b/d/a.csv", "id\n1\n2\n");
  CHECK(output_of(w.load("s3://b/d/"))["skipped"] == Value(0));
  w.put("clouds/s3/b/d/b.csv", "id\n3\n");
  w.put("clouds/s3/b/d/c.csv", "id\n4\n");
  const Value more = output_of(w.load("s3://b/d/"));
  CHECK(more["rows"] == Value(2));
  CHECK(more["files"] == Value(3));
  CHECK(more["skipped"] == Value(1));
  CHECK(more["already_loaded"] == Value(false));
  CHECK(w.attempt.system.ends_with(
      "2 rows of 2 files loaded into warehouse.shop.sales; 1 files were there already\n"));
  CHECK(w.count() == 4);
  const Value again = output_of(w.load("s3://b/d/"));  // as after a lost reply
  CHECK(again["already_loaded"] == Value(true));
  CHECK(again["rows"] == Value(2));
  CHECK(again["skipped"] == Value(3));
  CHECK(output_of(w.load("s3://b/d/b.csv"))["already_loaded"] == Value(true));
  CHECK(w.count() == 4);
  // Other tables have ledgers of their own.
  CHECK(output_of(w.load("s3://b/d/", {{"into", "warehouse.shop.other"}}))["rows"] == Value(4));
  // The files of a replace are in the table, those before it are not.
  output_of(w.load("s3://b/d/c.csv", {{"mode", "replace"}}));
  CHECK(output_of(w.load("s3://b/d/"))["skipped"] == Value(1));
  CHECK(w.count() == 4);
  w.put("clouds/s3/b/d/c.csv", "id\n4\n5\n");
  w.put("clouds/s3/b/d/e.csv", "id\n6\n");
  CHECK(failure_of(w.load("s3://b/d/")).error.where == "s3://b/d/c.csv");
  CHECK(w.count() == 4);  // and nothing of the others
  CHECK(output_of(w.load("s3://b/d/", {{"mode", "replace"}}))["rows"] == Value(6));
  CHECK(output_of(w.load("s3://b/d/"))["already_loaded"] == Value(true));
  CHECK(w.count() == 6);
}

TEST_CASE("merge leaves out what it merged, and takes what changed") {
  World w;
  w.put("clouds/s3/b/d/a.csv", "id,name\n1,ann\n2,bob\n");
  const ValueMap merge{{"mode", "merge"}, {"key", "id"}};
  output_of(w.load("s3://b/d/", merge));
  w.put("clouds/s3/b/d/b.csv", "id,name\n2,rob\n");
  CHECK(output_of(w.load("s3://b/d/", merge))["skipped"] == Value(1));
  w.put("clouds/s3/b/d/a.csv", "id,name\n1,eve\n");
  const Value changed = output_of(w.load("s3://b/d/", merge));
  CHECK(changed["rows"] == Value(1));
  CHECK(w.rows("SELECT * FROM shop.sales ORDER BY id") ==
        *parse_json(R"([{"id":1,"name":"eve"},{"id":2,"name":"rob"}])"));
  CHECK(output_of(w.load("s3://b/d/", merge))["already_loaded"] == Value(true));
}

TEST_CASE("replace leaves what the files have, and is repeated when something came between") {
  World w;
  w.put("clouds/s3/b/a.csv", "id\n1\n2\n");
  w.put("clouds/s3/b/b.csv", "id\n9\n");
  const ValueMap replace{{"mode", "replace"}};
  output_of(w.load("s3://b/a.csv", replace));
  CHECK(output_of(w.load("s3://b/a.csv", replace))["already_loaded"] == Value(true));
  output_of(w.load("s3://b/b.csv", replace));
  CHECK(w.count() == 1);
  CHECK(output_of(w.load("s3://b/a.csv", replace))["already_loaded"] == Value(false));
  CHECK(w.count() == 2);
  output_of(w.load("s3://b/b.csv"));  // append
  CHECK(w.count() == 3);
  output_of(w.load("s3://b/a.csv", replace));
  CHECK(w.count() == 2);
  CHECK(output_of(w.load("s3://b/b.csv"))["already_loaded"] == Value(false));  // its rows had gone
  CHECK(w.count() == 3);
}

TEST_CASE("merge updates what has the key and adds the rest") {
  World w;
  w.put("clouds/s3/b/a.csv", "id,name,note\n1,ann,x\n2,bob,y\n");
  w.put("clouds/s3/b/b.csv", "id,name\n2,rob\n3,cy\n");
  w.put("clouds/s3/b/twice.csv", "id,name\n5,a\n5,b\n");
  w.put("clouds/s3/b/none.csv", "id,name\n,a\n6,b\n");
  const ValueMap merge{{"mode", "merge"}, {"key", "id"}};
  CHECK(output_of(w.load("s3://b/a.csv", merge))["rows"] == Value(2));
  CHECK(output_of(w.load("s3://b/b.csv", merge))["rows"] == Value(2));
  const Value expected = *parse_json(R"([{"id":1,"name":"ann","note":"x"},
      {"id":2,"name":"rob","note":"y"},{"id":3,"name":"cy","note":null}])");
  CHECK(w.rows("SELECT * FROM shop.sales ORDER BY id") == expected);
  // An older source again changes nothing: its rows had been merged before.
  CHECK(output_of(w.load("s3://b/a.csv", merge))["already_loaded"] == Value(true));
  CHECK(w.rows("SELECT * FROM shop.sales ORDER BY id") == expected);
  CHECK(failure_of(w.load("s3://b/twice.csv", merge)).error.what ==
        "2 rows of the files have the same key (id): [5]");
  CHECK(failure_of(w.load("s3://b/none.csv", merge)).error.what ==
        "1 row of the files has no value in the key (id)");
  CHECK(failure_of(w.load("s3://b/b.csv", {{"mode", "merge"}, {"key", "nope"}})).error.what ==
        "the files have no column \"nope\"");
}

TEST_CASE("replace_partition removes the rows of the files' keys first") {
  World w;
  w.put("clouds/s3/b/a.csv", "day,id\n2026-02-27,1\n2026-02-28,2\n2026-02-28,3\n");
  w.put("clouds/s3/b/b.csv", "day,id\n2026-02-28,4\n");
  const ValueMap mode{{"mode", "replace_partition"}, {"key", "day"}};
  output_of(w.load("s3://b/a.csv", mode));
  output_of(w.load("s3://b/b.csv", mode));
  CHECK(w.rows("SELECT id FROM shop.sales ORDER BY id") == *parse_json(R"([{"id":1},{"id":4}])"));
}

TEST_CASE("the manifest of a copy, and the objects of a list, name the files") {
  World w;
  w.put("clouds/s3/b/a.csv", "id\n1\n");
  w.put("clouds/s3/b/b.csv", "id\n2\n");
  const Value manifest = Value::of(
      {{"digest", "sha256:0"},
       {"objects", 2},
       {"text",
        "{\"to\":{\"address\":\"s3://b/a.csv\"}}\n{\"to\":{\"address\":\"s3://b/b.csv\"}}\n"}});
  CHECK(output_of(w.load(manifest))["rows"] == Value(2));
  const Value listed = ValueList{Value::of({{"uri", "s3://b/a.csv"}, {"size", 5}})};
  CHECK(output_of(w.load(listed))["already_loaded"] == Value(true));
  CHECK(output_of(w.load(listed, {{"into", "warehouse.shop.one"}}))["rows"] == Value(1));
}

TEST_CASE("names that look like patterns are the names of the listed and copied files") {
  World w;
  for (const char* name : {"s[1].csv", "s1.csv", "x*.csv", "xkeep.csv"}) {
    w.put(fmt::format("clouds/s3/b/{}", name), "id\n1\n");
  }
  const Value odd =
      ValueList{Value::of({{"uri", "s3://b/s[1].csv"}}), Value::of({{"uri", "s3://b/x*.csv"}})};
  CHECK(output_of(w.load(odd))["files"] == Value(2));
  CHECK(w.count() == 2);
  const Value manifest = Value::of({{"text", "{\"to\":{\"address\":\"s3://b/s[1].csv\"}}\n"}});
  CHECK(output_of(w.load(manifest, {{"into", "warehouse.other"}}))["files"] == Value(1));
  CHECK(output_of(w.load("s3://b/x*.csv", {{"into", "warehouse.one"}}))["files"] == Value(1));
  CHECK(w.rows("SELECT count(*) AS n FROM 's3://b/x*.csv'").as_list().at(0)["n"] == Value(1));
  const Value gone = ValueList{Value::of({{"uri", "s3://b/?1.csv"}})};
  CHECK(failure_of(w.load(gone)).error.what == "there is no such object");
}

TEST_CASE("the manifest of a copy to two destinations names each file once") {
  World w;
  std::string text;
  for (const char* to : {"b", "c"}) {
    for (const char* file : {"a.csv", "b.csv"}) {
      w.put(fmt::format("clouds/s3/{}/{}", to, file), fmt::format("id\n{}\n", file[0] - 'a'));
      text += to_json(Value::of(
                  {{"from", Value::of({{"address", fmt::format("az://in/{}", file)},
                                       {"provider", "local"},
                                       {"bucket", "in"},
                                       {"key", file}})},
                   {"to", Value::of({{"address", fmt::format("s3://{}/{}", to, file)}})}})) +
              "\n";
    }
  }
  const Value manifest = Value::of({{"digest", "sha256:0"}, {"objects", 4}, {"text", text}});
  CHECK(output_of(w.load(manifest))["rows"] == Value(2));
  CHECK(w.count() == 2);
  output_of(w.load(manifest, {{"into", "warehouse.shop.m"}, {"mode", "merge"}, {"key", "id"}}));
}

TEST_CASE("a bad row is an error with its file and line, and nothing is loaded") {
  World w;
  std::string text = "id,name\n";
  for (int i = 0; i < 30000; ++i) {
    text += std::to_string(i) + ",name\n";
  }
  w.put("clouds/s3/b/bad.csv", text + "oops,x\n1,y\n");
  w.rows("CREATE SCHEMA shop; CREATE TABLE shop.sales (id INT, name TEXT)");
  Failed failed = failure_of(w.load("s3://b/bad.csv"));
  INFO(failed.error.text());
  CHECK(failed.error.where == "s3://b/bad.csv:30002");
  CHECK(failed.error.what.contains("oops,x"));
  CHECK(failed.reason == FailReason::data);
  CHECK(w.count() == 0);

  w.put("clouds/s3/b/short.csv", "id,name\n1,a\n2,b,c,d\n3,e\n");
  failed = failure_of(w.load("s3://b/short.csv"));
  INFO(failed.error.text());
  CHECK(failed.error.where == "s3://b/short.csv:3");
  CHECK(failed.error.what.contains("2,b,c,d"));

  w.put("clouds/s3/b/bad.ndjson", "{\"id\": 1}\n{\"id\": oops}\n");
  failed = failure_of(w.load("s3://b/bad.ndjson"));
  INFO(failed.error.text());
  CHECK(failed.error.where == "s3://b/bad.ndjson:2");
  w.put("clouds/s3/b/bad2.ndjson", "{\"id\": 1}\n{\"id\": 2}\n{\"id\": \"x\"}\n");
  failed = failure_of(w.load("s3://b/bad2.ndjson"));
  INFO(failed.error.text());
  CHECK(failed.error.where == "s3://b/bad2.ndjson:3");

  w.put("clouds/s3/b/bad.parquet", "this is no parquet file at all");
  failed = failure_of(w.load("s3://b/bad.parquet"));
  INFO(failed.error.text());
  CHECK(failed.error.what.contains("s3://b/bad.parquet"));
  CHECK(w.count() == 0);
}

TEST_CASE("CSV files have a line of names; only its delimiter is guessed") {
  World w;
  w.put("clouds/s3/b/a.csv", "\xEF\xBB\xBFid;name\n1;\"a;b\"\n2;c\n");
  w.put("clouds/s3/b/b.tsv", "id\tname\n3\td\n");
  w.put("clouds/s3/b/head.csv", "id,name\n");
  CHECK(output_of(w.load("s3://b/a.csv"))["rows"] == Value(2));
  CHECK(output_of(w.load("s3://b/b.tsv"))["rows"] == Value(1));
  CHECK(output_of(w.load("s3://b/head.csv"))["rows"] == Value(0));
  CHECK(w.rows("SELECT name FROM shop.sales ORDER BY id") ==
        *parse_json(R"([{"name":"a;b"},{"name":"c"},{"name":"d"}])"));
  w.put("clouds/s3/b/empty.csv", "");
  CHECK(failure_of(w.load("s3://b/empty.csv")).error.what ==
        "the files are empty: there is not even a line of names");
  w.put("clouds/s3/b/open.csv", "id,name\n1,\"a\n2,b\n");
  CHECK(failure_of(w.load("s3://b/open.csv")).error.text().contains("unterminated quote"));
}

TEST_CASE("a table is made only of CSV files of one shape") {
  World w;
  w.put("clouds/s3/b/a.csv", "id;name\n1;x\n");
  w.put("clouds/s3/b/b.csv", "id,name\n2,y\n");
  w.put("clouds/s3/b/c.csv", "name;id;more\nz;3;4\n");
  w.put("clouds/s3/b/one.csv", "id\n5\n");
  Failed failed = failure_of(w.load(ValueList{"s3://b/a.csv", "s3://b/b.csv"}));
  CHECK(failed.error.text() ==
        "s3://b/b.csv: its columns are separated by ',', those of s3://b/a.csv by ';'. load them "
        "with two tasks, or narrow the pattern");
  failed = failure_of(w.load(ValueList{"s3://b/a.csv", "s3://b/c.csv"}));
  CHECK(failed.error.where == "s3://b/c.csv");
  CHECK(failed.error.what == "it has the column \"more\", which s3://b/a.csv lacks");
  failed = failure_of(
      w.load(ValueList{"s3://b/a.csv", "s3://b/one.csv"}, {{"mode", "merge"}, {"key", "id"}}));
  CHECK(failed.error.text().starts_with(
      "s3://b/one.csv: it lacks the column \"name\", which s3://b/a.csv has"));
  // A table that is there says which columns there are: what a file lacks is NULL.
  w.rows("CREATE SCHEMA IF NOT EXISTS shop; CREATE TABLE shop.sales (id INT, name TEXT, more INT)");
  CHECK(output_of(w.load(ValueList{"s3://b/a.csv", "s3://b/c.csv", "s3://b/one.csv"}))["rows"] ==
        Value(3));
}

TEST_CASE("columns the table lacks, missing files and wrong words are refused with a remedy") {
  World w;
  w.put("clouds/s3/b/a.csv", "id,more\n1,2\n");
  w.put("clouds/s3/b/c.json", "{\"id\":1}");
  w.put("clouds/s3/b/x.dat", "1");
  w.rows("CREATE SCHEMA shop; CREATE TABLE shop.sales (id INT)");
  CHECK(failure_of(w.load("s3://b/a.csv")).error.what ==
        "the files have a column \"more\", the table shop.sales has none of that name");
  CHECK(failure_of(w.load("s3://b/none.csv"))
            .error.text()
            .contains("s3://b/none.csv: there is no such object"));
  CHECK(failure_of(w.load("s3://b/none/")).error.code == Code::not_found);
  const auto refused = [&](Value from, ValueMap more = {}) {
    const auto result = w.load(std::move(from), std::move(more));
    REQUIRE(!result.has_value());
    return result.error().text();
  };
  CHECK(refused(ValueList{"s3://b/a.csv", "s3://b/c.json"}) ==
        "the files have different formats: s3://b/a.csv and s3://b/c.json. load them with two "
        "tasks, or narrow the pattern");
  CHECK(refused("s3://b/x.dat").contains("give `format`: csv, json, ndjson or parquet"));
  CHECK(refused("s3://b/a.csv", {{"into", "sales"}}) ==
        "`into` is 'sales'. write CONNECTION.SCHEMA.TABLE, or CONNECTION.TABLE");
  CHECK(refused("s3://b/a.csv", {{"mode", "merge"}}).starts_with("mode: merge needs `key`"));
  CHECK(refused("s3://b/a.csv", {{"mode", "upsert"}}).starts_with("`mode` is 'upsert'"));
  CHECK(failure_of(w.load(Value(7))).error.what == "`from` is a integer");
}

TEST_CASE("plan names the files, their bytes and the SQL, and changes nothing") {
  World w;
  w.put("clouds/s3/b/in/a.csv", "id\n1\n");
  w.put("clouds/s3/b/in/b.csv", "id\n2\n");
  const auto plan = [&](Value with) {
    return w.loop.run(w.action.plan(w.ctx, w.attempt.info(), std::move(with)));
  };
  auto preview = plan(Value::of(
      {{"from", "s3://b/in/*.csv"}, {"into", "warehouse.shop.sales"}, {"mode", "replace"}}));
  REQUIRE_OK(preview);
  const Preview::Step& step = preview->steps.at(0);
  CHECK(step.what ==
        "replace 2 files of csv into warehouse.shop.sales (DuckDB, clouds/warehouse.duckdb)");
  CHECK(step.objects == 2);
  CHECK(step.bytes == 10);
  CHECK(step.detail ==
        "DELETE FROM shop.sales;\nINSERT INTO shop.sales BY NAME SELECT * FROM "
        "read_csv(['s3://b/in/a.csv', ... 2 files])");
  preview = plan(Value::of({{"from", "{{ tasks.x.outputs.uri }}"}, {"into", "warehouse.t"}}));
  REQUIRE_OK(preview);
  CHECK(preview->unknown.at(0) == "`from`: \"{{ tasks.x.outputs.uri }}\"");
  preview = plan(Value::of({{"from", "s3://b/later.csv"}, {"into", "warehouse.t"}}));
  REQUIRE_OK(preview);
  CHECK(preview->unknown.at(0).starts_with("the files: s3://b/later.csv"));
}

}  // namespace
}  // namespace tutti::action
