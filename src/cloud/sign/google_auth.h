// SPDX-License-Identifier: Apache-2.0
// Who somebody is at Google: files of credentials, the questions that turn them into access tokens
// and their answers, and signed URLs of Cloud Storage (V4).
// Sources: "Using OAuth 2.0 for server to server applications"; "V4 signing process" of Cloud
// Storage; google-auth's credential files.
//
// Nothing here stands in an error: no key, no token, no assertion.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "cloud/sign/google_auth_identity.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- files of credentials

// type: service_account
struct GoogleServiceAccount {
  std::string email;
  std::string key_id;
  std::string private_key;  // PEM
  std::string token_url;
  std::string project = {};
};

// type: authorized_user, as `gcloud auth application-default login` writes it
struct GoogleUser {
  std::string client_id;
  std::string client_secret;
  std::string refresh_token;
  std::string token_url;
};

// type: impersonated_service_account
struct GoogleImpersonated {
  std::string impersonation_url;
  std::vector<std::string> delegates = {};
  std::variant<GoogleServiceAccount, GoogleUser, GoogleExternal> source;
};

using GoogleCredentials =
    std::variant<GoogleServiceAccount, GoogleUser, GoogleExternal, GoogleImpersonated>;
// bad_input: what is no such file, or lacks a part; unsupported: see parse_google_external. Tokens
// are asked for over https only, except of this machine.
Result<GoogleCredentials> parse_google_credentials(std::string_view json);
// "service_account", "authorized_user" ...
std::string_view google_type(const GoogleCredentials& credentials);

// ---- tokens

inline constexpr std::string_view google_storage_scope =
    "https://www.googleapis.com/auth/devstorage.full_control";
inline constexpr std::string_view google_cloud_scope =
    "https://www.googleapis.com/auth/cloud-platform";
constexpr Duration google_assertion_time = hours(1);  // the longest that is allowed

struct GoogleCall {
  std::string method = "POST";
  std::string url;
  Pairs headers = {};
  std::string body = {};
};

// A JSON Web Token signed with the account's key (RS256): it may have a token for `scope`.
// bad_input: no RSA key.
Result<std::string> google_assertion(const GoogleServiceAccount& account, std::string_view scope,
                                     Instant now);
Result<GoogleCall> google_service_call(const GoogleServiceAccount& account, std::string_view scope,
                                       Instant now);
GoogleCall google_user_call(const GoogleUser& user);
// `subject_token`: of parse_google_subject, google_aws_subject or parse_google_program.
GoogleCall google_external_call(const GoogleExternal& external, std::string_view subject_token,
                                std::string_view scope);
// Asks for a token of a service account with the token of who may act for it.
GoogleCall google_impersonation_call(std::string_view impersonation_url, std::string_view token,
                                     const std::vector<std::string>& delegates,
                                     std::string_view scope);
// Of a machine in Google's cloud. `host`: metadata.google.internal
GoogleCall google_metadata_call(std::string_view host, std::string_view scope);

struct GoogleToken {
  std::string text;
  Duration valid;  // from now
};
Result<GoogleToken> parse_google_token(std::string_view json);
Result<GoogleToken> parse_google_impersonated(std::string_view json, Instant now);
// What a reply with another status than 200 means: denied, or what trying again may mend.
Error google_token_error(int status, std::string_view body);

// ---- signed URLs

constexpr Duration google_presign_max = days(7);
inline constexpr std::string_view google_rsa = "GOOG4-RSA-SHA256";
inline constexpr std::string_view google_hmac = "GOOG4-HMAC-SHA256";

// The URL's query is completed but for X-Goog-Signature; returns what is to be signed. `account`:
// an e-mail address, or the id of an HMAC key. Every header that is there is signed.
std::string google_text_to_sign(Request& request, std::string_view algorithm,
                                std::string_view account, Instant now, Duration valid);
// Whoever has the URL can send this method with these headers within `valid` (at most
// google_presign_max) from `now`.
Result<Unit> google_presign(Request& request, const GoogleServiceAccount& account, Instant now,
                            Duration valid);
struct GoogleHmacKey {
  std::string access_id;
  std::string secret;
};
void google_presign(Request& request, const GoogleHmacKey& key, Instant now, Duration valid);

}  // namespace tutti::cloud::sign
