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
  std::unique_ptr<cloud::Upload> upload = nullptr;
  std::shared_ptr<JournalFile> journal = nullptr;  // or none
  std::map<uint32_t, Digest> crcs = {};            // of the parts that are there
  std::optional<Error> failure = std::nullopt;     // the first

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
  std::filesystem::path journal;
  std::string source_id;
  uint64_t part_bytes = 0;
  std::vector<Target> targets;
  rt::Semaphore& slots;
  rt::Executor cpu;

  cloud::Range range_of(uint32_t number) const {
    const uint64_t offset = (number - 1) * part_bytes;
    return {.offset = offset, .length = std::min(part_bytes, source.size - offset)};
  }
};

// ---- the parts

// A part without its line is sent again, should this process die; that is no reason to fail.
Task<Unit> write_down(Parts& parts, Target& target, cloud::SentPart sent) {
  if (target.journal != nullptr) {
    std::ignore = co_await rt::offload(
        parts.cpu,
        [journal = target.journal, sent = std::move(sent)] { return journal->add(sent); });
  }
  co_return Unit{};
}

// To one of the destinations. Fails only where nobody needs the others any more.
Task<Unit> send_piece(rt::Context& ctx, Parts& parts, Target& target, uint32_t number,
                      cloud::Body bytes) {
  auto seen = std::make_shared<Seen>();
  cloud::Body body = hashing_body(std::move(bytes), {DigestKind::crc32c}, {}, parts.cpu, seen,
                                  target.want.on_bytes);
  auto sent = co_await target.upload->part(ctx, number, std::move(body));
  if (sent.has_value()) {
    target.crcs[number] = seen->digests.front();
    co_return co_await write_down(parts, target, std::move(*sent));
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

// ---- what an earlier process left

// Parts that are what this transfer would send under these numbers.
std::vector<cloud::SentPart> fitting(const Parts& parts, std::vector<cloud::SentPart> sent) {
  std::erase_if(sent, [&](const cloud::SentPart& each) {
    return (each.number - 1) * parts.part_bytes >= parts.source.size ||
           each.bytes != *parts.range_of(each.number).length;
  });
  return sent;
}

cloud::UploadOptions options_of(const Parts& parts, const Target& target) {
  return {.put = target.want.options,
          .part_bytes = parts.part_bytes,
          .size = parts.source.size,
          .resumable = target.journal != nullptr};
}

// False: nothing is left of it.
Task<bool> take_over(rt::Context& ctx, Parts& parts, Target& target, Underway left) {
  cloud::UploadOptions options = options_of(parts, target);
  options.part_bytes = left.part_bytes;
  options.id = left.upload;
  auto upload = co_await target.want.store.begin_upload(ctx, target.want.key, std::move(options));
  if (!upload.has_value() && upload.error().code == Code::not_found) {
    co_return false;
  }
  if (!upload.has_value()) {
    co_return fail(std::move(upload).error());
  }
  // The source has other bytes by now, or another version of Tutti cut them otherwise.
  if (left.source != parts.source_id || left.part_bytes != parts.part_bytes) {
    std::ignore = co_await (*upload)->abort(ctx);
    co_return false;
  }
  auto there = co_await (*upload)->take_over(ctx, fitting(parts, std::move(left.parts)));
  if (!there.has_value() && there.error().code == Code::not_found) {
    co_return false;
  }
  if (!there.has_value()) {
    (*upload)->keep();
    co_return fail(std::move(there).error());
  }
  target.upload = std::move(*upload);
  for (const cloud::SentPart& each : *there) {
    target.crcs[each.number] = each.crc32c;
    target.want.on_there(each.bytes);
  }
  co_return true;
}

Task<Unit> begin(rt::Context& ctx, Parts& parts, Target& target) {
  auto upload =
      co_await target.want.store.begin_upload(ctx, target.want.key, options_of(parts, target));
  if (!upload.has_value()) {
    if (target.journal != nullptr) {
      target.journal->remove();  // nothing is under way
    }
    co_return fail(std::move(upload).error());
  }
  target.upload = std::move(*upload);
  const Underway underway{
      .source = parts.source_id, .upload = target.upload->id(), .part_bytes = parts.part_bytes};
  if (target.journal == nullptr || underway.upload.empty()) {
    target.journal.reset();
    co_return Unit{};
  }
  auto begun = co_await rt::offload(
      parts.cpu, [journal = target.journal, underway] { return journal->begin(underway); });
  if (!begun.has_value()) {
    target.journal.reset();  // no journal is no reason to fail
  }
  co_return Unit{};
}

Task<Unit> begin_or_go_on(rt::Context& ctx, Parts& parts, Target& target) {
  if (!parts.journal.empty()) {
    auto opened =
        co_await rt::offload(parts.cpu, [folder = parts.journal, address = target.want.address] {
          return JournalFile::open(folder, address);
        });
    target.journal = opened.has_value() ? std::move(*opened) : nullptr;
  }
  if (target.journal != nullptr && target.journal->found()) {
    CO_TRY(const bool gone_on, co_await take_over(ctx, parts, target, *target.journal->found()));
    if (gone_on) {
      co_return Unit{};
    }
  }
  co_return co_await begin(ctx, parts, target);
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

bool may_be_finished_later(Code code) {
  return is_retryable(code) || code == Code::cancelled || code == Code::timed_out ||
         code == Code::unknown_outcome;
}

// After a failure: left to another try, or taken back.
Task<Unit> clear_away(rt::Context& ctx, Target& target, Code code) {
  if (target.upload == nullptr) {
    co_return Unit{};
  }
  if (target.journal != nullptr && may_be_finished_later(code)) {
    target.upload->keep();
    co_return Unit{};
  }
  rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
  std::ignore = co_await target.upload->abort(patient);
  if (target.journal != nullptr) {
    target.journal->remove();
  }
  co_return Unit{};
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

Task<Unit> begin_all(rt::Context& ctx, Parts& parts) {
  for (Target& each : parts.targets) {
    auto begun = co_await begin_or_go_on(ctx, parts, each);
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
              .journal = std::move(job.journal),
              .source_id = std::move(job.source_id),
              .part_bytes = part_bytes,
              .slots = slots,
              .cpu = std::move(cpu)};
  for (PartsTarget& each : job.to) {
    parts.targets.push_back({.want = std::move(each)});
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
      std::ignore = co_await clear_away(ctx, each, written.back().error().code);
    } else if (each.journal != nullptr) {
      each.journal->remove();
    }
  }
  co_return written;
}

}  // namespace tutti::xfer
