// SPDX-License-Identifier: Apache-2.0
// GoogleAuth: access tokens of Google, by the chain of "Application Default Credentials":
//   1. the file the connection names, or the secret that holds such a file
//   2. the file GOOGLE_APPLICATION_CREDENTIALS names
//   3. the file `gcloud auth application-default login` wrote
//   4. the metadata server of the machine
// The first that exists is used, and if it is broken that is said: nothing is skipped silently.
// Files are read again with each token, so that changed ones are noticed.
#pragma once

#include <filesystem>
#include <string>

#include "cloud/auth/google_identity.h"
#include "cloud/auth/token_cache.h"
#include "cloud/sign/google_auth.h"
#include "net/http.h"

namespace tutti::cloud::auth {

// What the process was started with, as far as it matters here. Empty: not set.
struct GoogleEnvironment {
  std::filesystem::path application_credentials = {};  // GOOGLE_APPLICATION_CREDENTIALS
  std::filesystem::path gcloud_file = {};  // below CLOUDSDK_CONFIG, or HOME/.config/gcloud
  std::string metadata_host = "metadata.google.internal";  // GCE_METADATA_HOST; "": none is asked
  GoogleIdentityEnvironment identity = {};                 // of credentials from elsewhere
};
GoogleEnvironment google_environment();  // of this process; NO_GCE_CHECK=true: no metadata_host

struct GoogleAuthOptions {
  // The connection's, which win over the environment: a file, or what stands in one.
  std::filesystem::path credentials = {};
  std::string credentials_text = {};
  std::string scope = std::string(sign::google_storage_scope);
  GoogleEnvironment environment = {};
};

// A service; one loop; the client outlives it. `files`: where blocking reads run.
class GoogleAuth {
 public:
  GoogleAuth(net::HttpClient& client, rt::Executor files, GoogleAuthOptions options);

  // For "Authorization: Bearer ...". denied: no credentials (what was looked at, and the remedy),
  // or Google refused them; bad_input: a broken file; unavailable after some attempts.
  Task<std::string> token(rt::Context& ctx) { return cache_.get(ctx); }
  // The store answered 401.
  void refused(const std::string& token) { cache_.drop(token); }
  // A URL's request, signed with the key of the service account that is used. `unsupported` where
  // the credentials are others, which have no key.
  Task<sign::Request> presign(rt::Context& ctx, sign::Request request, Duration valid);
  // For people: the file, the secret or the server a token comes from.
  Task<std::string> found(rt::Context& ctx);
  // Of the service account that is used; empty where the credentials name none.
  Task<std::string> project(rt::Context& ctx);

 private:
  struct Found;  // credentials, and where they are from

  Task<Fresh<std::string>> fetch(rt::Context& ctx);
  Task<Found> find(rt::Context& ctx);
  Result<Found> parse(std::string_view text, std::string from) const;
  Task<Found> read(std::filesystem::path path, std::string from);
  Task<sign::GoogleToken> from_metadata(rt::Context& ctx);
  Task<sign::GoogleToken> from_external(rt::Context& ctx, sign::GoogleExternal external);
  Task<sign::GoogleToken> from_impersonated(rt::Context& ctx, sign::GoogleImpersonated credentials);
  Task<sign::GoogleToken> token_of(rt::Context& ctx, sign::GoogleCredentials credentials);
  Task<sign::GoogleToken> impersonate(rt::Context& ctx, std::string url, std::string token,
                                      std::vector<std::string> delegates);
  Task<std::string> call(rt::Context& ctx, sign::GoogleCall call);
  Task<std::string> call_once(rt::Context& ctx, sign::GoogleCall call);
  Error nothing_found() const;

  net::HttpClient& client_;
  rt::Executor files_;
  GoogleAuthOptions options_;
  GoogleIdentity identity_;
  TokenCache<std::string> cache_;
};

}  // namespace tutti::cloud::auth
