// SPDX-License-Identifier: Apache-2.0
#include "xfer/staged.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cloud/body.h"
#include "xfer/clashes.h"
#include "xfer/hashing.h"
#include "xfer/staged_body.h"
#include "xfer/upload.h"

namespace tutti::xfer {
namespace {

using cloud::ObjectMeta;

constexpr uint64_t part_bytes_wanted = 8U << 20U;
constexpr uint64_t part_bytes_max = 256U << 20U;
constexpr uint64_t small_bytes_max = 256U << 10U;
constexpr uint64_t expansion_expected = 4;  // of what is decompressed

// One try of one object.
struct Try {
  Run& run;
  Job job;
  std::optional<ObjectMeta> existing;
  std::shared_ptr<Seen> source = std::make_shared<Seen>();
  std::shared_ptr<Seen> output = std::make_shared<Seen>();
  cloud::PutOptions put = {};
  JournalledUpload upload{*job.to->store, job.key, run.cpu};
  Nonces nonces = {};  // what the stages drew, now or in the process before
  uint64_t part_bytes = 0;
  Turn large{run.staged_large};  // taken where more than a little is held

  Underway underway() const {
    return {.source = source_id(run, job), .part_bytes = part_bytes, .nonces = nonces};
  }
};

using Held = std::shared_ptr<const std::string>;

// The output in parts of one size; the last is smaller.
class Cutter {
 public:
  Cutter(std::unique_ptr<cloud::ByteSource> source, size_t part_bytes, Turn& large)
      : source_(std::move(source)), part_bytes_(part_bytes), large_(large) {}

  Task<Held> next(rt::Context& ctx) {
    auto part = std::make_shared<std::string>();
    while (part->size() < part_bytes_ && !ended_) {
      if (left_.empty()) {
        CO_OK(co_await read(ctx));
        continue;
      }
      if (part->size() + left_.size() > small_bytes_max) {
        CO_OK(co_await large_.take(ctx));
        part->reserve(part_bytes_);
      }
      const size_t n = std::min(part_bytes_ - part->size(), left_.size());
      part->append(left_.text().substr(0, n));
      left_ = left_.slice(n, left_.size() - n);
    }
    if (left_.empty() && !ended_) {
      CO_OK(co_await read(ctx));  // is there more?
    }
    co_return Held(std::move(part));
  }
  // Whether that was the last part.
  bool ended() const { return ended_; }

 private:
  Task<Unit> read(rt::Context& ctx) {
    CO_TRY(left_, co_await source_->next(ctx));
    ended_ = left_.empty();
    co_return Unit{};
  }

  std::unique_ptr<cloud::ByteSource> source_;
  size_t part_bytes_;
  Turn& large_;
  cloud::Chunk left_;
  bool ended_ = false;
};

// What the output may become, roughly; the limit of its size is that of its parts' number.
uint64_t expected_bytes(const Try& one) {
  const bool expands = std::ranges::any_of(one.run.request.stages, [](const stage::Spec& each) {
    return each.kind == stage::Kind::decompress;
  });
  const uint64_t bytes = one.job.source.size;
  return expands ? expansion_expected * bytes : bytes + bytes / 2;
}

// Large enough for what the output may become, as all parts have one size.
Result<uint64_t> part_bytes_of(const Try& one) {
  const cloud::Capabilities& can = one.job.to->store->capabilities();
  TRY(const uint64_t part, transfer::part_bytes_of(expected_bytes(one), part_bytes_wanted,
                                                   {.part_bytes_min = can.part_bytes_min,
                                                    .part_bytes_max = can.object_bytes_max,
                                                    .parts_max = can.parts_max}));
  return std::min(part, part_bytes_max);
}

Error unlike_before() {
  return {.code = Code::corrupt,
          .what = "what an earlier process sent of it is not what is made of the source now",
          .remedy = "copy it again"};
}

// The parts an earlier process sent, by their numbers.
using There = std::map<uint32_t, cloud::SentPart>;

// Unless it is there already.
Task<Unit> send_part(rt::Context& ctx, Try& one, There& there, uint32_t number, Held part) {
  const auto at = there.find(number);
  if (at == there.end()) {
    one.job.effort->sent += part->size();
    CO_OK(co_await one.upload.part(ctx, number, cloud::held_body(std::move(part))));
    co_return Unit{};
  }
  const cloud::SentPart sent = at->second;
  there.erase(at);
  const Digest crc =
      co_await rt::offload(one.run.cpu, [part] { return digest_of(DigestKind::crc32c, *part); });
  if (sent.bytes != part->size() || sent.crc32c != crc) {
    co_return fail(unlike_before());
  }
  co_return Unit{};
}

Task<Unit> send_parts(rt::Context& ctx, Try& one, There& there, Cutter& cutter, Held part) {
  const uint32_t parts_max = one.job.to->store->capabilities().parts_max;
  for (uint32_t number = 1; !part->empty(); ++number) {
    if (number > parts_max) {
      co_return fail(
          Code::unsupported,
          fmt::format("it becomes larger than {} parts of {} bytes", parts_max, part->size()),
          "copy it as it is, or split it first");
    }
    CO_OK(co_await send_part(ctx, one, there, number, std::move(part)));
    part = std::make_shared<const std::string>();
    if (!cutter.ended()) {
      CO_TRY(part, co_await cutter.next(ctx));
    }
  }
  co_return there.empty() ? Result<Unit>(Unit{}) : fail(unlike_before());
}

Task<ObjectMeta> upload(rt::Context& ctx, Try& one, Cutter& cutter, Held first) {
  CO_TRY(const auto sent, co_await one.upload.begin(ctx, one.underway(), {.put = one.put}));
  There there;
  for (const cloud::SentPart& each : sent) {
    there[each.number] = each;
  }
  CO_OK(co_await send_parts(ctx, one, there, cutter, std::move(first)));
  const auto crc = std::ranges::find(one.output->digests, DigestKind::crc32c, &Digest::kind);
  co_return co_await one.upload.commit(ctx, {*crc});
}

// Those of an earlier process, where it sent a part: the same bytes must come out again then. Else
// new ones, so that no nonce serves two texts.
Task<Unit> begin_nonces(rt::Context& ctx, Try& one) {
  one.nonces = {.at = ctx.clock().wall()};
  if (one.run.request.journal.empty() || expected_bytes(one) <= one.part_bytes) {
    co_return Unit{};
  }
  CO_OK(co_await one.upload.open_journal(one.run.request.journal, destination_id(one.job)));
  const auto& found = one.upload.found();
  const Underway mine = one.underway();
  if (found && found->nonces && !found->parts.empty() && found->source == mine.source &&
      found->part_bytes == mine.part_bytes) {
    one.nonces = *found->nonces;
  }
  co_return Unit{};
}

// Draws each nonce once: a second opening gives the same bytes.
MakeStage maker(rt::Context& ctx, Try& one, uint64_t bytes) {
  return [&ctx, &one, bytes] {
    size_t drawn = 0;
    const auto draw = [&] {
      std::vector<uint64_t>& numbers = one.nonces.numbers;
      if (drawn == numbers.size()) {
        numbers.push_back(ctx.random().next());
      }
      return numbers[drawn++];
    };
    return stage::make(one.run.request.stages,
                       {.size = bytes, .now = one.nonces.at, .random = draw});
  };
}

Task<ObjectMeta> put_once(rt::Context& ctx, Try& one, OnBytes on_bytes) {
  Run& run = one.run;
  cloud::ObjectStore& from = *run.request.from.store;
  if (!from.capabilities().get_describes) {
    CO_OK(co_await know_source(ctx, run, one.job));
  }
  CO_TRY(cloud::Opened opened,
         co_await from.get(ctx, one.job.source.key, {.if_match = one.job.source.etag}));
  take_read(one.job.source, opened.meta, from.capabilities());
  const uint64_t bytes = opened.meta.size;
  CO_TRY(one.part_bytes, part_bytes_of(one));
  CO_OK(co_await begin_nonces(ctx, one));
  const auto kinds = whole_kinds(run.request.sha256);
  cloud::Body source =
      hashing_body(cloud::body_of(from, std::move(opened)), kinds, one.job.source.digests, run.cpu,
                   one.source, std::move(on_bytes));
  cloud::Body output = hashing_body(staged_body(std::move(source), maker(ctx, one, bytes), run.cpu),
                                    kinds, {}, run.cpu, one.output, {});
  // They describe bytes that are others at the destination.
  one.job.source.content_type = stage::content_type_after(run.request.stages);
  one.job.source.headers.encoding.clear();
  CO_TRY(const cloud::Tags tags, co_await tags_of(ctx, run, one.job.source.key));
  one.put = put_options(run, one.job, tags, one.existing);
  if (bytes > small_bytes_max) {
    CO_OK(co_await one.large.take(ctx));
  }
  CO_TRY(auto opened_output, co_await output.open(ctx, 0));
  Cutter cutter(std::move(opened_output), one.part_bytes, one.large);
  CO_TRY(Held first, co_await cutter.next(ctx));
  if (!cutter.ended()) {
    co_return co_await upload(ctx, one, cutter, std::move(first));
  }
  CO_OK(co_await one.upload.forget(ctx));
  one.job.effort->sent += first->size();
  co_return co_await one.job.to->store->put(ctx, one.job.key, cloud::held_body(std::move(first)),
                                            one.put);
}

// What did not arrive does not count as progress.
Task<ObjectMeta> put_counted(rt::Context& ctx, Try& one) {
  const uint64_t before = one.run.progress.bytes_done;
  auto sent = std::make_shared<uint64_t>(0);
  auto written = co_await put_once(ctx, one, [&run = one.run, sent](uint64_t bytes) {
    *sent += bytes;
    run.progress.bytes_done += bytes;
    run.tell();
  });
  if (!written.has_value()) {
    std::ignore = co_await one.upload.give_up(ctx, written.error().code);
    one.run.progress.bytes_done = std::max(before, one.run.progress.bytes_done - *sent);
  }
  co_return written;
}

}  // namespace

Result<Unit> check_stages(const Request& request) {
  const bool ordered = request.order.by != transfer::By::name || !request.order.first.empty();
  if (ordered && Clashes(request).needs_order()) {
    return fail(Code::bad_input,
                "an order cannot be kept where names lose what says how their bytes were changed: "
                "only in the order of the names it shows which of them clash",
                "copy in the order of the names, or keep the names");
  }
  if (request.stages.empty() || request.if_exists != transfer::IfExists::verify) {
    return Unit{};
  }
  return fail(Code::bad_input,
              "a destination cannot be compared with a source whose bytes are compressed, "
              "encrypted or the reverse on their way",
              "if_exists: skip leaves what is there, replace writes it anew");
}

Result<std::string> target_of(const Request& request, const transfer::Selection& selection,
                              std::string_view key, const cloud::Located& to) {
  TRY(std::string target, transfer::destination_of(selection, key, to.key.text));
  const std::string& folder = to.key.text;
  if (!transfer::is_prefix(folder)) {
    return target;
  }
  TRY(std::string name,
      transfer::renamed(request.renames, std::string_view(target).substr(folder.size())));
  target = folder + name;
  const bool keeps = request.stages.empty() || request.keep_names;
  return keeps ? target : stage::name_after(request.stages, std::move(target));
}

Task<Entry> send_staged(rt::Context& ctx, Run& run, Job job, std::optional<ObjectMeta> existing) {
  Turn any(run.staged);
  CO_OK(co_await any.take(ctx));
  Try one{.run = run, .job = std::move(job), .existing = std::move(existing)};
  auto written = co_await put_counted(ctx, one);
  if (!written.has_value() && written.error().code == Code::corrupt) {
    // Nothing became visible. The bytes may have changed on the way: once more.
    count_attempt(ctx, one.job);
    auto again = co_await put_counted(ctx, one);
    if (again.has_value()) {
      written = std::move(again);
    }
  }
  CO_OK(written);
  CO_TRY(const Proof proof, co_await prove(ctx, run, one.job, *written, *one.output));
  Entry entry = entry_of(ctx, run, one.job);
  entry.proof = proof;
  entry.route = Route::through;
  entry.to.etag = written->etag;
  entry.to.version = written->version;
  entry.bytes = one.output->bytes;
  entry.digests = one.output->digests;
  entry.source_bytes = one.source->bytes;
  entry.source_digests = one.source->digests;
  for (const stage::Spec& each : run.request.stages) {
    entry.stages.emplace_back(stage::kind_name(each.kind));
  }
  entry.done = one.existing ? Done::replaced : Done::written;
  entry.class_kept = !one.job.to->store->capabilities().storage_classes.empty();
  co_return entry;
}

}  // namespace tutti::xfer
