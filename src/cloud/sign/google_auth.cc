// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/google_auth.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/hmac.h"
#include "base/value.h"
#include "cloud/sign/aws_v4.h"
#include "cloud/sign/fields.h"
#include "cloud/sign/google_auth_file.h"
#include "cloud/sign/v4.h"

namespace tutti::cloud::sign {
namespace {

constexpr std::string_view default_token_url = "https://oauth2.googleapis.com/token";

// ---- files

Result<GoogleServiceAccount> service_account_in(const Value& value) {
  GoogleServiceAccount account{.key_id = std::string(value.get_string("private_key_id")),
                               .project = std::string(value.get_string("project_id"))};
  TRY(account.email, member(value, "client_email"));
  TRY(account.private_key, member(value, "private_key"));
  TRY(account.token_url, safe_url(std::string(value.get_string("token_uri", default_token_url))));
  return account;
}

Result<GoogleUser> user_in(const Value& value) {
  GoogleUser user;
  TRY(user.client_id, member(value, "client_id"));
  TRY(user.client_secret, member(value, "client_secret"));
  TRY(user.refresh_token, member(value, "refresh_token"));
  TRY(user.token_url, safe_url(std::string(value.get_string("token_uri", default_token_url))));
  return user;
}

Result<GoogleImpersonated> impersonated_in(const Value& value) {
  GoogleImpersonated out;
  TRY(std::string url, member(value, "service_account_impersonation_url"));
  TRY(out.impersonation_url, safe_url(std::move(url)));
  if (value["delegates"].is_list()) {
    for (const Value& each : value["delegates"].as_list()) {
      out.delegates.push_back(each.is_string() ? each.as_string() : "");
    }
  }
  const Value& source = value["source_credentials"];
  const std::string_view type = source.get_string("type");
  if (type == "service_account") {
    TRY(out.source, service_account_in(source));
  } else if (type == "external_account") {
    TRY(out.source, parse_google_external(source));
  } else {
    TRY(out.source, user_in(source));
  }
  return out;
}

// ---- signatures

using Pkey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Result<Pkey> rsa_key(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  // A key under a password is refused, and nobody is asked for it.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  Pkey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return fail(bad_credentials("the private_key of the credentials is no RSA key in PEM"));
  }
  return key;
}

Result<std::string> rsa_sha256(const std::string& pem, std::string_view text) {
  TRY(const Pkey key, rsa_key(pem));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  std::string signature;
  bool good = EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1;
  if (good) {
    signature.resize(size);
    good = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          bytes, text.size()) == 1;
    signature.resize(size);
  }
  ERR_clear_error();
  if (!good) {
    return fail(bad_credentials("the private_key of the credentials cannot sign"));
  }
  return signature;
}

std::string base64url(std::string_view bytes) {  // without padding
  std::string out = base64url_encode(bytes);
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

std::string scope_of(std::string_view time) {
  return fmt::format("{}/auto/storage/goog4_request", time.substr(0, 8));
}

// ---- tokens

GoogleCall form_call(std::string url, const Pairs& form) {
  return {.url = std::move(url),
          .headers = {{"content-type", "application/x-www-form-urlencoded"}},
          .body = encode_query(form)};
}

Error no_token(std::string what) {
  return {.code = Code::unavailable,
          .what = std::move(what),
          .remedy = "the reply is broken; it is asked again"};
}

Result<Value> parsed(std::string_view json) {
  Result<Value> value = parse_json(json);
  if (!value.has_value() || !value->is_map()) {
    return fail(no_token("the reply about a token is no JSON object"));
  }
  return value;
}

// A token stands in a header; what is no such text is none.
Result<std::string> token_in(const Value& value, std::string_view name) {
  const std::string_view text = value.get_string(name);
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
  if (text.empty() || !plain) {
    return fail(no_token(fmt::format("the reply about a token has no {}", name)));
  }
  return std::string(text);
}

std::string_view remedy_of(std::string_view reason) {
  if (reason == "invalid_grant") {
    return "log in again (gcloud auth application-default login), or make a new key; check this "
           "machine's clock";
  }
  if (reason == "invalid_client" || reason == "unauthorized_client") {
    return "the credentials were revoked or are not meant for this; create them anew";
  }
  return "check the credentials of the connection";
}

}  // namespace

// ---- files of credentials

Result<GoogleCredentials> parse_google_credentials(std::string_view json) {
  const Result<Value> value = parse_json(json);
  if (!value.has_value() || !value->is_map()) {
    return fail(bad_credentials("the file of credentials is no JSON object"));
  }
  const std::string_view type = value->get_string("type");
  if (type == "service_account") {
    return service_account_in(*value);
  }
  if (type == "authorized_user") {
    return user_in(*value);
  }
  if (type == "external_account") {
    return parse_google_external(*value);
  }
  if (type == "impersonated_service_account") {
    return impersonated_in(*value);
  }
  return fail(bad_credentials(
      type.empty() ? std::string("the file of credentials has no type")
                   : fmt::format("credentials of type '{}' are not known", type.substr(0, 60))));
}

std::string_view google_type(const GoogleCredentials& credentials) {
  constexpr std::string_view names[] = {"service_account", "authorized_user", "external_account",
                                        "impersonated_service_account"};
  return names[credentials.index()];
}

// ---- tokens

Result<std::string> google_assertion(const GoogleServiceAccount& account, std::string_view scope,
                                     Instant now) {
  const int64_t begin = now.us / 1'000'000;
  ValueMap header{{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.key_id.empty()) {
    header.set("kid", account.key_id);
  }
  const Value claims = Value::of({{"iss", account.email},
                                  {"scope", scope},
                                  {"aud", account.token_url},
                                  {"iat", begin},
                                  {"exp", begin + google_assertion_time.us / 1'000'000}});
  const std::string text = base64url(to_json(header)) + "." + base64url(to_json(claims));
  TRY(const std::string signature, rsa_sha256(account.private_key, text));
  return text + "." + base64url(signature);
}

Result<GoogleCall> google_service_call(const GoogleServiceAccount& account, std::string_view scope,
                                       Instant now) {
  TRY(std::string assertion, google_assertion(account, scope, now));
  return form_call(account.token_url,
                   {{"assertion", std::move(assertion)},
                    {"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}});
}

GoogleCall google_user_call(const GoogleUser& user) {
  return form_call(user.token_url, {{"client_id", user.client_id},
                                    {"client_secret", user.client_secret},
                                    {"grant_type", "refresh_token"},
                                    {"refresh_token", user.refresh_token}});
}

GoogleCall google_external_call(const GoogleExternal& external, std::string_view subject_token,
                                std::string_view scope) {
  // Who goes on to impersonate may ask for that only with the wide scope.
  const std::string_view wide = external.impersonation_url.empty() ? scope : google_cloud_scope;
  Pairs form = {{"audience", external.audience},
                {"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                {"scope", std::string(wide)},
                {"subject_token", std::string(subject_token)},
                {"subject_token_type", external.subject_type}};
  if (!external.user_project.empty()) {
    form.emplace_back("options", to_json(Value::of({{"userProject", external.user_project}})));
  }
  return form_call(external.token_url, form);
}

GoogleCall google_impersonation_call(std::string_view impersonation_url, std::string_view token,
                                     const std::vector<std::string>& delegates,
                                     std::string_view scope) {
  ValueMap body{{"scope", ValueList{scope}},
                {"lifetime", fmt::format("{}s", google_assertion_time.us / 1'000'000)}};
  if (!delegates.empty()) {
    body.set("delegates", ValueList(delegates.begin(), delegates.end()));
  }
  return {.url = std::string(impersonation_url),
          .headers = {{"authorization", fmt::format("Bearer {}", token)},
                      {"content-type", "application/json"}},
          .body = to_json(body)};
}

GoogleCall google_metadata_call(std::string_view host, std::string_view scope) {
  return {.method = "GET",
          .url = fmt::format("http://{}/computeMetadata/v1/instance/service-accounts/default/"
                             "token?scopes={}",
                             host, percent_encode(scope)),
          .headers = {{"metadata-flavor", "Google"}}};
}

Result<GoogleToken> parse_google_token(std::string_view json) {
  TRY(const Value value, parsed(json));
  GoogleToken token;
  TRY(token.text, token_in(value, "access_token"));
  constexpr int64_t seconds_max = 24 * 3600;
  token.valid = seconds(std::clamp<int64_t>(value.get_int("expires_in", 300), 0, seconds_max));
  return token;
}

Result<GoogleToken> parse_google_impersonated(std::string_view json, Instant now) {
  TRY(const Value value, parsed(json));
  GoogleToken token;
  TRY(token.text, token_in(value, "accessToken"));
  const auto end = parse_instant(value.get_string("expireTime"));
  if (!end.has_value()) {
    return fail(no_token("the reply about a token does not say when it ends"));
  }
  // By a clock that is wrong it may have ended; it was asked for with this life.
  token.valid = std::clamp(*end - now, minutes(5), google_assertion_time);
  return token;
}

Error google_token_error(int status, std::string_view body) {
  std::string reason;
  std::string sentence;
  if (const auto value = parse_json(body); value.has_value()) {
    const Value& error = (*value)["error"];
    reason = error.is_string() ? error.as_string() : std::string(error.get_string("status"));
    sentence = error.is_string() ? std::string(value->get_string("error_description"))
                                 : std::string(error.get_string("message"));
  }
  constexpr size_t sentence_bytes_max = 200;
  sentence.resize(std::min(sentence.size(), sentence_bytes_max));
  Error error{.code = Code::denied,
              .what = fmt::format("Google gave no token: {}",
                                  !sentence.empty() ? sentence
                                  : !reason.empty() ? reason
                                                    : fmt::format("status {}", status)),
              .remedy = std::string(remedy_of(reason)),
              .provider_code = reason.empty() ? std::to_string(status) : reason};
  if (status == 429) {
    error.code = Code::throttled;
  } else if (status >= 500 || status == 408) {
    error.code = Code::unavailable;
  }
  return error;
}

// ---- signed URLs

std::string google_text_to_sign(Request& request, std::string_view algorithm,
                                std::string_view account, Instant now, Duration valid) {
  const std::string time = aws_time(now);
  const V4 v4{.algorithm = algorithm, .time = time, .scope = scope_of(time)};
  request.query.emplace_back("X-Goog-Algorithm", algorithm);
  request.query.emplace_back("X-Goog-Credential", fmt::format("{}/{}", account, v4.scope));
  request.query.emplace_back("X-Goog-Date", time);
  request.query.emplace_back("X-Goog-Expires",
                             std::to_string(std::min(valid, google_presign_max).us / 1'000'000));
  request.query.emplace_back("X-Goog-SignedHeaders", names_of(signed_headers(request)));
  const std::string* payload = find_value(request.headers, "x-goog-content-sha256");
  return v4_text(request, v4, payload == nullptr ? unsigned_payload : std::string_view(*payload));
}

Result<Unit> google_presign(Request& request, const GoogleServiceAccount& account, Instant now,
                            Duration valid) {
  const std::string text = google_text_to_sign(request, google_rsa, account.email, now, valid);
  TRY(const std::string signature, rsa_sha256(account.private_key, text));
  request.query.emplace_back("X-Goog-Signature", hex_encode(signature));
  return Unit{};
}

void google_presign(Request& request, const GoogleHmacKey& hmac_key, Instant now, Duration valid) {
  const std::string text =
      google_text_to_sign(request, google_hmac, hmac_key.access_id, now, valid);
  const std::string key = v4_key("GOOG4" + hmac_key.secret, scope_of(aws_time(now)));
  request.query.emplace_back("X-Goog-Signature", hex_encode(hmac_sha256(key, text)));
}

}  // namespace tutti::cloud::sign
