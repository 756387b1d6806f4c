// SPDX-License-Identifier: Apache-2.0
// The secrets a worker has read so far, and the masker that hides all of them. One loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/mask.h"
#include "worker/secrets.h"

namespace tutti::worker {

class Masks {
 public:
  explicit Masks(const SecretSource& source);
  // The value of a secret; from now on it is masked everywhere. Read anew at each attempt, so that
  // a rotated secret is taken up; its old value stays masked.
  Result<std::string> secret(std::string_view name);
  std::shared_ptr<const Masker> current() const { return current_; }

 private:
  const SecretSource& source_;
  std::vector<std::pair<std::string, std::string>> known_;  // name, value
  std::shared_ptr<const Masker> current_;
};

}  // namespace tutti::worker
