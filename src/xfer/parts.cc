// SPDX-License-Identifier: Apache-2.0
#include "xfer/parts.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cloud/body.h"
#include "core/transfer/plan.h"
#include "rt/scope.h"
#include "xfer/tee.h"

namespace tutti::xfer {
namespace {

constexpr uint64_t part_bytes_wanted = 16U << 20U;
constexpr size_t parts_of_one_max = 64;  // started at once; `slots` says how many move

// One destination of the object.
struct Target {
  PartsTarget want;
  std::unique_ptr<JournalledUpload> upload;
  std::map<uint32_t, Digest> crcs = {};         // of the parts that are there
  std::optional<Error> failure = std::nullopt;  // the first

  bool lacks(uint32_t number) const { return !failure && !crcs.contains(number); }
  void give_up(Error error) {
    if (!failure) {
      failure = std::move(error);
    }
  }
};

// What the parts of one object share.
struct Parts {
  cloud::ObjectStore& from;
  cloud::ObjectMeta source;
  std::string source_id;
  uint64_t part_bytes = 0;
  bool in_order = false;
  std::vector<Target> targets;
  rt::Semaphore& slots;
  rt::Executor cpu;

  cloud::Range range_of(uint32_t number) const {
    const uint64_t offset = (number - 1) * part_bytes;
    return {.offset = offset, .length = std::min(part_bytes, source.size - offset)};
  }
};

// ---- the parts

// To one of the destinations. Fails only where nobody needs the others any more.
Task<Unit> send_piece(rt::Context& ctx, Parts& parts, Target& target, uint32_t number,
                      cloud::Body bytes) {
  auto seen = std::make_shared<Seen>();
  cloud::Body body = hashing_body(std::move(bytes), {DigestKind::crc32c}, {}, parts.cpu, seen,
                                  target.want.on_bytes);
  auto sent = co_await target.upload->part(ctx, number, std::move(body));
  if (sent.has_value()) {
    target.crcs[number] = seen->digests.front();
    co_return Unit{};
  }
  target.give_up(std::move(sent).error());
  co_return std::ranges::all_of(parts.targets,
                                [](const Target& each) { return each.failure.has_value(); })
      ? fail(*target.failure)
      : Result<Unit>(Unit{});
}

Task<Unit> send_pieces(rt::Scope& scope, Parts& parts, std::vector<Target*> lacking,
                       uint32_t number) {
  const cloud::Body bytes = cloud::body_of(parts.from, parts.source, parts.range_of(number));
  std::vector<cloud::Body> bodies = tee(bytes, lacking.size());
  for (size_t i = 0; i < lacking.size(); ++i) {
    CO_OK(co_await scope.spawn(
        send_piece(scope.context(), parts, *lacking[i], number, std::move(bodies[i]))));
  }
  co_return Unit{};
}

Task<Unit> send_to_all(rt::Context& ctx, Parts& parts, uint32_t number) {
  std::vector<Target*> lacking;
  for (Target& each : parts.targets) {
    if (each.lacks(number)) {
      lacking.push_back(&each);
    }
  }
  if (lacking.size() > 1) {
    co_return co_await rt::scoped(ctx, {}, send_pieces, std::ref(parts), std::move(lacking),
                                  number);
  }
  if (!lacking.empty()) {
    cloud::Body bytes = cloud::body_of(parts.from, parts.source, parts.range_of(number));
    co_return co_await send_piece(ctx, parts, *lacking.front(), number, std::move(bytes));
  }
  co_return Unit{};
}

// Holds one of the slots, which the caller took.
Task<Unit> send_part(rt::Context& ctx, Parts& parts, uint32_t number) {
  auto sent = co_await send_to_all(ctx, parts, number);
  parts.slots.release();
  co_return sent;
}

Task<Unit> send_parts(rt::Scope& scope, Parts& parts) {
  const uint64_t count = (parts.source.size + parts.part_bytes - 1) / parts.part_bytes;
  for (uint32_t number = 1; number <= count; ++number) {
    if (std::ranges::none_of(parts.targets, [&](const Target& t) { return t.lacks(number); })) {
      continue;
    }
    CO_OK(co_await parts.slots.acquire(scope.context()));
    auto started = co_await scope.spawn(send_part(scope.context(), parts, number));
    if (!started.has_value()) {
      parts.slots.release();
      co_return started;
    }
  }
  co_return Unit{};
}

// ---- the beginning

Task<Unit> begin(rt::Context& ctx, Parts& parts, Target& target) {
  CO_TRY(const auto there,
         co_await target.upload->begin(
             ctx, {.source = parts.source_id, .part_bytes = parts.part_bytes},
             {.put = target.want.options, .size = parts.source.size, .in_order = parts.in_order}));
  for (const cloud::SentPart& each : there) {
    target.crcs[each.number] = each.crc32c;
    target.want.on_there(each.bytes);
  }
  co_return Unit{};
}

// ---- the end

Task<PartsWritten> commit(rt::Context& ctx, Parts& parts, Target& target) {
  if (target.failure) {
    co_return fail(*target.failure);
  }
  Digest crc = digest_of(DigestKind::crc32c, "");
  for (const auto& [number, part] : target.crcs) {
    crc = combine_crc32c(crc, part, *parts.range_of(number).length);
  }
  CO_OK(check_source({crc}, parts.source.digests));
  CO_TRY(cloud::ObjectMeta meta, co_await target.upload->commit(ctx, {crc}));
  co_return PartsWritten{.meta = std::move(meta), .crc32c = crc};
}

// Allowed by all of the stores.
Result<uint64_t> part_bytes_of(const PartsJob& job) {
  transfer::PartLimits limits{.part_bytes_min = 0, .parts_max = UINT32_MAX};
  for (const PartsTarget& each : job.to) {
    const cloud::Capabilities& can = each.store.capabilities();
    limits = {.part_bytes_min = std::max(limits.part_bytes_min, can.part_bytes_min),
              .part_bytes_max = std::min(limits.part_bytes_max, can.object_bytes_max),
              .parts_max = std::min(limits.parts_max, can.parts_max)};
  }
  return transfer::part_bytes_of(job.source.size, part_bytes_wanted, limits);
}

// As one part, of which the service keeps what it has. Several destinations share a reading, which
// none of them can open again; and what was begun in parts is finished so.
bool goes_in_order(const Parts& parts) {
  const Target& first = parts.targets.front();
  const auto& found = first.upload->found();
  return parts.targets.size() == 1 &&
         parts.source.size <= first.want.store.capabilities().in_order_bytes_max &&
         !(found && found->source == parts.source_id && found->part_bytes == parts.part_bytes);
}

Task<Unit> begin_all(rt::Context& ctx, Parts& parts) {
  for (Target& each : parts.targets) {
    auto begun = co_await begin(ctx, parts, each);
    if (!begun.has_value()) {
      each.give_up(std::move(begun).error());
    }
  }
  co_return Unit{};
}

}  // namespace

Task<std::vector<Result<PartsWritten>>> put_parts(rt::Context& ctx, PartsJob job,
                                                  rt::Semaphore& slots, rt::Executor cpu) {
  CO_TRY(const uint64_t part_bytes, part_bytes_of(job));
  Parts parts{.from = job.from,
              .source = std::move(job.source),
              .source_id = std::move(job.source_id),
              .part_bytes = part_bytes,
              .slots = slots,
              .cpu = std::move(cpu)};
  for (PartsTarget& each : job.to) {
    auto upload = std::make_unique<JournalledUpload>(each.store, each.key, parts.cpu);
    if (!job.journal.empty()) {
      CO_OK(co_await upload->open_journal(job.journal, each.address));
    }
    parts.targets.push_back({.want = std::move(each), .upload = std::move(upload)});
  }
  parts.in_order = goes_in_order(parts);
  if (parts.in_order) {
    parts.part_bytes = parts.source.size;
  }
  CO_OK(co_await begin_all(ctx, parts));
  auto sent =
      co_await rt::scoped(ctx, {.children_max = parts_of_one_max}, send_parts, std::ref(parts));
  std::vector<Result<PartsWritten>> written;
  for (Target& each : parts.targets) {
    if (!sent.has_value()) {
      each.give_up(sent.error());
    }
    written.push_back(co_await commit(ctx, parts, each));
    if (!written.back().has_value()) {
      std::ignore = co_await each.upload->give_up(ctx, written.back().error().code);
    }
  }
  co_return written;
}

}  // namespace tutti::xfer
