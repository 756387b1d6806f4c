// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/aws_v4.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/hmac.h"
#include "cloud/sign/fields.h"
#include "cloud/sign/v4.h"

namespace tutti::cloud::sign {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::string_view day_of(std::string_view time) { return time.substr(0, 8); }

std::string hex_sha256(std::string_view text) { return hex(sha256(text)); }

std::string sign_text(std::string_view key, std::string_view text) {
  return hex_encode(hmac_sha256(key, text));
}

}  // namespace

std::string aws_time(Instant instant) {
  const Date date = date_of(instant);
  const CivilDate day = civil(date);
  const int64_t second = (instant - start_of(date)).us / 1'000'000;
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", day.year, day.month, day.day,
                     second / 3600, second / 60 % 60, second % 60);
}

AwsSigner::AwsSigner(AwsCredentials credentials, std::string region, std::string service)
    : credentials_(std::move(credentials)),
      region_(std::move(region)),
      service_(std::move(service)) {}

const std::string& AwsSigner::key_of(std::string_view day) {
  if (day_ != day) {
    day_ = day;
    key_ = v4_key("AWS4" + credentials_.secret_access_key, scope_of(day));
  }
  return key_;
}

std::string AwsSigner::scope_of(std::string_view day) const {
  return fmt::format("{}/{}/{}/aws4_request", day, region_, service_);
}

std::string AwsSigner::signature_of(const Request& request, std::string_view time,
                                    std::string_view payload) {
  const std::string_view day = day_of(time);
  const V4 v4{.algorithm = algorithm, .time = std::string(time), .scope = scope_of(day)};
  return sign_text(key_of(day), v4_text(request, v4, payload));
}

void AwsSigner::sign(Request& request, Instant now, std::string_view payload) {
  const std::string time = aws_time(now);
  set_value(request.headers, "x-amz-date", time);
  set_value(request.headers, "x-amz-content-sha256", std::string(payload));
  if (!credentials_.session_token.empty()) {
    set_value(request.headers, "x-amz-security-token", credentials_.session_token);
  }
  const std::string names = names_of(signed_headers(request));
  const std::string signature = signature_of(request, time, payload);
  request.headers.emplace_back(
      "authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                  credentials_.access_key_id, scope_of(day_of(time)), names, signature));
}

AwsChunks AwsSigner::sign_chunked(Request& request, Instant now, std::string_view payload) {
  sign(request, now, payload);
  const std::string time = aws_time(now);
  const std::string& authorization = request.headers.back().second;
  AwsChunks chunks;
  chunks.key_ = key_of(day_of(time));
  chunks.scope_ = scope_of(day_of(time));
  chunks.time_ = time;
  chunks.previous_ = authorization.substr(authorization.rfind('=') + 1);
  return chunks;
}

void AwsSigner::presign(Request& request, Instant now, Duration valid) {
  const std::string time = aws_time(now);
  request.query.emplace_back("X-Amz-Algorithm", algorithm);
  request.query.emplace_back(
      "X-Amz-Credential", fmt::format("{}/{}", credentials_.access_key_id, scope_of(day_of(time))));
  request.query.emplace_back("X-Amz-Date", time);
  request.query.emplace_back("X-Amz-Expires",
                             std::to_string(std::min(valid, presign_max).us / 1'000'000));
  request.query.emplace_back("X-Amz-SignedHeaders", names_of(signed_headers(request)));
  if (!credentials_.session_token.empty()) {
    request.query.emplace_back("X-Amz-Security-Token", credentials_.session_token);
  }
  request.query.emplace_back("X-Amz-Signature", signature_of(request, time, unsigned_payload));
}

std::string AwsChunks::header(std::string_view sha256, size_t size) {
  const std::string text = fmt::format("{}-PAYLOAD\n{}\n{}\n{}\n{}\n{}", algorithm, time_, scope_,
                                       previous_, empty_payload_sha256, sha256);
  previous_ = sign_text(key_, text);
  return fmt::format("{:x};chunk-signature={}\r\n", size, previous_);
}

std::string AwsChunks::trailer(const Pairs& trailers) {
  Pairs sorted = trailers;
  std::ranges::sort(sorted);
  std::string canonical;
  std::string out;
  for (const auto& [name, value] : sorted) {
    canonical += name + ":" + value + "\n";
    out += name + ":" + value + "\r\n";
  }
  const std::string text = fmt::format("{}-TRAILER\n{}\n{}\n{}\n{}", algorithm, time_, scope_,
                                       previous_, hex_sha256(canonical));
  return out + "x-amz-trailer-signature:" + sign_text(key_, text) + "\r\n\r\n";
}

}  // namespace tutti::cloud::sign
