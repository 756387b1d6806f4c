// SPDX-License-Identifier: Apache-2.0
#include "xfer/upload.h"

#include <algorithm>

namespace tutti::xfer {
namespace {

bool may_be_finished_later(Code code) {
  return is_retryable(code) || code == Code::cancelled || code == Code::timed_out ||
         code == Code::unknown_outcome;
}

bool same_bytes(const Underway& a, const Underway& b) {
  return a.source == b.source && a.part_bytes == b.part_bytes && a.nonces == b.nonces;
}

// Parts that are what this transfer would send under these numbers, as far as it is known.
std::vector<cloud::SentPart> fitting(std::vector<cloud::SentPart> parts, uint64_t part_bytes,
                                     std::optional<uint64_t> size) {
  std::erase_if(parts, [&](const cloud::SentPart& each) {
    const uint64_t offset = (each.number - 1) * part_bytes;
    return size ? offset >= *size || each.bytes != std::min(part_bytes, *size - offset)
                : each.bytes > part_bytes;
  });
  return parts;
}

}  // namespace

Task<Unit> JournalledUpload::open_journal(std::filesystem::path folder, std::string address) {
  auto opened =
      co_await rt::offload(cpu_, [folder, address] { return JournalFile::open(folder, address); });
  journal_ = opened.has_value() ? std::move(*opened) : nullptr;
  co_return Unit{};
}

const std::optional<Underway>& JournalledUpload::found() const {
  static const std::optional<Underway> nothing;
  return journal_ != nullptr ? journal_->found() : nothing;
}

Task<std::vector<cloud::SentPart>> JournalledUpload::begin(rt::Context& ctx, Underway underway,
                                                           cloud::UploadOptions options) {
  options.part_bytes = underway.part_bytes;
  options.resumable = journal_ != nullptr;
  if (found() && same_bytes(*found(), underway)) {
    CO_TRY(auto there, co_await go_on(ctx, options));
    if (there) {
      co_return std::move(*there);
    }
  } else {
    CO_OK(co_await end_found(ctx));
  }
  CO_OK(co_await begin_anew(ctx, std::move(underway), std::move(options)));
  co_return std::vector<cloud::SentPart>();
}

// nullptr: nothing is left of it.
Task<std::unique_ptr<cloud::Upload>> JournalledUpload::reopen(rt::Context& ctx,
                                                              cloud::UploadOptions options) {
  options.part_bytes = found()->part_bytes;
  options.id = found()->upload;
  options.resumable = true;
  auto upload = co_await store_.begin_upload(ctx, key_, std::move(options));
  if (!upload.has_value() && upload.error().code == Code::not_found) {
    co_return nullptr;
  }
  co_return upload;
}

// The parts that are there; nullopt: nothing is left of it.
Task<std::optional<std::vector<cloud::SentPart>>> JournalledUpload::go_on(
    rt::Context& ctx, cloud::UploadOptions options) {
  auto parts = fitting(found()->parts, options.part_bytes, options.size);
  CO_TRY(auto upload, co_await reopen(ctx, std::move(options)));
  if (upload == nullptr) {
    co_return std::nullopt;
  }
  auto there = co_await upload->take_over(ctx, std::move(parts));
  if (!there.has_value() && there.error().code == Code::not_found) {
    co_return std::nullopt;
  }
  if (!there.has_value()) {
    upload->keep();
    co_return fail(std::move(there).error());
  }
  upload_ = std::move(upload);
  co_return std::move(*there);
}

Task<Unit> JournalledUpload::end_found(rt::Context& ctx) {
  if (!found()) {
    co_return Unit{};
  }
  CO_TRY(const auto upload, co_await reopen(ctx, {}));
  if (upload != nullptr) {
    std::ignore = co_await upload->abort(ctx);
  }
  co_return Unit{};
}

Task<Unit> JournalledUpload::forget(rt::Context& ctx) {
  CO_OK(co_await end_found(ctx));
  remove_journal();
  co_return Unit{};
}

Task<Unit> JournalledUpload::begin_anew(rt::Context& ctx, Underway underway,
                                        cloud::UploadOptions options) {
  auto upload = co_await store_.begin_upload(ctx, key_, std::move(options));
  if (!upload.has_value()) {
    remove_journal();  // nothing is under way
    co_return fail(std::move(upload).error());
  }
  upload_ = std::move(*upload);
  underway.upload = upload_->id();
  if (journal_ == nullptr || underway.upload.empty()) {
    remove_journal();
    co_return Unit{};
  }
  auto begun = co_await rt::offload(cpu_, [journal = journal_, underway = std::move(underway)] {
    return journal->begin(underway);
  });
  if (!begun.has_value()) {
    remove_journal();  // no journal is no reason to fail
  }
  co_return Unit{};
}

Task<cloud::SentPart> JournalledUpload::part(rt::Context& ctx, uint32_t number, cloud::Body bytes) {
  CO_TRY(cloud::SentPart sent, co_await upload_->part(ctx, number, std::move(bytes)));
  if (journal_ != nullptr) {
    // Without its line it is sent again, should this process die; that is no reason to fail.
    std::ignore =
        co_await rt::offload(cpu_, [journal = journal_, sent] { return journal->add(sent); });
  }
  co_return sent;
}

Task<cloud::ObjectMeta> JournalledUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_TRY(cloud::ObjectMeta meta, co_await upload_->commit(ctx, std::move(digests)));
  remove_journal();
  co_return meta;
}

Task<Unit> JournalledUpload::give_up(rt::Context& ctx, Code code) {
  if (upload_ == nullptr) {
    if (!found()) {
      remove_journal();
    }
  } else if (journal_ != nullptr && may_be_finished_later(code)) {
    upload_->keep();
  } else {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
    std::ignore = co_await upload_->abort(patient);
    remove_journal();
  }
  upload_.reset();
  journal_.reset();
  co_return Unit{};
}

void JournalledUpload::remove_journal() {
  if (journal_ != nullptr) {
    journal_->remove();
    journal_.reset();
  }
}

}  // namespace tutti::xfer
