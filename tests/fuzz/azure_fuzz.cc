// SPDX-License-Identifier: Apache-2.0
// What Azure and its identities reply, and what people paste: what is accepted can be worked with.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cloud/sign/azure.h"
#include "cloud/sign/azure_token.h"

namespace {

using namespace tutti::cloud::sign;

void read_replies(std::string_view text) {
  if (const auto page = parse_azure_page(text); page.has_value()) {
    for (const AzureBlob& blob : page->blobs) {
      CHECK(!blob.key.empty());
      CHECK(azure_blob_request({.host = "h", .container = "c"}, "GET", blob.key).path.size() > 3);
    }
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

void read_pasted(std::string_view text) {
  if (const auto sas = parse_azure_sas(text); sas.has_value()) {
    const auto again = parse_azure_sas(encode_query(*sas));
    CHECK(again.has_value());
    CHECK(encode_query(*again) == encode_query(*sas));
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
  read_pasted(text);
  keep_metadata(text);
  return 0;
}
