// SPDX-License-Identifier: Apache-2.0
#include "xfer/manifest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "xfer/parts.h"

namespace tutti::xfer {
namespace {

constexpr std::array<std::string_view, 3> proof_names{"end_to_end", "store", "size"};
constexpr std::array<std::string_view, 4> done_names{"written", "replaced", "skipped", "failed"};
constexpr std::array<std::string_view, 4> route_names{"none", "through", "inside", "pulled"};

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
  if (!side.version.empty()) {
    value.edit_map().set("version", side.version);
  }
  return value;
}

// The digest that equal bytes of this size always have in common, however they came here.
std::optional<Digest> deciding_digest(uint64_t bytes, const std::vector<Digest>& digests) {
  const bool in_parts = bytes > whole_bytes_max;
  for (const DigestKind kind : {in_parts ? DigestKind::crc32c : DigestKind::sha256,
                                in_parts ? DigestKind::sha256 : DigestKind::crc32c}) {
    const auto at = std::ranges::find(digests, kind, &Digest::kind);
    if (at != digests.end()) {
      return *at;
    }
  }
  return std::nullopt;
}

Value digests_value(const std::vector<Digest>& digests) {
  ValueMap map;
  for (const Digest& each : digests) {
    map.set(std::string(digest_name(each.kind)), hex(each));
  }
  return Value(std::move(map));
}

Value stages_value(const Entry& entry) {
  ValueList list;
  std::ranges::copy(entry.stages, std::back_inserter(list));
  return Value(std::move(list));
}

void sort(std::vector<Entry>& entries) {
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    return std::tie(entry.to.address, entry.from.address);
  });
}

}  // namespace

std::string_view proof_name(Proof proof) { return proof_names[static_cast<size_t>(proof)]; }
std::string_view done_name(Done done) { return done_names[static_cast<size_t>(done)]; }
std::string_view route_name(Route route) { return route_names[static_cast<size_t>(route)]; }

Value to_value(const Entry& entry) {
  Value value = Value::of({{"format", manifest_format},
                           {"from", side_value(entry.from)},
                           {"to", side_value(entry.to)},
                           {"bytes", entry.bytes},
                           {"digests", digests_value(entry.digests)},
                           {"computed_by", entry.digests_from_store ? "store" : "tutti"},
                           {"proof", entry.error ? "none" : proof_name(entry.proof)},
                           {"done", done_name(entry.done)},
                           {"route", route_name(entry.route)},
                           {"attempts", entry.attempts},
                           {"sent_bytes", entry.sent_bytes},
                           {"read_back_bytes", entry.read_back_bytes},
                           {"at", to_text(entry.at)}});
  if (entry.attempts > 0) {
    value.edit_map().set("began", to_text(entry.began));
  }
  if (entry.error) {
    value.edit_map().set(
        "error", Value::of({{"code", code_name(entry.error->code)}, {"what", entry.error->what}}));
  }
  if (!entry.lost.empty()) {
    value.edit_map().set("lost", ValueList(entry.lost.begin(), entry.lost.end()));
  }
  if (!entry.stages.empty()) {
    value.edit_map().set("stages", stages_value(entry));
    value.edit_map().set("source_bytes", entry.source_bytes);
    value.edit_map().set("source_digests", digests_value(entry.source_digests));
  }
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

std::vector<std::string> failure_lines(uint64_t failed, const std::vector<Entry>& some) {
  std::vector<std::string> lines{
      fmt::format("{} object{} failed:", failed, failed == 1 ? "" : "s")};
  for (const Entry& each : some) {
    lines.push_back(fmt::format("  {}: {}", each.from.address, each.error->what));
  }
  if (failed > some.size()) {
    lines.push_back(fmt::format("  and {} more", failed - some.size()));
  }
  return lines;
}

Digest content_digest(std::vector<Entry> entries) {
  sort(entries);
  Hasher hasher(DigestKind::sha256);
  for (const Entry& each : entries) {
    const bool staged = !each.stages.empty();
    const uint64_t bytes = staged ? each.source_bytes : each.bytes;
    Value line = Value::of({{"to", each.to.address}, {"bytes", bytes}});
    if (staged) {
      line.edit_map().set("stages", stages_value(each));
    }
    const auto digest = deciding_digest(bytes, staged ? each.source_digests : each.digests);
    line.edit_map().set(std::string(digest_name(digest ? digest->kind : DigestKind::sha256)),
                        digest ? Value(hex(*digest)) : Value());
    hasher.update(to_json(line) + "\n");
  }
  return hasher.finish();
}

}  // namespace tutti::xfer
