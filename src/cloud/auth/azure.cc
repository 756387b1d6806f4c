// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/azure.h"

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
#include "base/http_date.h"
#include "base/trim.h"
#include "cloud/http/send.h"
#include "rt/file.h"

namespace tutti::cloud::auth {
namespace {

constexpr size_t reply_bytes_max = 1U << 20U;
constexpr net::HttpTimeouts entra_timeouts{
    .connect = seconds(10), .reply = seconds(30), .idle = seconds(30)};
// Where there is no such server the packets may just vanish.
constexpr net::HttpTimeouts machine_timeouts{
    .connect = seconds(1), .reply = seconds(10), .idle = seconds(5)};

using MaybeToken = std::optional<sign::AzureToken>;

bool is_loopback(std::string_view host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

// Takes what `account` knows and the access does not.
Result<Unit> merge(AzureAccess& access, std::optional<sign::AzureEndpoint>& endpoint,
                   sign::AzureAccount account, std::string_view from) {
  if (!access.account.empty() && !account.name.empty() && access.account != account.name) {
    return fail(Code::bad_input,
                fmt::format("the connection is of account '{}', {} of '{}'", access.account, from,
                            account.name),
                "let both name the same account");
  }
  access.account = account.name;
  access.key = std::move(account.key);
  access.sas = std::move(account.sas);
  access.found = from;
  if (!endpoint) {
    endpoint = std::move(account.endpoint);
  }
  return Unit{};
}

Result<Unit> from_settings(AzureAccess& access, std::optional<sign::AzureEndpoint>& endpoint,
                           const AzureSettings& settings) {
  const int ways =
      static_cast<int>(!settings.access_key.empty()) + static_cast<int>(!settings.sas.empty()) +
      static_cast<int>(!settings.connection_string.empty()) + static_cast<int>(settings.anonymous) +
      static_cast<int>(!settings.client_secret.empty());
  if (ways > 1) {
    return fail(Code::bad_input, "the connection says in two ways as whom to ask",
                "keep one of access_key, sas, connection_string, client_secret, anonymous");
  }
  if (!settings.connection_string.empty()) {
    TRY(auto account, sign::parse_azure_connection_string(settings.connection_string));
    return merge(access, endpoint, std::move(account), "connection_string of the connection");
  }
  if (!settings.access_key.empty()) {
    access.found = "access_key of the connection";
  } else if (!settings.sas.empty()) {
    TRY(access.sas, sign::parse_azure_sas(settings.sas));
    access.found = "sas of the connection";
  } else if (settings.anonymous) {
    access.anonymous = true;
    access.found = "nobody (anonymous)";
  } else if (!settings.client_secret.empty()) {
    access.found = "client_secret of the connection";
  }
  return Unit{};
}

// Variables speak of one account: they are no answer for another one.
Result<Unit> from_variables(AzureAccess& access, std::optional<sign::AzureEndpoint>& endpoint,
                            const AzureMachine& machine) {
  if (const std::string text = machine.variable("AZURE_STORAGE_CONNECTION_STRING"); !text.empty()) {
    TRY(auto account, sign::parse_azure_connection_string(text));
    if (access.account.empty() || account.name == access.account) {
      return merge(access, endpoint, std::move(account), "AZURE_STORAGE_CONNECTION_STRING");
    }
  }
  const std::string name = machine.variable("AZURE_STORAGE_ACCOUNT");
  if (!access.account.empty() && name != access.account) {
    return Unit{};
  }
  access.account = name;
  if (const std::string key = machine.variable("AZURE_STORAGE_KEY"); !key.empty()) {
    TRY(access.key, sign::azure_key(name, key));
    access.found = "AZURE_STORAGE_KEY";
  } else if (const std::string sas = machine.variable("AZURE_STORAGE_SAS_TOKEN"); !sas.empty()) {
    TRY(access.sas, sign::parse_azure_sas(sas));
    access.found = "AZURE_STORAGE_SAS_TOKEN";
  }
  return Unit{};
}

}  // namespace

AzureMachine azure_machine() {
  return {.variable =
              [](const std::string& name) {
                const char* value = std::getenv(name.c_str());
                return value == nullptr ? std::string() : std::string(value);
              },
          .read_file = [](const std::filesystem::path& path) { return rt::read_file(path); }};
}

Result<AzureAccess> azure_access(const AzureSettings& settings, const AzureMachine& machine) {
  AzureAccess access{.account = settings.account, .endpoint = {}};
  std::optional<sign::AzureEndpoint> endpoint;
  if (!settings.endpoint.empty()) {
    TRY(endpoint, sign::parse_azure_endpoint(settings.endpoint));
    access.account = access.account.empty() ? sign::azure_account_of(*endpoint) : access.account;
  }
  TRY_OK(from_settings(access, endpoint, settings));
  if (access.found.empty()) {
    TRY_OK(from_variables(access, endpoint, machine));
  }
  if (access.account.empty()) {
    access.account = machine.variable("AZURE_STORAGE_ACCOUNT");
  }
  if (access.account.empty() && !endpoint) {
    return fail(Code::bad_input, "it is not said which storage account to use",
                "set `account` of the connection, or AZURE_STORAGE_ACCOUNT");
  }
  access.endpoint = endpoint ? *endpoint : sign::azure_endpoint(access.account);
  if (!settings.access_key.empty()) {
    TRY(access.key, sign::azure_key(access.account, settings.access_key));
  }
  if (access.found.empty()) {
    access.found = "an Entra identity";
  }
  return access;
}

AzureCredentials::AzureCredentials(net::HttpClient& client, AzureAccess access,
                                   AzureSettings settings, AzureMachine machine)
    : client_(client),
      access_(std::move(access)),
      settings_(std::move(settings)),
      machine_(std::move(machine)),
      tokens_([this](rt::Context& ctx) { return fetch(ctx); }) {}

Task<sign::Request> AzureCredentials::sign(rt::Context& ctx, sign::Request request,
                                           uint64_t body_bytes) {
  if (access_.key) {
    sign::azure_sign(request, *access_.key, ctx.clock().wall(), body_bytes);
    co_return request;
  }
  sign::set_value(request.headers, "x-ms-date", http_date(ctx.clock().wall()));
  if (access_.sas) {
    sign::azure_add_sas(request, *access_.sas);
  } else if (!access_.anonymous) {
    if (!access_.endpoint.tls && !is_loopback(access_.endpoint.host)) {
      co_return fail(Code::denied, "a token is not sent over a connection others can read",
                     "use an endpoint with https://");
    }
    CO_TRY(const std::string token, co_await tokens_.get(ctx));
    sign::set_value(request.headers, "authorization", "Bearer " + token);
  }
  co_return request;
}

Task<std::string> AzureCredentials::found(rt::Context& ctx) {
  if (!access_.key && !access_.sas && !access_.anonymous) {
    CO_OK(co_await tokens_.get(ctx));
    co_return fmt::format("{} ({})", access_.found, way_);
  }
  co_return access_.found;
}

bool AzureCredentials::refused(const sign::Request& request) {
  const std::string* header = sign::find_value(request.headers, "authorization");
  constexpr std::string_view bearer = "Bearer ";
  if (header == nullptr || !header->starts_with(bearer)) {
    return false;
  }
  tokens_.drop(header->substr(bearer.size()));
  return true;
}

std::string AzureCredentials::setting_or(const std::string& setting, const char* variable) const {
  return setting.empty() ? machine_.variable(variable) : setting;
}

sign::EntraClient AzureCredentials::entra_client() const {
  return {.authority = machine_.variable("AZURE_AUTHORITY_HOST"),
          .tenant = setting_or(settings_.tenant_id, "AZURE_TENANT_ID"),
          .client = setting_or(settings_.client_id, "AZURE_CLIENT_ID")};
}

// AZURE_TOKEN_CREDENTIALS is the name of one way, or `dev` or `prod` for some of them.
bool AzureCredentials::allowed(std::string_view way) const {
  const std::string only = ascii_lower(machine_.variable("AZURE_TOKEN_CREDENTIALS"));
  const bool is_cli = way == "azureclicredential";
  const bool chosen = way == "environmentcredential" && !settings_.client_secret.empty();
  return chosen || only.empty() || only == way || only == (is_cli ? "dev" : "prod");
}

// The first way that is there counts, also when it then fails: another identity might be allowed
// what this one is not.
Task<Fresh<std::string>> AzureCredentials::fetch(rt::Context& ctx) {
  tried_.clear();
  using Way = Task<MaybeToken> (AzureCredentials::*)(rt::Context&);
  constexpr std::pair<std::string_view, Way> ways[] = {
      {"environmentcredential", &AzureCredentials::from_secret},
      {"workloadidentitycredential", &AzureCredentials::from_assertion},
      {"managedidentitycredential", &AzureCredentials::from_machine},
      {"azureclicredential", &AzureCredentials::from_cli}};
  for (const auto& [name, way] : ways) {
    if (!allowed(name)) {
      tried_.push_back(fmt::format("{} (not allowed by AZURE_TOKEN_CREDENTIALS)", name));
      continue;
    }
    CO_TRY(MaybeToken token, co_await (this->*way)(ctx));
    if (token) {
      way_ = name;
      co_return Fresh<std::string>{.value = std::move(token->token), .valid = token->valid};
    }
  }
  co_return fail(Code::denied,
                 fmt::format("no credentials for storage account '{}' were found; tried: {}",
                             access_.account, fmt::join(tried_, "; ")),
                 "set access_key or sas of the connection, AZURE_STORAGE_KEY, or log in with "
                 "`az login`");
}

Task<MaybeToken> AzureCredentials::from_secret(rt::Context& ctx) {
  const sign::EntraClient client = entra_client();
  const std::string secret = setting_or(settings_.client_secret, "AZURE_CLIENT_SECRET");
  if (client.tenant.empty() || client.client.empty() || secret.empty()) {
    if (!settings_.client_secret.empty()) {  // not as somebody else then
      co_return fail(Code::bad_input, "client_secret is set, tenant_id or client_id is not",
                     "set all three of the connection");
    }
    tried_.emplace_back("AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET (not all are set)");
    co_return std::nullopt;
  }
  CO_TRY(auto request, sign::entra_secret_request(client, secret));
  CO_TRY(auto token, co_await ask(ctx, std::move(request), "Entra", entra_timeouts));
  co_return token;
}

Task<MaybeToken> AzureCredentials::from_assertion(rt::Context& ctx) {
  const sign::EntraClient client = entra_client();
  const std::string file = machine_.variable("AZURE_FEDERATED_TOKEN_FILE");
  if (client.tenant.empty() || client.client.empty() || file.empty()) {
    tried_.emplace_back("workload identity (AZURE_FEDERATED_TOKEN_FILE is not set)");
    co_return std::nullopt;
  }
  // Read anew each time: who issues it writes it again before it ends.
  CO_TRY(const std::string assertion, machine_.read_file(file));
  CO_TRY(auto request, sign::entra_assertion_request(client, std::string(trimmed(assertion))));
  CO_TRY(auto token, co_await ask(ctx, std::move(request), "Entra", entra_timeouts));
  co_return token;
}

Task<MaybeToken> AzureCredentials::from_machine(rt::Context& ctx) {
  const std::string client = entra_client().client;
  const std::string endpoint = machine_.variable("IDENTITY_ENDPOINT");
  const std::string secret = machine_.variable("IDENTITY_HEADER");
  if (!endpoint.empty() && !secret.empty()) {
    CO_TRY(auto request, sign::app_service_token_request(endpoint, secret, client));
    CO_TRY(auto token,
           co_await ask(ctx, std::move(request), "the managed identity", entra_timeouts));
    co_return token;
  }
  CO_TRY(auto request, sign::imds_token_request(machine_.metadata_server, client));
  auto token = co_await ask(ctx, std::move(request), "the managed identity", machine_timeouts);
  CO_OK(ctx.check());
  if (token.has_value()) {
    co_return std::move(*token);
  }
  // A machine without the server, of another cloud, or without an identity.
  const std::string& code = token.error().provider_code;
  const bool replied = !code.empty() && !code.starts_with("curl");
  if (replied && is_retryable(token.error().code)) {
    co_return fail(std::move(token).error());
  }
  tried_.push_back(fmt::format("managed identity ({})", token.error().what));
  co_return std::nullopt;
}

Task<MaybeToken> AzureCredentials::from_cli(rt::Context& ctx) {
  if (!machine_.run) {
    tried_.emplace_back("Azure CLI (not asked here)");
    co_return std::nullopt;
  }
  const std::string tenant = setting_or(settings_.tenant_id, "AZURE_TENANT_ID");
  auto printed = co_await machine_.run(ctx, {.argv = sign::azure_cli_arguments(tenant)});
  CO_OK(ctx.check());
  if (!printed.has_value()) {
    tried_.push_back(fmt::format("Azure CLI ({})", printed.error().what));
    co_return std::nullopt;
  }
  CO_TRY(auto token, sign::parse_azure_token(*printed, ctx.clock().wall()));
  co_return token;
}

Task<sign::AzureToken> AzureCredentials::ask(rt::Context& ctx, sign::AzureTokenRequest request,
                                             std::string who, net::HttpTimeouts timeouts) {
  http::Outgoing out{
      .tls = request.tls, .request = std::move(request.request), .timeouts = timeouts};
  if (out.request.method == "POST") {
    out.body = std::move(request.body);
  }
  CO_TRY(auto incoming, co_await http::start(ctx, client_, std::move(out)));
  CO_TRY(const http::Reply reply,
         co_await http::read_reply(ctx, std::move(incoming), reply_bytes_max));
  if (reply.status != 200) {
    Error error = sign::azure_token_error(reply.status, reply.body, who);
    if (const std::string* wait = sign::find_value(reply.headers, "retry-after")) {
      error.retry_after = parse_retry_after(*wait, ctx.clock().wall());
    }
    co_return fail(std::move(error));
  }
  co_return sign::parse_azure_token(reply.body, ctx.clock().wall());
}

}  // namespace tutti::cloud::auth
