// SPDX-License-Identifier: Apache-2.0
// Which Python a task gets: the machine's, or an environment built once from its requirements and
// kept in the user's cache folder, named by a digest of what it was built from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "action/api/action.h"
#include "rt/process.h"

namespace tutti::action {

struct PythonWish {
  std::string version;       // "3.12"; empty: python3 of the PATH
  std::string requirements;  // the file's name in the project; empty: none
};
// From the attempt's `runtime`.
Result<PythonWish> python_wish(const Value& runtime);

// Directories in the order of PATH; made for tests too.
std::vector<std::string> path_folders(const rt::Environment& env);
// The interpreter's path. not_found: names the versions that are there.
Result<std::string> find_python(const std::string& version,
                                const std::vector<std::string>& folders);

class PythonEnvironments {
 public:
  // `cache`: $XDG_CACHE_HOME/tutti/python, outside every project.
  PythonEnvironments(rt::Processes& processes, std::filesystem::path cache);

  // The interpreter to run with, building its environment when it is not there yet; one builder at
  // a time, also across programs. What pip prints goes to the attempt's log. Errors: python
  // missing, pip's own (its last lines), no room.
  Task<std::string> prepare(rt::Context& ctx, Attempt& attempt, PythonWish wish,
                            rt::Environment env);

 private:
  Task<Unit> build(rt::Context& ctx, Attempt& attempt, std::string python,
                   std::filesystem::path folder, std::string requirements_name,
                   std::string requirements, rt::Environment env);

  rt::Processes& processes_;
  std::filesystem::path cache_;
};

}  // namespace tutti::action
