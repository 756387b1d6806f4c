// SPDX-License-Identifier: Apache-2.0
#include "cloud/http/request_body.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"

namespace tutti::cloud::http {
namespace {

// Cuts a body into pieces of a fixed size.
class Cutter {
 public:
  explicit Cutter(BodyReader& reader) : reader_(reader) {}

  // Exactly `bytes`, or fewer at the end.
  Task<std::shared_ptr<std::string>> take(rt::Context& ctx, uint64_t bytes) {
    auto piece = std::make_shared<std::string>();
    while (piece->size() < bytes) {
      if (left_.empty()) {
        CO_TRY(left_, co_await reader_.next(ctx));
        if (left_.empty()) {
          break;
        }
      }
      const size_t n = std::min<uint64_t>(bytes - piece->size(), left_.size());
      *piece += left_.text().substr(0, n);
      left_ = left_.slice(n, left_.size() - n);
    }
    co_return piece;
  }

 private:
  BodyReader& reader_;
  Chunk left_;
};

Task<ObjectMeta> upload_parts(rt::Context& ctx, Upload& upload, BodyReader& reader, Cutter& cutter,
                              std::shared_ptr<std::string> piece, uint64_t part_bytes) {
  for (uint32_t number = 1; !piece->empty(); ++number) {
    CO_OK(co_await upload.part(ctx, number, held_body(std::move(piece))));
    CO_TRY(piece, co_await cutter.take(ctx, part_bytes));
  }
  co_return co_await upload.commit(ctx, reader.digests());
}

}  // namespace

BodyReader::BodyReader(Body body, std::unique_ptr<ByteSource> source)
    : body_(std::move(body)), source_(std::move(source)), check_(body_) {}

Task<std::unique_ptr<BodyReader>> BodyReader::open(rt::Context& ctx, Body body) {
  CO_TRY(auto source, co_await body.open(ctx, 0));
  co_return std::unique_ptr<BodyReader>(new BodyReader(std::move(body), std::move(source)));
}

Task<Chunk> BodyReader::next(rt::Context& ctx) {
  if (source_ == nullptr) {
    co_return Chunk();
  }
  CO_TRY(Chunk chunk, co_await source_->next(ctx));
  if (chunk.empty()) {
    source_.reset();
    CO_TRY(digests_, check_.finish(body_));
    co_return chunk;
  }
  check_.update(chunk.bytes());
  if (body_.size && check_.size() > *body_.size) {
    CO_OK(check_.finish(body_));  // says what differs
  }
  co_return chunk;
}

PlainBody::PlainBody(std::shared_ptr<BodyReader> reader, uint64_t size)
    : reader_(std::move(reader)), size_(size) {}

Task<std::span<const std::byte>> PlainBody::next(rt::Context& ctx) {
  while (true) {
    chunk_ = Chunk();  // before another buffer is waited for
    CO_TRY(chunk_, co_await reader_->next(ctx));
    if (chunk_.empty()) {
      if (!kept_) {
        co_return std::span<const std::byte>();
      }
      last_ = *std::exchange(kept_, std::nullopt);
      co_return std::span(&last_, 1);
    }
    if (reader_->bytes() == size_) {
      kept_ = chunk_.bytes().back();
      chunk_ = chunk_.slice(0, chunk_.size() - 1);
    }
    if (!chunk_.empty()) {
      co_return chunk_.bytes();
    }
  }
}

Task<Collected> collect(rt::Context& ctx, Body body, size_t bytes_max) {
  CO_TRY(const auto reader, co_await BodyReader::open(ctx, std::move(body)));
  Collected collected;
  while (true) {
    CO_TRY(const Chunk chunk, co_await reader->next(ctx));
    if (chunk.empty()) {
      collected.digests = reader->digests();
      co_return collected;
    }
    if (collected.bytes.size() + chunk.size() > bytes_max) {
      co_return fail(Code::bad_input, fmt::format("the body is larger than {} bytes", bytes_max));
    }
    collected.bytes += chunk.text();
  }
}

Task<ObjectMeta> put_in_parts(rt::Context& ctx, ObjectStore& store, Key key, Body body,
                              PutOptions options, uint64_t part_bytes) {
  const uint64_t parts_max = store.capabilities().parts_max;
  part_bytes = std::max(part_bytes, (body.size.value_or(0) + parts_max - 1) / parts_max);
  CO_TRY(const auto reader, co_await BodyReader::open(ctx, body));
  Cutter cutter(*reader);
  CO_TRY(auto piece, co_await cutter.take(ctx, part_bytes));
  if (piece->size() < part_bytes) {
    Body whole = held_body(std::move(piece));
    whole.digests = reader->digests();
    co_return co_await store.put(ctx, std::move(key), std::move(whole), std::move(options));
  }
  CO_TRY(auto upload,
         co_await store.begin_upload(ctx, std::move(key),
                                     {.put = std::move(options), .part_bytes = part_bytes}));
  auto written = co_await upload_parts(ctx, *upload, *reader, cutter, std::move(piece), part_bytes);
  if (!written.has_value()) {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
    std::ignore = co_await upload->abort(patient);
  }
  co_return written;
}

}  // namespace tutti::cloud::http
