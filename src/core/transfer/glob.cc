// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/glob.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::transfer {
namespace {

constexpr size_t words_max = 1000;

std::unexpected<Error> bad(std::string_view pattern, std::string_view why) {
  return fail(Code::bad_input, fmt::format("the pattern '{}' {}", pattern, why),
              "write a backslash before a character that shall stand for itself");
}

// The place of the brace that closes the one at `open`, or npos.
size_t closing(std::string_view text, size_t open) {
  size_t depth = 0;
  for (size_t at = open; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}' && --depth == 0) {
      return at;
    }
  }
  return std::string_view::npos;
}

size_t find_brace(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      return at;
    }
  }
  return std::string_view::npos;
}

// The words of "a,b{c,d}".
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  size_t depth = 0;
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}') {
      --depth;
    } else if (text[at] == ',' && depth == 0) {
      words.push_back(text.substr(from, at - from));
      from = at + 1;
    }
  }
  words.push_back(text.substr(from));
  return words;
}

// a{b,c}d -> abd, acd
Result<std::vector<std::string>> write_out(std::string_view whole) {
  std::vector<std::string> open{std::string(whole)};
  std::vector<std::string> done;
  while (!open.empty()) {
    std::string text = std::move(open.back());
    open.pop_back();
    const size_t from = find_brace(text);
    if (from == std::string::npos) {
      done.push_back(std::move(text));
    } else {
      const size_t to = closing(text, from);
      if (to == std::string::npos) {
        return bad(whole, "has a '{' without its '}'");
      }
      const std::string_view view = text;
      for (const std::string_view word : words_of(view.substr(from + 1, to - from - 1))) {
        open.push_back(fmt::format("{}{}{}", view.substr(0, from), word, view.substr(to + 1)));
      }
    }
    if (open.size() + done.size() > words_max) {
      return bad(whole, fmt::format("stands for more than {} patterns", words_max));
    }
  }
  return done;
}

size_t utf8_bytes(unsigned char lead) {
  return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

}  // namespace

bool is_glob(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (std::string_view("*?[{").contains(text[at])) {
      return true;
    }
  }
  return false;
}

Result<Glob> Glob::parse(std::string_view pattern) {
  TRY(const std::vector<std::string> texts, write_out(pattern));
  Glob glob;
  for (const std::string& text : texts) {
    auto compiled = compile(text);
    if (!compiled.has_value()) {
      return bad(pattern, compiled.error().what);
    }
    const std::string prefix = !compiled->empty() && compiled->front().kind == Piece::Kind::bytes
                                   ? compiled->front().text
                                   : std::string();
    if (glob.patterns_.empty()) {
      glob.prefix_ = prefix;
    } else {
      const auto [a, b] = std::ranges::mismatch(glob.prefix_, prefix);
      glob.prefix_.erase(a, glob.prefix_.end());
    }
    glob.patterns_.push_back(std::move(*compiled));
  }
  return glob;
}

Result<Glob::Pattern> Glob::compile(std::string_view text) {
  Pattern pattern;
  const auto add_byte = [&](char byte) {
    if (pattern.empty() || pattern.back().kind != Piece::Kind::bytes) {
      pattern.push_back({.kind = Piece::Kind::bytes});
    }
    pattern.back().text += byte;
  };
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size()) {
      add_byte(text[++at]);
    } else if (c == '*' && text.substr(at).starts_with("**")) {
      const bool at_start = at == 0 || text[at - 1] == '/';
      ++at;
      const bool folders = at_start && at + 1 < text.size() && text[at + 1] == '/';
      at += folders ? 1 : 0;
      pattern.push_back({.kind = folders ? Piece::Kind::folders : Piece::Kind::deep});
    } else if (c == '*') {
      pattern.push_back({.kind = Piece::Kind::star});
    } else if (c == '?') {
      pattern.push_back({.kind = Piece::Kind::one});
    } else if (c == '[') {
      Piece set{.kind = Piece::Kind::set};
      size_t from = at + 1;
      set.negated = from < text.size() && (text[from] == '!' || text[from] == '^');
      from += set.negated ? 1 : 0;
      const size_t to = text.find(']', from + 1);  // a ']' in the first place is a member
      if (to == std::string_view::npos) {
        return fail(Code::bad_input, "has a '[' without its ']'");
      }
      for (size_t i = from; i < to; ++i) {
        if (i + 2 < to && text[i + 1] == '-') {
          for (int member = static_cast<unsigned char>(text[i]);
               member <= static_cast<unsigned char>(text[i + 2]); ++member) {
            set.text += static_cast<char>(member);
          }
          i += 2;
        } else {
          set.text += text[i];
        }
      }
      pattern.push_back(std::move(set));
      at = to;
    } else {
      add_byte(c);
    }
  }
  return pattern;
}

// How many bytes one `?`, set or literal takes at the front of the key; npos: it does not match.
size_t Glob::match_one(const Piece& piece, std::string_view key) {
  if (piece.kind == Piece::Kind::bytes) {
    return key.starts_with(piece.text) ? piece.text.size() : std::string_view::npos;
  }
  if (key.empty() || key.front() == '/') {
    return std::string_view::npos;
  }
  if (piece.kind == Piece::Kind::one) {
    return std::min(key.size(), utf8_bytes(static_cast<unsigned char>(key.front())));
  }
  return piece.text.contains(key.front()) != piece.negated ? 1 : std::string_view::npos;
}

// Every set of places the pattern may have reached is kept as marks over the key: linear, whatever
// the stars.
bool Glob::matches(const Pattern& pattern, std::string_view key) {
  std::vector<char> here(key.size() + 1, 0);
  here[0] = 1;
  for (const Piece& piece : pattern) {
    std::vector<char> next(key.size() + 1, 0);
    bool running = false;
    for (size_t at = 0; at <= key.size(); ++at) {
      switch (piece.kind) {
        case Piece::Kind::star:
          running = here[at] != 0 || (running && key[at - 1] != '/');
          next[at] = running ? 1 : 0;
          break;
        case Piece::Kind::deep:
          running = running || here[at] != 0;
          next[at] = running ? 1 : 0;
          break;
        case Piece::Kind::folders:
          next[at] = here[at] != 0 || (running && key[at - 1] == '/') ? 1 : 0;
          running = running || here[at] != 0;
          break;
        default:
          if (here[at] != 0) {
            const size_t n = match_one(piece, key.substr(at));
            if (n != std::string_view::npos) {
              next[at + n] = 1;
            }
          }
      }
    }
    here = std::move(next);
  }
  return here[key.size()] != 0;
}

bool Glob::matches(std::string_view key) const {
  return key.starts_with(prefix_) && std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
           return matches(pattern, key);
         });
}

}  // namespace tutti::transfer
