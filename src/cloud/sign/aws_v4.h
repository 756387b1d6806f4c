// SPDX-License-Identifier: Apache-2.0
// AWS Signature Version 4, as S3 wants it: the path is encoded once and not normalised.
// Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API Reference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token = {};  // of temporary credentials
  bool operator==(const AwsCredentials&) const = default;
};

// What stands for the body in the signature, and in the header x-amz-content-sha256.
inline constexpr std::string_view empty_payload_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";  // over TLS only
inline constexpr std::string_view unsigned_chunks = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
inline constexpr std::string_view signed_chunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view signed_chunks_trailer =
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

constexpr Duration presign_max = days(7);

// The chunks of an aws-chunked body, each signed over the one before it.
class AwsChunks {
 public:
  // What precedes a chunk's bytes on the wire; behind them comes "\r\n". `sha256`: of the bytes, in
  // hex. An empty chunk is the last one; with trailers there is no "\r\n" behind it.
  std::string header(std::string_view sha256, size_t size);
  // What follows the last chunk's header: "name:value\r\n" each, the signature, and an empty line.
  std::string trailer(const Pairs& trailers);

 private:
  friend class AwsSigner;
  std::string key_;
  std::string scope_;
  std::string time_;
  std::string previous_;  // signature
};

// Signs for one service and region. The key derived for a day is kept, so that a signature costs
// two digests. Not thread-safe.
class AwsSigner {
 public:
  AwsSigner(AwsCredentials credentials, std::string region, std::string service = "s3");

  const std::string& region() const { return region_; }

  // Adds x-amz-date, x-amz-content-sha256, x-amz-security-token and authorization. Every header
  // that is there is signed. `payload`: a digest in hex, or one of the words above.
  void sign(Request& request, Instant now, std::string_view payload);
  // As sign(), with one of the signed_chunks words. `request` says x-amz-decoded-content-length.
  AwsChunks sign_chunked(Request& request, Instant now, std::string_view payload);
  // The URL's query is completed: whoever has it can send this method with these headers within
  // `valid` (at most presign_max) from `now`.
  void presign(Request& request, Instant now, Duration valid);

 private:
  std::string signature_of(const Request& request, std::string_view time, std::string_view payload);
  const std::string& key_of(std::string_view day);
  std::string scope_of(std::string_view day) const;

  AwsCredentials credentials_;
  std::string region_;
  std::string service_;
  std::string day_;  // that key_ is of
  std::string key_;
};

// 20130524T000000Z
std::string aws_time(Instant instant);

}  // namespace tutti::cloud::sign
