// SPDX-License-Identifier: Apache-2.0
// S3: the requests of its API and what its replies say, for Amazon and for stores that speak the
// same. Source: Amazon S3 API Reference, 2006-03-01; where stores differ it is said.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/content_headers.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/time.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- requests

// Where a bucket is reached.
struct S3Bucket {
  std::string host;         // of the service, with its port: s3.eu-west-1.amazonaws.com
  std::string bucket;       // empty: the service itself
  bool path_style = false;  // the bucket stands in the path, not in front of the host
};

Request s3_request(const S3Bucket& bucket, std::string method, Pairs query = {});
Request s3_object_request(const S3Bucket& bucket, std::string method, std::string_view key,
                          Pairs query = {});

struct S3Listing {
  std::string prefix = {};
  std::string start_after = {};
  std::string delimiter = {};
  uint32_t limit = 1000;
  std::string token = {};  // S3Page.next
};
// ListObjectsV2; keys are asked for encoded, as XML cannot hold all of them.
Request s3_list_request(const S3Bucket& bucket, const S3Listing& listing);

// ListObjectVersions; the markers are those of the S3Versions before. Without `id_marker` it begins
// behind all versions of `key_marker`.
Request s3_versions_request(const S3Bucket& bucket, const S3Listing& listing,
                            std::string_view key_marker, std::string_view id_marker);

// ListMultipartUploads; the markers are those of the S3Uploads before.
Request s3_uploads_request(const S3Bucket& bucket, std::string prefix, std::string key_marker,
                           std::string id_marker);

struct S3Part {
  uint32_t number = 0;
  std::string etag;
  std::optional<Digest> crc32c = std::nullopt;
};
// The body of CompleteMultipartUpload; parts by rising number.
std::string s3_complete_body(const std::vector<S3Part>& parts);

// The body of CreateBucket, outside of us-east-1.
std::string s3_location_body(std::string_view region);

// Until when a version must not be removed. `mode`: GOVERNANCE or COMPLIANCE; empty: not at all.
struct S3Retention {
  std::string mode = {};
  Instant until = {};
  bool operator==(const S3Retention&) const = default;
};
// x-amz-object-lock-mode and -retain-until-date, -legal-hold, of what is written.
Pairs s3_lock_headers(const S3Retention& retention, bool legal_hold);
// The bodies of PutObjectRetention, PutObjectLegalHold and RestoreObject. `days` 0: of a class that
// makes no copy but moves the object back; `tier`: Bulk, Standard, Expedited.
std::string s3_retention_body(const S3Retention& retention);
std::string s3_legal_hold_body(bool on);
std::string s3_restore_body(uint32_t days, std::string_view tier);

// The value of x-amz-copy-source: BUCKET/KEY, and the version.
std::string s3_copy_source(std::string_view bucket, std::string_view key, std::string_view version);

// The value of x-amz-tagging.
std::string s3_tagging(const std::map<std::string, std::string>& tags);

// x-amz-checksum-NAME, and its value: base64 of the bytes, big-endian.
std::pair<std::string, std::string> s3_checksum(const Digest& digest);

// ---- replies

struct S3Object {
  std::string key = {};
  uint64_t size = 0;      // of the whole object, also where a range was asked
  std::string etag = {};  // without its quotes
  Instant modified = {};
  std::string storage_class = {};  // empty: STANDARD
  std::string version = {};
  bool is_latest = true;       // of listings of versions
  bool delete_marker = false;  // likewise
  // Of an archived object: what x-amz-restore and x-amz-archive-status say.
  bool restoring = false;
  std::optional<Instant> restored_until = std::nullopt;
  std::string archive_status = {};  // of INTELLIGENT_TIERING: ARCHIVE_ACCESS
  std::string content_type = {};
  ContentHeaders headers = {};
  std::map<std::string, std::string> metadata = {};  // x-amz-meta-NAME, decoded
  std::vector<Digest> digests = {};                  // of the whole object; composite ones are not
};
// Names of `headers` in lower case. bad_input: what cannot be a reply of S3.
Result<S3Object> parse_s3_object(const Pairs& headers);

struct S3Page {
  std::vector<S3Object> objects;
  std::vector<std::string> prefixes;
  std::string next;  // empty: the last page
};
// Of the replies below: `unavailable` where the XML is none or broken off (some stores send that
// with status 200; asking again helps), and what a 200 with <Error> in it says.
Result<S3Page> parse_s3_page(std::string_view xml);
Result<std::string> parse_s3_upload_id(std::string_view xml);  // CreateMultipartUpload
// CompleteMultipartUpload, CopyObject, UploadPartCopy.
struct S3Written {
  std::string etag;
  Instant modified = {};             // of copies only
  std::vector<Digest> digests = {};  // of the whole object; composite ones are not
};
Result<S3Written> parse_s3_written(std::string_view xml);
struct S3Parts {
  std::vector<S3Part> parts;
  std::optional<uint32_t> next;  // part-number-marker of the next page
};
Result<S3Parts> parse_s3_parts(std::string_view xml);
// GetObjectTagging.
Result<std::map<std::string, std::string>> parse_s3_tags(std::string_view xml);
struct S3Pending {
  std::string key = {};
  std::string id = {};
  Instant started = {};
};
struct S3Uploads {
  std::vector<S3Pending> uploads;
  std::string next_key;  // empty: the last page
  std::string next_id;
};
Result<S3Uploads> parse_s3_uploads(std::string_view xml);
struct S3Versions {
  std::vector<S3Object> objects;  // with version, is_latest, delete_marker; in the order they came
  std::vector<std::string> prefixes;
  bool more = false;
  std::string next_key;  // the last page: empty
  std::string next_id;
};
Result<S3Versions> parse_s3_versions(std::string_view xml);
Result<S3Retention> parse_s3_retention(std::string_view xml);
Result<bool> parse_s3_legal_hold(std::string_view xml);
Result<std::vector<std::string>> parse_s3_buckets(std::string_view xml);  // names

// ---- failures

struct S3Failure {
  int status = 0;
  std::string code = {};  // NoSuchKey; for a HEAD, which has no body, made of the status
  std::string message = {};
  std::string region = {};  // the right one, where the request went to another
  std::string request_id = {};
  bool silent = false;                                // no body said why: a HEAD
  bool delete_marker = false;                         // the version asked for is one
  std::optional<Instant> server_time = std::nullopt;  // Date, to mend a clock that is wrong
  std::optional<Duration> retry_after = std::nullopt;
};
// `headers` in lower case; `body` may be anything.
S3Failure parse_s3_failure(int status, const Pairs& headers, std::string_view body);
// `where`: the address of the object or bucket.
Error s3_error(const S3Failure& failure, std::string where);

}  // namespace tutti::cloud::sign
