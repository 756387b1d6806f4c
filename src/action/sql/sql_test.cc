// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <deque>
#include <fstream>

#include <fmt/format.h>

#include "action/api/testing.h"
#include "action/sql/sql_action.h"
#include "action/sql/testing.h"
#include "rt/file.h"

#include "action/api/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

struct World : SqlWorld {
  using SqlWorld::SqlWorld;
  SqlAction action{service};

  Result<Outcome> run(Value with) {
    return with_service([&](rt::Context& c) { return action.run(c, attempt, with); });
  }
  Result<Outcome> query(const std::string& text, Value params = ValueMap{}) {
    next_task();
    return again(text, std::move(params));
  }
  // The next attempt of the task before.
  Result<Outcome> again(const std::string& text, Value params = ValueMap{}) {
    ++attempt.info_to_change().id.attempt;
    return run(Value::of({{"connection", "warehouse"}, {"query", text}, {"params", params}}));
  }
  Value rows(const std::string& text, Value params = ValueMap{}) {
    return output_of(query(text, std::move(params)))["rows"];
  }
};

TEST_CASE("statements run in the connection's database, and the last result is the output") {
  World w;
  const Value output =
      output_of(w.query("CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');"
                        "UPDATE t SET b = 'z' WHERE a = 1; SELECT * FROM t ORDER BY a;"));
  CHECK(output == Value::of({{"rows", ValueList{Value::of({{"a", 1}, {"b", "z"}}),
                                                Value::of({{"a", 2}, {"b", "y"}})}},
                             {"row_count", 2},
                             {"affected", 3}}));
  CHECK(fs::exists(w.project / "clouds" / "warehouse.duckdb"));
  CHECK(w.rows("SELECT count(*) AS n FROM t") == ValueList{Value::of({{"n", 2}})});
}

TEST_CASE("values keep their kind, and what JSON cannot hold exactly is text") {
  World w;
  const Value row =
      w.rows(
           "SELECT 7 AS i, -1::TINYINT AS t, 170141183460469231731687303715884105727 AS huge,"
           " sum(x) AS total, 2.50::DECIMAL(5,2) AS d, -0.05::DECIMAL(38,2) AS neg, 1.5::DOUBLE AS "
           "r,"
           " 'nan'::DOUBLE AS nan, true AS b, NULL AS n, 'é' AS s, DATE '2026-02-28' AS day,"
           " TIME '10:00:00.5' AS tm, TIMESTAMP '2026-02-28 10:00:00' AS ts,"
           " TIMESTAMPTZ '2026-02-28 10:00:00+02' AS tz, [1, NULL] AS l, {'k': "
           "[1.5::DECIMAL(3,1)]} AS "
           "st, MAP {'a': 1} AS m, 'ab'::BLOB AS bl, INTERVAL '1 month 3.5 seconds' AS iv,"
           " 'x'::ENUM ('w', 'x') AS e, 'f47ac10b-58cc-4372-a567-0e02b2c3d479'::UUID AS u,"
           " 18446744073709551615::UBIGINT AS ub, [1, 2]::INT[2] AS arr, DATE '-infinity' AS inf,"
           " TIMESTAMP_NS '1969-12-31 23:59:59.999999999' AS ns FROM (VALUES (1), (2)) v(x)")
          .as_list()
          .at(0);
  const Value expected = *parse_json(
      R"({"i":7,"t":-1,"huge":"170141183460469231731687303715884105727","total":3,"d":"2.50",
      "neg":"-0.05","r":1.5,"nan":"NaN","b":true,"n":null,"s":"é","day":"2026-02-28",
      "tm":"10:00:00.500000","ts":"2026-02-28T10:00:00","tz":"2026-02-28T08:00:00+00:00",
      "l":[1,null],"st":{"k":["1.5"]},"m":{"a":1},"bl":"YWI=","iv":"P1MT3.500000S","e":"x",
      "u":"f47ac10b-58cc-4372-a567-0e02b2c3d479","ub":"18446744073709551615","arr":[1,2],
      "inf":"-infinity","ns":"1969-12-31T23:59:59.999999999"})");
  for (const auto& [key, value] : expected.as_map()) {
    INFO(key << ": " << to_json(row[key]));
    CHECK(row[key] == value);
  }
  const Failed failed = failure_of(w.query("SELECT '101'::BIT AS b"));
  CHECK(failed.error.what.contains("column b: a result of type BIT has no form as an output"));
  CHECK(failed.error.remedy == "cast it: COLUMN::VARCHAR");
}

TEST_CASE("the first thousand rows are kept, all are counted") {
  World w;
  const Value output = output_of(w.query("SELECT i FROM range(5000000) t(i)"));
  CHECK(output["rows"].as_list().size() == 1000);
  CHECK(output["row_count"] == Value(5'000'000));
}

TEST_CASE("parameters are bound by name, never pasted") {
  World w;
  const Value params = Value::of({{"name", "'; DROP TABLE t; --"},
                                  {"day", "2026-02-28"},
                                  {"ids", ValueList{Value(1), Value(3)}},
                                  {"m", Value::of({{"k", 1}})},
                                  {"none", Value()}});
  CHECK(w.rows("SELECT $name AS n, $day::DATE + 1 AS d, list_sum($ids) AS s, $m->>'k' AS k,"
               " $none IS NULL AS z",
               params)
            .as_list()
            .at(0) == *parse_json(R"({"n":"'; DROP TABLE t; --","d":"2026-03-01","s":4,"k":"1",
                                      "z":true})"));
  CHECK(failure_of(w.query("SELECT 1;\nSELECT $nam", Value::of({{"name", 1}}))).error.text() ==
        "query:2: the statement uses $nam, which `params` does not have. add it: params: {nam: "
        "...}");
  CHECK(failure_of(w.query("SELECT 1", Value::of({{"x", 1}}))).error.what ==
        "no statement uses the parameter `x`");
  CHECK(failure_of(w.query("SELECT ?")).error.remedy ==
        "write $name instead of ? or $1, and give `params: {name: ...}`");
}

TEST_CASE("a failing statement undoes the ones before it") {
  World w;
  output_of(w.query("CREATE TABLE t (a INT)"));
  failure_of(w.query("INSERT INTO t VALUES (1); SELECT error('no')"));
  CHECK(w.rows("SELECT count(*) AS n FROM t").as_list().at(0)["n"] == Value(0));
}

TEST_CASE("a text has no transactions of its own, but may say that it is one") {
  World w;
  output_of(
      w.query("-- all or nothing\nBEGIN TRANSACTION;\nCREATE TABLE t (a INT);\n"
              "INSERT INTO t VALUES (1);\nCOMMIT;\n"));
  const auto count = [&w] { return w.rows("SELECT count(*) AS n FROM t").as_list().at(0)["n"]; };
  CHECK(count() == Value(1));
  for (const char* sql :
       {"INSERT INTO t VALUES (2); COMMIT; SELECT 1", "BEGIN; INSERT INTO t VALUES (2)",
        "BEGIN; INSERT INTO t VALUES (2); COMMIT; BEGIN; DELETE FROM t; COMMIT",
        "BEGIN; INSERT INTO t VALUES (2); ROLLBACK", "BEGIN; COMMIT"}) {
    INFO(sql);
    const Failed failed = failure_of(w.query(sql));
    CHECK(failed.error.code == Code::bad_input);
    CHECK(!failed.retryable);
    CHECK(failed.error.what.starts_with("the SQL begins or ends a transaction"));
    CHECK(failed.error.remedy.starts_with("leave BEGIN, COMMIT and ROLLBACK out"));
    CHECK(count() == Value(1));
  }
  output_of(w.query("CHECKPOINT"));
  output_of(w.query("VACUUM"));
  const Failed failed = failure_of(w.query("INSERT INTO t VALUES (2); CHECKPOINT"));
  CHECK(failed.error.remedy == "make CHECKPOINT a task of its own");
  CHECK(count() == Value(1));
}

TEST_CASE("statements whose reply was lost are not run again") {
  World w{TUTTI_DYING_SQL};
  output_of(w.query("CREATE TABLE t (a INT)"));
  const auto count = [&w] { return w.rows("SELECT count(*) AS n FROM t").as_list().at(0)["n"]; };
  const std::string insert = "INSERT INTO t VALUES (1), (2); SELECT 'x' AS x, 1.5::DOUBLE AS d";
  w.put("kill_tutti_sql", "");
  const Failed lost = failure_of(w.query(insert));
  CHECK(lost.error.what == "the SQL engine was lost: tutti-sql ended (killed by SIGKILL)");
  CHECK(lost.reason == FailReason::infrastructure);
  CHECK(lost.retryable);
  CHECK(w.attempt.system.empty());
  const AttemptId id = w.attempt.info().id;
  CHECK(count() == Value(2));

  w.attempt.info_to_change().id = id;
  const Value expected = Value::of({{"rows", ValueList{Value::of({{"x", "x"}, {"d", 1.5}})}},
                                    {"row_count", 1},
                                    {"affected", 2}});
  CHECK(output_of(w.again(insert)) == expected);
  CHECK(w.attempt.system ==
        "attempt 2 had committed these statements: nothing was run again, the output is what it "
        "had\n");
  CHECK(output_of(w.again(insert)) == expected);
  CHECK(count() == Value(2));
  // Another task, and the same task of another run, are another matter.
  w.attempt.system.clear();
  output_of(w.query(insert));
  w.attempt.info_to_change().id = id;
  w.attempt.info_to_change().id.run.bytes[15] = 1;
  output_of(w.again(insert));
  CHECK(w.attempt.system.empty());
  CHECK(count() == Value(6));
}

TEST_CASE("an attempt that failed leaves nothing that would keep the next from running") {
  World w;
  output_of(w.query("CREATE TABLE t (a INT)"));
  failure_of(w.query("INSERT INTO t VALUES (1); SELECT error('no')"));
  CHECK(output_of(w.again("INSERT INTO t VALUES (1)"))["affected"] == Value(1));
  CHECK(output_of(w.again("INSERT INTO t VALUES (1)"))["affected"] == Value(1));
  CHECK(w.rows("SELECT count(*) AS n FROM t").as_list().at(0)["n"] == Value(1));
}

TEST_CASE("a query has no row in the ledger and runs again when its reply was lost") {
  World w{TUTTI_DYING_SQL};
  const char* const tables = "SELECT count(*) AS n FROM duckdb_tables()";
  w.put("kill_tutti_sql", "");
  failure_of(w.query(tables));
  CHECK(output_of(w.again(tables))["rows"].as_list().at(0)["n"] == Value(0));
  output_of(w.query("WITH a AS (SELECT 1 AS x) SELECT * FROM a"));  // may be an INSERT, by its word
  CHECK(w.rows("SELECT count(*) AS n FROM main._tutti_sql").as_list().at(0)["n"] == Value(0));
  output_of(w.query("WITH a AS (SELECT 1 AS x) SELECT * FROM a; CREATE TABLE t (a INT)"));
  CHECK(w.rows("SELECT count(*) AS n FROM main._tutti_sql").as_list().at(0)["n"] == Value(1));
  output_of(w.query("EXPLAIN ANALYZE INSERT INTO t VALUES (1)"));  // runs what it explains
  CHECK(w.rows("SELECT count(*) AS n FROM main._tutti_sql").as_list().at(0)["n"] == Value(2));
}

TEST_CASE("the ledger forgets what is older than a month") {
  World w;
  output_of(w.query("CREATE TABLE t (a INT)"));
  const auto age = [&w](int days) {
    output_of(
        w.query("UPDATE main._tutti_sql SET committed_at = to_timestamp(epoch(now()) - "
                "86400 * $days)",
                Value::of({{"days", days}})));
  };
  const auto rows = [&w] {
    return w.rows("SELECT count(*) AS n FROM main._tutti_sql").as_list().at(0)["n"];
  };
  age(29);
  CHECK(rows() == Value(2));
  age(31);  // these two; it writes one itself
  output_of(w.query("INSERT INTO t VALUES (1)"));
  CHECK(rows() == Value(2));
}

Task<Unit> insert_into_own(rt::Context& ctx, World& world, RecordingAttempt& attempt) {
  const std::string table = fmt::format("t{}", attempt.info().id.task.value);
  CO_TRY(const Outcome outcome,
         co_await world.action.run(
             ctx, attempt,
             Value::of({{"connection", "warehouse"},
                        {"query", fmt::format("CREATE TABLE {0} (a INT); INSERT INTO {0} SELECT * "
                                              "FROM range(1000)",
                                              table)}})));
  if (const auto* failed = std::get_if<Failed>(&outcome)) {
    co_return fail(failed->error);
  }
  co_return Unit{};
}

Task<Unit> insert_all(rt::Scope& scope, World& world, std::deque<RecordingAttempt>& attempts) {
  for (RecordingAttempt& attempt : attempts) {
    CO_OK(co_await scope.spawn(insert_into_own(scope.context(), world, attempt)));
  }
  co_return Unit{};
}

TEST_CASE("many tasks may write at once into a database that has no ledger yet") {
  World w;
  std::deque<RecordingAttempt> attempts;
  for (uint32_t i = 0; i < 24; ++i) {
    AttemptInfo info = w.attempt.info();
    info.id.task.value = 100 + i;
    attempts.emplace_back(info);
  }
  const auto result = w.with_service([&](rt::Context& c) {
    return [](rt::Context& ctx, World& world, std::deque<RecordingAttempt>& all) -> Task<Outcome> {
      CO_OK(co_await rt::scoped(ctx, {}, insert_all, std::ref(world), std::ref(all)));
      co_return Outcome(Done{});
    }(c, w, attempts);
  });
  output_of(result);
  CHECK(w.rows("SELECT count(*) AS n FROM main._tutti_sql").as_list().at(0)["n"] == Value(24));
}

TEST_CASE("errors say what, the line, and what to do") {
  World w;
  w.attempt.files["sql/a.sql"] = "SELECT 1;\n-- a comment; with a semicolon\nSELECT *\nFORM x;\n";
  Failed failed =
      failure_of(w.run(Value::of({{"connection", "warehouse"}, {"file", "sql/a.sql"}})));
  CHECK(failed.error.text() == R"(sql/a.sql:4: syntax error at or near "x". correct the SQL)");
  CHECK(failed.error.code == Code::bad_input);
  CHECK(!failed.retryable);

  failed = failure_of(w.query("SELECT 1;\n\nSELECT * FROM missing_table"));
  CHECK(failed.error.what.starts_with("Table with name missing_table does not exist"));
  CHECK(failed.error.where == "query:3");
  CHECK(failed.error.code == Code::not_found);

  failed = failure_of(w.query("SELECT nope\nFROM range(3)"));
  CHECK(failed.error.where == "query:1");
  CHECK(failed.error.what.contains("Referenced column \"nope\" not found"));

  failed = failure_of(w.query("SELECT CAST('abc' AS INT)"));
  CHECK(failed.error.what == "Could not convert string 'abc' to INT32");
  CHECK(failed.error.remedy.contains("TRY_CAST"));
  CHECK(failed.reason == FailReason::data);

  failed = failure_of(w.query("SELECT * FROM 's3://bucket/none.csv'"));
  CHECK(failed.error.what == R"(no object matches "s3://bucket/none.csv")");

  failed = failure_of(w.query("  -- nothing\n"));
  CHECK(failed.error.what == "there is no statement in the SQL");
}

TEST_CASE("SQL that needs 100 GB ends with an error that names the limit") {
  World w;
  const Failed failed = failure_of(w.query("SELECT list(i) FROM range(13000000000) t(i)"));
  CHECK(
      failed.error.what.starts_with("the statement needs more than the memory limit of 256.0 MiB"));
  CHECK(failed.error.remedy ==
        "set `memory` of the connection in tutti.yaml higher, or let the statement touch less data "
        "at once");
  CHECK(w.rows("SELECT 1 AS a").as_list().size() == 1);  // the program lives on
}

TEST_CASE("SQL reaches the connections' objects and nothing else") {
  World w;
  w.put("clouds/s3/bucket/in/a.csv", "id,zip\n1,01234\n");
  w.put("clouds/s3/bucket/in/b.csv", "id,zip\n2,00001\n");
  CHECK(w.rows("SELECT count(*) AS n, min(zip) AS z FROM 's3://bucket/in/*.csv'").as_list().at(0) ==
        Value::of({{"n", 2}, {"z", "00001"}}));
  output_of(w.query("COPY (SELECT i FROM range(10) t(i)) TO 'landing://out/x.parquet'"));
  output_of(w.query("COPY (SELECT i FROM range(20) t(i)) TO 'landing://out/x.parquet'"));
  CHECK(w.rows("SELECT count(*) AS n FROM 'landing://out/*.parquet'").as_list().at(0)["n"] ==
        Value(20));
  output_of(w.query("COPY (SELECT 1 AS a) TO 'landing://z.csv.gz'"));
  CHECK(w.rows("SELECT a FROM 'landing://z.csv.gz'").as_list().size() == 1);

  w.put("outside.csv", "a\n1\n");
  const std::string outside = (w.project / "outside.csv").string();
  for (const std::string& sql :
       {"SELECT * FROM read_csv('" + outside + "')", "SELECT * FROM '" + outside + "'",
        std::string("SELECT * FROM read_text('/etc/passwd')"),
        std::string("SELECT * FROM glob('/etc/*')"), "COPY (SELECT 1) TO '" + outside + "'",
        std::string("ATTACH '/etc/x.db'"), std::string("ATTACH ':memory:' AS m"),
        std::string("EXPORT DATABASE '/tmp/x'"), std::string("INSTALL httpfs"),
        std::string("LOAD httpfs"), std::string("SET memory_limit = '100GB'"),
        std::string("SET enable_external_access = true"),
        std::string("SELECT * FROM 'https://127.0.0.1/x.csv'")}) {
    INFO(sql);
    const Failed failed = failure_of(w.query(sql));
    INFO(failed.error.text());
    CHECK(failed.error.code == Code::denied);
    CHECK(!failed.error.remedy.empty());
    CHECK(!failed.retryable);
  }
  CHECK(*rt::read_file(outside) == "a\n1\n");
  // A key is bytes: it cannot leave its bucket.
  CHECK(w.query("SELECT * FROM 's3://bucket/../../../outside.csv'").has_value());
  CHECK(std::holds_alternative<Failed>(*w.query("SELECT * FROM 's3://bucket/../../outside.csv'")));
}

TEST_CASE("an object is written whole or not at all") {
  World w;
  failure_of(
      w.query("COPY (SELECT CASE WHEN i < 900000 THEN i ELSE error('boom') END AS i FROM "
              "range(1000000) t(i)) TO 'landing://never.csv'"));
  CHECK(!fs::exists(w.project / "clouds" / "landing" / "never.csv"));
}

void rows_warm(World& w) { (void)w.rows("SELECT 1 AS a"); }

// Starts a long statement, kills the engine while it runs, and gives how the statement ended.
Task<Unit> kill_soon(rt::Context& ctx, World& world) {
  CO_OK(co_await rt::delay(ctx, milliseconds(300)));
  for (const int pid : world.service.pids()) {
    kill(pid, SIGKILL);
  }
  co_return Unit{};
}

Task<Unit> run_and_kill(rt::Scope& scope, World& world, Result<Outcome>& result) {
  CO_OK(co_await scope.spawn(kill_soon(scope.context(), world)));
  result = co_await world.action.run(
      scope.context(), world.attempt,
      Value::of({{"connection", "warehouse"},
                 {"query",
                  "INSERT INTO t SELECT 1; SELECT count(*) FROM range(100000000000) a(i), "
                  "range(100) b(j) WHERE i * j % 7 = 3"}}));
  co_return Unit{};
}

Task<Outcome> kill_during(rt::Context& ctx, World& world) {
  Result<Outcome> result = fail(Code::internal, "it never ran");
  CO_OK(co_await rt::scoped(ctx, {}, run_and_kill, std::ref(world), std::ref(result)));
  co_return result;
}

TEST_CASE("a statement that is cancelled ends at once") {
  World w;
  rows_warm(w);
  const auto begun = w.clock->boot();
  const auto result = w.with_service([&](rt::Context& c) {
    return [](rt::Context& ctx, World& world) -> Task<Outcome> {
      rt::Context limited = ctx.with_timeout(milliseconds(300));
      co_return co_await world.action.run(
          limited, world.attempt,
          Value::of({{"connection", "warehouse"},
                     {"query",
                      "SELECT count(*) FROM range(100000000000) a(i), range(100) b(j) "
                      "WHERE i * j % 7 = 3"}}));
    }(c, w);
  });
  const Duration took = w.clock->boot() - begun;
  REQUIRE(!result.has_value());
  CHECK(result.error().code == Code::timed_out);
  CHECK(took < milliseconds(1500));
  CHECK(w.service.programs() == 0);  // with_service ends it
}

TEST_CASE("a killed engine loses nothing that was committed, and the attempt is lost, not wrong") {
  World w;
  const auto result = w.with_service([&](rt::Context& c) {
    return [](rt::Context& ctx, World& world) -> Task<Outcome> {
      CO_OK(co_await world.action.run(
          ctx, world.attempt,
          Value::of({{"connection", "warehouse"},
                     {"query", "CREATE TABLE t AS SELECT range AS i FROM range(1000)"}})));
      world.next_task();
      Result<Outcome> lost = co_await kill_during(ctx, world);
      const Failed& failed = std::get<Failed>(*lost);
      CHECK(failed.reason == FailReason::infrastructure);
      CHECK(failed.retryable);
      CHECK(failed.error.what == "the SQL engine was lost: tutti-sql ended (killed by SIGKILL)");
      co_return co_await world.action.run(
          ctx, world.attempt,
          Value::of({{"connection", "warehouse"}, {"query", "SELECT count(*) AS n FROM t"}}));
    }(c, w);
  });
  CHECK(output_of(result)["rows"].as_list().at(0)["n"] == Value(1000));
}

TEST_CASE("attempts share one program, which ends when idle") {
  World w;
  const auto result = w.with_service([&](rt::Context& c) {
    return [](rt::Context& ctx, World& world) -> Task<Outcome> {
      const Value with = Value::of({{"connection", "warehouse"}, {"query", "SELECT 1 AS a"}});
      CO_OK(co_await world.action.run(ctx, world.attempt, with));
      const std::vector<int> first = world.service.pids();
      CO_OK(co_await world.action.run(ctx, world.attempt, with));
      CHECK(first.size() == 1);
      CHECK(world.service.pids() == first);
      while (world.service.programs() > 0) {
        CO_OK(co_await rt::delay(ctx, milliseconds(20)));
      }
      co_return co_await world.action.run(ctx, world.attempt, with);
    }(c, w);
  });
  output_of(result);
}

TEST_CASE("a database appears whole, and what a killed maker left goes") {
  World w;
  w.put("clouds/.warehouse.duckdb.999999999.new", "half of a header");
  CHECK(w.rows("CREATE TABLE t AS SELECT 7 AS n; FROM t") == ValueList{Value::of({{"n", 7}})});
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(w.project / "clouds")) {
    names.push_back(entry.path().filename().string());
  }
  std::erase_if(names, [](const std::string& name) { return name.ends_with(".wal"); });
  CHECK(names == std::vector<std::string>{"warehouse.duckdb"});
}

TEST_CASE("a file that is no database is an error that names it") {
  World w;
  w.put("clouds/warehouse.duckdb", "this is no database, at all, whatever one may think of it");
  const auto corrupt = w.query("SELECT 1");
  REQUIRE(!corrupt.has_value());
  CHECK(corrupt.error().code == Code::corrupt);
  CHECK(corrupt.error().where == (w.project / "clouds/warehouse.duckdb").string());
}

// A second service stands for another program that has the file open.
Task<Unit> ask_twice(rt::Scope& scope, World& world, SqlService& other, Result<Outcome>& result) {
  CO_OK(co_await scope.spawn(world.service.serve(scope.context())));
  CO_OK(co_await scope.spawn(other.serve(scope.context())));
  const SqlTarget target{world.project, "local", "warehouse"};
  CO_OK(co_await other.query(scope.context(), target, {.text = "SELECT 1 AS a"}));
  result = co_await world.service.query(scope.context(), target, {.text = "SELECT 1 AS a"});
  scope.cancel(rt::cancelled_error("the test is over"));
  co_return Unit{};
}

TEST_CASE("a database that another program holds is an error that says who") {
  World w;
  SqlService other(w.processes, {.program = TUTTI_SQL, .connections = w.table});
  Result<Outcome> result = fail(Code::internal, "it never ran");
  (void)w.loop.run(
      rt::scoped(w.ctx, {}, ask_twice, std::ref(w), std::ref(other), std::ref(result)));
  REQUIRE(!result.has_value());
  INFO(result.error().text());
  CHECK(result.error().code == Code::conflict);
  CHECK(result.error().what.starts_with("another program has the database open (PID "));
  CHECK(result.error().remedy.starts_with("close that program"));
}

TEST_CASE("connections without SQL, unknown ones and later engines are refused with a remedy") {
  World w;
  const auto refused = [&](const char* connection) {
    const auto result = w.run(Value::of({{"connection", connection}, {"query", "SELECT 1"}}));
    REQUIRE(!result.has_value());
    return result.error();
  };
  CHECK(refused("warehous").remedy == "did you mean 'warehouse'?");
  CHECK(refused("s3").what == "connection 's3' is of type local, which runs no SQL");
  CHECK(refused("bq").what ==
        "connection 'bq' is of type bigquery, which comes in a later version");
  CHECK(refused("bq").remedy == "let DuckDB stand in for it: bq: {type: duckdb}");
}

TEST_CASE("a file may differ by engine") {
  const Value file = Value::of({{"duckdb", "a.sql"}, {"bigquery", "b.sql"}});
  CHECK(*sql_file_for(file, "duckdb") == "a.sql");
  CHECK(*sql_file_for("c.sql", "duckdb") == "c.sql");
  CHECK(sql_file_for(Value::of({{"bigquery", "b.sql"}}), "duckdb").error().text() ==
        "`file` has no SQL for duckdb, only for bigquery. add `duckdb: FILE.sql` to it");
}

TEST_CASE("plan shows the SQL and its parameters without running it") {
  World w;
  w.put("sql/a.sql", "DROP TABLE t");
  const auto plan = [&](Value with) {
    return w.loop.run(w.action.plan(w.ctx, w.attempt.info(), std::move(with)));
  };
  auto preview = plan(Value::of({{"connection", "warehouse"},
                                 {"file", "sql/a.sql"},
                                 {"params", Value::of({{"day", "2026-02-28"}})}}));
  REQUIRE_OK(preview);
  CHECK(preview->steps.at(0).what ==
        "run sql/a.sql on warehouse (DuckDB, clouds/warehouse.duckdb)");
  CHECK(preview->steps.at(0).detail == "DROP TABLE t\n-- params: {\"day\":\"2026-02-28\"}");
  CHECK(!fs::exists(w.project / "clouds" / "warehouse.duckdb"));
  preview = plan(Value::of({{"connection", "{{ tasks.a.outputs.c }}"}, {"query", "SELECT 1"}}));
  REQUIRE_OK(preview);
  CHECK(preview->unknown.size() == 1);
}

}  // namespace
}  // namespace tutti::action
