// SPDX-License-Identifier: Apache-2.0
// For the tests of the actions on objects: a project in a temporary folder whose clouds are
// folders, and an attempt that remembers. Include before base/doctest.h.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "action/objects/objects.h"
#include "cloud/local/local.h"
#include "rt/testing.h"

namespace tutti::action::objects {

class TestAttempt final : public Attempt {
 public:
  explicit TestAttempt(std::filesystem::path project) {
    info_.id.attempt = 1;
    info_.profile = "local";
    info_.project = std::move(project);
  }
  const AttemptInfo& info() const override { return info_; }
  Task<Unit> log(rt::Context&, Stream, std::string bytes) override {
    logged += bytes;
    co_return Unit{};
  }
  void progress(Progress progress) override { last = progress; }
  Task<std::string> project_file(rt::Context&, std::string) override {
    co_return fail(Code::not_found, "no files here");
  }
  Result<Value> evaluate(std::string_view, const ValueMap&) override {
    return fail(Code::unsupported, "no expressions here");
  }

  std::string logged;
  Progress last;
  AttemptInfo info_;
};

struct TestWorld : rt::TestWorld {
  explicit TestWorld(std::string_view name)
      : folder(std::filesystem::canonical(std::filesystem::temp_directory_path()) /
               fmt::format("tutti_{}.{}", name, getpid())) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~TestWorld() { std::filesystem::remove_all(folder); }

  static cloud::ConnectionTable table() {
    cloud::ConnectionTable table;
    for (const char* name : {"s3", "gs", "az"}) {
      table["local"][name] = {.type = "local",
                              .settings = Value::of({{"buckets", fmt::format("clouds/{}", name)}}),
                              .sandbox = true};
    }
    return table;
  }
  std::filesystem::path path(std::string_view address) const {  // s3://b/k -> clouds/s3/b/k
    const size_t at = address.find("://");
    return folder / "clouds" / address.substr(0, at) / address.substr(at + 3);
  }
  void write(std::string_view address, std::string_view text) const {
    std::filesystem::create_directories(path(address).parent_path());
    std::ofstream(path(address)) << text;
  }
  std::string read(std::string_view address) const {
    std::ifstream file(path(address));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  bool exists(std::string_view address) const { return std::filesystem::exists(path(address)); }
  // Files below the clouds' folders that are no objects: staging left behind.
  size_t junk() const {
    size_t count = 0;
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
      count += each.path().filename() == ".tutti-staging" ? 1 : 0;
    }
    return count;
  }
  Outcome run(Action& action, Value with) {
    auto outcome = loop.run(action.run(ctx, attempt, std::move(with)));
    return outcome.has_value() ? std::move(*outcome) : Outcome(Failed{.error = outcome.error()});
  }

  std::filesystem::path folder;
  rt::Pool pool{2};
  cloud::BufferPool buffers;
  cloud::Connections connections{table(),
                                 cloud::local::openers({folder, buffers, pool.executor()})};
  Services services{connections, pool.executor()};
  TestAttempt attempt{folder};
};

inline Value output(const Outcome& outcome) {
  const auto* done = std::get_if<Done>(&outcome);
  return done != nullptr ? done->output : Value();
}
inline std::string error_text(const Outcome& outcome) {
  const auto* failed = std::get_if<Failed>(&outcome);
  return failed != nullptr ? failed->error.text() : "it succeeded";
}

}  // namespace tutti::action::objects
