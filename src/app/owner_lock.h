// SPDX-License-Identifier: Apache-2.0
// The lock that makes one process the owner of a project's state. It belongs to an open file, not
// to a process: a command takes it and hands the open file to the owner it starts, so that of two
// commands at once only one starts an owner. The kernel frees it when the last holder dies.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "rt/descriptor.h"

namespace tutti::app {

struct OwnerIdentity {
  int64_t pid = 0;
  std::string version;
};

class OwnerLock {
 public:
  // nullopt when another process has it. Blocks only for the disk.
  static Result<std::optional<OwnerLock>> try_take(const std::filesystem::path& state_folder);
  // The one that the command which started us took for us; closed on exec from now on.
  static Result<OwnerLock> inherit(int fd);

  // Who has it, for messages: written by identify(), empty before.
  static OwnerIdentity holder(const std::filesystem::path& state_folder);
  Result<Unit> identify(const OwnerIdentity& self);

  int fd() const { return fd_.get(); }

 private:
  explicit OwnerLock(rt::Descriptor fd) : fd_(std::move(fd)) {}

  rt::Descriptor fd_;
};

}  // namespace tutti::app
