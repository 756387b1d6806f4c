// SPDX-License-Identifier: Apache-2.0
// The manifest: one JSON line for each object of a transfer, `tutti.manifest/1`. Values; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/digest.h"
#include "base/time.h"
#include "base/value.h"

namespace tutti::xfer {

inline constexpr std::string_view manifest_format = "tutti.manifest/1";

// How far it is proven that the destination has the source's bytes.
enum class Proof : uint8_t {
  end_to_end,  // the destination was read back, or both ends know the same SHA-256 of their bytes
  store,       // the store computed the same CRC32C over what it has
  size,        // only the sizes agree
};
std::string_view proof_name(Proof proof);  // "end_to_end", "store", "size"

enum class Done : uint8_t { written, replaced, skipped, failed };
std::string_view done_name(Done done);

// Which way the bytes went.
enum class Route : uint8_t {
  none,     // nothing was sent: skipped, failed
  through,  // through this process
  inside,   // the service copied by itself
  pulled,   // the destination's service read the source by itself
};
std::string_view route_name(Route route);  // "through", "inside", "pulled"

struct Side {
  std::string address;
  ObjectRef ref;
  std::string etag = {};
  std::string version = {};  // where the store has versions
};

struct Entry {
  Side from;
  Side to;
  uint64_t bytes = 0;
  std::vector<Digest> digests = {};  // of the bytes
  bool digests_from_store = false;   // else computed by Tutti from the bytes it read
  Proof proof = Proof::size;
  Done done = Done::written;
  std::optional<Error> error = std::nullopt;  // of what failed; there is no proof of it then
  std::string storage_class = {};             // asked for
  bool class_kept = false;                    // the destination has classes and took it
  std::vector<std::string> lost = {};  // what the destination cannot hold: Carried::lost (carry.h)
  Route route = Route::none;
  uint32_t attempts = 0;         // of this transfer, until it was done or given up
  uint64_t sent_bytes = 0;       // given to the destination, with what was sent again
  uint64_t read_back_bytes = 0;  // read from it, to compare or to prove
  Instant began = {};            // the first attempt, where there was one
  Instant at = {};               // done, or given up
  // Where the bytes were changed on their way: what by, and what they were made of.
  std::vector<std::string> stages = {};
  uint64_t source_bytes = 0;
  std::vector<Digest> source_digests = {};
};

Value to_value(const Entry& entry);
std::string to_line(const Entry& entry);  // with its line end

// Sorted by destination, then written as lines.
std::string to_text(std::vector<Entry> entries);

// What people are told of failed objects, `some` of them: "3 objects failed:", a line for each, and
// how many more there are.
std::vector<std::string> failure_lines(uint64_t failed, const std::vector<Entry>& some);

// SHA-256 over destination address, size and digest (SHA-256; CRC32C for what travels in parts) in
// the order of the destinations: equal content has an equal digest, however often and whenever it
// was copied. Of bytes that stages made, those of the source: what is encrypted is never the same.
Digest content_digest(std::vector<Entry> entries);

}  // namespace tutti::xfer
