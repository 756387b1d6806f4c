// SPDX-License-Identifier: Apache-2.0
// How a key becomes a path below the root of a local store, and back. Pure.
//
// `escaped` gives every key its own path, so that all keys can live side by side:
//   a/b          -> a/b               (plain segments are themselves)
//   a  beside a/b-> a/%@              (the object whose name is taken by a folder)
//   a/ and a//b  -> a/%-  a/%-/b      (an empty segment)
//   . .. .tutti* -> %2E  %2E.  %2Etutti*
//   150+ bytes   -> %~FIRST150/REST   (as often as needed)
// and a '%' that could be read as one of these is written %25.
// `natural` leaves segments as they are, and refuses what a file system cannot have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/local/local.h"

namespace tutti::cloud::local {

inline constexpr std::string_view staging_name = ".tutti-staging";
inline constexpr std::string_view self_name = "%@";
inline constexpr size_t piece_bytes = 150;

struct KeyPath {
  std::vector<std::string> folders;
  std::string name;  // empty for a prefix that ends at a folder

  std::string folder() const;  // joined with "/"; "." for none
  std::string text() const;
};

// bad_input where `natural` cannot have it; what check_key refuses is not looked at again.
Result<KeyPath> path_of(std::string_view key, Names names);

// The folder that holds every key with this prefix, and how much of the prefix it stands for.
struct PrefixFolder {
  std::vector<std::string> folders;
  std::string key_prefix;  // of every key in it
};
Result<PrefixFolder> folder_of_prefix(std::string_view prefix, Names names);

// What a directory entry stands for; nullopt: it is not ours (staging, self, names that no key
// gives).
struct Segment {
  std::string text;    // of the key
  bool piece = false;  // the key goes on in the folder without "/"
};
std::optional<Segment> segment_of(std::string_view entry, Names names);
// The name of an `escaped` entry: the other way round.
std::string entry_of(std::string_view segment, bool piece);

}  // namespace tutti::cloud::local
