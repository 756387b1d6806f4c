// SPDX-License-Identifier: Apache-2.0
#include "xfer/parts.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cloud/body.h"
#include "core/transfer/plan.h"
#include "rt/scope.h"

namespace tutti::xfer {
namespace {

constexpr uint64_t part_bytes_wanted = 16U << 20U;
constexpr size_t parts_of_one_max = 64;  // started at once; `slots` says how many move

// What the parts of one object share.
struct Parts {
  PartsJob job;
  uint64_t part_bytes = 0;
  std::unique_ptr<cloud::Upload> upload;
  rt::Semaphore& slots;
  rt::Executor cpu;
  OnBytes on_bytes;
  std::shared_ptr<JournalFile> journal = nullptr;  // or none
  std::map<uint32_t, Digest> crcs = {};            // of the parts that are there

  cloud::Range range_of(uint32_t number) const {
    const uint64_t offset = (number - 1) * part_bytes;
    return {.offset = offset, .length = std::min(part_bytes, job.source.size - offset)};
  }
};

cloud::Body part_body(Parts& parts, cloud::Range range, std::shared_ptr<Seen> seen) {
  cloud::Body inner = cloud::body_of(parts.job.from, parts.job.source, range);
  return hashing_body(std::move(inner), {DigestKind::crc32c}, {}, parts.cpu, std::move(seen),
                      parts.on_bytes);
}

// A part without its line is sent again, should this process die; that is no reason to fail.
Task<Unit> write_down(Parts& parts, cloud::SentPart sent) {
  if (parts.journal != nullptr) {
    std::ignore = co_await rt::offload(
        parts.cpu,
        [journal = parts.journal, sent = std::move(sent)] { return journal->add(sent); });
  }
  co_return Unit{};
}

// Holds one of the slots, which the caller took.
Task<Unit> send_part(rt::Context& ctx, Parts& parts, uint32_t number) {
  auto seen = std::make_shared<Seen>();
  auto sent =
      co_await parts.upload->part(ctx, number, part_body(parts, parts.range_of(number), seen));
  parts.slots.release();
  CO_OK(sent);
  parts.crcs[number] = seen->digests.front();
  co_return co_await write_down(parts, std::move(*sent));
}

Task<Unit> send_parts(rt::Scope& scope, Parts& parts) {
  const uint64_t count = (parts.job.source.size + parts.part_bytes - 1) / parts.part_bytes;
  for (uint32_t number = 1; number <= count; ++number) {
    if (parts.crcs.contains(number)) {
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

Result<Digest> whole_crc(const Parts& parts) {
  Digest crc = digest_of(DigestKind::crc32c, "");
  for (const auto& [number, part] : parts.crcs) {
    crc = combine_crc32c(crc, part, *parts.range_of(number).length);
  }
  TRY_OK(check_source({crc}, parts.job.source.digests));
  return crc;
}

Task<cloud::ObjectMeta> send_all(rt::Context& ctx, Parts& parts, std::shared_ptr<Seen> seen) {
  CO_OK(co_await rt::scoped(ctx, {.children_max = parts_of_one_max}, send_parts, std::ref(parts)));
  CO_TRY(const Digest crc, whole_crc(parts));
  *seen = {.bytes = parts.job.source.size, .digests = {crc}};
  co_return co_await parts.upload->commit(ctx, {crc});
}

// ---- what an earlier process left

// Parts that are what this transfer would send under these numbers.
std::vector<cloud::SentPart> fitting(const Parts& parts, std::vector<cloud::SentPart> sent) {
  std::erase_if(sent, [&](const cloud::SentPart& each) {
    return (each.number - 1) * parts.part_bytes >= parts.job.source.size ||
           each.bytes != *parts.range_of(each.number).length;
  });
  return sent;
}

cloud::UploadOptions options_of(const Parts& parts) {
  return {.put = parts.job.options,
          .part_bytes = parts.part_bytes,
          .size = parts.job.source.size,
          .resumable = parts.journal != nullptr};
}

// False: nothing is left of it.
Task<bool> take_over(rt::Context& ctx, Parts& parts, Underway left) {
  cloud::UploadOptions options = options_of(parts);
  options.part_bytes = left.part_bytes;
  options.id = left.upload;
  auto upload = co_await parts.job.to.begin_upload(ctx, parts.job.key, std::move(options));
  if (!upload.has_value() && upload.error().code == Code::not_found) {
    co_return false;
  }
  if (!upload.has_value()) {
    co_return fail(std::move(upload).error());
  }
  if (left.source != parts.job.source_id) {  // the source has other bytes by now
    std::ignore = co_await (*upload)->abort(ctx);
    co_return false;
  }
  parts.part_bytes = left.part_bytes;
  auto there = co_await (*upload)->take_over(ctx, fitting(parts, std::move(left.parts)));
  if (!there.has_value() && there.error().code == Code::not_found) {
    co_return false;
  }
  if (!there.has_value()) {
    (*upload)->keep();
    co_return fail(std::move(there).error());
  }
  parts.upload = std::move(*upload);
  for (const cloud::SentPart& each : *there) {
    parts.crcs[each.number] = each.crc32c;
    parts.on_bytes(each.bytes);
  }
  co_return true;
}

Task<Unit> begin(rt::Context& ctx, Parts& parts) {
  auto upload = co_await parts.job.to.begin_upload(ctx, parts.job.key, options_of(parts));
  if (!upload.has_value()) {
    if (parts.journal != nullptr) {
      parts.journal->remove();  // nothing is under way
    }
    co_return fail(std::move(upload).error());
  }
  parts.upload = std::move(*upload);
  const Underway underway{
      .source = parts.job.source_id, .upload = parts.upload->id(), .part_bytes = parts.part_bytes};
  if (parts.journal == nullptr || underway.upload.empty()) {
    parts.journal.reset();
    co_return Unit{};
  }
  auto begun = co_await rt::offload(
      parts.cpu, [journal = parts.journal, underway] { return journal->begin(underway); });
  if (!begun.has_value()) {
    parts.journal.reset();  // no journal is no reason to fail
  }
  co_return Unit{};
}

Task<Unit> begin_or_go_on(rt::Context& ctx, Parts& parts) {
  if (!parts.job.journal.empty()) {
    auto opened = co_await rt::offload(
        parts.cpu, [folder = parts.job.journal, destination = parts.job.destination] {
          return JournalFile::open(folder, destination);
        });
    parts.journal = opened.has_value() ? std::move(*opened) : nullptr;
  }
  const uint64_t wanted = parts.part_bytes;
  if (parts.journal != nullptr && parts.journal->found()) {
    CO_TRY(const bool gone_on, co_await take_over(ctx, parts, *parts.journal->found()));
    if (gone_on) {
      co_return Unit{};
    }
    parts.part_bytes = wanted;
  }
  co_return co_await begin(ctx, parts);
}

bool may_be_finished_later(Code code) {
  return is_retryable(code) || code == Code::cancelled || code == Code::timed_out ||
         code == Code::unknown_outcome;
}

// After a failure: left to another try, or taken back.
Task<Unit> give_up(rt::Context& ctx, Parts& parts, Code code) {
  if (parts.journal != nullptr && may_be_finished_later(code)) {
    parts.upload->keep();
    co_return Unit{};
  }
  rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
  std::ignore = co_await parts.upload->abort(patient);
  if (parts.journal != nullptr) {
    parts.journal->remove();
  }
  co_return Unit{};
}

}  // namespace

Task<cloud::ObjectMeta> put_parts(rt::Context& ctx, PartsJob job, rt::Semaphore& slots,
                                  rt::Executor cpu, std::shared_ptr<Seen> seen, OnBytes on_bytes) {
  const cloud::Capabilities& can = job.to.capabilities();
  CO_TRY(const uint64_t part_bytes, transfer::part_bytes_of(job.source.size, part_bytes_wanted,
                                                            {.part_bytes_min = can.part_bytes_min,
                                                             .part_bytes_max = can.object_bytes_max,
                                                             .parts_max = can.parts_max}));
  Parts parts{.job = std::move(job),
              .part_bytes = part_bytes,
              .upload = nullptr,
              .slots = slots,
              .cpu = std::move(cpu),
              .on_bytes = std::move(on_bytes)};
  CO_OK(co_await begin_or_go_on(ctx, parts));
  auto written = co_await send_all(ctx, parts, std::move(seen));
  if (!written.has_value()) {
    std::ignore = co_await give_up(ctx, parts, written.error().code);
  } else if (parts.journal != nullptr) {
    parts.journal->remove();
  }
  co_return written;
}

}  // namespace tutti::xfer
