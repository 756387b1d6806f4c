// SPDX-License-Identifier: Apache-2.0
// What S3 and those who give out its credentials reply, and AWS's files of
// profiles: what is accepted can be worked with.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cloud/sign/aws_credentials.h"
#include "cloud/sign/s3.h"

namespace {

using namespace tutti::cloud::sign;

void read_replies(std::string_view text) {
  if (const auto page = parse_s3_page(text); page.has_value()) {
    for (const S3Object& object : page->objects) {
      CHECK(!object.key.empty());
      const Request request =
          s3_object_request({.host = "h", .bucket = "b", .path_style = true}, "GET", object.key);
      CHECK(request.path.size() > 2);
    }
  }
  if (const auto parts = parse_s3_parts(text); parts.has_value()) {
    CHECK(s3_complete_body(parts->parts).ends_with("</CompleteMultipartUpload>"));
  }
  if (const auto written = parse_s3_written(text); written.has_value()) {
    CHECK(!written->etag.empty());
  }
  std::ignore = parse_s3_upload_id(text);
  std::ignore = parse_s3_buckets(text);
  CHECK(!s3_error(parse_s3_failure(409, {}, text), "s3://b/k").what.empty());
  CHECK(!s3_error(parse_s3_failure(200, {{"date", std::string(text)}}, text), "").what.empty());
}

void read_headers(std::string_view text) {
  const std::string value(text);
  std::ignore = parse_s3_object({{"content-length", value}});
  std::ignore = parse_s3_object({{"content-range", value},
                                 {"x-amz-checksum-crc32c", value},
                                 {"x-amz-meta-a", value},
                                 {"last-modified", value}});
}

void read_credentials(std::string_view text) {
  const auto check = [](const auto& found) {
    if (found.has_value()) {
      CHECK(!found->credentials.access_key_id.empty());
      CHECK(!found->credentials.secret_access_key.empty());
    }
  };
  check(parse_aws_credentials(text));
  check(parse_sso_credentials(text));
  check(parse_sts_credentials(text));
  CHECK(!parse_sts_failure(text).empty());
  std::ignore = parse_aws_files(text, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_replies(text);
  read_headers(text);
  read_credentials(text);
  return 0;
}
