// SPDX-License-Identifier: Apache-2.0
// A transfer: one object, a prefix or a glob to one or several destinations.
//
// Streams in bounded memory, several objects at once; digests are computed in the same pass;
// nothing is visible before it is complete; writes are create-only, or bound to the version that
// was looked at. A failure cancels the rest and is the result, unless some are allowed; what was
// complete by then stays, and the same transfer run again with if_exists: verify finishes it.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cloud/connections.h"
#include "core/transfer/climb.h"
#include "core/transfer/filter.h"
#include "core/transfer/order.h"
#include "core/transfer/plan.h"
#include "core/transfer/rename.h"
#include "rt/context.h"
#include "rt/task.h"
#include "xfer/carry.h"
#include "xfer/manifest.h"
#include "xfer/stage/spec.h"

namespace tutti::xfer {

enum class Verify : uint8_t {
  full,    // read every destination back: proof end_to_end
  sample,  // some of them, the others as `store`
  store,   // the store's own check; read back where the store has none
  none,    // sizes only
};

// Whether the destination's service reads the source by itself, where it can.
enum class Pull : uint8_t {
  automatic,  // objects of 1 MiB and more, of sources that others can reach
  always,     // also small ones, and sources of private networks
  never,
};
Result<Pull> parse_pull(std::string_view text);  // "auto", "always", "never"

struct Verification {
  // NOLINTNEXTLINE(google-explicit-constructor): a policy is one without a sample
  Verification(Verify what = Verify::store, uint32_t of_10000 = 10'000)
      : policy(what), sample(of_10000) {}
  Verify policy;
  uint32_t sample;  // of 10,000 objects, so many

  // Whether it is read back although its store vouches for it. The version decides: the same one
  // always belongs to the sample, or never.
  bool reads_back(std::string_view key, std::string_view etag) const;
};
// "full", "sample:5%", "sample:0.5%", "store", "none".
Result<Verification> parse_verify(std::string_view text);

struct Progress {
  uint64_t objects_done = 0;
  uint64_t bytes_done = 0;
  std::optional<uint64_t> objects_total = std::nullopt;  // once the listing has ended
  std::optional<uint64_t> bytes_total = std::nullopt;
};

struct Request {
  cloud::Located from;
  std::vector<cloud::Located> to;
  bool from_exactly = false;     // `from` is the name of one object, no pattern, no prefix
  bool from_version = false;     // of which it gives one version: that can go onto its own name
  transfer::Filter filter = {};  // of what a prefix or pattern selects
  transfer::Order order = {};    // in which objects are begun; several are on their way at once
  transfer::IfExists if_exists = transfer::IfExists::fail;
  Verification verify = {};
  // SHA-256 of the objects that travel whole, beside CRC32C. With it equal objects are told by it,
  // or by reading both; without it CRC32C and size tell, unless `verify` is full.
  bool sha256 = false;
  Pull pull = Pull::automatic;
  std::string storage_class = {};  // given to stores that have classes
  cloud::Lock lock = {};           // of what is written; `unsupported` where a store has no locks
  bool tags = false;               // read and sent along: a request more for each object
  // What happens to the bytes on their way, in this order (staged.h). Not with if_exists: verify.
  std::vector<stage::Spec> stages = {};
  // Of what follows the source's prefix, before stages add to it; destinations are prefixes then.
  std::vector<transfer::Rename> renames = {};
  bool keep_names = false;   // else names below a prefix say it: a.csv.zst
  bool allow_empty = false;  // else nothing to copy is not_found, as is a name that is not there
  // Who writes: kept with each object, so that the second try of a task knows the objects of its
  // first from other people's under if_exists: fail. Empty: nobody in particular.
  std::string origin = {};
  // Where large objects under way are noted, so that the same transfer goes on with them after this
  // process was killed (journal.h). Empty: they are sent anew.
  std::filesystem::path journal = {};
  // That many at once to begin with, and more where that is faster; buffers bound what moves.
  transfer::Climb::Limits objects_parallel = {.least = 64, .most = 192};
  // So many objects may fail without stopping the others: they are entries that say why. Where
  // nothing at all succeeds the first dozen stops it.
  uint64_t failures_max = 0;
  std::function<void(const Progress&)> on_progress = {};  // quick; on the loop
  std::function<void(const Entry&)> on_entry = {};        // the same; instead of Report.entries
};

struct Report {
  uint64_t objects = 0;  // written, counted once for each destination
  uint64_t bytes = 0;
  uint64_t skipped = 0;
  uint64_t failed = 0;
  std::array<uint64_t, 3> proofs = {};  // by Proof
  std::array<uint64_t, 4> routes = {};  // by Route
  size_t objects_at_once = 0;           // in the end; how many are fastest was found by trying
  size_t parts_at_once = 0;             // likewise, of all objects together
  uint64_t pulls_refused = 0;           // the service could not read them, and they went through
  std::string pull_refusal = {};        // why not the first of them
  Losses losses = {};                   // of what was written
  cloud::LeftOut left_out = {};         // what lies in the source and is no object
  std::vector<Entry> entries = {};      // all of them, unless on_entry takes them
};

// What was pulled, and what could not be. Empty: nothing was asked for.
std::string pulls_text(const Report& report);

// `cpu`: where digests of large pieces are computed. Errors: those of the stores; conflict for an
// object that exists (fail) or differs (verify), with its address.
Task<Report> run(rt::Context& ctx, Request request, rt::Executor cpu);

// What run() would do, from listings and heads alone; not_found as it.
struct Preview {
  transfer::Plan plan;  // its steps have addresses
  cloud::LeftOut left_out;
  std::vector<std::string> missing;  // addresses that were asked for by name; they would fail
};
Task<Preview> preview(rt::Context& ctx, Request request);

}  // namespace tutti::xfer
