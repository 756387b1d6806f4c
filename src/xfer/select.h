// SPDX-License-Identifier: Apache-2.0
// The objects an address means, and small services over them for commands and actions.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "cloud/body.h"
#include "cloud/connections.h"
#include "core/transfer/filter.h"
#include "core/transfer/plan.h"

namespace tutti::xfer {

// Streams what a located address selects (one object, a prefix, a glob), in the order of the keys;
// one page in memory. An object that does not exist is no object: the stream is empty.
class Selected {
 public:
  // The object of exactly this name, where there is one, whatever characters the name has; else
  // what transfer::parse_selection makes of the key. One listing of one key decides, and only for a
  // key that could mean something else.
  static Task<Selected> of(rt::Context& ctx, cloud::Located located);
  // The object of exactly this name or nothing: for an address out of a listing or a manifest.
  static Selected exactly(cloud::Located located);

  // Leaves out what the filter does not let through; a single object always takes part.
  void set_filter(transfer::Filter filter);
  // Every version of what is selected, delete markers too, the newest of each key first.
  void set_versions();
  bool versions() const { return versions_; }

  Task<std::optional<cloud::ObjectMeta>> next(rt::Context& ctx);
  // Of what was listed so far, whatever pattern and filter say; the first as an address.
  cloud::LeftOut left_out() const;
  // At the end: keys that Filter::only asks for, and that no listing had.
  const std::set<std::string, std::less<>>& missing() const { return missing_; }
  const transfer::Selection& selection() const { return selection_; }
  const cloud::Located& located() const { return located_; }

 private:
  Selected(cloud::Located located, transfer::Selection selection);

  cloud::Located located_;
  transfer::Selection selection_;
  cloud::Listing listing_;
  transfer::Filter filter_ = {};
  std::set<std::string, std::less<>> missing_ = {};
  bool versions_ = false;
  bool done_ = false;
};

// What of a folder takes no part, as it is no object. Empty: nothing.
std::string left_out_text(const cloud::LeftOut& left_out);

// Error for an address that selects nothing; says whether a prefix was meant.
Task<Error> nothing_there(rt::Context& ctx, cloud::Located located);

// What `tutti ls` shows: the objects directly below a prefix and the common prefixes ("folders"),
// which have no etag.
struct Below {
  bool recursive = false;  // all objects, no folders
  bool versions = false;   // each version of each
};
cloud::Listing list_below(const cloud::Located& located, Below what);

// The bytes of one object, chunk by chunk (`tutti cat`). Ends with the sink's first error.
using Sink = std::function<Result<Unit>(std::string_view bytes)>;
Task<cloud::ObjectMeta> read_to(rt::Context& ctx, cloud::Located located,
                                std::optional<cloud::Range> range, Sink sink);

}  // namespace tutti::xfer
