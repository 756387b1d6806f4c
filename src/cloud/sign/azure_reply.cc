// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/encode.h"
#include "base/http_date.h"
#include "cloud/sign/azure.h"
#include "cloud/sign/fields.h"

namespace tutti::cloud::sign {
namespace {

constexpr std::string_view meta_prefix = "x-ms-meta-";

std::optional<Digest> digest_in(DigestKind kind, std::string_view text) {
  auto bytes = base64_decode(text);
  if (!bytes.has_value() || bytes->size() != digest_size(kind)) {
    return std::nullopt;
  }
  if (kind == DigestKind::crc64nvme) {
    std::ranges::reverse(*bytes);  // on the wire the last byte comes first
  }
  Digest digest{.kind = kind};
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

// ---- XML

Error broken_xml(std::string what) {
  return {.code = Code::unavailable,
          .what = std::move(what),
          .remedy = "the store's reply is broken; it is asked again"};
}

std::string text_of(const pugi::xml_node& node, const char* name) { return node.child_value(name); }

// Names may be made of blanks, and have line ends in them.
constexpr unsigned xml_options =
    (pugi::parse_default & ~pugi::parse_eol) | pugi::parse_ws_pcdata_single;

Result<pugi::xml_node> root_of(pugi::xml_document& document, std::string_view xml,
                               std::string_view expected) {
  const pugi::xml_parse_result parsed =
      document.load_buffer(xml.data(), xml.size(), xml_options, pugi::encoding_utf8);
  if (!parsed) {
    return fail(broken_xml(
        fmt::format("the reply is no XML ({} at byte {})", parsed.description(), parsed.offset)));
  }
  const pugi::xml_node root = document.document_element();
  if (root.name() != expected) {
    return fail(broken_xml(fmt::format("the reply is <{}>, not <{}>", root.name(), expected)));
  }
  return root;
}

// What XML cannot hold comes percent-encoded, and says so.
Result<std::string> name_in(const pugi::xml_node& node) {
  const pugi::xml_node name = node.child("Name");
  const std::string text = name.child_value();
  return name.attribute("Encoded").as_bool() ? percent_decode(text) : Result<std::string>(text);
}

Result<AzureBlob> blob_in(const pugi::xml_node& node) {
  AzureBlob blob;
  const pugi::xml_node properties = node.child("Properties");
  TRY(blob.key, name_in(node));
  const auto size = number<uint64_t>(text_of(properties, "Content-Length"));
  const auto modified = parse_http_date(text_of(properties, "Last-Modified"));
  if (blob.key.empty() || !size || !modified) {
    return fail(broken_xml("a blob of the listing has no name, size or time"));
  }
  blob.size = *size;
  blob.modified = *modified;
  blob.etag = unquoted(text_of(properties, "Etag"));
  blob.content_type = text_of(properties, "Content-Type");
  blob.headers = {.encoding = text_of(properties, "Content-Encoding"),
                  .language = text_of(properties, "Content-Language"),
                  .disposition = text_of(properties, "Content-Disposition"),
                  .cache_control = text_of(properties, "Cache-Control")};
  blob.md5 = digest_in(DigestKind::md5, text_of(properties, "Content-MD5"));
  blob.kind = text_of(properties, "BlobType");
  blob.tier = text_of(properties, "AccessTier");
  blob.version = text_of(node, "VersionId");
  blob.is_current = blob.version.empty() || text_of(node, "IsCurrentVersion") == "true";
  blob.archive_status = text_of(properties, "ArchiveStatus");
  blob.copy_status = text_of(properties, "CopyStatus");
  blob.copy_id = text_of(properties, "CopyId");
  for (const pugi::xml_node each : node.child("Metadata").children()) {
    blob.metadata[metadata_name_of_azure(each.name())] =
        metadata_value_of_azure(each.child_value());
  }
  return blob;
}

// ---- errors

struct Meaning {
  std::string_view azure_code;
  Code code;
  std::string_view remedy;
};

constexpr std::string_view credentials_remedy =
    "check the credentials of the connection; `tutti connections test` shows which are found";
constexpr std::string_view role_remedy =
    "give the identity a role for data, as Storage Blob Data Contributor, or the SAS the "
    "permission";
constexpr std::string_view again_remedy =
    "the bytes changed on the way; nothing was kept: try again";
constexpr std::string_view lease_remedy =
    "somebody holds a lease on it: wait until it ends, or break it";

// Those whose status says too little, or is the wrong one for us.
constexpr Meaning meanings[] = {
    {"ContainerNotFound", Code::not_found, "check the container's name, and the account"},
    {"ContainerBeingDeleted", Code::unavailable, "it is being deleted; wait half a minute"},
    {"ContainerAlreadyExists", Code::conflict, ""},
    {"AuthenticationFailed", Code::denied,
     "check the account's key or SAS, that the SAS has not ended, and this machine's clock"},
    {"InvalidAuthenticationInfo", Code::denied, credentials_remedy},
    {"NoAuthenticationInformation", Code::denied, credentials_remedy},
    {"AccountIsDisabled", Code::denied, "the account is disabled; ask its owner"},
    {"AuthorizationPermissionMismatch", Code::denied, role_remedy},
    {"InsufficientAccountPermissions", Code::denied, role_remedy},
    {"AuthorizationResourceTypeMismatch", Code::denied, role_remedy},
    {"AuthorizationServiceMismatch", Code::denied, "the SAS is not for blobs (ss=b)"},
    {"AuthorizationProtocolMismatch", Code::denied, "the SAS allows https only"},
    {"AuthorizationSourceIPMismatch", Code::denied, "the SAS is for other IP addresses"},
    {"KeyBasedAuthenticationNotPermitted", Code::denied,
     "the account allows no keys: use an Entra identity"},
    {"AuthorizationFailure", Code::denied,
     "the account's firewall may keep this machine out; else check the credentials"},
    {"BlobArchived", Code::denied,
     "restore it first (tutti restore), and read it when that is done"},
    {"BlobBeingRehydrated", Code::denied, "wait: tutti restore --wait says when it is done"},
    {"BlobImmutableDueToPolicy", Code::denied,
     "an immutability policy holds it: tutti lock shows until when"},
    {"BlobImmutableDueToLegalHold", Code::denied,
     "whoever may can release the hold: tutti lock --legal-hold off"},
    {"LeaseIdMissing", Code::denied, lease_remedy},
    {"LeaseAlreadyPresent", Code::denied, lease_remedy},
    {"Md5Mismatch", Code::corrupt, again_remedy},
    {"Crc64Mismatch", Code::corrupt, again_remedy},
    {"InvalidMd5", Code::corrupt, ""},
    {"ServerBusy", Code::throttled, ""},
    {"OperationTimedOut", Code::unavailable, ""},
    {"InternalError", Code::unavailable, ""},
    {"CannotVerifyCopySource", Code::bad_input, "the service could not read the copy's source"},
    {"PendingCopyOperation", Code::conflict, "a copy onto it is under way"},
    {"InvalidBlobType", Code::unsupported,
     "it is a page or append blob; only block blobs are written"},
    {"BlobOperationNotSupported", Code::unsupported, ""},
    {"FeatureVersionMismatch", Code::unsupported, ""},
    {"UnsupportedHeader", Code::unsupported, ""},
    {"SnapshotsPresent", Code::conflict, "remove its snapshots first"},
    {"BlockCountExceedsLimit", Code::bad_input, "use larger parts"},
    {"BlockListTooLong", Code::bad_input, "use larger parts"},
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
    case 304:
    case 409:
    case 412:
      return Code::conflict;
    case 429:
    case 503:
      return Code::throttled;
    default:
      return status >= 500 ? Code::unavailable : Code::bad_input;
  }
}

std::string sentence_of(const AzureFailure& failure) {
  if (failure.code == "BlobNotFound" || (failure.status == 404 && failure.code.empty())) {
    return "there is no such blob";
  }
  if (failure.code == "ContainerNotFound") {
    return "there is no such container";
  }
  if (failure.code == "BlobAlreadyExists") {
    return "a blob of that name exists already";
  }
  if (failure.status == 412 && (failure.code == "ConditionNotMet" || failure.code.empty())) {
    return "a condition did not hold: the blob has changed, or is gone";
  }
  if (failure.code == "SourceConditionNotMet") {
    return "the source was changed since it was looked at";
  }
  // The first line: the others repeat the request's id and time, or how the signature was made.
  std::string_view message =
      std::string_view(failure.message).substr(0, failure.message.find('\n'));
  while (message.ends_with('.') || message.ends_with(' ') || message.ends_with('\r')) {
    message.remove_suffix(1);
  }
  constexpr size_t message_bytes_max = 400;
  message = message.substr(0, message_bytes_max);
  if (!message.empty()) {
    return fmt::format("Azure says: {}", message);
  }
  return failure.code.empty() ? fmt::format("Azure answered with status {}", failure.status)
                              : fmt::format("Azure says {}", failure.code);
}

}  // namespace

// ---- replies

Result<AzureBlob> parse_azure_blob(const Pairs& headers) {
  AzureBlob blob{.etag = unquoted(value_of(headers, "etag")),
                 .content_type = value_of(headers, "content-type"),
                 .kind = value_of(headers, "x-ms-blob-type"),
                 .tier = value_of(headers, "x-ms-access-tier"),
                 .version = value_of(headers, "x-ms-version-id"),
                 .is_current = value_of(headers, "x-ms-is-current-version") != "false",
                 .legal_hold = value_of(headers, "x-ms-legal-hold") == "true",
                 .archive_status = value_of(headers, "x-ms-archive-status"),
                 .copy_status = value_of(headers, "x-ms-copy-status"),
                 .copy_id = value_of(headers, "x-ms-copy-id")};
  for (const ContentHeader& each : content_headers) {
    blob.headers.*each.value = value_of(headers, each.http);
  }
  const std::string range = value_of(headers, "content-range");  // bytes 0-9/443
  const std::string size =
      range.empty() ? value_of(headers, "content-length") : range.substr(range.rfind('/') + 1);
  if (!size.empty()) {
    const auto bytes = number<uint64_t>(size);
    if (!bytes) {
      return fail(Code::bad_input, fmt::format("the reply gives '{}' as the blob's size", size));
    }
    blob.size = *bytes;
  }
  blob.modified = parse_http_date(value_of(headers, "last-modified")).value_or(Instant{});
  if (const auto until =
          parse_http_date(value_of(headers, "x-ms-immutability-policy-until-date"))) {
    blob.retention = {.mode = value_of(headers, "x-ms-immutability-policy-mode"), .until = *until};
  }
  // Of a range, Content-MD5 would be that of the range.
  const std::string* md5 = find_value(headers, "x-ms-blob-content-md5");
  blob.md5 = digest_in(DigestKind::md5, md5 != nullptr  ? *md5
                                        : range.empty() ? value_of(headers, "content-md5")
                                                        : std::string());
  for (const auto& [name, value] : headers) {
    if (name.starts_with(meta_prefix)) {
      blob.metadata[metadata_name_of_azure(name.substr(meta_prefix.size()))] =
          metadata_value_of_azure(value);
    }
  }
  return blob;
}

AzureWritten parse_azure_written(const Pairs& headers) {
  AzureWritten written{
      .etag = unquoted(value_of(headers, "etag")),
      .modified = parse_http_date(value_of(headers, "last-modified")).value_or(Instant{}),
      .version = value_of(headers, "x-ms-version-id"),
      .check = digest_in(DigestKind::crc64nvme, value_of(headers, "x-ms-content-crc64"))};
  if (!written.check) {
    written.check = digest_in(DigestKind::md5, value_of(headers, "content-md5"));
  }
  return written;
}

Result<AzurePage> parse_azure_page(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, "EnumerationResults"));
  AzurePage page{.next = text_of(root, "NextMarker")};
  const pugi::xml_node blobs = root.child("Blobs");
  for (const pugi::xml_node node : blobs.children("Blob")) {
    if (text_of(node.child("Properties"), "ResourceType") == "directory") {
      continue;  // of an account with folders: they are no objects
    }
    TRY(AzureBlob blob, blob_in(node));
    page.blobs.push_back(std::move(blob));
  }
  for (const pugi::xml_node node : blobs.children("BlobPrefix")) {
    TRY(std::string prefix, name_in(node));
    page.prefixes.push_back(std::move(prefix));
  }
  return page;
}

Result<std::vector<AzureBlock>> parse_azure_blocks(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, "BlockList"));
  std::vector<AzureBlock> blocks;
  for (const char* list : {"CommittedBlocks", "UncommittedBlocks"}) {
    for (const pugi::xml_node node : root.child(list).children("Block")) {
      const auto size = number<uint64_t>(text_of(node, "Size"));
      if (!size) {
        return fail(broken_xml("a block of the list has no size"));
      }
      blocks.push_back({.id = text_of(node, "Name"),
                        .size = *size,
                        .committed = std::string_view(list).starts_with('C')});
    }
  }
  return blocks;
}

Result<std::map<std::string, std::string>> parse_azure_tags(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, "Tags"));
  std::map<std::string, std::string> tags;
  for (const pugi::xml_node node : root.child("TagSet").children("Tag")) {
    tags[text_of(node, "Key")] = text_of(node, "Value");
  }
  return tags;
}

Result<AzureContainers> parse_azure_containers(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, "EnumerationResults"));
  AzureContainers containers{.names = {}, .next = text_of(root, "NextMarker")};
  for (const pugi::xml_node node : root.child("Containers").children("Container")) {
    containers.names.push_back(text_of(node, "Name"));
  }
  return containers;
}

Result<AzureDelegationKey> parse_azure_delegation_key(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, root_of(document, xml, "UserDelegationKey"));
  AzureDelegationKey key{.object_id = text_of(root, "SignedOid"),
                         .tenant_id = text_of(root, "SignedTid"),
                         .start = text_of(root, "SignedStart"),
                         .expiry = text_of(root, "SignedExpiry"),
                         .service = text_of(root, "SignedService"),
                         .version = text_of(root, "SignedVersion"),
                         .key = {}};
  auto bytes = base64_decode(text_of(root, "Value"));
  if (!bytes.has_value() || bytes->empty() || key.object_id.empty()) {
    return fail(broken_xml("the reply has no user delegation key in it"));
  }
  key.key = std::move(*bytes);
  return key;
}

// ---- failures

AzureFailure parse_azure_failure(int status, const Pairs& headers, std::string_view body) {
  AzureFailure failure{.status = status,
                       .code = value_of(headers, "x-ms-error-code"),
                       .request_id = value_of(headers, "x-ms-request-id")};
  pugi::xml_document document;
  if (document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8)) {
    const pugi::xml_node root = document.document_element();
    if (std::string_view(root.name()) == "Error") {
      failure.message = text_of(root, "Message");
      failure.code = failure.code.empty() ? text_of(root, "Code") : failure.code;
    }
  }
  if (const auto ms = number<int64_t>(value_of(headers, "x-ms-retry-after-ms")); ms && *ms >= 0) {
    failure.retry_after = milliseconds(std::min<int64_t>(*ms, days(1).us / 1000));
    return failure;
  }
  // A date is meant by the server's clock; without that it tells no wait.
  constexpr Instant never{INT64_MAX};
  failure.retry_after = parse_retry_after(
      value_of(headers, "retry-after"), parse_http_date(value_of(headers, "date")).value_or(never));
  return failure;
}

Error azure_error(const AzureFailure& failure, std::string where) {
  Error error{
      .code = code_of_status(failure.status),
      .what = sentence_of(failure),
      .where = std::move(where),
      .retry_after = failure.retry_after,
      .provider_code = failure.code.empty() ? std::to_string(failure.status) : failure.code};
  if (error.code == Code::denied) {
    error.remedy = credentials_remedy;
  }
  const auto meaning = std::ranges::find(meanings, failure.code, &Meaning::azure_code);
  if (meaning != std::end(meanings)) {
    error.code = meaning->code;
    error.remedy = meaning->remedy;
  }
  return error;
}

}  // namespace tutti::cloud::sign
