// SPDX-License-Identifier: Apache-2.0
// Probing: asks a connection one thing after the other, and says of each how it went.
#pragma once

#include <filesystem>
#include <string>

#include "cloud/connections.h"
#include "cloud/probe/checks.h"
#include "net/reach.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud::probe {

struct Wanted {
  std::string profile;
  std::string connection;
  std::string rest =
      {};              // BUCKET or BUCKET/PREFIX; of a connection with a root: a prefix, or empty
  bool write = false;  // also writes and removes one small object with a random name
};

// Of a connection that holds objects. Fails only when cancelled: what is wrong stands in the
// checks. `blocking`: where calls that block run (an rt::Pool's).
Task<Checks> probe(rt::Context& ctx, const Connections& connections, Wanted wanted,
                   rt::Executor blocking);

// The steps of every service behind HTTP: name, connection, tls, answer, clock. False: it is not
// reached.
Task<bool> probe_url(rt::Context& ctx, std::string url, Checks* checks, rt::Executor blocking);

// That a folder is there, or can be made; that it can be read and written; what is free. `made`:
// the first write makes it.
void check_folder(const std::filesystem::path& folder, bool made, Checks& checks);

}  // namespace tutti::cloud::probe
