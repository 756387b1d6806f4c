// SPDX-License-Identifier: Apache-2.0
// ./dev bench limits: what one durable write and one process cost on this machine.
#include "bench/figure.h"
#include "bench/limits.h"

int main(int argc, char** argv) {
  using namespace tutti::bench;
  Report report(argc, argv);
  const int count = 40;
  const auto values =
      interleaved(report.options().repeats, {
                                                [] { return append_synced_ms(".", count); },
                                                [] { return overwrite_synced_ms(".", count); },
                                                [] { return spawn_true_ms(count); },
                                            });
  report.add({.name = "limits.append40",
              .unit = "ms",
              .ours = values[0],
              .note = "40 x append 4 KiB + fdatasync"});
  report.add({.name = "limits.overwrite40",
              .unit = "ms",
              .ours = values[1],
              .note = "40 x preallocated 4 KiB overwrite + fdatasync"});
  report.add({.name = "limits.spawn40",
              .unit = "ms",
              .ours = values[2],
              .note = "40 x posix_spawn + waitpid of /bin/true"});
  return report.finish();
}
