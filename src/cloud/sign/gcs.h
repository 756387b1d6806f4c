// SPDX-License-Identifier: Apache-2.0
// Google Cloud Storage: the requests of its JSON API and what its replies say.
// Source: "Cloud Storage JSON API" reference, v1; "Resumable uploads"; "Request preconditions".
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
#include "base/value.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- requests

struct GcsService {
  std::string host = "storage.googleapis.com";  // with its port
  std::string user_project = {};                // who pays, for buckets whose readers do
  // Of Cloud KMS, encrypts what is written: projects/P/locations/L/keyRings/R/cryptoKeys/K. Empty:
  // as the bucket has it.
  std::string kms_key = {};
};

// A version of an object is its generation, a number that only rises. "0" as a condition: there is
// no such object; empty: no condition.
Request gcs_object_request(const GcsService& service, std::string method, std::string_view bucket,
                           std::string_view key, Pairs query = {});

struct GcsRead {
  std::string generation = {};     // this one, even if it is not the live one any more
  std::string if_generation = {};  // the live one must be this
  uint64_t offset = 0;
  std::optional<uint64_t> length = std::nullopt;  // not 0
};
// The stored bytes: an object that is kept compressed comes as it is kept.
Request gcs_read_request(const GcsService& service, std::string_view bucket, std::string_view key,
                         const GcsRead& read);

struct GcsListing {
  std::string prefix = {};
  std::string start_after = {};
  std::string delimiter = {};
  uint32_t limit = 1000;
  std::string token = {};  // GcsPage.next
  bool versions = false;   // those that are not live, too; of each name by rising generation
};
Request gcs_list_request(const GcsService& service, std::string_view bucket,
                         const GcsListing& listing);

// Until when a version must not be removed or replaced. `mode`: Unlocked, which may be shortened
// by who is allowed to, or Locked; empty: not at all.
struct GcsRetention {
  std::string mode = {};
  Instant until = {};
  bool operator==(const GcsRetention&) const = default;
};

// What an object is to have besides its bytes.
struct GcsWrite {
  std::string content_type = {};
  ContentHeaders headers = {};
  std::map<std::string, std::string> metadata = {};
  std::string storage_class = {};  // empty: the bucket's
  GcsRetention retention = {};
  bool held = false;                 // by a temporary hold
  std::vector<Digest> digests = {};  // checked by the service: crc32c and md5; others are left away
  bool operator==(const GcsWrite&) const = default;
};

// "multipart" (bytes and what they have in one request) or "resumable" (begins a session).
Request gcs_upload_request(const GcsService& service, std::string_view bucket, std::string_view key,
                           std::string_view upload_type, std::string_view if_generation);
// The object resource, as JSON: the body that begins a session, `destination` of a compose.
Value gcs_resource(const GcsWrite& write);
// What stands before and behind the bytes in a multipart request; `boundary` must not occur in them
// (32 random characters do not).
struct GcsMultipart {
  std::string content_type;  // of the request
  std::string head;
  std::string tail;
};
GcsMultipart gcs_multipart(const GcsWrite& write, std::string_view boundary);

// Chunks of a session are multiples of this, but for the last.
inline constexpr uint64_t gcs_chunk_unit = 256U << 10U;
// Content-Range of a chunk of `size` bytes (not 0); `total` where this is the last one.
std::string gcs_chunk_range(uint64_t offset, uint64_t size, std::optional<uint64_t> total);
// The same for a request without bytes, which asks how far the session is. With a `total` that the
// service has all of, it completes the object.
std::string gcs_status_range(std::optional<uint64_t> total);
// x-goog-hash: crc32c=...,md5=...; empty for other digests.
std::string gcs_hash_header(const std::vector<Digest>& digests);

struct GcsRewrite {
  std::string from_bucket;
  std::string from_key;
  std::string from_generation = {};  // this version, also one that is not live
  std::string if_from_generation = {};
  std::string to_bucket;
  std::string to_key;
  std::string if_generation = {};  // of the target
  std::string token = {};          // GcsRewritten.token of the call before
};
// One step of a copy inside of the service: repeated until GcsRewritten.done. Its body is "" for a
// target like the source, or a gcs_resource (the same one each time).
Request gcs_rewrite_request(const GcsService& service, const GcsRewrite& rewrite);

struct GcsComponent {
  std::string key;
  std::string generation;
};
inline constexpr size_t gcs_components_max = 32;
Request gcs_compose_request(const GcsService& service, std::string_view bucket,
                            std::string_view key, std::string_view if_generation);
std::string gcs_compose_body(const std::vector<GcsComponent>& components, const GcsWrite& write);

// The body of a PATCH of the object, which sets its retention, or takes it away.
std::string gcs_retention_body(const GcsRetention& retention);
// The same of its holds; an event-based one is only taken away.
std::string gcs_hold_body(bool on);

// Of the XML API, to be signed as a URL: GET, PUT.
Request gcs_url_request(const GcsService& service, std::string method, std::string_view bucket,
                        std::string_view key);

Request gcs_bucket_request(const GcsService& service, std::string method, std::string_view bucket);
Request gcs_buckets_request(const GcsService& service, std::string_view project,
                            std::string_view token);
// Its body: a gcs_bucket_resource.
Request gcs_create_bucket_request(const GcsService& service, std::string_view project);
std::string gcs_bucket_resource(std::string_view bucket, std::string_view location,
                                std::string_view storage_class);

// ---- replies

struct GcsObject {
  std::string key = {};
  uint64_t size = 0;  // of the whole object, as it is stored
  std::string generation = {};
  std::string metageneration = {};
  Instant updated = {};  // of the object or its metadata
  bool live = true;      // else it is a version that was replaced or removed
  GcsRetention retention = {};
  bool held = false;  // by a temporary or an event-based hold
  std::string storage_class = {};
  std::string content_type = {};
  ContentHeaders headers = {};
  std::map<std::string, std::string> metadata = {};
  std::vector<Digest> digests = {};  // crc32c, and md5 where the object is not composed
};
// Of the replies below: `unavailable` where the JSON is none or broken off; asking again helps.
Result<GcsObject> parse_gcs_object(std::string_view json);
// What the headers of a read say; names in lower case. `updated` is in whole seconds. Of the
// content headers only the encoding, as the service makes up some of the others; Google gives no
// metadata here. `unavailable` where the service changed the bytes on their way.
Result<GcsObject> parse_gcs_read(std::string_view key, const Pairs& headers);

struct GcsPage {
  std::vector<GcsObject> objects;
  std::vector<std::string> prefixes;
  std::string next;  // empty: the last page
};
Result<GcsPage> parse_gcs_page(std::string_view json);

struct GcsRewritten {
  bool done = false;
  std::string token;                 // not done: for the next call
  uint64_t bytes_done = 0;           // so far
  std::optional<GcsObject> written;  // done: the target
};
Result<GcsRewritten> parse_gcs_rewritten(std::string_view json);

struct GcsBuckets {
  std::vector<std::string> names;
  std::string next;
};
Result<GcsBuckets> parse_gcs_buckets(std::string_view json);

// GcsFailure.reason of a range that begins behind the object's end.
inline constexpr std::string_view gcs_no_such_range = "requestedRangeNotSatisfiable";

// How many bytes a session has, by the headers of its reply with status 308.
Result<uint64_t> parse_gcs_persisted(const Pairs& headers);

// ---- failures

struct GcsFailure {
  int status = 0;
  std::string reason = {};  // notFound; made of the status where the body says none
  std::string message = {};
  std::string request_id = {};
  std::optional<Duration> retry_after = std::nullopt;
};
// `headers` in lower case; `body` may be anything (JSON, XML, a sentence).
GcsFailure parse_gcs_failure(int status, const Pairs& headers, std::string_view body);
// `where`: the address of the object or bucket.
Error gcs_error(const GcsFailure& failure, std::string where);

}  // namespace tutti::cloud::sign
