// SPDX-License-Identifier: Apache-2.0
// Credentials of type external_account: who somebody is elsewhere, which Google exchanges for a
// token of its own. The "subject token" that proves it comes from a file, a URL or a program, or is
// a question to AWS, signed with keys of AWS, that Google asks in our place.
// Source: AIP-4117, "External Account Credentials (Workload Identity Federation)".
//
// Nothing here stands in an error: no key, no token.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "cloud/sign/aws_v4.h"
#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// ---- where the subject token comes from

// `member`: of the JSON it is in; empty: the text itself.
struct GoogleTokenFile {
  std::string path;
  std::string member = {};
};
struct GoogleTokenUrl {
  std::string url;
  Pairs headers = {};
  std::string member = {};
};
// environment_id aws1. URLs of the machine's metadata server are empty where they were left out.
struct GoogleAwsIdentity {
  std::string question;          // GetCallerIdentity in "{region}": Google asks it, we never do
  std::string zone_url = {};     // us-east-2b
  std::string roles_url = {};    // the name of the role; with "/" and that name, its keys
  std::string session_url = {};  // a token for the two others (IMDSv2)
};
struct GoogleProgram {
  std::vector<std::string> argv;
  Duration within = seconds(30);
  std::string output_file = {};  // where it leaves what it printed last; empty: nowhere
};

struct GoogleExternal {
  std::string audience;
  std::string subject_type;  // urn:ietf:params:oauth:token-type:jwt ...
  std::string token_url;
  std::string impersonation_url = {};  // empty: the exchanged token is used itself
  std::string user_project = {};       // of workforce identities
  std::variant<GoogleTokenFile, GoogleTokenUrl, GoogleAwsIdentity, GoogleProgram> source = {};
};
// bad_input: what lacks a part, or would send a token or ask for keys where that is not safe;
// unsupported: an environment that is not known.
Result<GoogleExternal> parse_google_external(const Value& value);

// What a file or a URL gave; denied: it is not in it.
Result<std::string> parse_google_subject(std::string_view text, std::string_view member);

// ---- AWS

struct AwsCaller {
  AwsCredentials credentials;
  std::string region;
};
// The question as the subject token. Whoever has it can ask, for some minutes, whose keys they are,
// and nothing else. bad_input: the region is none.
Result<std::string> google_aws_subject(const GoogleAwsIdentity& identity, std::string_view audience,
                                       const AwsCaller& caller, Instant now);
// us-east-2 of the zone us-east-2b.
std::string aws_region_of(std::string_view zone);

// ---- programs

// What the program finds in its environment.
Pairs google_program_variables(const GoogleExternal& external, const GoogleProgram& program);

struct GoogleProgramToken {
  std::string text;
  std::optional<Instant> expires = std::nullopt;  // none: it was not said
};
// What it printed, or left in its file. denied: no token that is good at `now`; with the program's
// own reason.
Result<GoogleProgramToken> parse_google_program(std::string_view json, Instant now);

}  // namespace tutti::cloud::sign
