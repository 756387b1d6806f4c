// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/rename.h"

#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "core/transfer/re.h"

namespace tutti::transfer {
namespace {

std::unexpected<Error> bad(std::string_view text, std::string what) {
  return fail(Error{.code = Code::bad_input,
                    .what = std::move(what),
                    .where = std::string(text),
                    .remedy = "write s/PATTERN/REPLACEMENT/, or with another character for '/'; g "
                              "behind it means every match, i either case"});
}

// PATTERN, REPLACEMENT, FLAGS. A delimiter behind a backslash loses the backslash; whatever else is
// behind one keeps it.
Result<std::array<std::string, 3>> split(std::string_view text) {
  const bool begins = text.size() > 1 && text.front() == 's' && text[1] != '\\' &&
                      !is_ascii_alnum(text[1]) && text[1] != ' ';
  if (!begins) {
    return bad(text, "not a renaming");
  }
  const char delimiter = text[1];
  std::array<std::string, 3> parts;
  size_t part = 0;
  for (size_t i = 2; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 1 < text.size() && part < 2;
    if (escaped && text[i + 1] == delimiter) {
      parts.at(part) += text[++i];
    } else if (escaped) {
      parts.at(part) += text[i];
      parts.at(part) += text[++i];
    } else if (text[i] == delimiter && part < 2) {
      ++part;
    } else {
      parts.at(part) += text[i];
    }
  }
  if (part < 2) {
    return bad(text, fmt::format("a renaming has three '{}'", delimiter));
  }
  return parts;
}

// sed's way to write it, in RE2's: & is \0 there, and a backslash stands before digits and itself
// only.
std::string rewrite_of(std::string_view replacement) {
  std::string rewrite;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    if (c == '&') {
      rewrite += "\\0";
    } else if (c != '\\' || i + 1 == replacement.size()) {
      rewrite += c == '\\' ? "\\\\" : std::string(1, c);
    } else if (const char next = replacement[++i]; next == '\\' || (next >= '0' && next <= '9')) {
      rewrite += {c, next};
    } else {
      rewrite += next;
    }
  }
  return rewrite;
}

}  // namespace

Result<Rename> Rename::parse(std::string_view text) {
  TRY(const auto parts, split(text));
  const auto& [pattern, replacement, flags] = parts;
  if (pattern.empty()) {
    return bad(text, "a renaming without a pattern");
  }
  if (flags.find_first_not_of("gi") != std::string::npos) {
    return bad(text, fmt::format("'{}' is no flag of a renaming", flags));
  }
  auto compiled = compile(pattern, flags.contains('i') ? Case::either : Case::matters);
  if (!compiled.has_value()) {
    return bad(text, std::move(compiled).error().what);
  }
  std::string rewrite = rewrite_of(replacement);
  std::string wrong;
  if (!(*compiled)->CheckRewriteString(rewrite, &wrong)) {
    return bad(text, fmt::format("the replacement does not fit the pattern: {}", wrong));
  }
  return Rename(*std::move(compiled), std::move(rewrite), flags.contains('g'));
}

std::string Rename::apply(std::string name) const {
  if (everywhere_) {
    re2::RE2::GlobalReplace(&name, *pattern_, replacement_);
  } else {
    re2::RE2::Replace(&name, *pattern_, replacement_);
  }
  return name;
}

Result<std::string> renamed(const std::vector<Rename>& renames, std::string_view name) {
  std::string now(name);
  for (const Rename& each : renames) {
    now = each.apply(std::move(now));
  }
  if (now.empty() && !name.empty()) {
    return fail(Code::bad_input, fmt::format("nothing is left of the name '{}'", name),
                "change what renames it");
  }
  return now;
}

Result<std::vector<Rename>> parse_renames(const std::vector<std::string>& texts) {
  std::vector<Rename> renames;
  for (const std::string& each : texts) {
    TRY(Rename one, Rename::parse(each));
    renames.push_back(std::move(one));
  }
  return renames;
}

}  // namespace tutti::transfer
