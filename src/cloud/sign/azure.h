// SPDX-License-Identifier: Apache-2.0
// Azure Blob Storage: the requests of its API and what its replies say. Block blobs only. Source:
// "Blob service REST API", version azure_version; where the emulator differs it is said.
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
#include "cloud/sign/azure_key.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- requests; none of them is signed yet

// Where a container is reached.
struct AzureContainer {
  std::string host;         // of the account, with its port: acc.blob.core.windows.net
  std::string folder = {};  // in front of the container: "/devstoreaccount1" of an emulator
  std::string container;    // empty: the account itself
  // Under which what is written is encrypted; empty: as the container has it.
  std::string encryption_scope = {};
};

struct AzureConditions {
  bool only_if_absent = false;
  std::string if_match = {};  // an etag, without quotes
};

// Until when a version must not be removed or replaced. `mode`: Unlocked, which may be shortened,
// or Locked; empty: not at all.
struct AzureRetention {
  std::string mode = {};
  Instant until = {};
  bool operator==(const AzureRetention&) const = default;
};

// What is noted with a blob. A request that writes one replaces all of it.
struct AzureNotes {
  std::string content_type = {};  // empty: application/octet-stream
  ContentHeaders headers = {};
  std::map<std::string, std::string> metadata = {};  // names [a-z0-9-]
  std::map<std::string, std::string> tags = {};
  std::string tier = {};                     // Hot, Cool, Cold, Archive; empty: the default
  std::optional<Digest> md5 = std::nullopt;  // kept as the blob's Content-MD5
  AzureRetention retention = {};
  bool legal_hold = false;
};

Request azure_request(const AzureContainer& container, std::string method, Pairs query = {});
Request azure_blob_request(const AzureContainer& container, std::string method,
                           std::string_view key, Pairs query = {});
// The blob's address on its own, for a copy; with `sas` it can be read by whoever has it.
std::string azure_url(const AzureContainer& container, bool tls, std::string_view key,
                      const Pairs& sas = {});

// Get Blob; no length: to the end. A range of an empty blob, or one behind the end, is 416.
Request azure_get_request(const AzureContainer& container, std::string_view key, uint64_t offset,
                          std::optional<uint64_t> length, std::string_view if_match);
// Put Blob, of at most 5000 MiB. `check`: md5 or crc64nvme of the body, compared by the service; it
// keeps an MD5 given so, and refuses one in the notes beside it.
Request azure_put_request(const AzureContainer& container, std::string_view key,
                          const AzureNotes& notes, const AzureConditions& conditions,
                          const std::optional<Digest>& check);
// Put Block, of at most 4000 MiB. `block`: the id, as azure_block_id makes it.
Request azure_block_request(const AzureContainer& container, std::string_view key,
                            std::string_view block, const std::optional<Digest>& check);
// Ids of one blob have equal lengths; `upload`, of at most 40 bytes, keeps uploads apart.
std::string azure_block_id(std::string_view upload, uint32_t number);
// Put Block List: the blob becomes these blocks, in this order; others that wait are dropped. Sent
// again after it was carried out it writes the same blob again.
Request azure_commit_request(const AzureContainer& container, std::string_view key,
                             const AzureNotes& notes, const AzureConditions& conditions);
std::string azure_commit_body(const std::vector<std::string>& blocks);
Request azure_blocks_request(const AzureContainer& container, std::string_view key);

// Of copies: `source` is a URL the service itself can read, `source_if_match` an etag.
struct AzureSource {
  std::string url;
  std::string if_match = {};
  std::string bearer = {};                        // a token the source asks for
  std::optional<Digest> md5 = std::nullopt;       // of what is read: the service compares it
  std::optional<uint64_t> offset = std::nullopt;  // of a block; none: all of it
  uint64_t length = 0;
};
// Put Block From URL, and Put Blob From URL (at most 5000 MiB): done when the reply is there. The
// source may be of another cloud. Without content type and metadata those of the source are kept.
Request azure_block_from_request(const AzureContainer& container, std::string_view key,
                                 std::string_view block, const AzureSource& source);
Request azure_put_from_request(const AzureContainer& container, std::string_view key,
                               const AzureNotes& notes, const AzureConditions& conditions,
                               const AzureSource& source);
// Copy Blob, of any size, also while the reply is gone: x-ms-copy-status says how far it is. Keeps
// content type and headers; metadata given replaces that of the source; it has the tags given.
Request azure_copy_request(const AzureContainer& container, std::string_view key,
                           const AzureNotes& notes, const AzureConditions& conditions,
                           const AzureSource& source);
Request azure_abort_copy_request(const AzureContainer& container, std::string_view key,
                                 std::string_view copy_id);

// Get Blob Tags.
Request azure_tags_request(const AzureContainer& container, std::string_view key);
Request azure_delete_request(const AzureContainer& container, std::string_view key,
                             std::string_view if_match);

// Of one version, for ever.
Request azure_delete_version_request(const AzureContainer& container, std::string_view key,
                                     std::string_view version);
// Set Blob Immutability Policy, or Delete of it where there is no mode; Set Blob Legal Hold; Set
// Blob Tier, which brings an archived blob back (`priority`: Standard, High). Of a version; empty:
// the current one. None has a body.
Request azure_retention_request(const AzureContainer& container, std::string_view key,
                                std::string_view version, const AzureRetention& retention);
Request azure_legal_hold_request(const AzureContainer& container, std::string_view key,
                                 std::string_view version, bool on);
Request azure_tier_request(const AzureContainer& container, std::string_view key,
                           std::string_view version, std::string_view tier,
                           std::string_view priority);

struct AzureListing {
  std::string prefix = {};
  std::string delimiter = {};
  uint32_t limit = 1000;    // at most 5000
  std::string marker = {};  // AzurePage.next
  bool versions = false;    // of each name from the oldest on
};
Request azure_list_request(const AzureContainer& container, const AzureListing& listing);
// A new container is created with PUT and removed with DELETE of it.
Request azure_container_request(const AzureContainer& container, std::string method);
Request azure_containers_request(const AzureContainer& account, std::string_view prefix,
                                 std::string_view marker);

// Get User Delegation Key, valid from `now`, at most seven days; asked for with an Entra token.
Request azure_delegation_key_request(const AzureContainer& account);
std::string azure_delegation_key_body(Instant now, Duration valid);

// ---- replies

struct AzureBlob {
  std::string key = {};   // of listings only
  uint64_t size = 0;      // of the whole blob, also where a range was asked
  std::string etag = {};  // without quotes
  Instant modified = {};
  std::string content_type = {};
  ContentHeaders headers = {};
  std::optional<Digest> md5 = std::nullopt;
  std::map<std::string, std::string> metadata = {};  // names as they were given
  std::string kind = {};                             // BlockBlob, PageBlob, AppendBlob
  std::string tier = {};                             // empty: none, as page blobs
  std::string version = {};                          // empty: the account keeps none
  bool is_current = true;                            // else `version` was replaced or removed
  AzureRetention retention = {};
  bool legal_hold = false;
  std::string archive_status = {};  // rehydrate-pending-to-hot; empty: it stays where it is
  std::string copy_status = {};     // pending, success, aborted, failed; empty: no copy
  std::string copy_id = {};
};
// Of Get Blob, Get Blob Properties, and of the copies, which give etag, time and copy_status only.
// Names of `headers` in lower case. bad_input: what cannot be a reply of Azure.
Result<AzureBlob> parse_azure_blob(const Pairs& headers);

// Of Put Blob, Put Block, Put Block List.
struct AzureWritten {
  std::string etag = {};
  Instant modified = {};
  std::string version = {};
  std::optional<Digest> check = std::nullopt;  // what the service computed over the body
};
AzureWritten parse_azure_written(const Pairs& headers);

struct AzurePage {
  std::vector<AzureBlob> blobs;
  std::vector<std::string> prefixes;
  std::string next;  // empty: the last page
};
// Of the replies below: `unavailable` where the XML is none or broken off.
Result<AzurePage> parse_azure_page(std::string_view xml);

struct AzureBlock {
  std::string id;  // base64
  uint64_t size = 0;
  bool committed = false;
  bool operator==(const AzureBlock&) const = default;
};
Result<std::vector<AzureBlock>> parse_azure_blocks(std::string_view xml);
Result<std::map<std::string, std::string>> parse_azure_tags(std::string_view xml);
struct AzureContainers {
  std::vector<std::string> names;
  std::string next;
};
Result<AzureContainers> parse_azure_containers(std::string_view xml);
Result<AzureDelegationKey> parse_azure_delegation_key(std::string_view xml);

// ---- failures

struct AzureFailure {
  int status = 0;
  std::string code = {};  // BlobNotFound; empty where neither header nor body has one
  std::string message = {};
  std::string request_id = {};
  std::optional<Duration> retry_after = std::nullopt;
};
// `headers` in lower case; `body` may be anything.
AzureFailure parse_azure_failure(int status, const Pairs& headers, std::string_view body);
// `where`: the address of the object or container.
Error azure_error(const AzureFailure& failure, std::string where);

// ---- metadata

// Names in Azure are identifiers of C#: '-' becomes '_', and a name that begins with a digit gets
// "x_" in front, as does one that would be taken for such a name. Values outside ASCII, or with
// blanks at an end, become encoded words (RFC 2047).
std::string azure_metadata_name(std::string_view name);
std::string metadata_name_of_azure(std::string_view header);
std::string azure_metadata_value(std::string_view value);
std::string metadata_value_of_azure(std::string_view header);

}  // namespace tutti::cloud::sign
