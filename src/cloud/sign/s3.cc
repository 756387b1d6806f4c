// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/s3.h"

#include <algorithm>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/encode.h"
#include "base/http_date.h"
#include "base/trim.h"
#include "cloud/sign/fields.h"

namespace tutti::cloud::sign {
namespace {

constexpr std::string_view meta_prefix = "x-amz-meta-";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Header values outside ASCII come as encoded words (RFC 2047), one or several.
std::string decoded_words(std::string_view text) {
  constexpr std::string_view begin = "=?UTF-8?";
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find(begin);
    const size_t body = at + begin.size() + 2;
    const size_t end = at == std::string_view::npos ? at : text.find("?=", body);
    if (end == std::string_view::npos) {
      return out + std::string(text);
    }
    const char kind = text[at + begin.size()];
    const std::string_view word = text.substr(body, end - body);
    std::string as_percent(word);
    std::ranges::replace(as_percent, '=', '%');
    std::ranges::replace(as_percent, '_', ' ');
    const Result<std::string> bytes =
        kind == 'B' || kind == 'b' ? base64_decode(word) : percent_decode(as_percent);
    if (!bytes.has_value()) {
      return out + std::string(text);
    }
    out += text.substr(0, at);
    out += *bytes;
    text.remove_prefix(end + 2);
    if (text.starts_with(" =?")) {
      text.remove_prefix(1);  // between two words
    }
  }
  return out;
}

// Content-Encoding without the coding of the request that brought the bytes, which some stores
// keep.
std::string stored_encoding(std::string_view header) {
  std::string out;
  while (!header.empty()) {
    const std::string_view each = trimmed(header.substr(0, header.find(',')));
    header.remove_prefix(std::min(header.size(), header.substr(0, header.find(',')).size() + 1));
    if (!each.empty() && each != "aws-chunked") {
      out.append(out.empty() ? "" : ", ").append(each);
    }
  }
  return out;
}

// A digest as S3 writes it; none where it is no digest of the whole object: a composite one ends
// with "-7".
std::optional<Digest> digest_in(DigestKind kind, std::string_view text) {
  const Result<std::string> bytes = base64_decode(text);
  if (!bytes.has_value() || bytes->size() != digest_size(kind)) {
    return std::nullopt;
  }
  Digest digest{.kind = kind};
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

constexpr std::string_view composite = "COMPOSITE";

std::vector<Digest> digests_of(const Pairs& headers) {
  std::vector<Digest> digests;
  if (value_of(headers, "x-amz-checksum-type") == composite) {
    return digests;
  }
  for (const DigestKind kind : {DigestKind::crc32c, DigestKind::crc64nvme, DigestKind::sha256}) {
    const std::string text = value_of(headers, fmt::format("x-amz-checksum-{}", digest_name(kind)));
    if (const auto digest = digest_in(kind, text)) {
      digests.push_back(*digest);
    }
  }
  return digests;
}

// ---- XML

Error broken_xml(std::string what) {
  return {.code = Code::unavailable,
          .what = std::move(what),
          .remedy = "the store's reply is broken; it is asked again"};
}

std::string text_of(const pugi::xml_node& node, const char* name) { return node.child_value(name); }

S3Failure failure_in(const pugi::xml_node& error) {
  return {.code = text_of(error, "Code"),
          .message = text_of(error, "Message"),
          .region = text_of(error, "Region"),
          .request_id = text_of(error, "RequestId")};
}

// The root element, which must be one of `names`.
Result<pugi::xml_node> root_of(pugi::xml_document& document, std::string_view xml,
                               std::initializer_list<std::string_view> names) {
  const pugi::xml_parse_result parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return fail(broken_xml(
        fmt::format("the reply is no XML ({} at byte {})", parsed.description(), parsed.offset)));
  }
  const pugi::xml_node root = document.document_element();
  const std::string_view name = root.name();
  if (name == "Error") {
    S3Failure failure = failure_in(root);
    failure.status = 200;
    return fail(s3_error(failure, {}));
  }
  if (std::ranges::find(names, name) == names.end()) {
    return fail(broken_xml(fmt::format("the reply is <{}>, not <{}>", name, *names.begin())));
  }
  return root;
}

// As forms are encoded: a plus is a blank.
Result<std::string> decoded_key(std::string text, bool encoded) {
  if (!encoded) {
    return text;
  }
  std::ranges::replace(text, '+', ' ');
  return percent_decode(text);
}

Result<S3Object> object_in(const pugi::xml_node& node, bool encoded) {
  S3Object object{.delete_marker = std::string_view(node.name()) == "DeleteMarker"};
  TRY(object.key, decoded_key(text_of(node, "Key"), encoded));
  const auto size = object.delete_marker ? 0 : number<uint64_t>(text_of(node, "Size"));
  const auto modified = parse_instant(text_of(node, "LastModified"));
  if (object.key.empty() || !size || !modified.has_value()) {
    return fail(broken_xml("an object of the listing has no key, size or time"));
  }
  object.size = *size;
  object.modified = *modified;
  object.etag = unquoted(text_of(node, "ETag"));
  object.storage_class = text_of(node, "StorageClass");
  if (object.storage_class == "STANDARD") {
    object.storage_class.clear();
  }
  return object;
}

// Their prefixes, in a listing.
Result<std::vector<std::string>> prefixes_in(const pugi::xml_node& root, bool encoded) {
  std::vector<std::string> prefixes;
  for (const pugi::xml_node node : root.children("CommonPrefixes")) {
    TRY(std::string prefix, decoded_key(text_of(node, "Prefix"), encoded));
    prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

// Seconds are as much as S3 keeps.
std::string time_text(Instant time) { return to_text(time).substr(0, 19) + "Z"; }

// ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
void read_restore(S3Object& object, std::string_view header) {
  object.restoring = header.contains("ongoing-request=\"true\"");
  constexpr std::string_view begin = "expiry-date=\"";
  if (const size_t at = header.find(begin); at != std::string_view::npos) {
    header.remove_prefix(at + begin.size());
    object.restored_until = parse_http_date(header.substr(0, header.find('"')));
  }
}

// ---- errors

struct Meaning {
  std::string_view s3_code;
  Code code;
  std::string_view remedy;
};

constexpr std::string_view credentials_remedy =
    "check the credentials of the connection; `tutti connections test` shows which are found";

constexpr std::string_view lock_remedy =
    "object lock is switched on for the bucket by its owner, best when it is made";

// Those whose status says too little.
constexpr Meaning meanings[] = {
    {"NoSuchBucket", Code::not_found, "check the bucket's name, and the connection's account"},
    {"InvalidAccessKeyId", Code::denied, credentials_remedy},
    {"SignatureDoesNotMatch", Code::denied,
     "the secret key does not belong to the access key, or something between changed the request"},
    {"ExpiredToken", Code::denied, "the temporary credentials have expired; fetch new ones"},
    {"InvalidToken", Code::denied, credentials_remedy},
    {"RequestTimeTooSkewed", Code::denied, "this machine's clock is wrong; set it"},
    {"RequestExpired", Code::denied, "this machine's clock is wrong; set it"},
    {"InvalidObjectState", Code::denied,
     "restore it first (tutti restore), and read it when that is done"},
    {"RestoreAlreadyInProgress", Code::conflict, "wait: tutti restore --wait says when it is done"},
    {"NoSuchVersion", Code::not_found, "tutti ls --all-versions lists those there are"},
    {"ObjectLockConfigurationNotFoundError", Code::unsupported, lock_remedy},
    {"InvalidBucketObjectLockConfiguration", Code::unsupported, lock_remedy},
    {"AuthorizationHeaderMalformed", Code::bad_input, "set the connection's region"},
    {"PermanentRedirect", Code::bad_input, "set the connection's region"},
    {"IllegalLocationConstraintException", Code::bad_input, "set the connection's region"},
    {"BadDigest", Code::corrupt, "the bytes changed on the way; nothing was kept: try again"},
    {"InvalidDigest", Code::corrupt, ""},
    {"XAmzContentSHA256Mismatch", Code::corrupt, "the bytes changed on the way"},
    {"XAmzContentChecksumMismatch", Code::corrupt, "the bytes changed on the way"},
    {"IncompleteBody", Code::unavailable, ""},
    {"RequestTimeout", Code::unavailable, ""},
    {"RequestTimeoutException", Code::unavailable, ""},
    {"PriorRequestNotComplete", Code::throttled, ""},
    {"SlowDown", Code::throttled, ""},
    {"SlowDownRead", Code::throttled, ""},
    {"SlowDownWrite", Code::throttled, ""},
    {"RequestLimitExceeded", Code::throttled, ""},
    {"BandwidthLimitExceeded", Code::throttled, ""},
    {"RequestThrottled", Code::throttled, ""},
    {"TooManyRequestsException", Code::throttled, ""},
    {"TooManyRequests", Code::throttled, ""},
    {"ProvisionedThroughputExceededException", Code::throttled, ""},
    {"EC2ThrottledException", Code::throttled, ""},
    {"ThrottlingException", Code::throttled, ""},
    {"Throttling", Code::throttled, ""},
    {"TransactionInProgressException", Code::throttled, ""},
    {"InternalError", Code::unavailable, ""},
    {"ServiceUnavailable", Code::throttled, ""},
    {"QuotaExceeded", Code::unavailable, "the bucket's quota is used up"},
    {"XMinioStorageFull", Code::unavailable, "the store's disks are full"},
    {"EntityTooLarge", Code::bad_input, "it is larger than the store takes in one request"},
    {"EntityTooSmall", Code::bad_input, "a part but the last is smaller than the store allows"},
    // Nothing was done, as another conditional write was under way: its outcome decides.
    {"ConditionalRequestConflict", Code::unavailable, ""},
    {"OperationAborted", Code::unavailable, "another change of it is under way"},
    {"BucketAlreadyOwnedByYou", Code::conflict, ""},
    {"BucketAlreadyExists", Code::conflict, "choose another name: buckets' names are world-wide"},
    {"BucketNotEmpty", Code::conflict, "remove what is in it first"},
    {"NotImplemented", Code::unsupported, ""},
};

Code code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::denied;
    case 404:
      return Code::not_found;
    case 405:
    case 501:
      return Code::unsupported;
    case 408:
      return Code::unavailable;
    case 409:
    case 412:
      return Code::conflict;
    case 429:
    case 503:
    case 509:
      return Code::throttled;
    default:
      return status >= 500 || status == 200 ? Code::unavailable : Code::bad_input;
  }
}

std::string_view word_of_status(int status) {
  switch (status) {
    case 301:
      return "PermanentRedirect";
    case 304:
      return "NotModified";
    case 403:
      return "AccessDenied";
    case 404:
      return "NotFound";
    case 412:
      return "PreconditionFailed";
    case 416:
      return "InvalidRange";
    default:
      return {};
  }
}

std::string sentence_of(const S3Failure& failure) {
  if (failure.delete_marker) {
    return "the object was removed: there is a delete marker in its place";
  }
  if (failure.code == "NoSuchKey" || failure.code == "NotFound") {
    return "there is no such object";
  }
  if (failure.code == "NoSuchVersion") {
    return "there is no such version of the object";
  }
  if (failure.code == "InvalidObjectState") {
    return "the object is archived: its bytes cannot be read";
  }
  if (failure.code == "NoSuchBucket") {
    return "there is no such bucket";
  }
  if (failure.code == "AccessDenied") {
    return "the store denied access";
  }
  if (failure.code == "PreconditionFailed") {
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
  return failure.code.empty() ? fmt::format("the store answered with status {}", failure.status)
                              : fmt::format("the store says {}", failure.code);
}

}  // namespace

// ---- requests

Request s3_request(const S3Bucket& bucket, std::string method, Pairs query) {
  const bool in_host = !bucket.path_style && !bucket.bucket.empty();
  return {.method = std::move(method),
          .host = in_host ? bucket.bucket + "." + bucket.host : bucket.host,
          .path = in_host || bucket.bucket.empty() ? "/" : "/" + percent_encode(bucket.bucket),
          .query = std::move(query)};
}

Request s3_object_request(const S3Bucket& bucket, std::string method, std::string_view key,
                          Pairs query) {
  Request request = s3_request(bucket, std::move(method), std::move(query));
  request.path = path_of_key(request.path == "/" ? "" : request.path, key);
  return request;
}

Request s3_list_request(const S3Bucket& bucket, const S3Listing& listing) {
  Pairs query = {
      {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", std::to_string(listing.limit)}};
  const std::pair<std::string_view, const std::string*> given[] = {
      {"prefix", &listing.prefix},
      {"delimiter", &listing.delimiter},
      {"start-after", &listing.start_after},
      {"continuation-token", &listing.token}};
  for (const auto& [name, value] : given) {
    if (!value->empty()) {
      query.emplace_back(name, *value);
    }
  }
  return s3_request(bucket, "GET", std::move(query));
}

Request s3_versions_request(const S3Bucket& bucket, const S3Listing& listing,
                            std::string_view key_marker, std::string_view id_marker) {
  Pairs query = {
      {"versions", ""}, {"encoding-type", "url"}, {"max-keys", std::to_string(listing.limit)}};
  const std::pair<std::string_view, std::string_view> given[] = {{"prefix", listing.prefix},
                                                                 {"delimiter", listing.delimiter},
                                                                 {"key-marker", key_marker},
                                                                 {"version-id-marker", id_marker}};
  for (const auto& [name, value] : given) {
    if (!value.empty()) {
      query.emplace_back(name, value);
    }
  }
  return s3_request(bucket, "GET", std::move(query));
}

Request s3_uploads_request(const S3Bucket& bucket, std::string prefix, std::string key_marker,
                           std::string id_marker) {
  Pairs query = {{"uploads", ""}, {"encoding-type", "url"}, {"max-uploads", "1000"}};
  std::pair<std::string_view, std::string*> given[] = {
      {"prefix", &prefix}, {"key-marker", &key_marker}, {"upload-id-marker", &id_marker}};
  for (auto& [name, value] : given) {
    if (!value->empty()) {
      query.emplace_back(name, std::move(*value));
    }
  }
  return s3_request(bucket, "GET", std::move(query));
}

std::string s3_complete_body(const std::vector<S3Part>& parts) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const S3Part& part : parts) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag>", part.number,
                        escaped(part.etag));
    if (part.crc32c) {
      body += fmt::format("<ChecksumCRC32C>{}</ChecksumCRC32C>", s3_checksum(*part.crc32c).second);
    }
    body += "</Part>";
  }
  return body + "</CompleteMultipartUpload>";
}

std::string s3_location_body(std::string_view region) {
  return fmt::format(
      "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
      escaped(region));
}

Pairs s3_lock_headers(const S3Retention& retention, bool legal_hold) {
  Pairs headers;
  if (!retention.mode.empty()) {
    headers.emplace_back("x-amz-object-lock-mode", retention.mode);
    headers.emplace_back("x-amz-object-lock-retain-until-date", time_text(retention.until));
  }
  if (legal_hold) {
    headers.emplace_back("x-amz-object-lock-legal-hold", "ON");
  }
  return headers;
}

std::string s3_retention_body(const S3Retention& retention) {
  std::string body = "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  if (!retention.mode.empty()) {
    body += fmt::format("<Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate>",
                        escaped(retention.mode), time_text(retention.until));
  }
  return body + "</Retention>";
}

std::string s3_legal_hold_body(bool on) {
  return fmt::format(
      "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{}</Status>"
      "</LegalHold>",
      on ? "ON" : "OFF");
}

std::string s3_restore_body(uint32_t days, std::string_view tier) {
  std::string body = "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  if (days > 0) {
    body += fmt::format("<Days>{}</Days>", days);
  }
  return body + fmt::format(
                    "<GlacierJobParameters><Tier>{}</Tier></GlacierJobParameters>"
                    "</RestoreRequest>",
                    escaped(tier));
}

std::string s3_copy_source(std::string_view bucket, std::string_view key,
                           std::string_view version) {
  return percent_encode(bucket) + "/" + percent_encode(key, "/") +
         (version.empty() ? "" : "?versionId=" + percent_encode(version));
}

std::string s3_tagging(const std::map<std::string, std::string>& tags) {
  return encode_query({tags.begin(), tags.end()});
}

std::pair<std::string, std::string> s3_checksum(const Digest& digest) {
  const std::string_view bytes(reinterpret_cast<const char*>(digest.bytes.data()),
                               digest_size(digest.kind));
  return {fmt::format("x-amz-checksum-{}", digest_name(digest.kind)), base64_encode(bytes)};
}

// ---- replies

Result<S3Object> parse_s3_object(const Pairs& headers) {
  S3Object object{.etag = unquoted(value_of(headers, "etag")),
                  .storage_class = value_of(headers, "x-amz-storage-class"),
                  .version = value_of(headers, "x-amz-version-id"),
                  .archive_status = value_of(headers, "x-amz-archive-status"),
                  .content_type = value_of(headers, "content-type"),
                  .digests = digests_of(headers)};
  if (object.version == "null") {
    object.version.clear();
  }
  for (const ContentHeader& each : content_headers) {
    object.headers.*each.value = value_of(headers, each.http);
  }
  object.headers.encoding = stored_encoding(object.headers.encoding);
  read_restore(object, value_of(headers, "x-amz-restore"));
  std::string size = value_of(headers, "content-length");
  if (const std::string range = value_of(headers, "content-range"); !range.empty()) {
    size = range.substr(range.rfind('/') + 1);  // bytes 0-9/443
  }
  if (!size.empty()) {
    const auto bytes = number<uint64_t>(size);
    if (!bytes) {
      return fail(Code::bad_input, fmt::format("the reply gives '{}' as the object's size", size));
    }
    object.size = *bytes;
  }
  object.modified = parse_http_date(value_of(headers, "last-modified")).value_or(Instant{});
  for (const auto& [name, value] : headers) {
    if (name.starts_with(meta_prefix)) {
      object.metadata[name.substr(meta_prefix.size())] = decoded_words(value);
    }
  }
  return object;
}

Result<S3Page> parse_s3_page(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"ListBucketResult"}));
  const bool encoded = text_of(root, "EncodingType") == "url";  // some stores do not know it
  S3Page page;
  for (const pugi::xml_node node : root.children("Contents")) {
    TRY(S3Object object, object_in(node, encoded));
    page.objects.push_back(std::move(object));
  }
  TRY(page.prefixes, prefixes_in(root, encoded));
  if (text_of(root, "IsTruncated") == "true") {
    page.next = text_of(root, "NextContinuationToken");
    if (page.next.empty()) {
      return fail(broken_xml("the listing goes on, but does not say where"));
    }
  }
  return page;
}

Result<std::string> parse_s3_upload_id(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root,
      root_of(document, xml, {"InitiateMultipartUploadResult", "InitiateMultipartUpload"}));
  std::string id = text_of(root, "UploadId");
  if (id.empty()) {
    return fail(broken_xml("the store began an upload without giving its id"));
  }
  return id;
}

Result<S3Written> parse_s3_written(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root,
      root_of(document, xml,
              {"CompleteMultipartUploadResult", "CopyObjectResult", "CopyPartResult"}));
  S3Written written{.etag = unquoted(text_of(root, "ETag"))};
  if (written.etag.empty()) {
    return fail(broken_xml("the store wrote an object without giving its ETag"));
  }
  if (const auto modified = parse_instant(text_of(root, "LastModified")); modified.has_value()) {
    written.modified = *modified;
  }
  const auto crc = digest_in(DigestKind::crc32c, text_of(root, "ChecksumCRC32C"));
  if (crc && text_of(root, "ChecksumType") != composite) {
    written.digests.push_back(*crc);
  }
  return written;
}

Result<S3Parts> parse_s3_parts(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"ListPartsResult", "ListPartsResponse"}));
  S3Parts parts;
  for (const pugi::xml_node node : root.children("Part")) {
    const auto n = number<uint32_t>(text_of(node, "PartNumber"));
    S3Part part{.number = n.value_or(0), .etag = unquoted(text_of(node, "ETag"))};
    if (part.number == 0 || part.etag.empty()) {
      return fail(broken_xml("a part of the upload has no number or ETag"));
    }
    part.crc32c = digest_in(DigestKind::crc32c, text_of(node, "ChecksumCRC32C"));
    parts.parts.push_back(std::move(part));
  }
  if (text_of(root, "IsTruncated") == "true") {
    parts.next = number<uint32_t>(text_of(root, "NextPartNumberMarker"));
    if (!parts.next) {
      return fail(broken_xml("the list of parts goes on, but does not say where"));
    }
  }
  return parts;
}

Result<std::map<std::string, std::string>> parse_s3_tags(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"Tagging"}));
  std::map<std::string, std::string> tags;
  for (const pugi::xml_node node : root.child("TagSet").children("Tag")) {
    tags[text_of(node, "Key")] = text_of(node, "Value");
  }
  return tags;
}

Result<S3Uploads> parse_s3_uploads(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"ListMultipartUploadsResult"}));
  const bool encoded = text_of(root, "EncodingType") == "url";
  S3Uploads page;
  for (const pugi::xml_node node : root.children("Upload")) {
    const auto started = parse_instant(text_of(node, "Initiated"));
    S3Pending upload{.id = text_of(node, "UploadId")};
    TRY(upload.key, decoded_key(text_of(node, "Key"), encoded));
    if (upload.key.empty() || upload.id.empty() || !started.has_value()) {
      return fail(broken_xml("an upload under way has no key, id or time"));
    }
    upload.started = *started;
    page.uploads.push_back(std::move(upload));
  }
  if (text_of(root, "IsTruncated") == "true") {
    TRY(page.next_key, decoded_key(text_of(root, "NextKeyMarker"), encoded));
    page.next_id = text_of(root, "NextUploadIdMarker");
    if (page.next_key.empty()) {
      return fail(broken_xml("the list of uploads goes on, but does not say where"));
    }
  }
  return page;
}

Result<S3Versions> parse_s3_versions(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"ListVersionsResult"}));
  const bool encoded = text_of(root, "EncodingType") == "url";
  S3Versions page;
  for (const pugi::xml_node node : root.children()) {
    const std::string_view name = node.name();
    if (name != "Version" && name != "DeleteMarker") {
      continue;
    }
    TRY(S3Object object, object_in(node, encoded));
    object.version = text_of(node, "VersionId");
    object.is_latest = text_of(node, "IsLatest") == "true";
    page.objects.push_back(std::move(object));
  }
  TRY(page.prefixes, prefixes_in(root, encoded));
  page.more = text_of(root, "IsTruncated") == "true";
  if (page.more) {
    TRY(page.next_key, decoded_key(text_of(root, "NextKeyMarker"), encoded));
    page.next_id = text_of(root, "NextVersionIdMarker");
    if (page.next_key.empty()) {
      return fail(broken_xml("the listing goes on, but does not say where"));
    }
  }
  return page;
}

Result<S3Retention> parse_s3_retention(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"Retention", "ObjectLockRetention"}));
  S3Retention retention{.mode = text_of(root, "Mode")};
  if (retention.mode.empty()) {
    return retention;
  }
  const auto until = parse_instant(text_of(root, "RetainUntilDate"));
  if (!until.has_value()) {
    return fail(broken_xml("the version's retention does not say until when it is"));
  }
  retention.until = *until;
  return retention;
}

Result<bool> parse_s3_legal_hold(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"LegalHold", "ObjectLockLegalHold"}));
  return text_of(root, "Status") == "ON";
}

Result<std::vector<std::string>> parse_s3_buckets(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, {"ListAllMyBucketsResult"}));
  std::vector<std::string> names;
  for (const pugi::xml_node node : root.child("Buckets").children("Bucket")) {
    names.push_back(text_of(node, "Name"));
  }
  return names;
}

// ---- failures

S3Failure parse_s3_failure(int status, const Pairs& headers, std::string_view body) {
  S3Failure failure;
  pugi::xml_document document;
  if (document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8)) {
    const pugi::xml_node root = document.document_element();
    if (std::string_view(root.name()) == "Error") {
      failure = failure_in(root);
    }
  }
  failure.status = status;
  failure.silent = failure.code.empty();
  if (failure.silent) {
    failure.code = word_of_status(status);
  }
  if (failure.region.empty()) {
    failure.region = value_of(headers, "x-amz-bucket-region");
  }
  if (failure.request_id.empty()) {
    failure.request_id = value_of(headers, "x-amz-request-id");
  }
  failure.delete_marker = value_of(headers, "x-amz-delete-marker") == "true";
  failure.server_time = parse_http_date(value_of(headers, "date"));
  // A date is meant by the server's clock; without that it tells no wait.
  constexpr Instant never{INT64_MAX};
  failure.retry_after =
      parse_retry_after(value_of(headers, "retry-after"), failure.server_time.value_or(never));
  return failure;
}

Error s3_error(const S3Failure& failure, std::string where) {
  Error error{
      .code = code_of_status(failure.status),
      .what = sentence_of(failure),
      .where = std::move(where),
      .retry_after = failure.retry_after,
      .provider_code = failure.code.empty() ? std::to_string(failure.status) : failure.code};
  if (error.code == Code::denied) {
    error.remedy = credentials_remedy;
  }
  const auto meaning = std::ranges::find(meanings, failure.code, &Meaning::s3_code);
  if (meaning != std::end(meanings)) {
    error.code = meaning->code;
    error.remedy = meaning->remedy;
  }
  if (failure.silent && failure.status == 400) {
    error.remedy = "temporary credentials that have ended are refused like this: renew them";
  }
  if (failure.delete_marker) {
    error.code = Code::not_found;
    error.remedy = "tutti ls --all-versions lists the versions there are";
  }
  if (failure.code == "InvalidRequest" && failure.message.contains("Object Lock")) {
    error.code = Code::unsupported;
    error.remedy = lock_remedy;
  }
  if (!failure.region.empty() && error.remedy == "set the connection's region") {
    error.remedy = fmt::format("set the connection's region to {}", failure.region);
  }
  return error;
}

}  // namespace tutti::cloud::sign
