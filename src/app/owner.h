// SPDX-License-Identifier: Apache-2.0
// Ownership: one process decides for a project, every other `tutti` is its client.
//
// A command that needs state calls connect_or_start_owner(): it connects to the socket, or takes
// the lock and starts the owner, `tutti owner PROJECT READY_FD LOCK_FD`, in a session of its own.
// The owner opens its state, listens, says that it is ready (or why it cannot be) through a pipe,
// serves, and ends when nobody needs it.
//
// In PROJECT/.tutti: `lock` (owner_lock.h), `sock`, `owner.log` (the owner's output).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/socket_server.h"
#include "app/owner_lock.h"
#include "cli/remote.h"

namespace tutti::app {

std::filesystem::path state_folder(const std::filesystem::path& project);  // PROJECT/.tutti

// ---- the client's side -----------------------------------------------------------------------

struct OwnerCall {
  std::filesystem::path project;
  std::string version;        // of this program; an owner of another version is asked to retire
  std::string settings = {};  // of the project now
  bool starts = false;        // tasks begin: with these settings or not at all, so that an owner of
                              // others is asked to retire too
  std::vector<std::string> program = {"/proc/self/exe", "owner"};
  Duration patience = seconds(15);  // for an owner to get ready, or an ending one to be gone
};

// Errors: those of the owner's start, word for word (a damaged database, a full disk, a network
// file system); `unavailable` when the owner does not answer; `conflict` when one of a version that
// cannot be spoken to, or of other settings and the call `starts` something, is still busy.
Task<std::unique_ptr<cli::Remote>> connect_or_start_owner(rt::Context& ctx, OwnerCall call);

// ---- the owner's side ------------------------------------------------------------------------

// The end of the pipe through which the starting command waits.
class Ready {
 public:
  explicit Ready(int fd);  // closed on exec from now on
  void ok();
  void failed(const Error& error);

 private:
  void say(const std::string& text);
  rt::Descriptor fd_;
};

struct OwnerArguments {
  std::filesystem::path project;
  int ready_fd = -1;
  int lock_fd = -1;
};
// Of the hidden command: what follows `owner`.
Result<OwnerArguments> parse_owner_arguments(const std::vector<std::string>& arguments);

// Listens on the project's socket, says `ready`, serves until idle or retired (success) or until
// the context ends (its error). The caller holds the lock. Runs on the plane's loop.
Task<Unit> serve_owner(rt::Context& ctx, control::ControlPlane& plane,
                       std::filesystem::path project, Ready& ready, api::ServeOptions options);

}  // namespace tutti::app
