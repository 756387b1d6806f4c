// SPDX-License-Identifier: Apache-2.0
#include "action/files/file_staging.h"

#include <stdlib.h>

#include <fstream>

#include "action/api/testing.h"
#include "rt/file.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

struct World : rt::TestWorld {
  rt::Pool pool{2};
  cloud::BufferPool buffers;
  fs::path folder = make_folder();
  cloud::local::Environment local{.project = folder, .buffers = buffers, .files = pool.executor()};
  cloud::Connections connections{
      {{"local", {{"s3", {.type = "local", .settings = Value::of({{"buckets", "s3"}})}}}}},
      cloud::local::openers(local)};
  FileStaging staging{connections, local, pool.executor()};
  RecordingAttempt attempt;

  explicit World(Value files) {
    fs::create_directories(folder / "scratch");
    attempt.info_to_change() = {
        .profile = "local", .project = folder, .scratch = folder / "scratch", .files = files};
  }
  ~World() { fs::remove_all(folder); }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "tutti_files_XXXXXX").string();
    return mkdtemp(name.data());
  }
  void put(const fs::path& path, const std::string& text) {
    fs::create_directories((folder / path).parent_path());
    std::ofstream(folder / path, std::ios::binary) << text;
  }
  StagedFiles stage() {
    auto staged = loop.run(staging.stage(ctx, attempt));
    REQUIRE_OK(staged);
    return *staged;
  }
};

TEST_CASE("objects become files, and files become objects after success") {
  World w(*parse_json(R"({"in": {"raw": "s3://in/day/a.csv", "all-of": "s3://in/day/"},
                          "out": {"clean": "s3://out/x/clean.csv", "parts": "s3://out/parts/"}})"));
  w.put("s3/in/day/a.csv", "a");
  w.put("s3/in/day/sub/b.csv", "bb");
  const StagedFiles staged = w.stage();
  CHECK(*rt::read_file(staged.in.at("raw")) == "a");
  CHECK(staged.in.at("raw").filename() == "a.csv");
  CHECK(*rt::read_file(staged.in.at("all-of") / "sub" / "b.csv") == "bb");
  CHECK(w.attempt.system.contains("files.in.raw: 1 objects, 1 bytes from s3://in/day/a.csv\n"));

  const auto before = w.staging.paths("local", w.attempt.info().files, w.attempt.info().scratch);
  REQUIRE_OK(before);
  CHECK(before->in == staged.in);
  CHECK(before->out == staged.out);
  CHECK(before->by_name()["raw"] == Value(staged.in.at("raw").string()));
  CHECK(before->by_name()["clean"] == Value(staged.out.at("clean").string()));

  std::map<std::string, std::string> variables;
  for (const auto& [name, value] : staged.variables()) {
    variables[name] = value;
  }
  CHECK(variables["TUTTI_IN_RAW"] == staged.in.at("raw"));
  CHECK(variables["TUTTI_IN_ALL_OF"] == staged.in.at("all-of"));
  CHECK(variables["TUTTI_OUT_CLEAN"] == staged.out.at("clean"));
  CHECK(parse_json(variables["TUTTI_FILES"])->operator[]("out")["parts"] ==
        Value(staged.out.at("parts").string()));

  CHECK(!fs::exists(w.folder / "s3" / "out"));
  w.put(staged.out.at("clean"), "clean");
  w.put(staged.out.at("parts") / "p1", "1");
  w.put(staged.out.at("parts") / "deep" / "p2", "22");
  auto published = w.loop.run(w.staging.publish(w.ctx, w.attempt, staged));
  REQUIRE_OK(published);
  CHECK(*rt::read_file(w.folder / "s3/out/x/clean.csv") == "clean");
  CHECK(*rt::read_file(w.folder / "s3/out/parts/deep/p2") == "22");
  CHECK((*published)["clean"]["uri"] == Value("s3://out/x/clean.csv"));
  CHECK((*published)["parts"]["objects"] == Value(2));
  CHECK((*published)["parts"]["bytes"] == Value(3));
  CHECK((*published)["clean"].get_string("digest").starts_with("sha256:"));

  w.put(staged.out.at("clean"), "again");  // the second try of a task replaces what the first wrote
  REQUIRE_OK(w.loop.run(w.staging.publish(w.ctx, w.attempt, staged)));
  CHECK(*rt::read_file(w.folder / "s3/out/x/clean.csv") == "again");
}

TEST_CASE("a missing input, an unwritten output and no address are errors that name them") {
  World missing(*parse_json(R"({"in": {"raw": "s3://in/none.csv"}})"));
  auto staged = missing.loop.run(missing.staging.stage(missing.ctx, missing.attempt));
  REQUIRE(!staged.has_value());
  CHECK(staged.error().code == Code::not_found);
  CHECK(staged.error().text().contains("files.in.raw"));

  World unwritten(*parse_json(R"({"out": {"clean": "s3://out/clean.csv"}})"));
  const StagedFiles out = unwritten.stage();
  const auto published =
      unwritten.loop.run(unwritten.staging.publish(unwritten.ctx, unwritten.attempt, out));
  REQUIRE(!published.has_value());
  CHECK(published.error().what == "the task succeeded without writing files.out.clean");
  CHECK(published.error().remedy == "write it to $TUTTI_OUT_CLEAN, or remove it from `files`");

  World wrong(*parse_json(R"({"in": {"raw": "a.csv"}})"));
  const auto refused = wrong.loop.run(wrong.staging.stage(wrong.ctx, wrong.attempt));
  CHECK(refused.error().text() == "files.in.raw is no address. write CONNECTION://KEY");
}

Task<Outcome> program(std::string written, bool good, bool* called, StagedFiles staged) {
  *called = true;
  for (const auto& [name, path] : staged.out) {
    CO_OK(rt::write_file(path, written, {.durable = false}));
  }
  if (good) {
    co_return Done{.output = ValueMap{}};
  }
  co_return Failed{.error = {.code = Code::internal, .what = "exit code 1"}};
}

Result<Outcome> run_program(World& w, bool good, bool* called) {
  return w.loop.run(w.staging.run(w.ctx, w.attempt, [&](StagedFiles staged) {
    return program("clean", good, called, std::move(staged));
  }));
}

TEST_CASE("an attempt publishes what a program wrote when it has succeeded, and only then") {
  bool called = false;
  World bad(*parse_json(R"({"out": {"clean": "s3://out/clean.csv"}})"));
  auto outcome = run_program(bad, false, &called);
  REQUIRE_OK(outcome);
  CHECK(std::get<Failed>(*outcome).error.what == "exit code 1");
  CHECK(!fs::exists(bad.folder / "s3/out/clean.csv"));

  World good(*parse_json(R"({"out": {"clean": "s3://out/clean.csv"}})"));
  outcome = run_program(good, true, &called);
  REQUIRE_OK(outcome);
  CHECK(std::get<Done>(*outcome).output["files"]["clean"]["bytes"] == Value(5));
  CHECK(*rt::read_file(good.folder / "s3/out/clean.csv") == "clean");

  called = false;
  World missing(*parse_json(R"({"in": {"raw": "s3://in/none.csv"}})"));
  outcome = run_program(missing, true, &called);
  REQUIRE_OK(outcome);
  CHECK(!called);
  const Failed failed = std::get<Failed>(*outcome);
  CHECK(failed.reason == FailReason::data);
  CHECK(failed.retryable);  // it may come yet
  CHECK(!failed.lost);      // a retry costs an attempt
}

TEST_CASE("a task without files needs none") {
  World w{Value()};
  CHECK(w.stage().empty());
  CHECK(w.stage().variables().empty());
  CHECK(preview_files(Value()).empty());
}

}  // namespace
}  // namespace tutti::action
