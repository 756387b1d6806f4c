// SPDX-License-Identifier: Apache-2.0
// The files, replies and requests by which AWS hands out credentials. Source: "AWS SDKs and Tools
// Reference Guide", standardized credential providers; STS API Reference, 2011-06-15; IAM Identity
// Center Portal and OIDC API References.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "cloud/sign/aws_v4.h"

namespace tutti::cloud::sign {

struct AwsTemporary {
  AwsCredentials credentials;
  std::optional<Instant> expires = std::nullopt;  // none: they last
};

// section -> name -> value: profiles by their own name, others ("sso-session x") whole. What is no
// line of either kind is passed over, as AWS's own tools do.
using AwsSections = std::map<std::string, std::map<std::string, std::string>>;
// ~/.aws/config names its profiles "profile x", ~/.aws/credentials "x"; the second wins.
AwsSections parse_aws_files(std::string_view config, std::string_view credentials);

// The words of a credential_process: separated by blanks; "..." and '...' keep them together, a
// backslash keeps one character. bad_input: a quote without its end, or no word at all.
Result<std::vector<std::string>> split_command(std::string_view command);
// What credential_process prints and the metadata services of containers and machines answer.
Result<AwsTemporary> parse_aws_credentials(std::string_view json);
// The reply of AssumeRole and AssumeRoleWithWebIdentity.
Result<AwsTemporary> parse_sts_credentials(std::string_view xml);
// Why STS refused, in one sentence.
std::string parse_sts_failure(std::string_view xml);

struct AwsRole {
  std::string arn;
  std::string session = "tutti";
  std::string external_id = {};
  std::string web_token = {};  // then AssumeRoleWithWebIdentity, which is not signed
};
struct AwsCall {
  Request request;
  std::string body;
};
AwsCall sts_assume_role(std::string_view region, const AwsRole& role);

// ---- single sign-on (IAM Identity Center)

// The file in ~/.aws/sso/cache that `aws sso login` writes for a session, or for a start page where
// the profile names no session.
std::string sso_cache_file(std::string_view session_or_start_url);

// What is in that file.
struct SsoLogin {
  std::string access_token;
  std::optional<Instant> expires = std::nullopt;  // none: it does not say
  // What another access token is asked for with. Logins without a session have no refresh token.
  std::string refresh_token = {};
  std::string client_id = {};
  std::string client_secret = {};
  std::optional<Instant> registered_until = std::nullopt;  // the client

  bool is_good(Instant at) const;
  bool is_renewable(Instant at) const;
};
// denied: no login.
Result<SsoLogin> parse_sso_login(std::string_view file);

struct SsoRole {
  std::string account;
  std::string name;
};
// GetRoleCredentials, and its reply.
Request sso_role_request(std::string_view region, const SsoRole& role, const SsoLogin& login);
Result<AwsTemporary> parse_sso_credentials(std::string_view json);

// CreateToken with the refresh token: carrying it out twice gives two, or is refused.
AwsCall sso_renewal(std::string_view region, const SsoLogin& login);
// The text of the file with what CreateToken replied to a question of `asked`; its other members
// stay. denied: the reply holds no token.
Result<std::string> renewed_sso_file(std::string_view file, std::string_view reply, Instant asked);

}  // namespace tutti::cloud::sign
