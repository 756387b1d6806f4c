// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/azure_token.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/encode.h"
#include "base/value.h"

namespace tutti::cloud::sign {
namespace {

constexpr std::string_view storage_resource = "https://storage.azure.com/";
constexpr std::string_view storage_scope = "https://storage.azure.com/.default";
constexpr std::string_view default_authority = "https://login.microsoftonline.com";
constexpr std::string_view default_suffix = "core.windows.net";

// Published with the emulators; it protects nothing.
constexpr std::string_view emulator_account = "devstoreaccount1";
constexpr std::string_view emulator_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

Result<AzureTokenRequest> form_request(const EntraClient& client, const Pairs& fields) {
  TRY(const AzureEndpoint at,
      parse_azure_endpoint(client.authority.empty() ? default_authority : client.authority));
  AzureTokenRequest out{.tls = at.tls};
  out.request = {
      .method = "POST",
      .host = at.host,
      .path = fmt::format("{}/{}/oauth2/v2.0/token", at.folder, percent_encode(client.tenant)),
      .headers = {{"content-type", "application/x-www-form-urlencoded"}}};
  out.body = encode_query(fields);
  return out;
}

std::optional<int64_t> seconds_in(const Value& value) {
  if (value.is_int()) {
    return value.as_int();
  }
  if (!value.is_string()) {
    return std::nullopt;
  }
  const std::string& text = value.as_string();
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? std::optional(number)
                                                                             : std::nullopt;
}

using Fields = std::map<std::string, std::string, std::less<>>;

std::string field(const Fields& fields, std::string_view name) {
  const auto at = fields.find(name);
  return at == fields.end() ? std::string() : at->second;
}

Fields fields_of(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const std::string_view each = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), each.size() + 1));
    const size_t equals = each.find('=');
    if (equals != std::string_view::npos) {
      fields[std::string(each.substr(0, equals))] = each.substr(equals + 1);
    }
  }
  return fields;
}

}  // namespace

Result<AzureEndpoint> parse_azure_endpoint(std::string_view url) {
  AzureEndpoint endpoint{.tls = true, .host = {}};
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    const std::string_view name = url.substr(0, scheme);
    if (name != "http" && name != "https") {
      return fail(Code::bad_input, "an endpoint begins with https:// or http://",
                  "write https://ACCOUNT.blob.core.windows.net");
    }
    endpoint.tls = name == "https";
    url.remove_prefix(scheme + 3);
  }
  const size_t slash = url.find('/');
  endpoint.host = url.substr(0, slash);
  if (slash != std::string_view::npos) {
    endpoint.folder = url.substr(slash);
    while (endpoint.folder.ends_with('/')) {
      endpoint.folder.pop_back();
    }
  }
  if (endpoint.host.empty() || endpoint.host.contains('@') || url.contains('?')) {
    return fail(Code::bad_input, "an endpoint needs a host, and has neither a user nor a query",
                "write https://ACCOUNT.blob.core.windows.net; a SAS goes into `sas`");
  }
  return endpoint;
}

AzureEndpoint azure_endpoint(std::string_view account, std::string_view suffix) {
  return {.tls = true,
          .host = fmt::format("{}.blob.{}", account, suffix.empty() ? default_suffix : suffix)};
}

std::string azure_account_of(const AzureEndpoint& endpoint) {
  return endpoint.folder.empty() ? endpoint.host.substr(0, endpoint.host.find('.'))
                                 : endpoint.folder.substr(1);
}

Result<AzureAccount> parse_azure_connection_string(std::string_view text) {
  Fields fields = fields_of(text);
  if (field(fields, "UseDevelopmentStorage") == "true") {
    fields["AccountName"] = emulator_account;
    fields["AccountKey"] = emulator_key;
    fields["BlobEndpoint"] = fmt::format("http://127.0.0.1:10000/{}", emulator_account);
  }
  AzureAccount account{.name = field(fields, "AccountName")};
  const std::string endpoint = field(fields, "BlobEndpoint");
  if (account.name.empty() && endpoint.empty()) {
    return fail(Code::bad_input, "the connection string has neither AccountName nor BlobEndpoint",
                "copy it whole, as the portal shows it below the account's keys");
  }
  if (!endpoint.empty()) {
    TRY(account.endpoint, parse_azure_endpoint(endpoint));
    account.name = account.name.empty() ? azure_account_of(*account.endpoint) : account.name;
  } else {
    account.endpoint = azure_endpoint(account.name, field(fields, "EndpointSuffix"));
    account.endpoint->tls = field(fields, "DefaultEndpointsProtocol") != "http";
  }
  if (const std::string key = field(fields, "AccountKey"); !key.empty()) {
    TRY(account.key, azure_key(account.name, key));
  }
  if (const std::string sas = field(fields, "SharedAccessSignature"); !sas.empty()) {
    TRY(account.sas, parse_azure_sas(sas));
  }
  return account;
}

Result<AzureTokenRequest> entra_secret_request(const EntraClient& client, std::string_view secret) {
  return form_request(client, {{"client_id", client.client},
                               {"client_secret", std::string(secret)},
                               {"grant_type", "client_credentials"},
                               {"scope", std::string(storage_scope)}});
}

Result<AzureTokenRequest> entra_assertion_request(const EntraClient& client,
                                                  std::string_view assertion) {
  return form_request(
      client, {{"client_id", client.client},
               {"client_assertion", std::string(assertion)},
               {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
               {"grant_type", "client_credentials"},
               {"scope", std::string(storage_scope)}});
}

Result<AzureTokenRequest> imds_token_request(std::string_view base, std::string_view client) {
  TRY(const AzureEndpoint at, parse_azure_endpoint(base));
  AzureTokenRequest out{.tls = at.tls};
  out.request = {
      .host = at.host,
      .path = at.folder + "/metadata/identity/oauth2/token",
      .query = {{"api-version", "2018-02-01"}, {"resource", std::string(storage_resource)}},
      .headers = {{"metadata", "true"}}};
  if (!client.empty()) {
    out.request.query.emplace_back("client_id", client);
  }
  return out;
}

Result<AzureTokenRequest> app_service_token_request(std::string_view endpoint,
                                                    std::string_view secret,
                                                    std::string_view client) {
  TRY(const AzureEndpoint at, parse_azure_endpoint(endpoint));
  AzureTokenRequest out{.tls = at.tls};
  out.request = {
      .host = at.host,
      .path = at.folder.empty() ? "/" : at.folder,
      .query = {{"api-version", "2019-08-01"}, {"resource", std::string(storage_resource)}},
      .headers = {{"x-identity-header", std::string(secret)}}};
  if (!client.empty()) {
    out.request.query.emplace_back("client_id", client);
  }
  return out;
}

std::vector<std::string> azure_cli_arguments(std::string_view tenant) {
  std::vector<std::string> out = {"az",   "account",    "get-access-token",           "--output",
                                  "json", "--resource", std::string(storage_resource)};
  if (!tenant.empty()) {
    out.insert(out.end(), {"--tenant", std::string(tenant)});
  }
  return out;
}

Result<AzureToken> parse_azure_token(std::string_view json, Instant now) {
  const auto reply = parse_json(json);
  const Value nothing;
  const Value& value = reply.has_value() ? *reply : nothing;
  AzureToken out{.token = std::string(value.get_string("access_token")), .valid = {}};
  if (out.token.empty()) {
    out.token = value.get_string("accessToken");  // the Azure CLI
  }
  if (out.token.empty()) {
    return fail(Code::unavailable, "the reply has no token in it");
  }
  if (const auto life = seconds_in(value["expires_in"]); life && *life > 0) {
    out.valid = seconds(std::min<int64_t>(*life, days(2).us / 1'000'000));
    return out;
  }
  // Only its end: of App Service and the Azure CLI. Old versions of that tell the local time only.
  const auto end = seconds_in(value["expires_on"]);
  constexpr Duration unknown = minutes(5);
  constexpr int64_t end_max = 253'402'300'800;  // the year 10000
  out.valid = end && *end > 0 && *end < end_max ? Instant{*end * 1'000'000} - now : unknown;
  if (out.valid <= Duration{0}) {
    return fail(Code::denied, "the token has already ended", "check this machine's clock");
  }
  return out;
}

Error azure_token_error(int status, std::string_view json, std::string_view who) {
  const auto reply = parse_json(json);
  std::string code = reply.has_value() ? std::string(reply->get_string("error")) : std::string();
  std::string_view text = reply.has_value() ? reply->get_string("error_description") : "";
  text = text.substr(0, std::min(text.find('\n'), text.find('\r')));
  constexpr size_t text_bytes_max = 300;
  text = text.substr(0, text_bytes_max);
  Error error{.code = status == 429                    ? Code::throttled
                      : status >= 500 || status == 408 ? Code::unavailable
                                                       : Code::denied,
              .what = fmt::format("{} gave no token: {}", who,
                                  !text.empty()   ? std::string(text)
                                  : !code.empty() ? code
                                                  : fmt::format("status {}", status)),
              .provider_code = code.empty() ? std::to_string(status) : std::move(code)};
  if (error.code == Code::denied) {
    error.remedy = "check tenant, client and secret, and that the identity is assigned here";
  }
  return error;
}

}  // namespace tutti::cloud::sign
