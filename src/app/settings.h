// SPDX-License-Identifier: Apache-2.0
// Where a project keeps its state.
#pragma once

#include <filesystem>

namespace tutti::app {

struct StatePaths {
  explicit StatePaths(const std::filesystem::path& project)
      : folder(project / ".tutti"),
        lock(folder / "lock"),
        socket(folder / "sock"),
        log(folder / "owner.log"),
        database(folder / "state.db"),
        logs(folder / "logs"),
        scratch(folder / "scratch"),
        processes(folder / "processes.lock") {}

  std::filesystem::path folder, lock, socket, log, database, logs, scratch, processes;
};

}  // namespace tutti::app
