// SPDX-License-Identifier: Apache-2.0
#include "xfer/clashes.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace tutti::xfer {
namespace {

uint64_t short_digest(std::string_view name) {
  const Digest digest = digest_of(DigestKind::sha256, name);
  uint64_t number = 0;
  std::memcpy(&number, digest.bytes.data(), sizeof(number));
  return number;
}

}  // namespace

Clashes::Clashes(const Request& request)
    : from_(&request.from), renames_(!request.renames.empty()) {
  const bool changes_names = std::ranges::any_of(
      request.to, [](const cloud::Located& to) { return transfer::is_prefix(to.key.text); });
  for (const stage::Spec& each : request.stages) {
    const bool strips = each.kind == stage::Kind::decrypt || each.kind == stage::Kind::decompress;
    if (strips && changes_names && !request.keep_names) {
      strips_.push_back({.kind = each.kind});
    }
  }
}

std::optional<Error> Clashes::with_earlier(const std::string& key, const std::string& target) {
  std::string what;
  if (renames_) {
    what = names_.insert(short_digest(target)).second ? "" : "another object";
  } else if (const auto earlier = earlier_stem(key)) {
    what = cloud::address_of(*from_, {*earlier});
  }
  if (what.empty()) {
    return std::nullopt;
  }
  return Error{.code = Code::bad_input,
               .what = fmt::format("{} has the same name there", what),
               .remedy = renames_ ? "rename them to different names"
                                  : "copy them to different prefixes, or keep their names"};
}

// The source before it that has the same name there.
std::optional<std::string> Clashes::earlier_stem(const std::string& key) {
  if (strips_.empty()) {
    return std::nullopt;
  }
  // Keys that share a name begin with it, and so does all that lies between them.
  std::erase_if(stems_, [&](const auto& each) { return !key.starts_with(each.first); });
  std::string stem = stage::name_after(strips_, key);
  const auto at = std::ranges::find(stems_, stem, &std::pair<std::string, std::string>::first);
  if (at != stems_.end()) {
    return at->second;
  }
  stems_.emplace_back(std::move(stem), key);
  return std::nullopt;
}

}  // namespace tutti::xfer
