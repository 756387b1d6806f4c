// SPDX-License-Identifier: Apache-2.0
// What S3 and those who give out its credentials reply, and AWS's files of
// profiles: what is accepted can be worked with.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/http_date.h"
#include "cloud/sign/aws_credentials.h"
#include "cloud/sign/s3.h"
#include "reply.h"

namespace {

using namespace tutti::cloud::sign;
using namespace tutti::fuzz;

S3Bucket bucket() { return {.host = "h", .bucket = "b", .path_style = true}; }

void read_replies(std::string_view text) {
  if (const auto page = parse_s3_page(text); page.has_value()) {
    for (const S3Object& object : page->objects) {
      CHECK(!object.key.empty());
      const Request request = s3_object_request(bucket(), "GET", object.key);
      CHECK(request.path.size() > 2);
    }
  }
  if (const auto parts = parse_s3_parts(text); parts.has_value()) {
    CHECK(s3_complete_body(parts->parts).ends_with("</CompleteMultipartUpload>"));
  }
  if (const auto written = parse_s3_written(text); written.has_value()) {
    CHECK(!written->etag.empty());
  }
  if (const auto tags = parse_s3_tags(text); tags.has_value()) {
    CHECK(tags_in(s3_tagging(*tags)) == *tags);
  }
  std::ignore = parse_s3_upload_id(text);
  std::ignore = parse_s3_buckets(text);
  CHECK(!s3_error(parse_s3_failure(409, {}, text), "s3://b/k").what.empty());
  CHECK(!s3_error(parse_s3_failure(200, {{"date", std::string(text)}}, text), "").what.empty());
}

// A page that is not the last says where the next one begins, and only such a page does.
void read_pages(std::string_view text) {
  const auto marker_of = [](const Request& request) {
    const std::string* marker = find_value(request.query, "key-marker");
    return marker == nullptr ? std::string() : *marker;
  };
  if (const auto page = parse_s3_versions(text); page.has_value()) {
    for (const S3Object& object : page->objects) {
      CHECK(!object.key.empty());
      CHECK(!object.delete_marker || object.size == 0);
    }
    CHECK(page->more == !page->next_key.empty());
    CHECK(page->more || page->next_id.empty());
    CHECK(marker_of(s3_versions_request(bucket(), {}, page->next_key, page->next_id)) ==
          page->next_key);
  }
  if (const auto page = parse_s3_uploads(text); page.has_value()) {
    for (const S3Pending& upload : page->uploads) {
      CHECK(!upload.key.empty());
      CHECK(!upload.id.empty());
    }
    CHECK(!page->next_key.empty() || page->next_id.empty());
    CHECK(marker_of(s3_uploads_request(bucket(), "", page->next_key, page->next_id)) ==
          page->next_key);
  }
}

// What a lock says can be set again, and reads the same then.
void read_locks(std::string_view text) {
  if (const auto retention = parse_s3_retention(text); retention.has_value()) {
    CHECK(!retention->mode.empty() || *retention == S3Retention{});
    const bool is_mode = retention->mode == "GOVERNANCE" || retention->mode == "COMPLIANCE";
    if (is_mode && has_date(retention->until)) {
      const auto again = parse_s3_retention(s3_retention_body(*retention));
      CHECK(again.has_value());
      CHECK(again->mode == retention->mode);
      CHECK(is_same_second(retention->until, again->until));
    }
  }
  if (const auto held = parse_s3_legal_hold(text); held.has_value()) {
    const auto again = parse_s3_legal_hold(s3_legal_hold_body(*held));
    CHECK(again.has_value() && *again == *held);
  }
}

void check_object(const S3Object& object) {
  for (const tutti::Digest& digest : object.digests) {
    const auto again = parse_s3_object({s3_checksum(digest)});
    CHECK(again.has_value() && again->digests == std::vector{digest});
  }
  if (object.restored_until && has_date(*object.restored_until)) {
    const auto again =
        parse_s3_object({{"x-amz-restore", R"(ongoing-request="false", expiry-date=")" +
                                               tutti::http_date(*object.restored_until) + "\""}});
    CHECK(again.has_value() && !again->restoring);
    CHECK(again->restored_until == object.restored_until);
  }
}

void read_headers(std::string_view text) {
  const std::string value(text);
  std::ignore = parse_s3_object({{"content-length", value}});
  std::ignore = parse_s3_object({{"content-range", value},
                                 {"x-amz-checksum-crc32c", value},
                                 {"x-amz-meta-a", value},
                                 {"last-modified", value}});
  // Nothing but a size is refused.
  const auto alone = parse_s3_object({{"x-amz-restore", value},
                                      {"x-amz-checksum-crc32c", value},
                                      {"x-amz-checksum-crc64nvme", value},
                                      {"x-amz-checksum-sha256", value},
                                      {"x-amz-meta-a", value},
                                      {"content-encoding", value},
                                      {"last-modified", value}});
  CHECK(alone.has_value() && alone->metadata.contains("a"));
  check_object(*alone);
  const Pairs headers = headers_in(text);
  if (const auto object = parse_s3_object(headers); object.has_value()) {
    check_object(*object);
  }
  const S3Failure failure = parse_s3_failure(503, headers, "");
  CHECK(failure.retry_after.value_or(tutti::Duration{}) >= tutti::Duration{});
  CHECK(!s3_error(failure, "s3://b/k").what.empty());
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
  if (const auto words = split_command(text); words.has_value()) {
    CHECK(!words->empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_replies(text);
  read_pages(text);
  read_locks(text);
  read_headers(text);
  read_credentials(text);
  return 0;
}
