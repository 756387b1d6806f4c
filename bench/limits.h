// SPDX-License-Identifier: Apache-2.0
// What the machine itself allows, for the `limit` of a figure: measured in the same run, beside
// ours.
#pragma once

#include <string>

namespace tutti::bench {

// Milliseconds for `count` writes of 4 KiB, each made durable by fdatasync before the next: over a
// preallocated file, and growing one. The file is made in `folder` and removed.
double overwrite_synced_ms(const std::string& folder, int count);
double append_synced_ms(const std::string& folder, int count);

// Milliseconds to start `count` processes of /bin/true and wait for each before the next.
double spawn_true_ms(int count);

}  // namespace tutti::bench
