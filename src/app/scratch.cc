// SPDX-License-Identifier: Apache-2.0
#include "app/scratch.h"

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::app {
namespace fs = std::filesystem;

worker::Scratch make_scratch(fs::path folder) {
  return {.make = [folder](const AttemptId& id) -> Result<fs::path> {
            const fs::path mine =
                folder / to_text(id.run) / fmt::format("{}.{}", id.task.value, id.attempt);
            std::error_code ec;
            fs::create_directories(mine, ec);
            if (ec) {
              return fail(rt::error_of_errno(ec.value(), "making the attempt's folder", mine));
            }
            return mine;
          },
          .remove =
              [](const fs::path& mine) {
                std::error_code ec;  // what cannot be removed now is removed by the next owner
                fs::remove_all(mine, ec);
                fs::remove(mine.parent_path(), ec);  // of the run: only when it is empty
              }};
}

void clear_scratch(const fs::path& folder) {
  std::error_code ec;
  fs::remove_all(folder, ec);
}

}  // namespace tutti::app
