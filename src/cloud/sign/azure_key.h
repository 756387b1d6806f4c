// SPDX-License-Identifier: Apache-2.0
// How requests to Azure Storage prove who sends them: Shared Key, by header, and shared access
// signatures (SAS), in the URL. Sources: "Authorize with Shared Key", "Create a service SAS",
// "... an account SAS" and "... a user delegation SAS" of the Azure Storage REST API.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// The version of the API that requests ask for (x-ms-version) and signatures are made by (sv).
inline constexpr std::string_view azure_version = "2023-11-03";

// 2026-02-28T10:00:00Z
std::string azure_time(Instant instant);

struct AzureKey {
  std::string account;
  std::string key;  // the bytes, not base64
};
// `base64` as the portal shows it. bad_input: no base64; the error does not repeat it.
Result<AzureKey> azure_key(std::string account, std::string_view base64);

// ---- by header

// What is signed. `body_bytes`: the Content-Length that will be sent. The path counts as it goes
// over the wire: an emulator has the account in it, which then stands there twice.
std::string azure_string_to_sign(const Request& request, std::string_view account,
                                 uint64_t body_bytes);
// Sets x-ms-date and authorization; every x-ms- header that is there is signed.
void azure_sign(Request& request, const AzureKey& key, Instant now, uint64_t body_bytes);

// ---- in the URL

struct AzureSas {
  // Letters in the order racwdxyltfmeopi (of an account: rwdxylacuptfi), which the service insists
  // on.
  std::string permissions;
  std::optional<Instant> start = std::nullopt;  // none: at once
  Instant expiry;
  std::string ip = {};  // "1.2.3.4" or "1.2.3.4-1.2.3.9"; empty: any
  bool https_only = true;
};

struct AzureResource {
  std::string container;
  std::string blob = {};      // empty: the container
  std::string snapshot = {};  // of the blob; or
  std::string version = {};
};

// Got from the service with an Entra token (azure_delegation_key_request).
struct AzureDelegationKey {
  std::string object_id;
  std::string tenant_id;
  std::string start;  // all of these as the service wrote them
  std::string expiry;
  std::string service;
  std::string version;
  std::string key;  // the bytes
};

// Each gives the query that whoever has the URL sends along.
Pairs azure_service_sas(const AzureKey& key, const AzureResource& resource, const AzureSas& sas);
Pairs azure_delegation_sas(std::string_view account, const AzureDelegationKey& key,
                           const AzureResource& resource, const AzureSas& sas);
// For all blobs and containers of the account. `kinds`: of resources, some of "sco".
Pairs azure_account_sas(const AzureKey& key, std::string_view kinds, const AzureSas& sas);

// A SAS somebody was given, with or without "?" in front or a URL. bad_input: one without a
// signature; the error does not repeat it.
Result<Pairs> parse_azure_sas(std::string_view text);
// When it ends, as far as it says so: one that refers to a stored policy may not.
std::optional<Instant> azure_sas_expiry(const Pairs& sas);
void azure_add_sas(Request& request, const Pairs& sas);

}  // namespace tutti::cloud::sign
