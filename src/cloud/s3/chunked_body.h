// SPDX-License-Identifier: Apache-2.0
// A body in the coding aws-chunked: its CRC32C follows it as a trailer, so that bytes nobody has
// digested before are checked by the store all the same.
#pragma once

#include <optional>
#include <string>

#include "cloud/http/request_body.h"
#include "cloud/sign/aws_v4.h"

namespace tutti::cloud::s3 {

class ChunkedBody final : public net::HttpSource {
 public:
  // `signed_chunks`: sign_with() is called before the first byte is asked for.
  ChunkedBody(std::shared_ptr<http::BodyReader> reader, uint64_t size, bool signed_chunks);

  // To be set on the request before it is signed.
  static void set_headers(sign::Request& request, uint64_t decoded_size);
  void sign_with(sign::AwsChunks chunks) { chunks_ = std::move(chunks); }
  bool wants_signature() const { return signed_; }

  uint64_t size() const override;  // as sent
  Task<std::span<const std::byte>> next(rt::Context& ctx) override;

 private:
  // Unsigned: one chunk of any length. Signed: its digest precedes it, so it lies in memory.
  static constexpr uint64_t signed_chunk_bytes = 256U << 10U;

  Task<std::string> next_signed(rt::Context& ctx);
  std::string trailer();  // with the last chunk before it

  std::shared_ptr<http::BodyReader> reader_;
  uint64_t size_;
  bool signed_;
  std::optional<sign::AwsChunks> chunks_;
  enum class State : uint8_t { start, bytes, done } state_ = State::start;
  Chunk chunk_;        // being sent
  Chunk left_;         // of what was read, not yet in a signed chunk
  std::string frame_;  // being sent
};

}  // namespace tutti::cloud::s3
