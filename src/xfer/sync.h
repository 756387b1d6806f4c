// SPDX-License-Identifier: Apache-2.0
// Makes a prefix equal to another one: what is missing or different is copied, and, where it is
// asked for, what only the destination has is removed, last of all.
//
// Two listings are walked side by side, so memory does not grow with the number of objects; both
// stores must list in the order of the keys. Nothing is removed unless every copy has succeeded and
// the number of removals was counted and allowed. A source without any object is not_found.
#pragma once

#include "core/transfer/filter.h"
#include "xfer/transfer.h"

namespace tutti::xfer {

// When an object that both have counts as the same.
enum class Same : uint8_t {
  time,     // equal size, and the destination is not older
  digests,  // equal size and digest; bytes are read where no digest is known to both
  size,     // equal size
};

struct SyncRequest {
  cloud::Located from;  // a prefix, as is `to`
  cloud::Located to;
  transfer::Filter filter = {};  // what it leaves out is neither copied nor removed
  Same same = Same::time;
  // A prefix outside of both: what would be replaced or removed is copied to it before, under its
  // name. There already and different: conflict, and the object stays as it is.
  std::optional<cloud::Located> backup = std::nullopt;
  bool remove_extra = false;
  uint64_t removes_max = 1000;  // more: bad_input, and none is removed
  bool dry_run = false;
  Verification verify = {};
  bool tags = false;                   // as of Request
  Pull pull = Pull::automatic;         // the same
  std::filesystem::path journal = {};  // as Request::journal
  uint64_t failures_max = 0;           // as of Request; nothing is removed where anything failed
  std::function<void(const Progress&)> on_progress = {};
  std::function<void(const Entry&)> on_entry = {};
  // With dry_run: what would become of the object at this address of the destination.
  std::function<void(transfer::Act, const std::string& to)> on_step = {};
};

struct SyncReport {
  uint64_t copied = 0;              // or would be
  uint64_t bytes = 0;               // of those
  uint64_t same = 0;                // left as they are
  uint64_t extra = 0;               // only the destination has them
  uint64_t removed = 0;             // of those; or would be
  uint64_t backed_up = 0;           // replaced or removed objects that the backup has now
  uint64_t failed = 0;              // not copied; entries say why
  Losses losses = {};               // of what was copied
  cloud::LeftOut left_out = {};     // as of Report
  std::string pulls = {};           // pulls_text() of it
  std::vector<Entry> entries = {};  // of what was copied, unless on_entry takes them
};

Task<SyncReport> sync(rt::Context& ctx, SyncRequest request, rt::Executor cpu);

}  // namespace tutti::xfer
