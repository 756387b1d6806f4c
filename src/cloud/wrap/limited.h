// SPDX-License-Identifier: Apache-2.0
// Stores that keep to a limit of bytes and requests a second, which may change while they are used.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "cloud/connections.h"
#include "cloud/object_store.h"
#include "cloud/wrap/rates.h"

namespace tutti::cloud::wrap {

// Shared by all who use one connection of this process; thread-safe. First come, first served;
// a tenth of a second may be caught up on.
class Limiter {
 public:
  // `file`: a JSON map from names to what RatePlan::parse takes; where it has `name`, that counts
  // instead of `plan`. Looked at once a second; empty: none. A file that is no such map is as none.
  explicit Limiter(RatePlan plan, std::filesystem::path file = {}, std::string name = {});

  Task<Unit> request(rt::Context& ctx);
  Task<Unit> bytes(rt::Context& ctx, uint64_t count);
  // How many bytes may be asked for at once, so that many readers take turns.
  uint64_t turn_bytes(rt::Context& ctx);

 private:
  struct Line {  // of those who wait
    BootInstant free_at = {};
  };
  Rates rates(rt::Context& ctx);
  void look_at_file(Instant now);
  Duration wait_for(Line& line, BootInstant now, double seconds_each);

  std::mutex mutex_;
  RatePlan plan_;
  std::optional<RatePlan> from_file_;
  std::filesystem::path file_;
  std::string name_;
  std::filesystem::file_time_type file_time_ = {};
  Instant looked_ = {};
  Rates rates_;
  Line bytes_;
  Line requests_;
};

// Reading and writing of objects, parts and listings go by the limiter. A presigned URL does not,
// nor do the further tries of a request.
std::shared_ptr<ObjectStore> make_limited(std::shared_ptr<ObjectStore> inner,
                                          std::shared_ptr<Limiter> limiter);

// Where a project keeps the limits that were set while Tutti runs; need not exist.
std::filesystem::path limits_file(const std::filesystem::path& project);

// The same types, whose connections take a setting `limits`; `file` as of Limiter, by the
// connections' names.
Openers limited(Openers openers, std::filesystem::path file);

}  // namespace tutti::cloud::wrap
