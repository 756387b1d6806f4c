// SPDX-License-Identifier: Apache-2.0
// What of an object's description goes along to another store, and what that cannot hold. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cloud/object_store.h"

namespace tutti::xfer {

// The metadata that says who wrote an object; of one run, it does not travel on.
inline const std::string origin_name = "tutti-origin";

struct Carried {
  cloud::PutOptions put;  // content type, headers, metadata and tags; nothing else is set
  // "content_type", "content_encoding" and its like, "metadata.NAME", "tags.NAME"
  std::vector<std::string> lost = {};
};

// `origin`: of this run; empty: none. What does not fit is left away, one by one: metadata and tags
// in the order of their names, as long as there is room. A content type that says nothing
// (application/octet-stream) is not lost.
Carried carry(const cloud::ObjectMeta& source, const cloud::Tags& tags, const std::string& origin,
              const cloud::Capabilities& can);

// The same for a copy that the service makes by itself: what it keeps of the source is neither said
// nor lost. Conditions in `put` stay.
cloud::CopyOptions copy_inside_options(const cloud::ObjectMeta& source, cloud::PutOptions put,
                                       std::vector<std::string>& lost);

// Of many objects.
struct Losses {
  uint64_t objects = 0;         // that lost more than their content type
  std::set<std::string> names;  // of what they lost, without "metadata." and "tags."; some of them
  bool names_all = true;

  void add(const std::vector<std::string>& lost);
};

// "12 objects lost what a folder cannot hold: content_type, owner; the manifest lists them". Empty
// where nothing is to be said. `provider`: of the destination; empty: there are several.
std::string losses_text(const Losses& losses, const std::string& provider, bool manifest);

}  // namespace tutti::xfer
