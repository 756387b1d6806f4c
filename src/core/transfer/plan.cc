// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/plan.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tutti::transfer {
namespace {

constexpr std::array<std::string_view, 4> if_exists_names{"fail", "skip", "replace", "verify"};
constexpr std::array<std::string_view, 7> act_names{"copy",    "replace",  "skip",  "equal",
                                                    "compare", "conflict", "remove"};

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 1 < text.size() &&
        std::string_view("*?[]{},\\").contains(text[at + 1])) {
      ++at;
    }
    out += text[at];
  }
  return out;
}

std::string folder_of(std::string_view key) {
  const size_t slash = key.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(key.substr(0, slash + 1));
}

// equal, compare or conflict.
Step verify(const Known& source, std::string to, const Known& existing) {
  Step step{.act = Act::compare, .from = source.key, .to = std::move(to), .bytes = source.size};
  if (existing.size != source.size) {
    step.act = Act::conflict;
    step.why = fmt::format("it exists and is different: {} bytes there, {} bytes here",
                           existing.size, source.size);
    return step;
  }
  for (const Digest& mine : source.digests) {
    const auto theirs = std::ranges::find(existing.digests, mine.kind, &Digest::kind);
    if (theirs == existing.digests.end()) {
      continue;
    }
    if (*theirs != mine) {
      step.act = Act::conflict;
      step.why = fmt::format("it exists and is different: {} there, {} here", to_text(*theirs),
                             to_text(mine));
      return step;
    }
    if (mine.kind == DigestKind::sha256) {
      step.act = Act::equal;  // a CRC alone finds accidents, it does not prove two objects equal
    }
  }
  return step;
}

void count(Plan& plan, const Step& step) {
  switch (step.act) {
    case Act::copy:
    case Act::replace:
      ++plan.objects;
      plan.bytes += step.bytes;
      break;
    case Act::skip:
    case Act::equal:
    case Act::compare:
      ++plan.skipped;
      break;
    case Act::conflict:
      ++plan.conflicts;
      break;
    case Act::remove:
      ++plan.removes;
      break;
  }
}

}  // namespace

bool is_prefix(std::string_view key) { return key.empty() || key.ends_with('/'); }

bool Selection::matches(std::string_view candidate) const {
  switch (kind) {
    case Kind::object:
      return candidate == key;
    case Kind::prefix:
      return candidate.starts_with(key);
    case Kind::glob:
      return glob->matches(candidate);
  }
  return false;
}

Selection object_selection(std::string_view key) {
  return {.key = std::string(key), .base = folder_of(key)};
}

Result<Selection> parse_selection(std::string_view key) {
  Selection out;
  if (is_glob(key)) {
    out.kind = Selection::Kind::glob;
    TRY(out.glob, Glob::parse(key));
    out.key = out.glob->prefix();
    out.base = folder_of(out.key);
    return out;
  }
  out.key = unescaped(key);
  if (is_prefix(out.key)) {
    out.kind = Selection::Kind::prefix;
    out.base = out.key;
  } else {
    out.base = folder_of(out.key);
  }
  return out;
}

Result<Unit> check_destination(const Selection& from, std::string_view to) {
  if (from.kind != Selection::Kind::object && !is_prefix(to)) {
    return fail(Code::bad_input,
                fmt::format("many objects cannot be copied to the one name '{}'", to),
                fmt::format("end it with '/' to keep their names below it: {}/", to));
  }
  return Unit{};
}

Result<std::string> destination_of(const Selection& from, std::string_view key,
                                   std::string_view to) {
  TRY_OK(check_destination(from, to));
  if (!is_prefix(to)) {
    return std::string(to);
  }
  return fmt::format("{}{}", to, key.substr(from.base.size()));
}

std::string_view if_exists_name(IfExists value) {
  return if_exists_names[static_cast<size_t>(value)];
}

Result<IfExists> parse_if_exists(std::string_view text) {
  const auto* at = std::ranges::find(if_exists_names, text);
  if (at == if_exists_names.end()) {
    return fail(Code::bad_input, fmt::format("if_exists: '{}' is not known", text),
                "write fail, skip, replace or verify");
  }
  return static_cast<IfExists>(at - if_exists_names.begin());
}

std::string_view act_name(Act act) { return act_names[static_cast<size_t>(act)]; }

Step decide(const Known& source, std::string to, const Known* existing, IfExists if_exists) {
  Step step{.act = Act::copy, .from = source.key, .to = std::move(to), .bytes = source.size};
  if (existing == nullptr) {
    return step;
  }
  switch (if_exists) {
    case IfExists::fail:
      step.act = Act::conflict;
      step.why = "it exists already";
      break;
    case IfExists::skip:
      step.act = Act::skip;
      break;
    case IfExists::replace:
      step.act = Act::replace;
      break;
    case IfExists::verify:
      return verify(source, std::move(step.to), *existing);
  }
  return step;
}

Result<Plan> make_plan(const Selection& from, const std::vector<Known>& sources,
                       std::string_view to, const std::vector<Known>& existing,
                       PlanOptions options) {
  Plan plan;
  const auto add = [&](Step step) {
    count(plan, step);
    plan.steps.push_back(std::move(step));
  };
  auto there = existing.begin();
  const auto remove_until = [&](const std::string* key) {
    for (; there != existing.end() && (key == nullptr || there->key < *key); ++there) {
      if (options.remove_extra) {
        add({.act = Act::remove, .from = {}, .to = there->key, .bytes = there->size});
      }
    }
  };
  for (const Known& source : sources) {
    TRY(std::string key, destination_of(from, source.key, to));
    remove_until(&key);
    const bool found = there != existing.end() && there->key == key;
    add(decide(source, std::move(key), found ? &*there : nullptr, options.if_exists));
    there += found ? 1 : 0;
  }
  remove_until(nullptr);
  return plan;
}

Result<uint64_t> part_bytes_of(uint64_t object_bytes, uint64_t wanted, PartLimits limits) {
  constexpr uint64_t step = 1U << 20U;
  const uint64_t needed = object_bytes / limits.parts_max + (object_bytes % limits.parts_max != 0);
  uint64_t part = std::max({wanted, needed, limits.part_bytes_min, uint64_t{1}});
  part = part % step == 0 ? part : part - part % step + step;
  part = std::min(part, limits.part_bytes_max);
  if (part < needed) {
    return fail(
        Code::bad_input,
        fmt::format("{} bytes are more than the destination can hold in one object", object_bytes),
        "split the object");
  }
  return part;
}

}  // namespace tutti::transfer
