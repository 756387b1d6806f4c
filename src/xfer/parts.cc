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
  std::map<uint32_t, Digest> crcs = {};
};

cloud::Body part_body(Parts& parts, cloud::Range range, std::shared_ptr<Seen> seen) {
  cloud::Body inner = cloud::body_of(parts.job.from, parts.job.source, range);
  return hashing_body(std::move(inner), {DigestKind::crc32c}, {}, parts.cpu, std::move(seen),
                      parts.on_bytes);
}

// Holds one of the slots, which the caller took.
Task<Unit> send_part(rt::Context& ctx, Parts& parts, uint32_t number) {
  const uint64_t offset = (number - 1) * parts.part_bytes;
  const cloud::Range range{.offset = offset,
                           .length = std::min(parts.part_bytes, parts.job.source.size - offset)};
  auto seen = std::make_shared<Seen>();
  auto sent = co_await parts.upload->part(ctx, number, part_body(parts, range, seen));
  parts.slots.release();
  CO_OK(sent);
  parts.crcs[number] = seen->digests.front();
  co_return Unit{};
}

Task<Unit> send_parts(rt::Scope& scope, Parts& parts) {
  uint32_t number = 0;
  for (uint64_t at = 0; at < parts.job.source.size; at += parts.part_bytes) {
    CO_OK(co_await parts.slots.acquire(scope.context()));
    auto started = co_await scope.spawn(send_part(scope.context(), parts, ++number));
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
    const uint64_t offset = (number - 1) * parts.part_bytes;
    crc = combine_crc32c(crc, part, std::min(parts.part_bytes, parts.job.source.size - offset));
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

}  // namespace

Task<cloud::ObjectMeta> put_parts(rt::Context& ctx, PartsJob job, rt::Semaphore& slots,
                                  rt::Executor cpu, std::shared_ptr<Seen> seen, OnBytes on_bytes) {
  const cloud::Capabilities& can = job.to.capabilities();
  CO_TRY(const uint64_t part_bytes, transfer::part_bytes_of(job.source.size, part_bytes_wanted,
                                                            {.part_bytes_min = can.part_bytes_min,
                                                             .part_bytes_max = can.object_bytes_max,
                                                             .parts_max = can.parts_max}));
  const cloud::UploadOptions options{.put = job.options, .part_bytes = part_bytes};
  CO_TRY(auto upload, co_await job.to.begin_upload(ctx, job.key, options));
  Parts parts{.job = std::move(job),
              .part_bytes = part_bytes,
              .upload = std::move(upload),
              .slots = slots,
              .cpu = std::move(cpu),
              .on_bytes = std::move(on_bytes)};
  auto written = co_await send_all(ctx, parts, std::move(seen));
  if (!written.has_value()) {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
    std::ignore = co_await parts.upload->abort(patient);
  }
  co_return written;
}

}  // namespace tutti::xfer
