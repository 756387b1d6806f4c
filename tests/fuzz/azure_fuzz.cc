// SPDX-License-Identifier: Apache-2.0
// What Azure and its identities reply, and what people paste: what is accepted can be worked with.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cloud/sign/azure.h"
#include "cloud/sign/azure_token.h"
#include "reply.h"

namespace {

using namespace tutti::cloud::sign;
using namespace tutti::fuzz;

AzureContainer container() { return {.host = "h", .container = "c"}; }

void read_replies(std::string_view text) {
  if (const auto page = parse_azure_page(text); page.has_value()) {
    for (const AzureBlob& blob : page->blobs) {
      CHECK(!blob.key.empty());
      CHECK(azure_blob_request(container(), "GET", blob.key).path.size() > 3);
    }
  }
  if (const auto tags = parse_azure_tags(text); tags.has_value()) {
    const Request put = azure_put_request(container(), "k", {.tags = *tags}, {}, std::nullopt);
    const std::string* header = find_value(put.headers, "x-ms-tags");
    CHECK(tags_in(header == nullptr ? "" : *header) == *tags);
  }
  std::ignore = parse_azure_blocks(text);
  std::ignore = parse_azure_containers(text);
  std::ignore = parse_azure_delegation_key(text);
  CHECK(!azure_error(parse_azure_failure(409, {}, text), "az://c/k").what.empty());
  if (const auto token = parse_azure_token(text, {}); token.has_value()) {
    CHECK(token->valid.us > 0);
  }
  CHECK(!azure_token_error(400, text, "Entra").what.empty());
}

// What a blob has can be written, and reads the same then; so does what was computed over a body.
void read_headers(std::string_view text) {
  const Pairs headers = headers_in(text);
  if (const auto blob = parse_azure_blob(headers); blob.has_value()) {
    const bool is_kept = !blob->retention.mode.empty() && has_date(blob->retention.until);
    const AzureNotes notes{.tier = blob->tier,
                           .md5 = blob->md5,
                           .retention = is_kept ? blob->retention : AzureRetention{},
                           .legal_hold = blob->legal_hold};
    const auto again =
        parse_azure_blob(azure_put_request(container(), "k", notes, {}, std::nullopt).headers);
    CHECK(again.has_value());
    CHECK(again->tier == notes.tier);
    CHECK(again->md5 == notes.md5);
    CHECK(again->retention == notes.retention);
    CHECK(again->legal_hold == notes.legal_hold);
  }
  const AzureWritten written = parse_azure_written(headers);
  const Request block = azure_block_request(container(), "k", "QQ==", written.check);
  CHECK(parse_azure_written(block.headers).check == written.check);
  const AzureFailure failure = parse_azure_failure(503, headers, "");
  CHECK(failure.retry_after.value_or(tutti::Duration{}) >= tutti::Duration{});
  CHECK(!azure_error(failure, "az://c/k").what.empty());
}

void read_pasted(std::string_view text) {
  if (const auto sas = parse_azure_sas(text); sas.has_value()) {
    const auto again = parse_azure_sas(encode_query(*sas));
    CHECK(again.has_value());
    CHECK(encode_query(*again) == encode_query(*sas));
    std::ignore = azure_sas_expiry(*sas);
  }
  if (const auto account = parse_azure_connection_string(text); account.has_value()) {
    CHECK(account->endpoint.has_value());
  }
  std::ignore = parse_azure_endpoint(text);
}

void keep_metadata(std::string_view text) {
  CHECK(metadata_value_of_azure(azure_metadata_value(text)) == text);
  const bool is_name = std::ranges::all_of(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (is_name) {
    CHECK(metadata_name_of_azure(azure_metadata_name(text)) == text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_replies(text);
  read_headers(text);
  read_pasted(text);
  keep_metadata(text);
  return 0;
}
