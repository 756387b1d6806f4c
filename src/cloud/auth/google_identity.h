// SPDX-License-Identifier: Apache-2.0
// GoogleIdentity: who this process is elsewhere, for Google's credentials of type external_account.
#pragma once

#include <optional>
#include <string>

#include "cloud/auth/run_program.h"
#include "cloud/sign/google_auth.h"
#include "net/http.h"

namespace tutti::cloud::auth {

// What the process was started with, as far as it matters here. Empty: not set.
struct GoogleIdentityEnvironment {
  bool programs_allowed = false;  // GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1
  RunProgram run = {};            // unset: on the pool for files
  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
  std::optional<sign::AwsCredentials> aws_keys = std::nullopt;
  std::string aws_region = {};  // AWS_REGION, else AWS_DEFAULT_REGION
  // Stands for Amazon's metadata server: tests put one of their own behind its name.
  std::string aws_metadata_host = {};
};

// A service; one loop; the client outlives it. `files`: where blocking reads run.
class GoogleIdentity {
 public:
  GoogleIdentity(net::HttpClient& client, rt::Executor files,
                 GoogleIdentityEnvironment environment);

  // The subject token: read, asked for or made anew each time. denied: there is none, or programs
  // are not allowed; the errors of files, programs and servers. Each says where to look.
  Task<std::string> token(rt::Context& ctx, sign::GoogleExternal external);

 private:
  struct Question;

  Task<std::string> in_file(rt::Context& ctx, sign::GoogleTokenFile file);
  Task<std::string> behind_url(rt::Context& ctx, sign::GoogleTokenUrl source);
  Task<std::string> of_program(rt::Context& ctx, sign::GoogleExternal external,
                               sign::GoogleProgram program);
  Task<std::string> printed_by(rt::Context& ctx, Program program);
  Task<std::string> left_in(rt::Context& ctx, std::string output_file);
  Task<std::string> signed_for_aws(rt::Context& ctx, std::string audience,
                                   sign::GoogleAwsIdentity identity);
  Task<sign::Pairs> aws_session(rt::Context& ctx, std::string session_url);
  Task<sign::AwsCredentials> aws_keys(rt::Context& ctx, std::string roles_url, sign::Pairs session);
  Task<std::string> ask_aws(rt::Context& ctx, std::string what, sign::GoogleCall call);
  Task<std::string> ask(rt::Context& ctx, Question question);
  Task<std::string> ask_once(rt::Context& ctx, Question question);

  net::HttpClient& client_;
  rt::Executor files_;
  GoogleIdentityEnvironment environment_;
};

}  // namespace tutti::cloud::auth
