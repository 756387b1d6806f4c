// SPDX-License-Identifier: Apache-2.0
// What stands for the options of other movers (s5cmd, rclone, the aws CLI, AzCopy, gcloud storage)
// that Tutti does not have: for error messages, and for docs/other-movers.md.
#pragma once

#include <string>
#include <string_view>

namespace tutti::cli {

// Of `option`, with its dashes, as somebody gave it to `command` ("cp"). Empty: it is nobody's.
std::string_view instead_of(std::string_view command, std::string_view option);

// Of a `command` that is not one here: what to write. Empty: it is nobody's.
std::string_view command_instead_of(std::string_view command);

std::string others_markdown();

}  // namespace tutti::cli
