// SPDX-License-Identifier: Apache-2.0
#include "worker/masks.h"

#include <algorithm>

namespace tutti::worker {

Masks::Masks(const SecretSource& source)
    : source_(source), current_(std::make_shared<const Masker>()) {}

Result<std::string> Masks::secret(std::string_view name) {
  TRY(std::string value, source_.read(name));
  const std::pair<std::string, std::string> pair(name, value);
  if (std::ranges::find(known_, pair) == known_.end()) {
    known_.push_back(pair);
    current_ = std::make_shared<const Masker>(known_);
  }
  return value;
}

}  // namespace tutti::worker
