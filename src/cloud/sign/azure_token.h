// SPDX-License-Identifier: Apache-2.0
// Who asks Azure: connection strings and endpoints of an account, and the requests by which an
// Entra identity gets a token for storage. Sources: "Configure Azure Storage connection strings";
// OAuth 2.0 client credentials flow of the Microsoft identity platform; "How managed identities
// for Azure resources work" and the same of App Service.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "cloud/sign/azure_key.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- the account

// A URL, cut into what requests are made of.
struct AzureEndpoint {
  bool tls = true;
  std::string host;         // with its port
  std::string folder = {};  // "/devstoreaccount1", without "/" at its end
  bool operator==(const AzureEndpoint&) const = default;
};
// "http://127.0.0.1:10000/devstoreaccount1"; without a scheme it is https.
Result<AzureEndpoint> parse_azure_endpoint(std::string_view url);
// Of the public cloud, unless `suffix` says otherwise: core.chinacloudapi.cn
AzureEndpoint azure_endpoint(std::string_view account, std::string_view suffix = {});

// ACCOUNT.blob.core.windows.net, or the folder of an emulator.
std::string azure_account_of(const AzureEndpoint& endpoint);

struct AzureAccount {
  std::string name = {};
  std::optional<AzureEndpoint> endpoint = std::nullopt;
  std::optional<AzureKey> key = std::nullopt;
  std::optional<Pairs> sas = std::nullopt;
};
// "AccountName=...;AccountKey=...", or "UseDevelopmentStorage=true" for the emulators' well-known
// account on 127.0.0.1:10000. bad_input never repeats what was given.
Result<AzureAccount> parse_azure_connection_string(std::string_view text);

// ---- tokens

struct AzureTokenRequest {
  bool tls = true;
  Request request = {};
  std::string body = {};
};

// An application registered in Entra.
struct EntraClient {
  std::string authority = {};  // a URL; empty: https://login.microsoftonline.com
  std::string tenant;
  std::string client;
};
Result<AzureTokenRequest> entra_secret_request(const EntraClient& client, std::string_view secret);
// Workload identity: `assertion` is the token some other issuer gave.
Result<AzureTokenRequest> entra_assertion_request(const EntraClient& client,
                                                  std::string_view assertion);
// The identity of this virtual machine; `client` chooses among several. `base`: http://HOST
Result<AzureTokenRequest> imds_token_request(std::string_view base, std::string_view client);
// The identity of this App Service, Function or container app: IDENTITY_ENDPOINT, IDENTITY_HEADER.
Result<AzureTokenRequest> app_service_token_request(std::string_view endpoint,
                                                    std::string_view secret,
                                                    std::string_view client);
// What `az account get-access-token` is called with.
std::vector<std::string> azure_cli_arguments(std::string_view tenant);

struct AzureToken {
  std::string token;
  Duration valid;
};
// Of all of the above. `now` counts only where the reply names the token's end, not its life.
Result<AzureToken> parse_azure_token(std::string_view json, Instant now);
// What a refusal says. `who` refused: "Entra". The reply of Entra never repeats a secret.
Error azure_token_error(int status, std::string_view json, std::string_view who);

}  // namespace tutti::cloud::sign
