// SPDX-License-Identifier: Apache-2.0
#include "action/copy/copy.h"
#include "action/objects/test_world.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

using objects::error_text;
using objects::output;

struct World : objects::TestWorld {
  World() : TestWorld("copy_test") {}
  Outcome copy(Value with) { return run(*action, std::move(with)); }
  std::unique_ptr<Action> action = make_copy(services);
};

Value with(std::string from, std::string to, std::string if_exists = "fail") {
  return Value::of(
      {{"from", std::move(from)}, {"to", std::move(to)}, {"if_exists", std::move(if_exists)}});
}

TEST_CASE("a prefix is copied to a prefix, with its manifest") {
  World w;
  w.write("az://pos/sales/1.json", "one");
  w.write("az://pos/sales/eu/2.json", "two!");
  w.write("az://pos/other/3.json", "three");
  const Outcome outcome = w.copy(with("az://pos/sales/", "gs://staging/in/"));
  CHECK(error_text(outcome) == "it succeeded");
  CHECK(w.read("gs://staging/in/1.json") == "one");
  CHECK(w.read("gs://staging/in/eu/2.json") == "two!");
  CHECK_FALSE(w.exists("gs://staging/in/3.json"));
  CHECK(w.junk() == 0);
  CHECK(output(outcome)["objects"] == Value(2));
  CHECK(output(outcome)["bytes"] == Value(7));
  CHECK(output(outcome)["skipped"] == Value(0));
  const std::string text = output(outcome)["manifest"]["text"].as_string();
  const auto line = parse_json(text.substr(0, text.find('\n')));
  REQUIRE_OK(line);
  CHECK((*line)["from"]["address"] == Value("az://pos/sales/1.json"));
  CHECK((*line)["to"]["bucket"] == Value("staging"));
  CHECK((*line)["digests"]["sha256"] == Value(hex(sha256("one"))));
  CHECK((*line)["proof"] == Value("store"));
  CHECK((*line)["done"] == Value("written"));
  CHECK(w.attempt.logged == "copied 2 objects (7 B), 0 skipped; 2 proven by the store's CRC32C\n");
  CHECK(w.attempt.last.bytes_done == 7);
  CHECK(w.attempt.last.items_total == 2);
}

TEST_CASE("running it again under verify changes nothing and says so") {
  World w;
  w.write("az://pos/1", "one");
  w.write("az://pos/2", std::string(3U << 20U, 'x'));
  const Outcome first = w.copy(with("az://pos/", "s3://archive/d/", "verify"));
  const auto time = std::filesystem::last_write_time(w.path("s3://archive/d/1"));
  const Outcome again = w.copy(with("az://pos/", "s3://archive/d/", "verify"));
  CHECK(error_text(again) == "it succeeded");
  CHECK(output(again)["objects"] == Value(0));
  CHECK(output(again)["skipped"] == Value(2));
  CHECK(std::filesystem::last_write_time(w.path("s3://archive/d/1")) == time);
  CHECK(output(again)["manifest"]["digest"] == output(first)["manifest"]["digest"]);
  CHECK(w.junk() == 0);
}

TEST_CASE("a name that looks like a pattern is that name") {
  World w;
  w.write("az://odd/x*.txt", "star");
  w.write("az://odd/xkeep.txt", "keep");
  CHECK(error_text(w.copy(with("az://odd/x*.txt", "gs://b/one.txt"))) == "it succeeded");
  CHECK(w.read("gs://b/one.txt") == "star");
  const Value object = Value::of({{"uri", "az://odd/x*.txt"}, {"key", "x*.txt"}});
  const Value copied = output(w.copy(Value::of({{"from", object}, {"to", "gs://b/d/"}})));
  CHECK(copied["objects"] == Value(1));
  CHECK(w.read("gs://b/d/x*.txt") == "star");
}

TEST_CASE("a pattern may be copied below its own folder where it does not match its copies") {
  World w;
  w.write("s3://in/a.txt", "a");
  w.write("s3://in/b.txt", "b");
  CHECK(error_text(w.copy(with("s3://in/*.txt", "s3://in/backup/"))) == "it succeeded");
  CHECK(w.read("s3://in/backup/a.txt") == "a");
  CHECK(error_text(w.copy(with("s3://in/*.txt", "s3://in/backup/", "verify"))) == "it succeeded");
  CHECK_FALSE(w.exists("s3://in/backup/backup"));
  CHECK(error_text(w.copy(with("s3://in/**/*.txt", "s3://in/other/"))) ==
        "s3://in/other/a.txt: the pattern matches the copy of s3://in/a.txt too. choose another "
        "destination, or narrow the pattern");
  CHECK_FALSE(w.exists("s3://in/other"));
}

TEST_CASE("verify names the object that differs") {
  World w;
  w.write("az://pos/1", "one");
  w.write("s3://archive/1", "eno");
  const std::string text = error_text(w.copy(with("az://pos/", "s3://archive/", "verify")));
  CHECK(text.find("s3://archive/1: copying az://pos/1 to s3://archive/1: it exists and is "
                  "different: sha256:") == 0);
  CHECK(w.read("s3://archive/1") == "eno");
}

TEST_CASE("each if_exists does what it says") {
  World w;
  w.write("az://pos/1", "one");
  w.write("s3://a/1", "old");
  w.write("s3://a/2", "stays");
  CHECK(error_text(w.copy(with("az://pos/1", "s3://a/1")))
            .find("it exists already. if_exists: verify leaves equal objects") !=
        std::string::npos);
  CHECK(output(w.copy(with("az://pos/1", "s3://a/", "skip")))["skipped"] == Value(1));
  CHECK(w.read("s3://a/1") == "old");
  CHECK(output(w.copy(with("az://pos/1", "s3://a/", "replace")))["objects"] == Value(1));
  CHECK(w.read("s3://a/1") == "one");
  CHECK(w.read("s3://a/2") == "stays");
  CHECK(error_text(w.copy(with("az://pos/1", "s3://a/1", "maybe")))
            .find("if_exists: 'maybe' is not known") != std::string::npos);
}

TEST_CASE("a second try of the same task knows the objects of its first") {
  World w;
  w.write("az://pos/1", "one");
  w.write("az://pos/2", "two");
  REQUIRE(error_text(w.copy(with("az://pos/1", "s3://a/"))) == "it succeeded");
  w.attempt.info_.id.attempt = 2;
  if (w.connections.open("local", "s3://a/1")->store->capabilities().metadata_bytes_max == 0) {
    return;  // no extended attributes here, so nobody can tell
  }
  const Outcome second = w.copy(with("az://pos/", "s3://a/"));
  CHECK(error_text(second) == "it succeeded");
  CHECK(output(second)["objects"] == Value(1));
  CHECK(output(second)["skipped"] == Value(1));
  w.attempt.info_.id.task.value = 7;
  CHECK(error_text(w.copy(with("az://pos/", "s3://a/"))).find("it exists already") !=
        std::string::npos);
}

TEST_CASE("a glob, several destinations and one object to a prefix") {
  World w;
  w.write("s3://logs/d/a.csv", "1");
  w.write("s3://logs/d/b.csv", "2");
  w.write("s3://logs/d/c.txt", "3");
  const Value several = Value::of({{"from", "s3://logs/d/*.csv"},
                                   {"to", Value(ValueList{"gs://x/", "az://y/z/"})},
                                   {"verify", "full"}});
  const Outcome outcome = w.copy(several);
  CHECK(error_text(outcome) == "it succeeded");
  CHECK(output(outcome)["objects"] == Value(4));
  CHECK(w.read("gs://x/a.csv") == "1");
  CHECK(w.read("az://y/z/b.csv") == "2");
  CHECK_FALSE(w.exists("gs://x/c.txt"));
  CHECK(w.attempt.logged.find("4 proven equal end to end") != std::string::npos);
}

TEST_CASE("what cannot be copied is refused with its remedy") {
  World w;
  w.write("s3://logs/d/a.csv", "1");
  const std::pair<Value, std::string> rows[] = {
      {with("s3://logs/d/", "gs://x/y"), "end it with '/' to keep their names below it: y/"},
      {with("s3://logs/d", "gs://x/y"), "end it with '/' to mean what is below it: s3://logs/d/"},
      {with("s3://logs/none/", "gs://x/"), "there is no object below this prefix"},
      {with("s3://logs/*.gz", "gs://x/"), "no object matches the pattern"},
      {with("s3://logs/d/a.csv", "s3://logs/d/"), "source and destination are the same object"},
      {with("s3://logs/", "s3://logs/copy/"), "the destination is inside the source"},
      {with("s4://logs/", "s3://logs/copy/"), "did you mean 's3'?"},
      {Value::of({{"to", "s3://a/"}}), "`from` is missing"},
  };
  for (const auto& [input, says] : rows) {
    const std::string text = error_text(w.copy(input));
    CAPTURE(says);
    CHECK_MESSAGE(text.find(says) != std::string::npos, text);
  }
  Value empty = with("s3://logs/none/", "gs://x/");
  empty.edit_map().set("allow_empty", true);
  CHECK(output(w.copy(empty))["objects"] == Value(0));
}

TEST_CASE("a class a store does not have is recorded and said") {
  World w;
  w.write("s3://a/1", "one");
  Value input = with("s3://a/1", "gs://x/1");
  input.edit_map().set("class", "glacier");
  const Outcome outcome = w.copy(input);
  CHECK(output(outcome)["manifest"]["text"].as_string().find(
            R"("class":"glacier","class_kept":false)") != std::string::npos);
  CHECK(w.attempt.logged.find("local has no storage classes") != std::string::npos);
}

TEST_CASE("a lock a store cannot keep fails the copy, and nothing is written") {
  World w;
  w.write("az://pos/1", "one");
  const auto locked = [&](const std::string& name, Value value) {
    Value params = with("az://pos/1", "gs://b/1");
    params.edit_map().set(name, std::move(value));
    const Outcome outcome = w.copy(std::move(params));
    CHECK_FALSE(w.exists("gs://b/1"));
    return error_text(outcome);
  };
  CHECK(locked("legal_hold", true).contains("cannot lock objects"));
  CHECK(locked("retain_until", "90d").contains("cannot lock objects"));
  CHECK(locked("retain_until", "soon").contains("neither a time nor how long"));
  CHECK(locked("retain_until", "2001-01-01").contains("has passed"));
  CHECK(w.junk() == 0);
}

TEST_CASE("a cancelled copy leaves no partial object and no staging") {
  World w;
  for (int i = 0; i < 20; ++i) {
    w.write(fmt::format("s3://a/{}", i), std::string(4U << 20U, 'x'));
  }
  auto cancelling = [](World& world) -> Task<Unit> {
    auto request_stop = [](World& inner) -> Task<Unit> {
      while (inner.attempt.last.bytes_done < (20 << 20)) {
        CO_OK(co_await rt::delay(inner.ctx, microseconds(200)));
      }
      inner.cancel.cancel(rt::cancelled_error("the user said so"));
      co_return Unit{};
    };
    auto both = [](rt::Scope& scope, World& inner, auto stop) -> Task<Unit> {
      CO_OK(co_await scope.spawn(stop(inner)));
      auto outcome =
          co_await inner.action->run(inner.ctx, inner.attempt, with("s3://a/", "gs://b/"));
      REQUIRE_FALSE(outcome.has_value());
      CHECK(outcome.error().code == Code::cancelled);
      co_return Unit{};
    };
    rt::Context free = world.ctx.uncancellable();
    co_return co_await rt::scoped(free, {}, both, std::ref(world), request_stop);
  };
  REQUIRE_OK(w.loop.run(cancelling(w)));
  CHECK(w.junk() == 0);
  size_t whole = 0;
  if (w.exists("gs://b")) {
    for (const auto& each : std::filesystem::directory_iterator(w.path("gs://b"))) {
      CHECK(each.file_size() == 4U << 20U);
      ++whole;
    }
  }
  CHECK(whole < 20);
}

TEST_CASE("objects are compressed and encrypted, and come back") {
  World w;
  w.write("s3://a/1", std::string(1000, 'x'));
  w.services.secret = [](std::string_view name) -> Result<std::string> {
    return name == "key" ? Result<std::string>(std::string(64, '7'))
                         : fail(Code::not_found, fmt::format("no secret '{}'", name));
  };
  const auto action = make_copy(w.services);
  const auto run = [&](std::string from, std::string to, Value more) {
    Value input = with(std::move(from), std::move(to));
    for (const auto& [key, value] : more.as_map()) {
      input.edit_map().set(key, value);
    }
    return w.run(*action, std::move(input));
  };
  const Value encrypt = Value::of({{"with", "aes-256-gcm"}, {"secret", "key"}});
  const Outcome sent =
      run("s3://a/", "gs://b/", Value::of({{"compress", "zstd:19"}, {"encrypt", encrypt}}));
  CHECK(error_text(sent) == "it succeeded");
  CHECK(w.read("gs://b/1.zst.tgcm").starts_with("TUTTIGCM"));
  CHECK(output(sent)["manifest"]["text"].as_string().find(R"("stages":["zstd","aes-256-gcm"])") !=
        std::string::npos);
  const Value decrypt = Value::of({{"secret", "key"}});
  CHECK(error_text(run("gs://b/", "s3://back/",
                       Value::of({{"decrypt", decrypt}, {"decompress", true}}))) == "it succeeded");
  CHECK(w.read("s3://back/1") == std::string(1000, 'x'));

  const std::pair<Value, std::string> rows[] = {
      {Value::of({{"compress", "brotli"}}), "compress: 'brotli' is not known"},
      {Value::of({{"encrypt", "fernet"}}), "`encrypt` is not {with: aes-256-gcm or fernet"},
      {Value::of({{"encrypt", Value::of({{"with", "rot13"}, {"secret", "key"}})}}),
       "encrypt: 'rot13' is not known"},
      {Value::of({{"decrypt", Value::of({{"secret", "key"}, {"key", "abc"}})}}),
       "`decrypt` is not {secret: NAME}"},
      {Value::of({{"decrypt", Value::of({{"secret", "other"}})}}), "no secret 'other'"},
      {Value::of({{"compress", "gzip"}, {"if_exists", "verify"}}),
       "skip leaves what is there, replace writes it anew"},
  };
  for (const auto& [more, says] : rows) {
    const std::string text = error_text(run("s3://a/", "gs://c/", more));
    CAPTURE(says);
    CHECK_MESSAGE(text.find(says) != std::string::npos, text);
  }
  // A plan needs no key.
  Value planned = with("s3://a/", "gs://b/", "skip");
  planned.edit_map().set("encrypt", encrypt);
  planned.edit_map().set("compress", "zstd");
  w.services.secret = {};
  const auto plan = w.loop.run(w.action->plan(w.ctx, w.attempt.info(), planned));
  REQUIRE_OK(plan);
  CHECK(plan->steps.at(1).what == "1 object there already: left, whatever it holds");
}

Value with_more(Value inputs, std::initializer_list<std::pair<const char*, Value>> more) {
  for (const auto& [name, value] : more) {
    inputs.edit_map().set(name, value);
  }
  return inputs;
}

TEST_CASE("filters choose what is copied, as those of the command do") {
  World w;
  for (const std::string name : {"a.csv", "b.csv", "d/c.csv", "d/x.tmp", "note.txt"}) {
    w.write("s3://in/" + name, name);
  }
  w.write("s3://in/large.csv", std::string(2000, 'x'));
  const Value plain = with("s3://in/", "gs://out/", "replace");
  const auto copied = [&](std::initializer_list<std::pair<const char*, Value>> more) {
    std::filesystem::remove_all(w.path("gs://out/"));
    const Outcome outcome = w.copy(with_more(plain, more));
    CHECK(error_text(outcome) == "it succeeded");
    std::string names;
    for (const char* name : {"a.csv", "b.csv", "d/c.csv", "d/x.tmp", "large.csv", "note.txt"}) {
      names += w.exists(fmt::format("gs://out/{}", name)) ? fmt::format("{} ", name) : "";
    }
    return names;
  };
  const Value both(ValueList{"*.csv", "*.txt"});
  CHECK(copied({{"include", "*.csv"}}) == "a.csv b.csv d/c.csv large.csv ");
  CHECK(copied({{"include", both}, {"exclude", "d/**"}}) == "a.csv b.csv large.csv note.txt ");
  CHECK(copied({{"include_regex", "^[ab]"}, {"exclude_regex", Value(ValueList{"^b"})}}) ==
        "a.csv ");
  CHECK(copied({{"larger", "1kB"}}) == "large.csv ");
  CHECK(copied({{"smaller", 6}}) == "a.csv b.csv ");
  CHECK(copied({{"newer_than", "1h"}, {"include", "a.*"}}) == "a.csv ");
  const Value names(ValueList{"note.txt", "d/x.tmp", "none"});
  CHECK(copied({{"names", names}, {"allow_empty", true}}) == "d/x.tmp note.txt ");
  CHECK(error_text(w.copy(with_more(plain, {{"names", names}})))
            .contains("s3://in/none: there is no such object"));
  CHECK(copied({{"names", "a.csv\nd/c.csv\n"}}) == "a.csv d/c.csv ");
  CHECK(copied({{"order", "largest"}, {"first", "*.txt"}, {"larger", 9}}) == "large.csv ");
  CHECK(copied({{"include", "[ab].csv"}, {"rename", "s/^a/note/"}, {"exclude", "b*"}}) == "");
  CHECK(w.exists("gs://out/note.csv"));

  const std::pair<std::pair<const char*, Value>, std::string> rows[] = {
      {{"older_than", "1h"}, "the filters leave out every object below this prefix"},
      {{"include", Value(ValueList{1})}, "`include` is neither a text nor a list of texts"},
      {{"include", "[a"}, "[a: "},
      {{"include_regex", "("}, "not a regular expression"},
      {{"larger", "much"}, "much"},
      {{"newer_than", "yesterday"}, "yesterday"},
      {{"names", 5}, "`names` is neither a text nor a list of texts"},
      {{"order", "random"}, "order: 'random' is not known"},
      {{"rename", "a b"}, "a b: not a renaming"},
      {{"max_failures", "few"}, "`max_failures` is not a whole number"}};
  for (const auto& [more, says] : rows) {
    const std::string text = error_text(w.copy(with_more(plain, {more})));
    CAPTURE(says);
    CHECK_MESSAGE(text.find(says) != std::string::npos, text);
  }
  const auto plan = w.loop.run(w.action->plan(
      w.ctx, w.attempt.info(), with_more(plain, {{"include", "*.csv"}, {"smaller", 100}})));
  REQUIRE_OK(plan);
  CHECK(plan->steps.at(0).objects == 3);
  const auto open = w.loop.run(
      w.action->plan(w.ctx, w.attempt.info(), with_more(plain, {{"names", "{{ tasks.a.x }}"}})));
  REQUIRE_OK(open);
  CHECK(open->unknown.size() == 1);
}

TEST_CASE("objects that fail do not stop the others, and are listed at the end") {
  World w;
  for (int i = 0; i < 30; ++i) {
    w.write(fmt::format("s3://in/{:02}", i), "new");
  }
  for (const char* taken : {"03", "07", "21"}) {
    w.write(fmt::format("gs://out/{}", taken), "old");
  }
  const Value inputs = with("s3://in/", "gs://out/", "verify");
  const Outcome outcome = w.copy(inputs);
  const auto* failed = std::get_if<Failed>(&outcome);
  REQUIRE(failed != nullptr);
  CHECK(failed->error.code == Code::conflict);
  CHECK(failed->reason == FailReason::data);
  CHECK(failed->error.text().starts_with("gs://out/"));
  CHECK(failed->error.what.find("3 of 30 objects failed, among them s3://in/") == 0);
  CHECK(failed->output["objects"] == Value(27));
  CHECK(failed->output["failed"] == Value(3));
  const std::string manifest = failed->output["manifest"]["text"].as_string();
  CHECK(manifest.find(R"("done":"failed")") != std::string::npos);
  CHECK(w.attempt.logged.find("3 objects failed:\n  s3://in/") == 0);
  CHECK(w.attempt.logged.find("copied 27 objects") != std::string::npos);
  CHECK(w.read("gs://out/29") == "new");
  CHECK(w.read("gs://out/07") == "old");

  const Outcome few = w.copy(with_more(inputs, {{"max_failures", 2}}));
  CHECK(error_text(few).find("it exists and is different") != std::string::npos);
  const auto* ended = std::get_if<Failed>(&few);
  REQUIRE(ended != nullptr);
  CHECK(ended->output["failed"] == Value(2));
  CHECK(error_text(w.copy(with_more(inputs, {{"max_failures", 0}}))).find("gs://out/03: copying") ==
        0);
}

TEST_CASE("the manifest is an object of its own, however the task ends") {
  World w;
  w.write("s3://in/a", "one");
  w.write("s3://in/b", "two");
  w.write("gs://out/b", "other");
  const Value inputs =
      with_more(with("s3://in/", "gs://out/", "fail"), {{"manifest", "s3://in/log/copied.jsonl"}});
  CHECK(error_text(w.copy(inputs)).contains("it exists"));
  std::string lines = w.read("s3://in/log/copied.jsonl");
  CHECK(std::ranges::count(lines, '\n') == 2);
  CHECK(lines.contains(R"("done":"failed")"));
  // It is replaced, and no part of what is copied.
  const Outcome again = w.copy(with_more(inputs, {{"if_exists", "replace"}}));
  CHECK(output(again)["objects"] == Value(2));
  lines = w.read("s3://in/log/copied.jsonl");
  CHECK(lines == output(again)["manifest"]["text"].as_string());
  CHECK_FALSE(lines.contains("failed"));
  CHECK_FALSE(w.exists("gs://out/log/copied.jsonl"));
  const auto plan = w.loop.run(w.action->plan(w.ctx, w.attempt.info(), inputs));
  REQUIRE_OK(plan);
  CHECK(plan->steps.back().what == "write the manifest to s3://in/log/copied.jsonl");
}

TEST_CASE("a manifest that cannot be written fails the task, not the copy") {
  World w;
  w.write("s3://in/a", "one");
  const Value plain = with("s3://in/", "gs://out/", "replace");
  for (const char* wrong : {"s3://log/", "s3://log/*.jsonl", "nowhere://log/x"}) {
    CAPTURE(wrong);
    CHECK(error_text(w.copy(with_more(plain, {{"manifest", wrong}}))) != "it succeeded");
    CHECK_FALSE(w.exists("gs://out/a"));
  }
  std::ofstream(w.path("s3://file")) << "no bucket";
  const Outcome outcome = w.copy(with_more(plain, {{"manifest", "s3://file/copied.jsonl"}}));
  CHECK(error_text(outcome).contains("writing the manifest"));
  CHECK(w.read("gs://out/a") == "one");
  const auto* failed = std::get_if<Failed>(&outcome);
  REQUIRE(failed != nullptr);
  CHECK(failed->output["manifest"]["objects"] == Value(1));
}

TEST_CASE("plan counts without doing") {
  World w;
  w.write("s3://a/1", "one");
  w.write("s3://a/2", "two");
  w.write("gs://b/2", "xxx");
  const Value input = with("s3://a/", "gs://b/", "skip");
  auto preview = w.loop.run(w.action->plan(w.ctx, w.attempt.info(), input));
  REQUIRE_OK(preview);
  REQUIRE(preview->steps.size() == 2);
  CHECK(preview->steps[0].what == "copy 1 object to gs://b/");
  CHECK(preview->steps[0].bytes == 3);
  CHECK_FALSE(w.exists("gs://b/1"));
  preview = w.loop.run(
      w.action->plan(w.ctx, w.attempt.info(), with("{{ tasks.x.outputs.uri }}", "gs://b/")));
  CHECK(preview->unknown.size() == 1);
}

TEST_CASE("plan promises of what exists no more than it knows") {
  World w;
  for (const std::string name : {"absent", "other", "same", "size"}) {
    w.write("s3://a/" + name, "one");
  }
  w.write("gs://b/same", "one");
  w.write("gs://b/size", "four");
  w.write("gs://b/other", "two");  // of the same size, so only the bytes can tell
  const auto said = [&](const std::string& if_exists) {
    const auto preview =
        w.loop.run(w.action->plan(w.ctx, w.attempt.info(), with("s3://a/", "gs://b/", if_exists)));
    REQUIRE_OK(preview);
    std::string text;
    for (const Preview::Step& step : preview->steps) {
      text += step.what + "\n";
    }
    return text;
  };
  CHECK(said("verify") ==
        "copy 1 object to gs://b/\n"
        "2 objects there already, of the same size: the bytes are compared; equal is left, "
        "different fails\n"
        "would fail: 1 object there already and must not be, or different\n");
  CHECK(said("skip") ==
        "copy 1 object to gs://b/\n3 objects there already: left, whatever it holds\n");
  CHECK(said("fail") ==
        "copy 1 object to gs://b/\n"
        "would fail: 3 objects there already and must not be, or different\n");
  CHECK(said("replace") == "copy 4 objects to gs://b/\n");
}

}  // namespace
}  // namespace tutti::action
