// SPDX-License-Identifier: Apache-2.0
// regex_replace: the one place that knows RE2, whose time is linear in the text whatever the
// pattern.
#include <re2/re2.h>

#include <fmt/format.h>

#include "core/expr/registry.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

RE2::Options options(bool ignore_case) {
  RE2::Options out;
  out.set_log_errors(false);
  out.set_case_sensitive(!ignore_case);
  out.set_max_mem(8 << 20);
  return out;
}

// \1 to \9 and \0 (all of the match) in the replacement; \\ is a backslash.
std::string expand(std::string_view replacement, const std::vector<re2::StringPiece>& groups) {
  std::string out;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (replacement[i] != '\\' || (next != '\\' && (next < '0' || next > '9'))) {
      out += replacement[i];
      continue;
    }
    ++i;
    if (next == '\\') {
      out += '\\';
    } else if (const size_t group = static_cast<size_t>(next - '0'); group < groups.size()) {
      out += groups[group].as_string();
    }
  }
  return out;
}

}  // namespace

std::string regex_problem(const std::string& pattern) {
  const RE2 regex(pattern, options(false));
  return regex.ok() ? std::string() : regex.error();
}

Result<Val> regex_replace(Machine& machine, const Args& args) {
  TRY(const std::string text, machine.str(args.input));
  TRY(const std::string pattern, args.text(0, ""));
  TRY(const std::string replacement, args.text(1, ""));
  TRY(const bool ignore_case, args.boolean(machine, 2, false));
  TRY(const int64_t count, args.integer(3, 0));
  TRY_OK(machine.spend(pattern.size() + text.size() + 1));
  const RE2 regex(pattern, options(ignore_case));
  if (!regex.ok()) {
    return wrong(fmt::format("the regular expression is wrong: {}", regex.error()),
                 "its syntax is that of RE2");
  }
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t at = 0;  // what is before it is in `out`
  size_t search = 0;
  for (int64_t done = 0; (count <= 0 || done < count) && search <= text.size() &&
                         regex.Match(text, search, text.size(), RE2::UNANCHORED, groups.data(),
                                     static_cast<int>(groups.size()));
       ++done) {
    const size_t start = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = start + groups[0].size();
    out += text.substr(at, start - at);
    out += expand(replacement, groups);
    TRY_OK(machine.spend_text(out.size()));
    at = end;
    search = end;
    if (start == end && search < text.size()) {  // an empty match: go on behind the next code point
      next_point(text, search);
      out += text.substr(at, search - at);
      at = search;
    } else if (start == end) {
      break;
    }
  }
  out += text.substr(std::min(at, text.size()));
  return machine.text(std::move(out));
}

}  // namespace tutti::expr
