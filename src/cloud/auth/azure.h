// SPDX-License-Identifier: Apache-2.0
// AzureCredentials: as whom an account of Azure Storage is asked. A key, a SAS, or tokens of an
// Entra identity, found as Azure's own clients find them: what the connection says; else the
// variables AZURE_STORAGE_*; else, in this order and as far as AZURE_TOKEN_CREDENTIALS allows, an
// application's secret (AZURE_CLIENT_ID, _TENANT_ID, _CLIENT_SECRET), workload identity
// (AZURE_FEDERATED_TOKEN_FILE), the machine's managed identity, and who is logged in with the Azure
// CLI. Secrets never stand in an error.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/auth/run_program.h"
#include "cloud/auth/token_cache.h"
#include "cloud/sign/azure_token.h"
#include "net/http.h"

namespace tutti::cloud::auth {

// What the connection says; empty fields were left out.
struct AzureSettings {
  std::string account = {};
  std::string endpoint = {};
  std::string access_key = {};
  std::string sas = {};
  std::string connection_string = {};
  bool anonymous = false;  // ask as nobody: public containers
  std::string tenant_id = {};
  std::string client_id = {};
  std::string client_secret = {};
};

// The doors to the machine.
struct AzureMachine {
  std::function<std::string(const std::string&)> variable;  // empty: not set
  std::function<Result<std::string>(const std::filesystem::path&)> read_file;
  // What a program prints; not_found: there is none. Without it the Azure CLI is not asked.
  RunProgram run = {};
  std::string metadata_server = "http://169.254.169.254";
};

// This process's variables and files.
AzureMachine azure_machine();

// What can be known without asking anybody.
struct AzureAccess {
  std::string account;  // empty: only its endpoint is known
  sign::AzureEndpoint endpoint;
  std::optional<sign::AzureKey> key = std::nullopt;
  std::optional<sign::Pairs> sas = std::nullopt;
  bool anonymous = false;  // none of the three: tokens
  std::string found = {};  // for people: "access_key of the connection", "AZURE_STORAGE_KEY" ...
};
// bad_input: settings that contradict each other or name no account.
Result<AzureAccess> azure_access(const AzureSettings& settings, const AzureMachine& machine);

// A service; one loop; outlives its calls.
class AzureCredentials {
 public:
  AzureCredentials(net::HttpClient& client, AzureAccess access, AzureSettings settings,
                   AzureMachine machine);
  AzureCredentials(const AzureCredentials&) = delete;
  AzureCredentials& operator=(const AzureCredentials&) = delete;

  const AzureAccess& access() const { return access_; }
  // The request as it may be sent now, with a body of that size. Errors: denied (which ways were
  // tried, and what to do), unavailable, throttled, timed_out of who gives the tokens.
  Task<sign::Request> sign(rt::Context& ctx, sign::Request request, uint64_t body_bytes);
  // For people: whose key, SAS or token it is. Gets a token where one is needed.
  Task<std::string> found(rt::Context& ctx);
  // The service answered 401: its token is not used again. False: asking again cannot help.
  bool refused(const sign::Request& request);

 private:
  Task<Fresh<std::string>> fetch(rt::Context& ctx);
  Task<std::optional<sign::AzureToken>> from_secret(rt::Context& ctx);
  Task<std::optional<sign::AzureToken>> from_assertion(rt::Context& ctx);
  Task<std::optional<sign::AzureToken>> from_machine(rt::Context& ctx);
  Task<std::optional<sign::AzureToken>> from_cli(rt::Context& ctx);
  Task<sign::AzureToken> ask(rt::Context& ctx, sign::AzureTokenRequest request, std::string who,
                             net::HttpTimeouts timeouts);
  sign::EntraClient entra_client() const;
  std::string setting_or(const std::string& setting, const char* variable) const;
  bool allowed(std::string_view way) const;

  net::HttpClient& client_;
  AzureAccess access_;
  AzureSettings settings_;
  AzureMachine machine_;
  std::vector<std::string> tried_;  // of the fetch under way: what each way lacked
  std::string way_;                 // that the last token came
  TokenCache<std::string> tokens_;
};

}  // namespace tutti::cloud::auth
