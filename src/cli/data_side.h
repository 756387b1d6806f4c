// SPDX-License-Identifier: Apache-2.0
// The connections a data command works with. In a project they are its own; outside of one s3://,
// gs:// and az:// mean the real clouds, and what has no scheme is a path.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cloud/connections.h"
#include "core/spec/spec.h"

namespace tutti::cli {

struct DataSide {
  std::unique_ptr<cloud::Connections> connections;
  std::string profile;
  std::filesystem::path folder;        // of the project, or the working folder
  spec::Project project;               // outside of one: a profile without connections
  std::filesystem::path limits = {};   // of connections, while Tutti runs; empty: no project
  std::filesystem::path journal = {};  // where transfers note what is under way; may be empty
};
Result<DataSide> open_data(Invocation& call);

// An address, or a path of this machine: a folder means all below it.
Result<cloud::Located> open_address(const DataSide& side, const std::string& text);

// --version-id: one version of the one object that the address names. bad_input for a prefix or a
// pattern, unsupported where the store keeps no versions.
Result<cloud::Located> open_version(const DataSide& side, const std::string& text,
                                    const std::string& version);

// `tutti connections limit`.
Result<int> connections_limit(Invocation& call, const DataSide& side, const ConnectionsArgs& args);

// tutti rm --uploads; tutti rm --version-id.
Task<int> remove_uploads(Invocation& call, DataSide& side, RmArgs args);
Task<int> remove_version(Invocation& call, DataSide& side, RmArgs args);

// Asks on the terminal, unless --yes was given. bad_input where there is nobody to ask.
Result<bool> confirm(Invocation& call, const std::string& question);

}  // namespace tutti::cli
