// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/reading.h"

#include <algorithm>

namespace tutti::cloud::gcs {

class Reading::Stretch final : public net::HttpSource {
 public:
  Stretch(std::shared_ptr<Reading> reading, uint64_t from, uint64_t to)
      : reading_(std::move(reading)), size_(to - from), to_(to) {}
  uint64_t size() const override { return size_; }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override {
    chunk_ = Chunk();  // before another buffer is waited for
    CO_TRY(chunk_, co_await reading_->next(ctx, to_));
    co_return chunk_.bytes();
  }

 private:
  std::shared_ptr<Reading> reading_;
  uint64_t size_;
  uint64_t to_;
  Chunk chunk_;  // being sent
};

Task<Chunk> Reading::next(rt::Context& ctx, uint64_t to) {
  CO_OK(ctx.check());
  if (at_ == to) {
    co_return Chunk();
  }
  if (left_.empty()) {
    auto read = co_await reader_->next(ctx);
    if (!read.has_value()) {
      reader_.reset();  // it cannot go on
      co_return fail(std::move(read).error());
    }
    left_ = std::move(*read);
  }
  const size_t bytes = std::min<uint64_t>(left_.size(), to - at_);
  const Chunk piece = left_.slice(0, bytes);
  left_ = left_.slice(bytes, left_.size() - bytes);
  at_ += bytes;
  co_return piece;
}

// Digests are of all bytes: those before `at` are read, too.
Task<Unit> Reading::seek(rt::Context& ctx, uint64_t at) {
  if (reader_ == nullptr || at_ > at) {
    left_ = Chunk();
    reader_.reset();
    CO_TRY(reader_, co_await http::BodyReader::open(ctx, body_));
    at_ = 0;
  }
  while (at_ < at) {
    CO_OK(co_await next(ctx, at));
  }
  co_return Unit{};
}

Task<std::shared_ptr<net::HttpSource>> Reading::stretch(rt::Context& ctx, uint64_t from,
                                                        uint64_t to) {
  CO_OK(co_await seek(ctx, from));
  co_return std::make_shared<Stretch>(shared_from_this(), from, to);
}

Task<std::string> Reading::rest(rt::Context& ctx, uint64_t from) {
  CO_OK(co_await seek(ctx, from));
  std::string bytes;
  while (at_ < size()) {
    CO_TRY(const Chunk piece, co_await next(ctx, size()));
    bytes += piece.text();
  }
  // The end, where the reader compares what it has seen; longer bodies it has refused.
  CO_OK(co_await reader_->next(ctx));
  digests_ = reader_->digests();
  co_return bytes;
}

}  // namespace tutti::cloud::gcs
