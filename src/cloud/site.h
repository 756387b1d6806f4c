// SPDX-License-Identifier: Apache-2.0
// Site: what stands behind a connection, and as whom it is asked. Opening a store needs none of it;
// it is for people who want to know where a connection leads and why it does not work
// (cloud/probe, `tutti connections`, `tutti ls s3://`).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud {

// What the settings say; nobody was asked, and no secret is in it.
struct SiteFacts {
  std::string url = {};               // of the service; empty: not known, or a folder
  std::filesystem::path folder = {};  // of this machine, absolute; empty: a service
  std::string credentials = {};       // where they come from, for people
  std::string region = {};            // as it is set; empty: the service wants none
  bool one_bucket = false;            // NAME:// is a bucket or a folder of one
  bool made_when_written = false;     // the folder need not be there yet
};

// A service, one loop; outlives its calls, and what it was opened with outlives it.
class Site {
 public:
  virtual ~Site() = default;
  virtual const SiteFacts& facts() const = 0;
  // Gets what requests are signed with, and says where it was found. Errors: not_found, denied and
  // bad_input of secrets, files and settings; those of whoever gives out tokens.
  virtual Task<std::string> credentials(rt::Context& ctx) = 0;
  // The names of all buckets that these credentials see.
  virtual Task<std::vector<std::string>> buckets(rt::Context& ctx) = 0;
  // Where a bucket really is; facts().region where that cannot be known.
  virtual Task<std::string> region(rt::Context& ctx, std::string bucket);
};

}  // namespace tutti::cloud
