// SPDX-License-Identifier: Apache-2.0
#include "app/manifest_export.h"

#include <stdlib.h>

#include <cerrno>

#include <fmt/format.h>

#include "action/protocol/launch.h"
#include "app/actions.h"
#include "rt/file.h"
#include "rt/process.h"

namespace tutti::app {
namespace fs = std::filesystem;
namespace {

constexpr int64_t memory_bytes = 512LL << 20;
constexpr std::string_view profile = "local";

// Of no task: nobody reads what it says.
class NoAttempt final : public action::Attempt {
 public:
  const action::AttemptInfo& info() const override { return info_; }
  Task<Unit> log(rt::Context&, action::Stream, std::string) override { co_return Unit{}; }
  void progress(action::Progress) override {}
  Task<std::string> project_file(rt::Context&, std::string path) override {
    co_return fail(Code::not_found, fmt::format("no file '{}'", path));
  }
  Result<Value> evaluate(std::string_view, const ValueMap&) override {
    return fail(Code::unsupported, "no expressions here");
  }

 private:
  action::AttemptInfo info_ = {.profile = std::string(profile)};
};

class NoOutput final : public rt::OutputSink {
 public:
  Task<Unit> write(rt::Context&, rt::OutputKind, std::string) override { co_return Unit{}; }
};

// For the program's temporary files and the lock of its helper.
class TempFolder {
 public:
  static Result<TempFolder> make() {
    std::string name = (fs::temp_directory_path() / "tutti-export.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return fail(rt::error_of_errno(errno, "making a temporary folder", name));
    }
    return TempFolder(name);
  }
  TempFolder(TempFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempFolder& operator=(TempFolder&&) = delete;
  ~TempFolder() {
    if (std::error_code ec; !path_.empty()) {
      fs::remove_all(path_, ec);
    }
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TempFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// A connection whose one bucket is the folder of the file.
Value folder_of(const fs::path& file) {
  return Value::of(
      {{"type", "local"}, {"settings", Value::of({{"root", file.parent_path().string()}})}});
}

Value setup_of(const fs::path& temp, const fs::path& manifest, const fs::path& parquet) {
  const Value connections =
      Value::of({{"manifest", folder_of(manifest)}, {"parquet", folder_of(parquet)}});
  return Value::of({{"database", ""},
                    {"temp", (temp / "spill").string()},
                    {"project", temp.string()},
                    {"memory_bytes", memory_bytes},
                    {"profiles", Value::of({{std::string(profile), connections}})}});
}

std::string address_of(std::string_view connection, const fs::path& file) {
  return fmt::format("{}://{}", connection, file.filename().string());
}

// With paths in place of the addresses that only tutti-sql knows.
Error with_paths(const action::Failed& failed, const fs::path& manifest, const fs::path& parquet) {
  Error error = failed.error;
  for (const auto& [connection, file] :
       {std::pair<std::string_view, const fs::path&>("manifest", manifest),
        std::pair<std::string_view, const fs::path&>("parquet", parquet)}) {
    const std::string address = address_of(connection, file);
    for (std::string* text : {&error.what, &error.where}) {
      if (const size_t at = text->find(address); at != std::string::npos) {
        text->replace(at, address.size(), file.string());
      }
    }
  }
  if (failed.reason == action::FailReason::data) {
    error.remedy = "give a whole file that --manifest wrote";
  }
  return error;
}

Task<int64_t> run_export(rt::Context& ctx, rt::Processes& processes, fs::path temp,
                         fs::path manifest, fs::path parquet) {
  NoAttempt attempt;
  NoOutput output;
  rt::ProcessSpec spec{
      .argv = {sql_program().string()}, .env = rt::default_environment(), .cwd = temp};
  CO_TRY(action::ProgramEnd end,
         co_await action::run_program(ctx, processes, std::move(spec), "tutti-sql",
                                      setup_of(temp, manifest, parquet), attempt, output,
                                      Value::of({{"op", "export"},
                                                 {"profile", profile},
                                                 {"from", address_of("manifest", manifest)},
                                                 {"to", address_of("parquet", parquet)}})));
  CO_TRY(const action::Outcome outcome, std::move(end.outcome));
  if (const auto* failed = std::get_if<action::Failed>(&outcome)) {
    co_return fail(with_paths(*failed, manifest, parquet));
  }
  co_return std::get<action::Done>(outcome).output.get_int("rows");
}

}  // namespace

Task<int64_t> export_manifest(rt::Context& ctx, rt::Executor loop, fs::path manifest,
                              fs::path parquet) {
  CO_TRY(const TempFolder temp, TempFolder::make());
  rt::Processes processes(std::move(loop), {.lock = temp.path() / "lock"});
  auto rows = co_await run_export(ctx, processes, temp.path(), fs::absolute(manifest),
                                  fs::absolute(parquet));
  rt::Context last = ctx.uncancellable();
  std::ignore = co_await processes.close(last);
  co_return rows;
}

}  // namespace tutti::app
