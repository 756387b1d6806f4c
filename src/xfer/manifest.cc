// SPDX-License-Identifier: Apache-2.0
#include "xfer/manifest.h"

#include <algorithm>
#include <array>

namespace tutti::xfer {
namespace {

constexpr std::array<std::string_view, 3> proof_names{"end_to_end", "store", "size"};
constexpr std::array<std::string_view, 3> done_names{"written", "replaced", "skipped"};

Value side_value(const Side& side) {
  Value value = Value::of({{"address", side.address},
                           {"provider", side.ref.provider},
                           {"endpoint", side.ref.endpoint},
                           {"account", side.ref.account},
                           {"bucket", side.ref.bucket},
                           {"key", side.ref.key}});
  if (!side.etag.empty()) {
    value.edit_map().set("etag", side.etag);
  }
  return value;
}

void sort(std::vector<Entry>& entries) {
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    return std::tie(entry.to.address, entry.from.address);
  });
}

}  // namespace

std::string_view proof_name(Proof proof) { return proof_names[static_cast<size_t>(proof)]; }
std::string_view done_name(Done done) { return done_names[static_cast<size_t>(done)]; }

Value to_value(const Entry& entry) {
  ValueMap digests;
  for (const Digest& each : entry.digests) {
    digests.set(std::string(digest_name(each.kind)), hex(each));
  }
  Value value = Value::of({{"format", "tutti.manifest/1"},
                           {"from", side_value(entry.from)},
                           {"to", side_value(entry.to)},
                           {"bytes", entry.bytes},
                           {"digests", Value(std::move(digests))},
                           {"computed_by", entry.digests_from_store ? "store" : "tutti"},
                           {"proof", proof_name(entry.proof)},
                           {"done", done_name(entry.done)},
                           {"at", to_text(entry.at)}});
  if (!entry.storage_class.empty()) {
    value.edit_map().set("class", entry.storage_class);
    value.edit_map().set("class_kept", entry.class_kept);
  }
  return value;
}

std::string to_line(const Entry& entry) { return to_json(to_value(entry)) + "\n"; }

std::string to_text(std::vector<Entry> entries) {
  sort(entries);
  std::string text;
  for (const Entry& each : entries) {
    text += to_line(each);
  }
  return text;
}

Digest content_digest(std::vector<Entry> entries) {
  sort(entries);
  Hasher hasher(DigestKind::sha256);
  for (const Entry& each : entries) {
    Value line = Value::of({{"to", each.to.address}, {"bytes", each.bytes}});
    const auto sha = std::ranges::find(each.digests, DigestKind::sha256, &Digest::kind);
    line.edit_map().set("sha256", sha == each.digests.end() ? Value() : Value(hex(*sha)));
    hasher.update(to_json(line) + "\n");
  }
  return hasher.finish();
}

}  // namespace tutti::xfer
