// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/google_auth_identity.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/hmac.h"
#include "base/trim.h"
#include "cloud/sign/aws_credentials.h"
#include "cloud/sign/fields.h"
#include "cloud/sign/google_auth_file.h"
#include "cloud/sign/v4.h"

namespace tutti::cloud::sign {
namespace {

constexpr size_t told_bytes_max = 200;  // of what others said

// ---- AWS

constexpr std::string_view https = "https://";
constexpr std::string_view region_mark = "{region}";
constexpr std::string_view aws_question = "?Action=GetCallerIdentity&Version=2011-06-15";
constexpr std::string_view aws_algorithm = "AWS4-HMAC-SHA256";

// Amazon's addresses for it on every machine of theirs: what hands out keys there is asked nowhere
// else.
Result<std::string> metadata_url(const Value& source, std::string_view name) {
  std::string url(source.get_string(name));
  const bool there =
      url.starts_with("http://169.254.169.254/") || url.starts_with("http://[fd00:ec2::254]/");
  if (!url.empty() && !there) {
    return fail(bad_credentials(fmt::format(
        "{} of the credential_source is not at 169.254.169.254 or [fd00:ec2::254]", name)));
  }
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url;
}

std::string in_region(std::string url, std::string_view region) {
  if (const size_t at = url.find(region_mark); at != std::string::npos) {
    url.replace(at, region_mark.size(), region);
  }
  return url;
}

// The host that is asked. No other question is signed: with some of them whoever has it could get
// keys.
Result<std::string> host_of_question(std::string_view url) {
  const bool known = url.starts_with(https) && url.ends_with(aws_question);
  std::string_view host;
  if (known) {
    host = url.substr(https.size(), url.size() - https.size() - aws_question.size());
    host.remove_suffix(host.ends_with('/') ? 1 : 0);
  }
  const auto in_host = [](char c) { return is_ascii_alnum(c) || c == '.' || c == '-'; };
  if (host.empty() || !std::ranges::all_of(host, in_host)) {
    return fail(bad_credentials(
        fmt::format("regional_cred_verification_url of the credential_source is not {}HOST{}",
                    https, aws_question)));
  }
  return std::string(host);
}

Result<GoogleAwsIdentity> aws_in(const Value& source) {
  if (const std::string_view id = source.get_string("environment_id"); id != "aws1") {
    return fail(Code::unsupported,
                fmt::format("the credentials are for the environment '{}', which is not known",
                            id.substr(0, 60)),
                "a newer Tutti may know it; this one knows aws1");
  }
  GoogleAwsIdentity identity;
  TRY(identity.question, member(source, "regional_cred_verification_url"));
  TRY_OK(host_of_question(in_region(identity.question, "us-east-1")));
  TRY(identity.zone_url, metadata_url(source, "region_url"));
  TRY(identity.roles_url, metadata_url(source, "url"));
  TRY(identity.session_url, metadata_url(source, "imdsv2_session_token_url"));
  return identity;
}

std::string authorization(const Request& request, const AwsCaller& caller) {
  const std::string time = value_of(request.headers, "x-amz-date");
  const V4 v4{.algorithm = aws_algorithm,
              .time = time,
              .scope = fmt::format("{}/{}/sts/aws4_request", time.substr(0, 8), caller.region)};
  const std::string key = v4_key("AWS4" + caller.credentials.secret_access_key, v4.scope);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", aws_algorithm,
                     caller.credentials.access_key_id, v4.scope, names_of(signed_headers(request)),
                     hex_encode(hmac_sha256(key, v4_text(request, v4, empty_payload_sha256))));
}

Result<Unit> check_region(std::string_view region) {
  const auto in_name = [](char c) { return is_ascii_alnum(c) || c == '-'; };
  if (region.empty() || !std::ranges::all_of(region, in_name)) {
    return fail(Code::bad_input, fmt::format("'{}' is no region of AWS", region.substr(0, 60)),
                "set AWS_REGION to one, as us-east-1");
  }
  return Unit{};
}

Result<Request> signed_question(std::string_view url, std::string_view audience,
                                const AwsCaller& caller, Instant now) {
  Request request{.method = "POST",
                  .host = {},
                  .query = {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
                  .headers = {{"x-amz-date", aws_time(now)},
                              {"x-goog-cloud-target-resource", std::string(audience)}}};
  TRY(request.host, host_of_question(url));
  if (const std::string& token = caller.credentials.session_token; !token.empty()) {
    request.headers.emplace_back("x-amz-security-token", token);
  }
  request.headers.emplace_back("Authorization", authorization(request, caller));
  return request;
}

// ---- programs

constexpr std::string_view jwt_type = "urn:ietf:params:oauth:token-type:jwt";
constexpr std::string_view id_token_type = "urn:ietf:params:oauth:token-type:id_token";
constexpr std::string_view saml_type = "urn:ietf:params:oauth:token-type:saml2";

Result<GoogleProgram> program_in(const Value& executable) {
  GoogleProgram program{.output_file = std::string(executable.get_string("output_file"))};
  TRY(const std::string command, member(executable, "command"));
  TRY(program.argv, split_command(command));
  if (!program.argv.front().starts_with('/')) {
    return fail(bad_credentials("the command of the credentials begins with no absolute path"));
  }
  if (executable["timeout_millis"].is_null()) {
    return program;
  }
  const int64_t ms = executable.get_int("timeout_millis");
  if (ms < 5'000 || ms > 120'000) {
    return fail(bad_credentials("timeout_millis of the credentials is not from 5000 to 120000"));
  }
  program.within = milliseconds(ms);
  return program;
}

Error no_program_token(std::string what) {
  return {.code = Code::denied,
          .what = std::move(what),
          .remedy =
              "run it by hand; what it has to print is in AIP-4117, executable-sourced "
              "credentials"};
}

// What the program says of a failure.
Error refusal_in(const Value& reply) {
  return {.code = Code::denied,
          .what = fmt::format("the program gives no token: {}: {}",
                              reply.get_string("code", "no code").substr(0, told_bytes_max),
                              reply.get_string("message", "no message").substr(0, told_bytes_max)),
          .remedy = "run it by hand to see what it lacks"};
}

Result<Value> program_reply(std::string_view json) {
  Result<Value> reply = parse_json(json);
  if (!reply.has_value() || !reply->is_map()) {
    return fail(no_program_token("the program printed no JSON object"));
  }
  if (reply->get_int("version") != 1 || !(*reply)["success"].is_bool()) {
    return fail(no_program_token("the program printed no reply of version 1"));
  }
  if (!reply->get_bool("success")) {
    return fail(refusal_in(*reply));
  }
  return reply;
}

Result<std::string> token_in(const Value& reply) {
  const std::string_view type = reply.get_string("token_type");
  if (type != jwt_type && type != id_token_type && type != saml_type) {
    return fail(no_program_token(
        fmt::format("the program gives a token of the type '{}'", type.substr(0, told_bytes_max))));
  }
  const std::string_view name = type == saml_type ? "saml_response" : "id_token";
  if (reply.get_string(name).empty()) {
    return fail(no_program_token(fmt::format("the program's reply has no {}", name)));
  }
  return std::string(reply.get_string(name));
}

std::optional<Instant> end_in(const Value& reply) {
  constexpr int64_t end_max_s = 253'402'300'799;  // of the year 9999
  if (!reply["expiration_time"].is_int()) {
    return std::nullopt;
  }
  return Instant{} + seconds(std::clamp<int64_t>(reply["expiration_time"].as_int(), 0, end_max_s));
}

// Of .../serviceAccounts/EMAIL:generateAccessToken
std::string email_in(std::string_view impersonation_url) {
  const std::string_view last = impersonation_url.substr(impersonation_url.rfind('/') + 1);
  return std::string(last.substr(0, last.rfind(':')));
}

// ---- files and URLs

Pairs headers_in(const Value& headers) {
  Pairs out;
  if (headers.is_map()) {
    for (const auto& [name, text] : headers.as_map()) {
      out.emplace_back(name, text.is_string() ? text.as_string() : "");
    }
  }
  return out;
}

Result<Unit> read_place(GoogleExternal& external, const Value& source) {
  const std::string file(source.get_string("file"));
  const std::string url(source.get_string("url"));
  if (file.empty() == url.empty()) {
    return fail(bad_credentials(
        "the credential_source needs one of file, url, executable and environment_id"));
  }
  std::string name;
  if (const Value& format = source["format"]; format.get_string("type", "text") == "json") {
    TRY(name, member(format, "subject_token_field_name"));
  }
  if (!file.empty()) {
    external.source = GoogleTokenFile{.path = file, .member = name};
  } else {
    external.source =
        GoogleTokenUrl{.url = url, .headers = headers_in(source["headers"]), .member = name};
  }
  return Unit{};
}

Result<Unit> read_source(GoogleExternal& external, const Value& source) {
  if (!source["environment_id"].is_null()) {
    TRY(external.source, aws_in(source));
    return Unit{};
  }
  if (!source["executable"].is_null()) {
    TRY(external.source, program_in(source["executable"]));
    return Unit{};
  }
  return read_place(external, source);
}

}  // namespace

Result<GoogleExternal> parse_google_external(const Value& value) {
  GoogleExternal external{.user_project =
                              std::string(value.get_string("workforce_pool_user_project"))};
  TRY(external.audience, member(value, "audience"));
  TRY(external.subject_type, member(value, "subject_token_type"));
  TRY(std::string token_url, member(value, "token_url"));
  TRY(external.token_url, safe_url(std::move(token_url)));
  if (const std::string_view url = value.get_string("service_account_impersonation_url");
      !url.empty()) {
    TRY(external.impersonation_url, safe_url(std::string(url)));
  }
  TRY_OK(read_source(external, value["credential_source"]));
  return external;
}

Result<std::string> parse_google_subject(std::string_view text, std::string_view member_name) {
  std::string token;
  if (member_name.empty()) {
    token = trimmed(text);
  } else if (const auto value = parse_json(text); value.has_value()) {
    token = value->get_string(member_name);
  }
  if (token.empty()) {
    return fail(Code::denied, "there is no identity token where the credentials say it is",
                "check the credential_source of the external_account");
  }
  return token;
}

Result<std::string> google_aws_subject(const GoogleAwsIdentity& identity, std::string_view audience,
                                       const AwsCaller& caller, Instant now) {
  TRY_OK(check_region(caller.region));
  const std::string url = in_region(identity.question, caller.region);
  TRY(const Request request, signed_question(url, audience, caller, now));
  ValueList headers;
  for (const auto& [name, text] : request.headers) {
    headers.push_back(Value::of({{"key", name}, {"value", text}}));
  }
  headers.push_back(Value::of({{"key", "host"}, {"value", request.host}}));
  return percent_encode(
      to_json(Value::of({{"headers", headers}, {"method", request.method}, {"url", url}})));
}

std::string aws_region_of(std::string_view zone) {
  zone = trimmed(zone);
  if (!zone.empty() && is_ascii_letter(zone.back())) {
    zone.remove_suffix(1);
  }
  return std::string(zone);
}

Pairs google_program_variables(const GoogleExternal& external, const GoogleProgram& program) {
  Pairs variables = {{"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", external.audience},
                     {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", external.subject_type},
                     {"GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"}};
  if (!external.impersonation_url.empty()) {
    variables.emplace_back("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL",
                           email_in(external.impersonation_url));
  }
  if (!program.output_file.empty()) {
    variables.emplace_back("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", program.output_file);
  }
  return variables;
}

Result<GoogleProgramToken> parse_google_program(std::string_view json, Instant now) {
  TRY(const Value reply, program_reply(json));
  GoogleProgramToken token{.text = {}, .expires = end_in(reply)};
  TRY(token.text, token_in(reply));
  if (token.expires && *token.expires <= now) {
    return fail(no_program_token("the program gives a token that has expired"));
  }
  return token;
}

}  // namespace tutti::cloud::sign
