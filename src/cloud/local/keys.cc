// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::cloud::local {
namespace {

constexpr size_t name_bytes_max = 255;  // NAME_MAX
constexpr std::string_view reserved = ".tutti";

// True where a '%' at `at` would be read as an escape.
bool is_ambiguous(std::string_view text, size_t at) {
  const std::string_view next = text.substr(at + 1);
  if (next.starts_with("25") || next.starts_with("2E")) {
    return true;
  }
  return at == 0 && !next.empty() && std::string_view("-~@").contains(next.front());
}

bool needs_dot_escape(std::string_view text) {
  return text == "." || text == ".." || text.starts_with(reserved);
}

std::string encode(std::string_view text) {
  if (text.empty()) {
    return "%-";
  }
  std::string out;
  out.reserve(text.size() + 2);
  size_t at = 0;
  if (needs_dot_escape(text)) {
    out = "%2E";
    at = 1;
  }
  for (; at < text.size(); ++at) {
    out += text[at];
    if (text[at] == '%' && is_ambiguous(text, at)) {
      out += "25";
    }
  }
  return out;
}

std::string decode(std::string_view name) {
  if (name == "%-") {
    return {};
  }
  std::string out;
  out.reserve(name.size());
  for (size_t at = 0; at < name.size(); ++at) {
    out += name[at];
    if (name.substr(at).starts_with("%25")) {
      at += 2;
    } else if (at == 0 && name.starts_with("%2E")) {
      out.back() = '.';
      at += 2;
    }
  }
  return out;
}

std::string encode_piece(std::string_view piece) { return "%~" + encode(piece); }

// Appends the folders of a long segment; what is left of it is returned.
std::string_view take_pieces(std::string_view segment, std::vector<std::string>& folders) {
  while (segment.size() >= piece_bytes) {
    folders.push_back(encode_piece(segment.substr(0, piece_bytes)));
    segment.remove_prefix(piece_bytes);
  }
  return segment;
}

KeyPath escaped_path(std::string_view key) {
  KeyPath path;
  while (true) {
    const size_t slash = key.find('/');
    const std::string_view rest = take_pieces(key.substr(0, slash), path.folders);
    if (slash == std::string_view::npos) {
      path.name = encode(rest);
      return path;
    }
    path.folders.push_back(encode(rest));
    key.remove_prefix(slash + 1);
  }
}

Result<Unit> check_natural(std::string_view segment, std::string_view key) {
  const auto refuse = [&](std::string_view why) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("a file cannot have this name: {}", why),
                      .where = std::string(key),
                      .remedy = "write another name, or keep the object in a `local` connection"});
  };
  if (segment.empty()) {
    return refuse("a part between two slashes is empty");
  }
  if (segment == "." || segment == "..") {
    return refuse("'.' and '..' are not resolved");
  }
  if (segment.size() > name_bytes_max) {
    return refuse(fmt::format("a part has more than {} bytes", name_bytes_max));
  }
  if (segment == staging_name) {
    return refuse(
        fmt::format("{} is where files are written before they are complete", staging_name));
  }
  return Unit{};
}

Result<KeyPath> natural_path(std::string_view key) {
  KeyPath path;
  std::string_view rest = key;
  while (true) {
    const size_t slash = rest.find('/');
    TRY_OK(check_natural(rest.substr(0, slash), key));
    if (slash == std::string_view::npos) {
      path.name = rest;
      return path;
    }
    path.folders.emplace_back(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string entry_of(std::string_view segment, bool piece) {
  return piece ? encode_piece(segment) : encode(segment);
}

std::string KeyPath::folder() const {
  return folders.empty() ? "." : fmt::format("{}", fmt::join(folders, "/"));
}

std::string KeyPath::text() const {
  return folders.empty() ? name : fmt::format("{}/{}", fmt::join(folders, "/"), name);
}

Result<KeyPath> path_of(std::string_view key, Names names) {
  return names == Names::escaped ? Result<KeyPath>(escaped_path(key)) : natural_path(key);
}

Result<PrefixFolder> folder_of_prefix(std::string_view prefix, Names names) {
  const size_t slash = prefix.rfind('/');
  const size_t whole = slash == std::string_view::npos ? 0 : slash + 1;
  PrefixFolder out;
  if (names == Names::natural) {
    if (whole > 0) {
      TRY(KeyPath path, natural_path(prefix.substr(0, whole - 1)));
      out.folders = std::move(path.folders);
      out.folders.push_back(std::move(path.name));
    }
    out.key_prefix = std::string(prefix.substr(0, whole));
    return out;
  }
  if (whole > 0) {
    KeyPath path = escaped_path(prefix.substr(0, whole - 1));
    out.folders = std::move(path.folders);
    out.folders.push_back(std::move(path.name));
  }
  const std::string_view rest = take_pieces(prefix.substr(whole), out.folders);
  out.key_prefix = std::string(prefix.substr(0, prefix.size() - rest.size()));
  return out;
}

std::optional<Segment> segment_of(std::string_view entry, Names names) {
  if (entry == staging_name) {
    return std::nullopt;
  }
  if (names == Names::natural) {
    return Segment{.text = std::string(entry)};
  }
  Segment segment;
  segment.piece = entry.starts_with("%~");
  segment.text = decode(segment.piece ? entry.substr(2) : entry);
  const bool ours = segment.piece
                        ? segment.text.size() == piece_bytes && encode_piece(segment.text) == entry
                        : segment.text.size() < piece_bytes && encode(segment.text) == entry;
  return ours ? std::optional(std::move(segment)) : std::nullopt;
}

}  // namespace tutti::cloud::local
