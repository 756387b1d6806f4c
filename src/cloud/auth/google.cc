// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/google.h"

#include <cstdlib>

#include <fmt/format.h>

#include "cloud/auth/aws.h"
#include "cloud/auth/google_io.h"
#include "rt/retry.h"

namespace tutti::cloud::auth {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Error from(Error error, const std::string& place) {
  if (error.where.empty()) {
    error.where = place;
  }
  return error;
}

GoogleIdentityEnvironment identity_environment() {
  std::string region = variable("AWS_REGION");
  return {.programs_allowed = variable("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES") == "1",
          .aws_keys = aws_keys_of(variable),
          .aws_region = region.empty() ? variable("AWS_DEFAULT_REGION") : std::move(region)};
}

}  // namespace

GoogleEnvironment google_environment() {
  GoogleEnvironment environment{.application_credentials =
                                    variable("GOOGLE_APPLICATION_CREDENTIALS")};
  fs::path config = variable("CLOUDSDK_CONFIG");
  if (const std::string home = variable("HOME"); config.empty() && !home.empty()) {
    config = fs::path(home) / ".config" / "gcloud";
  }
  if (!config.empty()) {
    environment.gcloud_file = config / "application_default_credentials.json";
  }
  if (std::string host = variable("GCE_METADATA_HOST"); !host.empty()) {
    environment.metadata_host = std::move(host);
  } else if (variable("NO_GCE_CHECK") == "true") {
    environment.metadata_host.clear();
  }
  environment.identity = identity_environment();
  return environment;
}

struct GoogleAuth::Found {
  std::optional<sign::GoogleCredentials> credentials = std::nullopt;  // none: the metadata server
  std::string from = {};
};

GoogleAuth::GoogleAuth(net::HttpClient& client, rt::Executor files, GoogleAuthOptions options)
    : client_(client),
      files_(std::move(files)),
      options_(std::move(options)),
      identity_(client_, files_, options_.environment.identity),
      cache_([this](rt::Context& ctx) { return fetch(ctx); }) {}

Task<Fresh<std::string>> GoogleAuth::fetch(rt::Context& ctx) {
  CO_TRY(Found found, co_await find(ctx));
  if (!found.credentials) {
    auto token = co_await from_metadata(ctx);
    if (!token.has_value()) {
      co_return fail(std::move(token).error());
    }
    co_return Fresh<std::string>{.value = std::move(token->text), .valid = token->valid};
  }
  auto token = co_await token_of(ctx, *std::move(found.credentials));
  if (!token.has_value()) {
    co_return fail(from(std::move(token).error(), found.from));
  }
  co_return Fresh<std::string>{.value = std::move(token->text), .valid = token->valid};
}

Task<sign::Request> GoogleAuth::presign(rt::Context& ctx, sign::Request request, Duration valid) {
  CO_TRY(const Found found, co_await find(ctx));
  const auto* account =
      found.credentials ? std::get_if<sign::GoogleServiceAccount>(&*found.credentials) : nullptr;
  if (account == nullptr) {
    co_return fail(Error{
        .code = Code::unsupported,
        .what = fmt::format("a URL is signed with a service account's key, and the credentials "
                            "are of another kind: {}",
                            found.credentials ? sign::google_type(*found.credentials)
                                              : std::string_view("the machine's")),
        .where = found.from,
        .remedy = "give the connection a key file of a service account: auth: {file: PATH}"});
  }
  CO_OK(sign::google_presign(request, *account, ctx.clock().wall(), valid));
  co_return request;
}

Task<std::string> GoogleAuth::found(rt::Context& ctx) {
  CO_TRY(const Found at, co_await find(ctx));
  co_return at.credentials
      ? fmt::format("{} ({})", at.from, sign::google_type(*at.credentials))
      : fmt::format("the machine's, from {}", options_.environment.metadata_host);
}

Task<std::string> GoogleAuth::project(rt::Context& ctx) {
  CO_TRY(const Found found, co_await find(ctx));
  const auto* account =
      found.credentials ? std::get_if<sign::GoogleServiceAccount>(&*found.credentials) : nullptr;
  co_return account == nullptr ? std::string() : account->project;
}

Task<GoogleAuth::Found> GoogleAuth::find(rt::Context& ctx) {
  CO_OK(ctx.check());
  const GoogleEnvironment& environment = options_.environment;
  if (!options_.credentials_text.empty()) {
    co_return parse(options_.credentials_text, "the connection's secret");
  }
  if (!options_.credentials.empty()) {
    co_return co_await read(options_.credentials, options_.credentials.string());
  }
  if (!environment.application_credentials.empty()) {
    co_return co_await read(environment.application_credentials,
                            fmt::format("{} (GOOGLE_APPLICATION_CREDENTIALS)",
                                        environment.application_credentials.string()));
  }
  if (!environment.gcloud_file.empty()) {
    auto file = co_await read(environment.gcloud_file, environment.gcloud_file.string());
    if (file.has_value() || file.error().code != Code::not_found) {
      co_return file;
    }
  }
  if (environment.metadata_host.empty()) {
    co_return fail(nothing_found());
  }
  co_return Found{};
}

Task<GoogleAuth::Found> GoogleAuth::read(fs::path path, std::string place) {
  auto text = co_await read_on(files_, std::move(path));
  if (!text.has_value()) {
    co_return fail(from(std::move(text).error(), place));
  }
  co_return parse(*text, std::move(place));
}

Result<GoogleAuth::Found> GoogleAuth::parse(std::string_view text, std::string place) const {
  auto credentials = sign::parse_google_credentials(text);
  if (!credentials.has_value()) {
    return fail(from(std::move(credentials).error(), place));
  }
  return Found{.credentials = std::move(*credentials), .from = std::move(place)};
}

Error GoogleAuth::nothing_found() const {
  const GoogleEnvironment& environment = options_.environment;
  std::string looked = "GOOGLE_APPLICATION_CREDENTIALS is not set";
  if (!environment.gcloud_file.empty()) {
    looked += fmt::format("; there is no {}", environment.gcloud_file.string());
  }
  looked += environment.metadata_host.empty()
                ? std::string("; the metadata server is not asked")
                : fmt::format("; {} does not answer", environment.metadata_host);
  return {.code = Code::denied,
          .what = fmt::format("no credentials for Google were found: {}", looked),
          .remedy =
              "run `gcloud auth application-default login`, or name a key file in the "
              "connection's `auth`, or set `auth: none` for public data"};
}

Task<sign::GoogleToken> GoogleAuth::from_metadata(rt::Context& ctx) {
  const auto ask = [this](rt::Context& inner) {
    return send(inner, client_,
                sign::google_metadata_call(options_.environment.metadata_host, options_.scope),
                metadata_timeouts);
  };
  auto reply = co_await rt::retry(ctx, metadata_policy, ask);
  CO_OK(ctx.check());
  // Anything may answer under that name; Google's says who it is.
  if (!reply.has_value() || net::find_header(reply->head.headers, "metadata-flavor") == nullptr) {
    co_return fail(nothing_found());
  }
  if (reply->head.status != 200) {
    Error error = sign::google_token_error(reply->head.status, reply->body);
    error.where = options_.environment.metadata_host;
    if (reply->head.status == 404) {
      error.remedy = "give the machine a service account, or the connection `auth`";
    }
    co_return fail(std::move(error));
  }
  co_return sign::parse_google_token(reply->body);
}

Task<sign::GoogleToken> GoogleAuth::token_of(rt::Context& ctx,
                                             sign::GoogleCredentials credentials) {
  if (const auto* account = std::get_if<sign::GoogleServiceAccount>(&credentials)) {
    CO_TRY(sign::GoogleCall question,
           sign::google_service_call(*account, options_.scope, ctx.clock().wall()));
    CO_TRY(const std::string reply, co_await call(ctx, std::move(question)));
    co_return sign::parse_google_token(reply);
  }
  if (const auto* user = std::get_if<sign::GoogleUser>(&credentials)) {
    CO_TRY(const std::string reply, co_await call(ctx, sign::google_user_call(*user)));
    co_return sign::parse_google_token(reply);
  }
  if (const auto* external = std::get_if<sign::GoogleExternal>(&credentials)) {
    co_return co_await from_external(ctx, *external);
  }
  co_return co_await from_impersonated(ctx,
                                       std::get<sign::GoogleImpersonated>(std::move(credentials)));
}

Task<sign::GoogleToken> GoogleAuth::from_external(rt::Context& ctx, sign::GoogleExternal external) {
  CO_TRY(const std::string identity, co_await identity_.token(ctx, external));
  CO_TRY(const std::string reply,
         co_await call(ctx, sign::google_external_call(external, identity, options_.scope)));
  CO_TRY(sign::GoogleToken token, sign::parse_google_token(reply));
  if (external.impersonation_url.empty()) {
    co_return token;
  }
  co_return co_await impersonate(ctx, std::move(external.impersonation_url), std::move(token.text),
                                 {});
}

Task<sign::GoogleToken> GoogleAuth::from_impersonated(rt::Context& ctx,
                                                      sign::GoogleImpersonated credentials) {
  sign::GoogleToken token;
  if (auto* external = std::get_if<sign::GoogleExternal>(&credentials.source)) {
    CO_TRY(token, co_await from_external(ctx, *external));
  } else {
    sign::GoogleCall question;
    if (const auto* user = std::get_if<sign::GoogleUser>(&credentials.source)) {
      question = sign::google_user_call(*user);
    } else {
      CO_TRY(question,
             sign::google_service_call(std::get<sign::GoogleServiceAccount>(credentials.source),
                                       sign::google_cloud_scope, ctx.clock().wall()));
    }
    CO_TRY(const std::string reply, co_await call(ctx, std::move(question)));
    CO_TRY(token, sign::parse_google_token(reply));
  }
  co_return co_await impersonate(ctx, std::move(credentials.impersonation_url),
                                 std::move(token.text), std::move(credentials.delegates));
}

Task<sign::GoogleToken> GoogleAuth::impersonate(rt::Context& ctx, std::string url,
                                                std::string token,
                                                std::vector<std::string> delegates) {
  CO_TRY(const std::string reply, co_await call(ctx, sign::google_impersonation_call(
                                                         url, token, delegates, options_.scope)));
  co_return sign::parse_google_impersonated(reply, ctx.clock().wall());
}

Task<std::string> GoogleAuth::call(rt::Context& ctx, sign::GoogleCall question) {
  const auto ask = [this, question](rt::Context& inner) { return call_once(inner, question); };
  co_return co_await rt::retry(ctx, {}, ask);
}

Task<std::string> GoogleAuth::call_once(rt::Context& ctx, sign::GoogleCall question) {
  CO_TRY(net::HttpResponse reply, co_await send(ctx, client_, std::move(question)));
  if (reply.head.status != 200) {
    co_return fail(sign::google_token_error(reply.head.status, reply.body));
  }
  co_return std::move(reply.body);
}

}  // namespace tutti::cloud::auth
