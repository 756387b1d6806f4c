// SPDX-License-Identifier: Apache-2.0
#include "cloud/s3/chunked_body.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/sign/s3.h"

namespace tutti::cloud::s3 {
namespace {

constexpr std::string_view trailer_name = "x-amz-checksum-crc32c";
constexpr uint64_t signature_bytes = 17 + 64;          // ;chunk-signature=...
constexpr uint64_t trailer_signature_bytes = 24 + 64;  // x-amz-trailer-signature:...
constexpr uint64_t crc_text_bytes = 8;                 // base64 of four bytes

uint64_t hex_digits(uint64_t n) {
  uint64_t digits = 1;
  for (; n > 15; n /= 16) {
    ++digits;
  }
  return digits;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

ChunkedBody::ChunkedBody(std::shared_ptr<http::BodyReader> reader, uint64_t size,
                         bool signed_chunks)
    : reader_(std::move(reader)), size_(size), signed_(signed_chunks) {}

void ChunkedBody::set_headers(sign::Request& request, uint64_t decoded_size) {
  const std::string* stored = sign::find_value(request.headers, "content-encoding");
  sign::set_value(request.headers, "content-encoding",
                  stored == nullptr ? "aws-chunked" : "aws-chunked," + *stored);
  sign::set_value(request.headers, "x-amz-decoded-content-length", std::to_string(decoded_size));
  sign::set_value(request.headers, "x-amz-sdk-checksum-algorithm", "CRC32C");
  sign::set_value(request.headers, "x-amz-trailer", std::string(trailer_name));
}

uint64_t ChunkedBody::size() const {
  const auto chunk = [this](uint64_t bytes) {  // with its header and the line end behind
    return hex_digits(bytes) + (signed_ ? signature_bytes : 0) + 2 + bytes + 2;
  };
  const uint64_t full = signed_ ? size_ / signed_chunk_bytes : 0;
  const uint64_t rest = size_ - full * signed_chunk_bytes;
  return full * chunk(signed_chunk_bytes) + (rest > 0 ? chunk(rest) : 0)  //
         + chunk(0) - 2                                                   // the last one
         + trailer_name.size() + 1 + crc_text_bytes + 2                   //
         + (signed_ ? trailer_signature_bytes + 2 : 0) + 2;
}

std::string ChunkedBody::trailer() {
  const sign::Pairs trailers{sign::s3_checksum(reader_->digests().front())};
  if (signed_) {
    return chunks_->header(sign::empty_payload_sha256, 0) + chunks_->trailer(trailers);
  }
  return fmt::format("0\r\n{}:{}\r\n\r\n", trailers.front().first, trailers.front().second);
}

Task<std::span<const std::byte>> ChunkedBody::next(rt::Context& ctx) {
  chunk_ = Chunk();
  if (state_ == State::done) {
    co_return std::span<const std::byte>();
  }
  if (signed_) {
    CO_TRY(frame_, co_await next_signed(ctx));
    co_return bytes_of(frame_);
  }
  if (state_ == State::start && size_ > 0) {
    state_ = State::bytes;
    frame_ = fmt::format("{:x}\r\n", size_);
    co_return bytes_of(frame_);
  }
  CO_TRY(chunk_, co_await reader_->next(ctx));
  if (!chunk_.empty()) {
    co_return chunk_.bytes();
  }
  frame_ = (size_ > 0 ? "\r\n" : "") + trailer();
  state_ = State::done;
  co_return bytes_of(frame_);
}

// The next chunk, whole, with all that belongs to it.
Task<std::string> ChunkedBody::next_signed(rt::Context& ctx) {
  std::string bytes;
  while (bytes.size() < signed_chunk_bytes) {
    if (left_.empty()) {
      CO_TRY(left_, co_await reader_->next(ctx));
      if (left_.empty()) {
        break;
      }
    }
    const size_t n = std::min<uint64_t>(signed_chunk_bytes - bytes.size(), left_.size());
    bytes += left_.text().substr(0, n);
    left_ = left_.slice(n, left_.size() - n);
  }
  if (bytes.empty()) {
    state_ = State::done;
    co_return trailer();
  }
  co_return chunks_->header(hex(sha256(bytes)), bytes.size()) + bytes + "\r\n";
}

}  // namespace tutti::cloud::s3
