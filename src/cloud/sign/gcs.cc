// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/gcs.h"

#include <algorithm>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/ascii.h"
#include "base/encode.h"
#include "base/http_date.h"
#include "cloud/sign/fields.h"

namespace tutti::cloud::sign {
namespace {

void add_if(Pairs& query, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    query.emplace_back(name, value);
  }
}

Request request_of(const GcsService& service, std::string method, std::string path, Pairs query) {
  add_if(query, "userProject", service.user_project);
  return {.method = std::move(method),
          .host = service.host,
          .path = std::move(path),
          .query = std::move(query)};
}

// In a path of the JSON API a slash of the name is encoded too.
std::string object_path(std::string_view bucket, std::string_view key) {
  return fmt::format("/storage/v1/b/{}/o/{}", percent_encode(bucket), percent_encode(key));
}

std::string base64_of(const Digest& digest) {
  return base64_encode(
      {reinterpret_cast<const char*>(digest.bytes.data()), digest_size(digest.kind)});
}

std::optional<Digest> digest_from(DigestKind kind, std::string_view base64) {
  const Result<std::string> bytes = base64_decode(base64);
  if (!bytes.has_value() || bytes->size() != digest_size(kind)) {
    return std::nullopt;
  }
  Digest digest{.kind = kind};
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

void add_digest(std::vector<Digest>& digests, DigestKind kind, std::string_view base64) {
  if (const auto digest = digest_from(kind, base64)) {
    digests.push_back(*digest);
  }
}

// What the service can check.
std::string_view digest_member(DigestKind kind) {
  switch (kind) {
    case DigestKind::crc32c:
      return "crc32c";
    case DigestKind::md5:
      return "md5Hash";
    case DigestKind::sha256:
    case DigestKind::crc64nvme:
      break;
  }
  return {};
}

constexpr std::pair<std::string ContentHeaders::*, std::string_view> header_members[] = {
    {&ContentHeaders::encoding, "contentEncoding"},
    {&ContentHeaders::language, "contentLanguage"},
    {&ContentHeaders::disposition, "contentDisposition"},
    {&ContentHeaders::cache_control, "cacheControl"}};

Error broken_json(std::string what) {
  return {.code = Code::unavailable,
          .what = std::move(what),
          .remedy = "the store's reply is broken; it is asked again"};
}

Result<Value> parsed(std::string_view json) {
  Result<Value> value = parse_json(json);
  if (!value.has_value() || !value->is_map()) {
    return fail(broken_json("the reply is no JSON object"));
  }
  return value;
}

Result<GcsObject> object_in(const Value& value) {
  const auto size = number<uint64_t>(value.get_string("size"));
  const auto updated = parse_instant(value.get_string("updated"));
  GcsObject object{.key = std::string(value.get_string("name")),
                   .generation = std::string(value.get_string("generation")),
                   .metageneration = std::string(value.get_string("metageneration")),
                   .storage_class = std::string(value.get_string("storageClass")),
                   .content_type = std::string(value.get_string("contentType"))};
  for (const auto& [header, member] : header_members) {
    object.headers.*header = value.get_string(member);
  }
  if (object.key.empty() || object.generation.empty() || !size || !updated.has_value()) {
    return fail(broken_json("an object of the reply has no name, generation, size or time"));
  }
  object.size = *size;
  object.updated = *updated;
  object.live = value.get_string("timeDeleted").empty();
  object.held = value.get_bool("temporaryHold") || value.get_bool("eventBasedHold");
  const Value& retention = value["retention"];
  if (const auto until = parse_instant(retention.get_string("retainUntilTime"));
      until.has_value()) {
    object.retention = {.mode = std::string(retention.get_string("mode")), .until = *until};
  }
  if (value["metadata"].is_map()) {
    for (const auto& [name, text] : value["metadata"].as_map()) {
      if (text.is_string()) {
        object.metadata[name] = text.as_string();
      }
    }
  }
  for (const DigestKind kind : {DigestKind::crc32c, DigestKind::md5}) {
    add_digest(object.digests, kind, value.get_string(digest_member(kind)));
  }
  return object;
}

// crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==, in one header or several.
std::vector<Digest> digests_of(const Pairs& headers) {
  std::vector<Digest> digests;
  for (const auto& [name, value] : headers) {
    if (name != "x-goog-hash") {
      continue;
    }
    std::string_view rest = value;
    while (!rest.empty()) {
      std::string_view each = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), each.size() + 1));
      each.remove_prefix(std::min(each.size(), each.find_first_not_of(' ')));
      if (each.starts_with("crc32c=")) {
        add_digest(digests, DigestKind::crc32c, each.substr(7));
      } else if (each.starts_with("md5=")) {
        add_digest(digests, DigestKind::md5, each.substr(4));
      }
    }
  }
  return digests;
}

// The size of the whole object by the headers of a read.
Result<uint64_t> stored_size(const Pairs& headers) {
  std::string size = value_of(headers, "x-goog-stored-content-length");
  if (const std::string range = value_of(headers, "content-range");
      size.empty() && !range.empty()) {
    size = range.substr(range.rfind('/') + 1);  // bytes 0-9/443
  }
  if (size.empty()) {
    size = value_of(headers, "content-length");
  }
  const auto bytes = number<uint64_t>(size);
  if (!bytes) {
    return fail(broken_json(fmt::format("the reply gives '{}' as the object's size", size)));
  }
  return *bytes;
}

// ---- errors

struct Meaning {
  std::string_view reason;
  Code code;
  std::string_view remedy;
};

constexpr std::string_view credentials_remedy =
    "check the credentials of the connection; `tutti connections test` shows which are found";
constexpr std::string_view payer_remedy =
    "set the connection's user_project to a project that may be billed";

// Those whose status says too little. Reasons of the JSON API, codes of the XML API.
constexpr Meaning meanings[] = {
    {"NoSuchBucket", Code::not_found, "check the bucket's name"},
    {"rateLimitExceeded", Code::throttled, ""},
    {"userRateLimitExceeded", Code::throttled, ""},
    {"dailyLimitExceeded", Code::denied, "the project's daily quota is used up"},
    {"quotaExceeded", Code::denied, "the project's quota is used up"},
    {"SlowDown", Code::throttled, ""},
    {"userProjectMissing", Code::denied, payer_remedy},
    {"UserProjectMissing", Code::denied, payer_remedy},
    {"accountDisabled", Code::denied, "the project's billing account is closed or suspended"},
    {"retentionPolicyNotMet", Code::denied, "it may be changed once its retention time has passed"},
    {"objectUnderActiveHold", Code::denied, "release the object's hold first"},
    {"BadDigest", Code::corrupt, "the bytes changed on the way; nothing was kept: try again"},
    {"InvalidDigest", Code::corrupt, ""},
    {"uploadTooLarge", Code::bad_input, "an object may have 5 TiB"},
    {"conflict", Code::conflict, ""},
    {"conditionNotMet", Code::conflict, ""},
    {"backendError", Code::unavailable, ""},
    {"internalError", Code::unavailable, ""},
};

Code code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::denied;
    case 404:
    case 410:
      return Code::not_found;
    case 405:
    case 501:
      return Code::unsupported;
    case 408:
      return Code::unavailable;
    case 304:
    case 409:
    case 412:
      return Code::conflict;
    case 429:
      return Code::throttled;
    default:
      return status >= 500 ? Code::unavailable : Code::bad_input;
  }
}

std::string_view word_of_status(int status) {
  switch (status) {
    case 401:
      return "authError";
    case 403:
      return "forbidden";
    case 404:
    case 410:
      return "notFound";
    case 412:
      return "conditionNotMet";
    default:
      return {};
  }
}

bool has_word(std::string_view text, std::string_view word) {
  const auto lower = [](char c) { return ascii_lower(c); };
  return !std::ranges::search(text, word, {}, lower, lower).empty();
}

// The JSON API has no reason of its own for it, only sentences.
bool is_digest_mismatch(const GcsFailure& failure) {
  return failure.status == 400 &&
         (has_word(failure.message, "crc32c") || has_word(failure.message, "md5"));
}

std::string sentence_of(const GcsFailure& failure) {
  if (failure.reason == "NoSuchBucket") {
    return "there is no such bucket";
  }
  if (failure.status == 404) {
    return "there is no such object";
  }
  if (failure.status == 412) {
    return "a condition did not hold: the object has changed, or is there already";
  }
  std::string_view message = failure.message;
  while (message.ends_with('.') || message.ends_with(' ') || message.ends_with('\n')) {
    message.remove_suffix(1);
  }
  constexpr size_t message_bytes_max = 400;
  message = message.substr(0, message_bytes_max);
  if (!message.empty()) {
    return fmt::format("the store says: {}", message);
  }
  return failure.reason.empty()
             ? fmt::format("the store answered with status {}", failure.status)
             : fmt::format("the store says {} (status {})", failure.reason, failure.status);
}

// {"error": {"code", "message", "errors": [{"reason", "message"}]}}, and for OAuth
// {"error": "invalid_grant", "error_description"}.
void read_json(GcsFailure& failure, const Value& body) {
  const Value& error = body["error"];
  if (error.is_string()) {
    failure.reason = error.as_string();
    failure.message = body.get_string("error_description");
    return;
  }
  failure.message = error.get_string("message");
  failure.reason = error.get_string("status");
  const Value& errors = error["errors"];
  if (errors.is_list() && !errors.as_list().empty()) {
    const Value& first = errors.as_list().front();
    failure.reason = first.get_string("reason", failure.reason);
    if (failure.message.empty()) {
      failure.message = first.get_string("message");
    }
  }
}

void read_xml(GcsFailure& failure, std::string_view body) {
  pugi::xml_document document;
  if (document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8)) {
    const pugi::xml_node root = document.document_element();
    if (std::string_view(root.name()) == "Error") {
      failure.reason = root.child_value("Code");
      failure.message = root.child_value("Message");
      if (const std::string details = root.child_value("Details"); !details.empty()) {
        failure.message += " " + details;
      }
    }
  }
}

}  // namespace

// ---- requests

Request gcs_object_request(const GcsService& service, std::string method, std::string_view bucket,
                           std::string_view key, Pairs query) {
  return request_of(service, std::move(method), object_path(bucket, key), std::move(query));
}

Request gcs_read_request(const GcsService& service, std::string_view bucket, std::string_view key,
                         const GcsRead& read) {
  Pairs query = {{"alt", "media"}};
  add_if(query, "generation", read.generation);
  add_if(query, "ifGenerationMatch", read.if_generation);
  Request request = gcs_object_request(service, "GET", bucket, key, std::move(query));
  request.headers.emplace_back("accept-encoding", "gzip");  // else what is kept so is unpacked
  if (read.length) {
    request.headers.emplace_back(
        "range", fmt::format("bytes={}-{}", read.offset, read.offset + *read.length - 1));
  } else if (read.offset > 0) {
    request.headers.emplace_back("range", fmt::format("bytes={}-", read.offset));
  }
  return request;
}

Request gcs_list_request(const GcsService& service, std::string_view bucket,
                         const GcsListing& listing) {
  Pairs query = {{"maxResults", std::to_string(listing.limit)},
                 {"fields",
                  "nextPageToken,prefixes,items(name,size,generation,metageneration,updated,"
                  "storageClass,contentType,contentEncoding,contentLanguage,contentDisposition,"
                  "cacheControl,metadata,crc32c,md5Hash,timeDeleted,retention,temporaryHold,"
                  "eventBasedHold)"}};
  add_if(query, "prefix", listing.prefix);
  add_if(query, "delimiter", listing.delimiter);
  add_if(query, "pageToken", listing.token);
  if (listing.versions) {
    query.emplace_back("versions", "true");
  }
  if (!listing.start_after.empty()) {
    // startOffset is among the results; no name has a NUL, so this is the first possible one behind
    query.emplace_back("startOffset", listing.start_after + '\x01');
  }
  return request_of(service, "GET", fmt::format("/storage/v1/b/{}/o", percent_encode(bucket)),
                    std::move(query));
}

Request gcs_upload_request(const GcsService& service, std::string_view bucket, std::string_view key,
                           std::string_view upload_type, std::string_view if_generation) {
  Pairs query = {{"uploadType", std::string(upload_type)}, {"name", std::string(key)}};
  add_if(query, "ifGenerationMatch", if_generation);
  add_if(query, "kmsKeyName", service.kms_key);
  return request_of(service, "POST",
                    fmt::format("/upload/storage/v1/b/{}/o", percent_encode(bucket)),
                    std::move(query));
}

namespace {

Value retention_value(const GcsRetention& retention) {
  return Value::of({{"mode", retention.mode},
                    {"retainUntilTime", to_text(retention.until).substr(0, 19) + "Z"}});
}

}  // namespace

std::string gcs_retention_body(const GcsRetention& retention) {
  return to_json(
      Value::of({{"retention", retention.mode.empty() ? Value() : retention_value(retention)}}));
}

std::string gcs_hold_body(bool on) {
  ValueMap holds{{"temporaryHold", on}};
  if (!on) {
    holds.set("eventBasedHold", false);
  }
  return to_json(Value(std::move(holds)));
}

Value gcs_resource(const GcsWrite& write) {
  ValueMap resource;
  if (!write.content_type.empty()) {
    resource.set("contentType", write.content_type);
  }
  for (const auto& [header, member] : header_members) {
    if (const std::string& value = write.headers.*header; !value.empty()) {
      resource.set(std::string(member), value);
    }
  }
  if (!write.metadata.empty()) {
    ValueMap metadata;
    for (const auto& [name, value] : write.metadata) {
      metadata.set(name, value);
    }
    resource.set("metadata", std::move(metadata));
  }
  if (!write.storage_class.empty()) {
    resource.set("storageClass", write.storage_class);
  }
  if (!write.retention.mode.empty()) {
    resource.set("retention", retention_value(write.retention));
  }
  if (write.held) {
    resource.set("temporaryHold", true);
  }
  for (const Digest& each : write.digests) {
    if (const std::string_view member = digest_member(each.kind); !member.empty()) {
      resource.set(std::string(member), base64_of(each));
    }
  }
  return resource;
}

GcsMultipart gcs_multipart(const GcsWrite& write, std::string_view boundary) {
  return {.content_type = fmt::format("multipart/related; boundary={}", boundary),
          .head = fmt::format(
              "--{}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n"
              "--{}\r\nContent-Type: {}\r\n\r\n",
              boundary, to_json(gcs_resource(write)), boundary,
              write.content_type.empty() ? "application/octet-stream" : write.content_type),
          .tail = fmt::format("\r\n--{}--\r\n", boundary)};
}

std::string gcs_chunk_range(uint64_t offset, uint64_t size, std::optional<uint64_t> total) {
  return fmt::format("bytes {}-{}/{}", offset, offset + size - 1,
                     total ? std::to_string(*total) : "*");
}

std::string gcs_status_range(std::optional<uint64_t> total) {
  return fmt::format("bytes */{}", total ? std::to_string(*total) : "*");
}

std::string gcs_hash_header(const std::vector<Digest>& digests) {
  std::string out;
  for (const Digest& each : digests) {
    if (!digest_member(each.kind).empty()) {
      out +=
          fmt::format("{}{}={}", out.empty() ? "" : ",", digest_name(each.kind), base64_of(each));
    }
  }
  return out;
}

Request gcs_rewrite_request(const GcsService& service, const GcsRewrite& rewrite) {
  Pairs query;
  add_if(query, "sourceGeneration", rewrite.from_generation);
  add_if(query, "ifSourceGenerationMatch", rewrite.if_from_generation);
  add_if(query, "ifGenerationMatch", rewrite.if_generation);
  add_if(query, "rewriteToken", rewrite.token);
  add_if(query, "destinationKmsKeyName", service.kms_key);
  std::string path =
      fmt::format("{}/rewriteTo/b/{}/o/{}", object_path(rewrite.from_bucket, rewrite.from_key),
                  percent_encode(rewrite.to_bucket), percent_encode(rewrite.to_key));
  return request_of(service, "POST", std::move(path), std::move(query));
}

Request gcs_compose_request(const GcsService& service, std::string_view bucket,
                            std::string_view key, std::string_view if_generation) {
  Pairs query;
  add_if(query, "ifGenerationMatch", if_generation);
  add_if(query, "kmsKeyName", service.kms_key);
  return request_of(service, "POST", object_path(bucket, key) + "/compose", std::move(query));
}

std::string gcs_compose_body(const std::vector<GcsComponent>& components, const GcsWrite& write) {
  ValueList sources;
  for (const GcsComponent& each : components) {
    sources.push_back(Value::of({{"name", each.key}, {"generation", each.generation}}));
  }
  return to_json(Value::of({{"kind", "storage#composeRequest"},
                            {"sourceObjects", std::move(sources)},
                            {"destination", gcs_resource(write)}}));
}

Request gcs_url_request(const GcsService& service, std::string method, std::string_view bucket,
                        std::string_view key) {
  return request_of(service, std::move(method), path_of_key("/" + percent_encode(bucket), key), {});
}

Request gcs_bucket_request(const GcsService& service, std::string method, std::string_view bucket) {
  return request_of(service, std::move(method), "/storage/v1/b/" + percent_encode(bucket), {});
}

Request gcs_buckets_request(const GcsService& service, std::string_view project,
                            std::string_view token) {
  Pairs query = {{"project", std::string(project)}, {"fields", "nextPageToken,items(name)"}};
  add_if(query, "pageToken", token);
  return request_of(service, "GET", "/storage/v1/b", std::move(query));
}

Request gcs_create_bucket_request(const GcsService& service, std::string_view project) {
  return request_of(service, "POST", "/storage/v1/b", {{"project", std::string(project)}});
}

std::string gcs_bucket_resource(std::string_view bucket, std::string_view location,
                                std::string_view storage_class) {
  ValueMap resource{{"name", bucket}};
  if (!location.empty()) {
    resource.set("location", location);
  }
  if (!storage_class.empty()) {
    resource.set("storageClass", storage_class);
  }
  return to_json(resource);
}

// ---- replies

Result<GcsObject> parse_gcs_object(std::string_view json) {
  TRY(const Value value, parsed(json));
  return object_in(value);
}

Result<GcsObject> parse_gcs_read(std::string_view key, const Pairs& headers) {
  constexpr std::string_view meta_prefix = "x-goog-meta-";
  GcsObject object{.key = std::string(key),
                   .generation = value_of(headers, "x-goog-generation"),
                   .metageneration = value_of(headers, "x-goog-metageneration"),
                   .storage_class = value_of(headers, "x-goog-storage-class"),
                   .content_type = value_of(headers, "content-type"),
                   .headers = {.encoding = value_of(headers, "x-goog-stored-content-encoding")},
                   .digests = digests_of(headers)};
  if (object.headers.encoding == "identity") {
    object.headers.encoding.clear();
  }
  const std::string changed = value_of(headers, "x-guploader-response-body-transformations");
  if (!changed.empty()) {
    return fail(Error{
        .code = Code::unavailable,
        .what = fmt::format("the store gives the bytes {}, not as they are stored", changed)});
  }
  if (object.generation.empty()) {
    return fail(broken_json("the reply does not say which generation of the object it is"));
  }
  TRY(object.size, stored_size(headers));
  object.updated = parse_http_date(value_of(headers, "last-modified")).value_or(Instant{});
  for (const auto& [name, value] : headers) {
    if (name.starts_with(meta_prefix)) {
      object.metadata[name.substr(meta_prefix.size())] = value;
    }
  }
  return object;
}

Result<GcsPage> parse_gcs_page(std::string_view json) {
  TRY(const Value value, parsed(json));
  GcsPage page{.next = std::string(value.get_string("nextPageToken"))};
  if (value["items"].is_list()) {
    for (const Value& each : value["items"].as_list()) {
      TRY(GcsObject object, object_in(each));
      page.objects.push_back(std::move(object));
    }
  }
  if (value["prefixes"].is_list()) {
    for (const Value& each : value["prefixes"].as_list()) {
      if (!each.is_string()) {
        return fail(broken_json("a prefix of the listing is no text"));
      }
      page.prefixes.push_back(each.as_string());
    }
  }
  return page;
}

Result<GcsRewritten> parse_gcs_rewritten(std::string_view json) {
  TRY(const Value value, parsed(json));
  GcsRewritten out{
      .done = value.get_bool("done"),
      .token = std::string(value.get_string("rewriteToken")),
      .bytes_done = number<uint64_t>(value.get_string("totalBytesRewritten")).value_or(0)};
  if (out.done) {
    TRY(out.written, object_in(value["resource"]));
  } else if (out.token.empty()) {
    return fail(broken_json("the copy is not done, but the reply does not say how it goes on"));
  }
  return out;
}

Result<GcsBuckets> parse_gcs_buckets(std::string_view json) {
  TRY(const Value value, parsed(json));
  GcsBuckets buckets{.next = std::string(value.get_string("nextPageToken"))};
  if (value["items"].is_list()) {
    for (const Value& each : value["items"].as_list()) {
      buckets.names.emplace_back(each.get_string("name"));
    }
  }
  return buckets;
}

Result<uint64_t> parse_gcs_persisted(const Pairs& headers) {
  constexpr std::string_view begin = "bytes=0-";
  const std::string* range = find_value(headers, "range");
  if (range == nullptr) {
    return 0;
  }
  const auto last =
      range->starts_with(begin) ? number<uint64_t>(range->substr(begin.size())) : std::nullopt;
  if (!last || *last == UINT64_MAX) {
    return fail(broken_json(fmt::format("the upload's state '{}' is none", *range)));
  }
  return *last + 1;
}

// ---- failures

GcsFailure parse_gcs_failure(int status, const Pairs& headers, std::string_view body) {
  GcsFailure failure{.status = status, .request_id = value_of(headers, "x-guploader-uploadid")};
  if (const auto json = parse_json(body); json.has_value() && json->is_map()) {
    read_json(failure, *json);
  } else if (body.find("<Error") != std::string_view::npos) {
    read_xml(failure, body);
  } else if (body.find('<') == std::string_view::npos) {
    failure.message = body;  // a sentence, not some page
  }
  if (status == 404 && has_word(failure.message, "bucket does not exist")) {
    failure.reason = "NoSuchBucket";  // as the XML API says it; the JSON API has one word for both
  }
  if (status == 416) {
    failure.reason = gcs_no_such_range;
  }
  if (failure.reason.empty()) {
    failure.reason = word_of_status(status);
  }
  // A date is meant by the server's clock; without that it tells no wait.
  constexpr Instant never{INT64_MAX};
  failure.retry_after = parse_retry_after(
      value_of(headers, "retry-after"), parse_http_date(value_of(headers, "date")).value_or(never));
  return failure;
}

Error gcs_error(const GcsFailure& failure, std::string where) {
  Error error{
      .code = code_of_status(failure.status),
      .what = sentence_of(failure),
      .where = std::move(where),
      .retry_after = failure.retry_after,
      .provider_code = failure.reason.empty() ? std::to_string(failure.status) : failure.reason};
  if (error.code == Code::denied) {
    error.remedy = credentials_remedy;
  }
  const auto meaning = std::ranges::find(meanings, failure.reason, &Meaning::reason);
  if (meaning != std::end(meanings)) {
    error.code = meaning->code;
    error.remedy = meaning->remedy;
  } else if (is_digest_mismatch(failure)) {
    error.code = Code::corrupt;
    error.remedy = "the bytes changed on the way; nothing was kept: try again";
  }
  return error;
}

}  // namespace tutti::cloud::sign
