// SPDX-License-Identifier: Apache-2.0
// Where AWS credentials come from, in the order of AWS's own tools. A source is a service: shared
// by the stores of a connection, used from one loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/auth/run_program.h"
#include "cloud/sign/aws_v4.h"
#include "net/http.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud::auth {

class AwsSource {
 public:
  virtual ~AwsSource() = default;
  // Asked before each request: quick while what it gave is good. nullopt: requests go unsigned.
  // `denied` where there are none, naming what was tried.
  virtual Task<std::optional<sign::AwsCredentials>> get(rt::Context& ctx) = 0;
  // The service says that these have expired: the next get() fetches others.
  virtual void expired(const sign::AwsCredentials& credentials) = 0;
  // For people: where those of the last get() were found, and how long they are good.
  virtual std::string found() const { return {}; }
};

// Always the same; nullopt: anonymous.
std::shared_ptr<AwsSource> fixed_aws(std::optional<sign::AwsCredentials> credentials);

struct AwsChoice {
  std::string profile = {};  // of the AWS files; empty: AWS_PROFILE, or "default"
  std::string role = {};     // to take on with what is found
  std::string external_id = {};
  std::string region = "us-east-1";  // of the STS that is asked
};

// What the chain asks for outside of HTTP. Values as the process sees them.
struct AwsMachine {
  std::function<std::string(const char* name)> variable;  // of the environment; empty: not set
  // The content of a file; not_found.
  std::function<Result<std::string>(const std::string& path)> file;
  // The whole of a file that only this user may read: an SSO login that was renewed. Unset: it is
  // kept in memory.
  std::function<Result<Unit>(const std::string& path, const std::string& text)> write = {};
  RunProgram run = {};  // for credential_process; unset: a profile that has one is refused
  // Hosts that stand for the real ones: tests put a server of their own behind these names.
  std::string metadata_host = "169.254.169.254";
  std::string container_host = "169.254.170.2";
};
AwsMachine this_machine(RunProgram run = {});

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; half a key is none.
std::optional<sign::AwsCredentials> aws_keys_of(
    const std::function<std::string(const char* name)>& variable);

// The usual chain: environment, web identity (AWS_WEB_IDENTITY_TOKEN_FILE), the profile (keys, a
// role with its source, SSO, credential_process), container, machine (IMDSv2). An explicit profile
// leaves out the environment. Temporary credentials are renewed before they end, and so is the SSO
// login they come from. AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC
// say where these services are asked.
std::shared_ptr<AwsSource> aws_chain(net::HttpClient& http, AwsChoice choice,
                                     AwsMachine machine = this_machine());

}  // namespace tutti::cloud::auth
