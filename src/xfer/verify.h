// SPDX-License-Identifier: Apache-2.0
// Proving again, later, what a manifest says: that each destination still has those bytes.
#pragma once

#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/connections.h"
#include "core/transfer/filter.h"
#include "rt/task.h"
#include "xfer/manifest.h"

namespace tutti::xfer {

// What a manifest's line says of one destination.
struct Claim {
  std::string address;
  uint64_t bytes = 0;
  std::vector<Digest> digests;
  bool failed = false;  // it was not copied
};

// Those of a manifest, one after the other: memory is that of a line.
class Claims {
 public:
  explicit Claims(std::unique_ptr<std::istream> manifest) : manifest_(std::move(manifest)) {}
  // nullopt at the end. bad_input with the line's number; unavailable: it cannot be read.
  Result<std::optional<Claim>> next();

 private:
  std::unique_ptr<std::istream> manifest_;
  size_t number_ = 0;  // of the line
  std::string line_;
};

// The addresses of the sources that were not copied. bad_input with the line's number.
Result<std::vector<std::string>> parse_failed(std::string_view manifest);

enum class Proving : uint8_t {
  read,   // every object is read to its end
  quick,  // by the digests its store keeps; read where it keeps none of those
};

struct Disproved {
  std::string address;
  std::string what;
};
struct Proven {
  uint64_t objects = 0;  // that are as the manifest says
  uint64_t bytes = 0;
  uint64_t read = 0;                 // of the objects: those that were read
  std::vector<Disproved> different;  // missing, another size, other bytes
};

// Errors: those of the claims; a store that cannot be reached or asked ends it.
Task<Proven> prove_again(rt::Context& ctx, const cloud::Connections& connections,
                         std::string profile, Claims claims, Proving proving, rt::Executor cpu);

}  // namespace tutti::xfer
