// SPDX-License-Identifier: Apache-2.0
// Sources that would have one name at the destination: as suffixes are taken away, or by renaming.
// Inside of xfer.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "xfer/transfer.h"

namespace tutti::xfer {

class Clashes {
 public:
  explicit Clashes(const Request& request);
  // Whether clashes are found only where sources come in the order of their names.
  bool needs_order() const { return !strips_.empty() && !renames_; }
  // What is wrong with an object that is copied from `key` to `target`, below the first
  // destination: it would have the name of one before it.
  std::optional<Error> with_earlier(const std::string& key, const std::string& target);

 private:
  std::optional<std::string> earlier_stem(const std::string& key);

  const cloud::Located* from_;
  // Suffixes alone: keys that share a name begin with it. No more is kept than a key has bytes.
  std::vector<stage::Spec> strips_;
  std::vector<std::pair<std::string, std::string>> stems_;  // with the source of each
  // Renamed, any two can clash: the beginning of each name's SHA-256.
  bool renames_;
  std::unordered_set<uint64_t> names_;
};

}  // namespace tutti::xfer
