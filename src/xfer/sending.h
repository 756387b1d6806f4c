// SPDX-License-Identifier: Apache-2.0
// One object on its way to one destination: sent, proven, noted. Inside of xfer.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "rt/wait.h"
#include "xfer/carry.h"
#include "xfer/lanes.h"
#include "xfer/parts.h"
#include "xfer/transfer.h"

namespace tutti::xfer {

constexpr transfer::Climb::Limits parts_parallel{.least = 8, .most = 32};
constexpr size_t staged_parallel = 32;       // objects with stages
constexpr size_t staged_large_parallel = 3;  // of those, the ones that hold more than a little

// Each destination of an object takes a connection.
transfer::Climb::Limits object_lanes(const Request& request);

// What all objects of one run share. Lives as long as the run.
struct Run {
  Request request;
  rt::Executor cpu;
  rt::Clock* clock;
  Report report = {};
  Progress progress = {};
  Lanes objects{object_lanes(request)};
  Lanes parts{parts_parallel};  // of all objects together
  rt::Semaphore staged{staged_parallel};
  rt::Semaphore staged_large{staged_large_parallel};  // taken behind `staged`, never before it
  bool pulls = false;                                 // what can be, is pulled (pull.h)
  std::optional<Error> first_failure = std::nullopt;
  // Whether the next object is likely to be at that destination already, as far as it was seen.
  std::map<const cloud::Located*, bool> expects_existing = {};
  uint64_t listed_objects = 0;
  uint64_t listed_bytes = 0;

  // Progress was made.
  void tell() {
    if (request.on_progress) {
      request.on_progress(progress);
    }
    const BootInstant now = clock->boot();
    parts.look(progress.bytes_done, parts.are_wanted(), now);
    objects.look(progress.objects_done, objects.are_wanted() && !parts.are_wanted(), now);
  }
};

// What it took until now, with everything that was tried again. Shared by the copies of a job.
struct Effort {
  uint32_t attempts = 0;
  Instant began = {};      // of the first
  uint64_t sent = 0;       // bytes given to the destination
  uint64_t read_back = 0;  // bytes read from it, to compare or to prove
};

// One object on its way to one destination.
struct Job {
  cloud::ObjectMeta source;
  const cloud::Located* to = nullptr;  // one of the request's
  cloud::Key key;                      // there
  std::vector<std::string> lost = {};  // once it was sent: as Entry::lost
  std::shared_ptr<Effort> effort = std::make_shared<Effort>();
};
// One more attempt begins.
void count_attempt(rt::Context& ctx, const Job& job);

transfer::Known known(const cloud::ObjectMeta& meta);
// With both addresses in front of what happened.
Error at(const Run& run, const Job& job, Error error);
Entry entry_of(rt::Context& ctx, const Run& run, const Job& job);
// Counts the entry and keeps it, or hands it on, with what it took.
void note(Run& run, const Job& job, Entry entry);
// The object failed: noted where the request allows it, else the error that ends everything.
Result<Unit> note_failure(rt::Context& ctx, Run& run, const Job& job, Error error);
// At the end: where nothing at all succeeded, the first failure is the result.
Result<Unit> check_any_done(const Run& run);
// Whether an object is tried again. Requests are tried again below: where nothing at all has
// worked yet, a service that cannot be reached is not asked as often once more; nor, ever, one
// that was throttling for as long as its client bears.
bool deserves_another(const Run& run, const Job& job, const Error& error);
// What is there; nothing is no error.
Task<std::optional<cloud::ObjectMeta>> look(rt::Context& ctx, cloud::ObjectStore& store,
                                            cloud::Key key);
// What a listing leaves out: digests, metadata.
Task<Unit> know_source(rt::Context& ctx, Run& run, Job& job);
// Reads both ends: equal, which is an entry, or `conflict`.
Task<Entry> compare_bytes(rt::Context& ctx, Run& run, Job job, std::string etag);
// Of the source; none where they are not asked for, or its service knows of none.
Task<cloud::Tags> tags_of(rt::Context& ctx, Run& run, cloud::Key key);
// Takes over what a read says of its object; where reads do not describe it, what was known stays.
void take_read(cloud::ObjectMeta& source, const cloud::ObjectMeta& read,
               const cloud::Capabilities& can);
// The destination's store computed a digest of what it wrote, and it is one of those seen.
bool store_proves(const cloud::Located& to, const cloud::ObjectMeta& written, const Seen& seen);
// How an object is written: only where `existing` is, or where nothing is. What the destination
// cannot hold is noted in the job.
cloud::PutOptions put_options(const Run& run, Job& job, const cloud::Tags& tags,
                              const std::optional<cloud::ObjectMeta>& existing);
// For the journal: which object, whatever the profile calls its connection; and which bytes, with
// what is done to them and what an upload of them is begun with.
std::string destination_id(const Job& job);
std::string source_id(const Run& run, const Job& job);
// That the destination has the bytes that were seen.
Task<Proof> prove(rt::Context& ctx, Run& run, Job job, cloud::ObjectMeta written, Seen seen);
// Writes it where `existing` is, and only there, and proves it as the request wants.
Task<Entry> send(rt::Context& ctx, Run& run, Job job, std::optional<cloud::ObjectMeta> existing);

struct Sending {
  Job job;
  std::optional<cloud::ObjectMeta> existing;
};
struct Sent {
  Result<Entry> entry;
  bool visible = false;  // it was written, whatever its proof says
};
// The same of one source to several destinations, read once. A corrupt one is not tried again.
Task<std::vector<Sent>> send_together(rt::Context& ctx, Run& run, std::vector<Sending> sendings);

}  // namespace tutti::xfer
