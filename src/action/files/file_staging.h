// SPDX-License-Identifier: Apache-2.0
// FileStaging: the `files` of a task.
//
//   files: {in: {raw: "az://in/sales.json"}, out: {clean: "s3://b/clean.parquet"}}
//
// Before the program runs, each object of `in` is copied to SCRATCH/files/in/NAME/; after it has
// succeeded, what it wrote to SCRATCH/files/out/NAME/ is published, verified. An address that ends
// with "/" (or is a pattern, in `in`) means a folder, any other one file of the same name. The
// templates of the task find them as files.NAME, the program by TUTTI_IN_NAME and TUTTI_OUT_NAME
// (upper case, '-' as '_'), or all of them in TUTTI_FILES as JSON {in: {NAME: PATH}, out: {NAME:
// PATH}}.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "action/api/action.h"
#include "cloud/connections.h"
#include "cloud/local/local.h"
#include "rt/process.h"

namespace tutti::action {

struct StagedFiles {
  std::map<std::string, std::filesystem::path> in;   // the file, or the folder
  std::map<std::string, std::filesystem::path> out;  // where the program shall write

  bool empty() const { return in.empty() && out.empty(); }
  Value by_name() const;  // {NAME: PATH}, what templates see as `files`; `in` before `out`
  std::vector<std::pair<std::string, std::string>> variables() const;
  Value to_value() const;  // {in: {...}, out: {...}}
};

// A service, made once by `app`.
class FileStaging {
 public:
  // `local`: for the files in the attempt's folder. `cpu`: a pool's, for digests.
  FileStaging(const cloud::Connections& connections, cloud::local::Environment local,
              rt::Executor cpu);

  // Where stage() will put them, in the attempt's folder; `files` as rendered. No network.
  Result<StagedFiles> paths(const std::string& profile, const Value& files,
                            const std::filesystem::path& scratch) const;
  // An attempt of an action that runs a program: stages, calls, and publishes what was written when
  // `call` succeeded, as its output `files`. Ends as outcome_of says where staging fails.
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt,
                    std::function<Task<Outcome>(StagedFiles)> call);
  // Copies what `files.in` of the attempt names and makes the folders of `files.out`.
  Task<StagedFiles> stage(rt::Context& ctx, Attempt& attempt);
  // Publishes `files.out`; a name under which nothing was written is bad_input. Returns {NAME:
  // {uri, objects, bytes, digest}}. Published twice, the same objects are replaced.
  Task<Value> publish(rt::Context& ctx, Attempt& attempt, StagedFiles staged);

 private:
  cloud::Located folder(const std::filesystem::path& path, std::string key) const;

  const cloud::Connections& connections_;
  cloud::local::Environment local_;
  rt::Executor cpu_;
};

// What a program of the attempt starts with: rt::default_environment(), the task's `env`, the
// variables of `staged` and TUTTI_PROJECT; later ones win.
rt::Environment program_environment(const AttemptInfo& info, const StagedFiles& staged);

// What plan() shows of `files`; empty without them.
std::vector<Preview::Step> preview_files(const Value& files);

}  // namespace tutti::action
