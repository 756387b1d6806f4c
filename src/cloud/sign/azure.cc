// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/azure.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/encode.h"
#include "base/http_date.h"

namespace tutti::cloud::sign {
namespace {

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest_size(digest.kind)};
}

// The service writes a CRC64 from its last byte on.
std::string crc64_text(const Digest& crc) {
  std::string bytes(bytes_of(crc));
  std::ranges::reverse(bytes);
  return base64_encode(bytes);
}

void add_check(Request& request, const std::optional<Digest>& check) {
  if (check && check->kind == DigestKind::md5) {
    request.headers.emplace_back("content-md5", base64_encode(bytes_of(*check)));
  } else if (check && check->kind == DigestKind::crc64nvme) {
    request.headers.emplace_back("x-ms-content-crc64", crc64_text(*check));
  }
}

void add_conditions(Request& request, const AzureConditions& conditions) {
  if (conditions.only_if_absent) {
    request.headers.emplace_back("if-none-match", "*");
  }
  if (!conditions.if_match.empty()) {
    request.headers.emplace_back("if-match", fmt::format("\"{}\"", conditions.if_match));
  }
}

void add_retention(Request& request, const AzureRetention& retention) {
  if (!retention.mode.empty()) {
    request.headers.emplace_back("x-ms-immutability-policy-mode", retention.mode);
    request.headers.emplace_back("x-ms-immutability-policy-until-date", http_date(retention.until));
  }
}

Pairs query_of(std::string_view comp, std::string_view version) {
  Pairs query;
  if (!comp.empty()) {
    query.emplace_back("comp", comp);
  }
  if (!version.empty()) {
    query.emplace_back("versionid", version);
  }
  return query;
}

void add_notes(Request& request, const AzureNotes& notes) {
  if (!notes.content_type.empty()) {
    request.headers.emplace_back("x-ms-blob-content-type", notes.content_type);
  }
  for (const ContentHeader& each : content_headers) {
    if (const std::string& value = notes.headers.*each.value; !value.empty()) {
      request.headers.emplace_back(fmt::format("x-ms-blob-{}", each.http), value);
    }
  }
  if (!notes.tags.empty()) {
    request.headers.emplace_back("x-ms-tags", encode_query({notes.tags.begin(), notes.tags.end()}));
  }
  if (notes.md5) {
    request.headers.emplace_back("x-ms-blob-content-md5", base64_encode(bytes_of(*notes.md5)));
  }
  if (!notes.tier.empty()) {
    request.headers.emplace_back("x-ms-access-tier", notes.tier);
  }
  add_retention(request, notes.retention);
  if (notes.legal_hold) {
    request.headers.emplace_back("x-ms-legal-hold", "true");
  }
  for (const auto& [name, value] : notes.metadata) {
    request.headers.emplace_back("x-ms-meta-" + azure_metadata_name(name),
                                 azure_metadata_value(value));
  }
}

void add_source(Request& request, const AzureSource& source) {
  request.headers.emplace_back("x-ms-copy-source", source.url);
  if (!source.if_match.empty()) {
    request.headers.emplace_back("x-ms-source-if-match", fmt::format("\"{}\"", source.if_match));
  }
  if (source.md5) {
    request.headers.emplace_back("x-ms-source-content-md5", base64_encode(bytes_of(*source.md5)));
  }
  if (!source.bearer.empty()) {
    request.headers.emplace_back("x-ms-copy-source-authorization", "Bearer " + source.bearer);
  }
}

// No length, or one beyond what the service can count: to the end.
std::string range_of(uint64_t offset, std::optional<uint64_t> length) {
  constexpr uint64_t bytes_max = INT64_MAX;
  return length && *length <= bytes_max - std::min(offset, bytes_max)
             ? fmt::format("bytes={}-{}", offset, offset + *length - 1)
             : fmt::format("bytes={}-", offset);
}

// ---- metadata

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Names that would not be identifiers, and those that look as if they had been such a name.
bool needs_prefix(std::string_view name) {
  while (name.starts_with("x-")) {
    name.remove_prefix(2);
  }
  return !name.empty() && is_digit(name.front());
}

}  // namespace

Request azure_request(const AzureContainer& container, std::string method, Pairs query) {
  return {.method = std::move(method),
          .host = container.host,
          .path = container.folder + "/" + percent_encode(container.container, "$"),
          .query = std::move(query),
          .headers = {{"x-ms-version", std::string(azure_version)}}};
}

Request azure_blob_request(const AzureContainer& container, std::string method,
                           std::string_view key, Pairs query) {
  Request request = azure_request(container, std::move(method), std::move(query));
  request.path = path_of_key(request.path, key);
  return request;
}

std::string azure_url(const AzureContainer& container, bool tls, std::string_view key,
                      const Pairs& sas) {
  Request request = azure_blob_request(container, "GET", key);
  azure_add_sas(request, sas);
  return fmt::format("{}://{}{}", tls ? "https" : "http", request.host, target_of(request));
}

Request azure_get_request(const AzureContainer& container, std::string_view key, uint64_t offset,
                          std::optional<uint64_t> length, std::string_view if_match) {
  Request request = azure_blob_request(container, "GET", key);
  if (offset > 0 || length) {
    request.headers.emplace_back("x-ms-range", range_of(offset, length));
  }
  add_conditions(request, {.if_match = std::string(if_match)});
  return request;
}

namespace {

// On all that writes: a block and the list of blocks must name the same one.
void add_scope(Request& request, const AzureContainer& container) {
  if (!container.encryption_scope.empty()) {
    request.headers.emplace_back("x-ms-encryption-scope", container.encryption_scope);
  }
}

}  // namespace

Request azure_put_request(const AzureContainer& container, std::string_view key,
                          const AzureNotes& notes, const AzureConditions& conditions,
                          const std::optional<Digest>& check) {
  Request request = azure_blob_request(container, "PUT", key);
  request.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  add_scope(request, container);
  add_notes(request, notes);
  add_conditions(request, conditions);
  add_check(request, check);
  return request;
}

Request azure_block_request(const AzureContainer& container, std::string_view key,
                            std::string_view block, const std::optional<Digest>& check) {
  Request request = azure_blob_request(container, "PUT", key,
                                       {{"comp", "block"}, {"blockid", std::string(block)}});
  add_scope(request, container);
  add_check(request, check);
  return request;
}

std::string azure_block_id(std::string_view upload, uint32_t number) {
  return base64_encode(fmt::format("{}-{:08}", upload, number));
}

Request azure_commit_request(const AzureContainer& container, std::string_view key,
                             const AzureNotes& notes, const AzureConditions& conditions) {
  Request request = azure_blob_request(container, "PUT", key, {{"comp", "blocklist"}});
  add_scope(request, container);
  add_notes(request, notes);
  add_conditions(request, conditions);
  return request;
}

std::string azure_commit_body(const std::vector<std::string>& blocks) {
  std::string body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const std::string& block : blocks) {
    body += "<Latest>" + block + "</Latest>";
  }
  return body + "</BlockList>";
}

Request azure_blocks_request(const AzureContainer& container, std::string_view key) {
  return azure_blob_request(container, "GET", key,
                            {{"comp", "blocklist"}, {"blocklisttype", "all"}});
}

Request azure_block_from_request(const AzureContainer& container, std::string_view key,
                                 std::string_view block, const AzureSource& source) {
  Request request = azure_block_request(container, key, block, std::nullopt);
  add_source(request, source);
  if (source.offset) {
    request.headers.emplace_back("x-ms-source-range", range_of(*source.offset, source.length));
  }
  return request;
}

Request azure_put_from_request(const AzureContainer& container, std::string_view key,
                               const AzureNotes& notes, const AzureConditions& conditions,
                               const AzureSource& source) {
  Request request = azure_put_request(container, key, notes, conditions, std::nullopt);
  add_source(request, source);
  return request;
}

Request azure_copy_request(const AzureContainer& container, std::string_view key,
                           const AzureNotes& notes, const AzureConditions& conditions,
                           const AzureSource& source) {
  Request request = azure_blob_request(container, "PUT", key);
  add_scope(request, container);
  add_notes(request, {.metadata = notes.metadata,
                      .tags = notes.tags,
                      .tier = notes.tier,
                      .retention = notes.retention,
                      .legal_hold = notes.legal_hold});
  add_conditions(request, conditions);
  add_source(request, source);
  return request;
}

Request azure_abort_copy_request(const AzureContainer& container, std::string_view key,
                                 std::string_view copy_id) {
  Request request = azure_blob_request(container, "PUT", key,
                                       {{"comp", "copy"}, {"copyid", std::string(copy_id)}});
  request.headers.emplace_back("x-ms-copy-action", "abort");
  return request;
}

Request azure_tags_request(const AzureContainer& container, std::string_view key) {
  return azure_blob_request(container, "GET", key, {{"comp", "tags"}});
}

Request azure_delete_request(const AzureContainer& container, std::string_view key,
                             std::string_view if_match) {
  Request request = azure_blob_request(container, "DELETE", key);
  request.headers.emplace_back("x-ms-delete-snapshots", "include");
  add_conditions(request, {.if_match = std::string(if_match)});
  return request;
}

Request azure_delete_version_request(const AzureContainer& container, std::string_view key,
                                     std::string_view version) {
  return azure_blob_request(container, "DELETE", key, query_of({}, version));
}

Request azure_retention_request(const AzureContainer& container, std::string_view key,
                                std::string_view version, const AzureRetention& retention) {
  Request request = azure_blob_request(container, retention.mode.empty() ? "DELETE" : "PUT", key,
                                       query_of("immutabilityPolicies", version));
  add_retention(request, retention);
  return request;
}

Request azure_legal_hold_request(const AzureContainer& container, std::string_view key,
                                 std::string_view version, bool on) {
  Request request = azure_blob_request(container, "PUT", key, query_of("legalhold", version));
  request.headers.emplace_back("x-ms-legal-hold", on ? "true" : "false");
  return request;
}

Request azure_tier_request(const AzureContainer& container, std::string_view key,
                           std::string_view version, std::string_view tier,
                           std::string_view priority) {
  Request request = azure_blob_request(container, "PUT", key, query_of("tier", version));
  request.headers.emplace_back("x-ms-access-tier", tier);
  request.headers.emplace_back("x-ms-rehydrate-priority", priority);
  return request;
}

Request azure_list_request(const AzureContainer& container, const AzureListing& listing) {
  Pairs query = {{"restype", "container"},
                 {"comp", "list"},
                 {"include", listing.versions ? "metadata,versions" : "metadata"},
                 {"maxresults", std::to_string(listing.limit)}};
  const std::pair<std::string_view, const std::string*> given[] = {
      {"prefix", &listing.prefix}, {"delimiter", &listing.delimiter}, {"marker", &listing.marker}};
  for (const auto& [name, value] : given) {
    if (!value->empty()) {
      query.emplace_back(name, *value);
    }
  }
  return azure_request(container, "GET", std::move(query));
}

Request azure_container_request(const AzureContainer& container, std::string method) {
  return azure_request(container, std::move(method), {{"restype", "container"}});
}

Request azure_containers_request(const AzureContainer& account, std::string_view prefix,
                                 std::string_view marker) {
  Pairs query = {{"comp", "list"}};
  if (!prefix.empty()) {
    query.emplace_back("prefix", prefix);
  }
  if (!marker.empty()) {
    query.emplace_back("marker", marker);
  }
  return azure_request({.host = account.host, .folder = account.folder, .container = {}}, "GET",
                       std::move(query));
}

Request azure_delegation_key_request(const AzureContainer& account) {
  return azure_request({.host = account.host, .folder = account.folder, .container = {}}, "POST",
                       {{"restype", "service"}, {"comp", "userdelegationkey"}});
}

std::string azure_delegation_key_body(Instant now, Duration valid) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{}</Start><Expiry>{}</Expiry>"
      "</KeyInfo>",
      azure_time(now), azure_time(now + std::min(valid, days(7))));
}

// ---- metadata

std::string azure_metadata_name(std::string_view name) {
  std::string out = needs_prefix(name) ? "x_" : "";
  out += name;
  std::ranges::replace(out, '-', '_');
  return out;
}

std::string metadata_name_of_azure(std::string_view header) {
  std::string name(header);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c == '_' ? '-' : ascii_lower(c); });
  return name.starts_with("x-") && needs_prefix(name) ? name.substr(2) : name;
}

std::string azure_metadata_value(std::string_view value) {
  const bool plain = !value.empty() &&
                     std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }) &&
                     !value.starts_with(' ') && !value.ends_with(' ') && !value.contains("=?");
  return plain ? std::string(value) : fmt::format("=?UTF-8?B?{}?=", base64_encode(value));
}

std::string metadata_value_of_azure(std::string_view header) {
  constexpr std::string_view begin = "=?UTF-8?B?";
  constexpr std::string_view end = "?=";
  if (!header.starts_with(begin) || !header.ends_with(end) ||
      header.size() < begin.size() + end.size()) {
    return std::string(header);
  }
  header.remove_prefix(begin.size());
  header.remove_suffix(end.size());
  const auto value = base64_decode(header);
  return value.has_value() ? *value : fmt::format("{}{}{}", begin, header, end);
}

}  // namespace tutti::cloud::sign
