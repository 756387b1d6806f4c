// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/google_auth_identity.h"

#include <fmt/format.h>

#include "base/encode.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const Instant noon = *parse_instant("2026-02-28T12:00:00Z");

Result<GoogleExternal> external_of(std::string_view source) {
  const auto value = parse_json(fmt::format(
      R"({{"type":"external_account","audience":"//iam.googleapis.com/projects/1/x",
"subject_token_type":"urn:ietf:params:oauth:token-type:jwt",
"token_url":"https://sts.googleapis.com/v1/token",
"service_account_impersonation_url":"https://i.example/v1/serviceAccounts/a@p:generateAccessToken",
"credential_source":{}}})",
      source));
  REQUIRE_OK(value);
  return parse_google_external(*value);
}

// As gcloud writes it.
constexpr std::string_view aws_source = R"({"environment_id":"aws1",
"region_url":"http://169.254.169.254/latest/meta-data/placement/availability-zone",
"url":"http://[fd00:ec2::254]/latest/meta-data/iam/security-credentials/",
"regional_cred_verification_url":
"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
"imdsv2_session_token_url":"http://169.254.169.254/latest/api/token"})";

TEST_CASE("a file, a URL, AWS or a program says who somebody is") {
  auto external = external_of(R"({"file":"/var/run/token"})");
  REQUIRE_OK(external);
  CHECK(external->audience == "//iam.googleapis.com/projects/1/x");
  CHECK(std::get<GoogleTokenFile>(external->source).path == "/var/run/token");
  CHECK(std::get<GoogleTokenFile>(external->source).member.empty());
  external = external_of(R"({"url":"http://127.0.0.1:9/t","headers":{"Metadata":"true"},
    "format":{"type":"json","subject_token_field_name":"access_token"}})");
  REQUIRE_OK(external);
  const auto url = std::get<GoogleTokenUrl>(external->source);
  CHECK(url.headers == Pairs{{"Metadata", "true"}});
  CHECK(url.member == "access_token");
  external = external_of(aws_source);
  REQUIRE_OK(external);
  const auto aws = std::get<GoogleAwsIdentity>(external->source);
  CHECK(aws.zone_url.ends_with("/availability-zone"));
  CHECK(aws.roles_url == "http://[fd00:ec2::254]/latest/meta-data/iam/security-credentials");
  CHECK(aws.session_url.ends_with("/latest/api/token"));
  external = external_of(R"({"executable":{"command":"/opt/get token --for \"a b\"",
    "timeout_millis":5000,"output_file":"/var/kept"}})");
  REQUIRE_OK(external);
  const auto program = std::get<GoogleProgram>(external->source);
  CHECK(program.argv == std::vector<std::string>{"/opt/get", "token", "--for", "a b"});
  CHECK(program.within == seconds(5));
  CHECK(program.output_file == "/var/kept");
  external = external_of(R"({"executable":{"command":"/opt/get"}})");
  REQUIRE_OK(external);
  CHECK(std::get<GoogleProgram>(external->source).within == seconds(30));
}

std::string aws_with(std::string_view member, std::string_view text) {
  auto source = parse_json(aws_source);
  REQUIRE_OK(source);
  source->edit_map().set(std::string(member), text);
  return to_json(*source);
}

TEST_CASE("a source that is not whole, or not safe, is refused") {
  constexpr std::string_view question = "regional_cred_verification_url";
  const std::pair<std::string, Code> rows[] = {
      {"{}", Code::bad_input},
      {"null", Code::bad_input},
      {R"({"file":"f","url":"u"})", Code::bad_input},
      {R"({"file":"f","format":{"type":"json"}})", Code::bad_input},
      {R"({"environment_id":"aws1"})", Code::bad_input},
      {aws_with("environment_id", "aws2"), Code::unsupported},
      {aws_with("environment_id", ""), Code::unsupported},
      {aws_with("url", "http://169.254.169.254.example/hidden"), Code::bad_input},
      {aws_with("url", "http://169.254.169.254@host.example/hidden"), Code::bad_input},
      {aws_with("url", "http://127.0.0.1:9/hidden"), Code::bad_input},
      {aws_with("region_url", "https://169.254.169.254/hidden"), Code::bad_input},
      {aws_with("imdsv2_session_token_url", "http://host.example/hidden"), Code::bad_input},
      {aws_with(question, "https://sts.{region}.amazonaws.com?Action=GetSessionToken"),
       Code::bad_input},
      {aws_with(question,
                "https://sts.amazonaws.com?Action=GetSessionToken"
                "?Action=GetCallerIdentity&Version=2011-06-15"),
       Code::bad_input},
      {aws_with(question, "http://sts.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"),
       Code::bad_input},
      {aws_with(question, "https://?Action=GetCallerIdentity&Version=2011-06-15"), Code::bad_input},
      {R"({"executable":{}})", Code::bad_input},
      {R"({"executable":{"command":"get token"}})", Code::bad_input},
      {R"({"executable":{"command":"/opt/get \"x"}})", Code::bad_input},
      {R"({"executable":{"command":"/opt/get","timeout_millis":4999}})", Code::bad_input},
      {R"({"executable":{"command":"/opt/get","timeout_millis":120001}})", Code::bad_input},
      {R"({"executable":{"command":"/opt/get","timeout_millis":"5000"}})", Code::bad_input},
  };
  for (const auto& [source, code] : rows) {
    CAPTURE(source);
    const auto external = external_of(source);
    REQUIRE(!external.has_value());
    CHECK(external.error().code == code);
    CHECK(!external.error().remedy.empty());
    CHECK(!external.error().text().contains("hidden"));
  }
}

TEST_CASE("the token in what a file or a URL gave") {
  CHECK(parse_google_subject("  a.b.c\n", "") == "a.b.c");
  CHECK(parse_google_subject(R"({"t":"a.b"})", "t") == "a.b");
  CHECK(!parse_google_subject("{}", "t").has_value());
}

// ---- AWS

const AwsCredentials example_keys{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                  .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
const GoogleAwsIdentity example_identity{
    .question = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"};
constexpr std::string_view example_audience =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/aws";
const Instant example_time = *parse_instant("2020-08-11T06:55:22Z");

Value question_of(const Result<std::string>& subject) {
  REQUIRE_OK(subject);
  const auto json = percent_decode(*subject);
  REQUIRE_OK(json);
  return parse_json(*json).value_or(Value());
}
std::string header_in(const Value& question, std::string_view name) {
  for (const Value& each : question["headers"].as_list()) {
    if (each.get_string("key") == name) {
      return std::string(each.get_string("value"));
    }
  }
  return "none";
}

// Made with aws.RequestSigner of google-auth 2.62.2 for Python, its clock held.
TEST_CASE("the question to AWS is signed as Google's own library signs it") {
  AwsCaller caller{.credentials = example_keys, .region = "us-east-2"};
  caller.credentials.session_token = "AQoEXAMPLE/token+x==";
  Value question =
      question_of(google_aws_subject(example_identity, example_audience, caller, example_time));
  CHECK(question.get_string("method") == "POST");
  CHECK(question.get_string("url") ==
        "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15");
  CHECK(question["headers"].as_list().size() == 5);
  CHECK(header_in(question, "host") == "sts.us-east-2.amazonaws.com");
  CHECK(header_in(question, "x-amz-date") == "20200811T065522Z");
  CHECK(header_in(question, "x-amz-security-token") == "AQoEXAMPLE/token+x==");
  CHECK(header_in(question, "x-goog-cloud-target-resource") == example_audience);
  CHECK(header_in(question, "Authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20200811/us-east-2/sts/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource, "
        "Signature=99c51ceaaf85434351c804ed303256715357da4780e9220141b418356695f342");
  caller.credentials.session_token.clear();
  question =
      question_of(google_aws_subject(example_identity, example_audience, caller, example_time));
  CHECK(question["headers"].as_list().size() == 4);
  CHECK(header_in(question, "Authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20200811/us-east-2/sts/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-goog-cloud-target-resource, "
        "Signature=37aba665594afd2cb16ea3cde5fcf14e1ee904f4eb3ae653610c5a5186c1263e");
}

TEST_CASE("a question is signed for a region, and goes to no other host through its name") {
  for (const char* region : {"", "us east", "host.example/?", "us-east-1\n"}) {
    CAPTURE(region);
    const auto subject = google_aws_subject(example_identity, example_audience,
                                            {.credentials = example_keys, .region = region}, noon);
    REQUIRE(!subject.has_value());
    CHECK(subject.error().code == Code::bad_input);
    CHECK(subject.error().remedy.contains("AWS_REGION"));
    CHECK(!subject.error().text().contains(example_keys.secret_access_key));
  }
}

TEST_CASE("the region of a zone") {
  CHECK(aws_region_of("us-east-2b") == "us-east-2");
  CHECK(aws_region_of("ap-southeast-1c\n") == "ap-southeast-1");
  CHECK(aws_region_of("eu-west-1") == "eu-west-1");
  CHECK(aws_region_of("").empty());
}

// ---- programs

TEST_CASE("a program finds in its environment for whom it is asked") {
  auto external = external_of(R"({"executable":{"command":"/opt/get","output_file":"/var/kept"}})");
  REQUIRE_OK(external);
  CHECK(google_program_variables(*external, std::get<GoogleProgram>(external->source)) ==
        Pairs{{"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", "//iam.googleapis.com/projects/1/x"},
              {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", "urn:ietf:params:oauth:token-type:jwt"},
              {"GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"},
              {"GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", "a@p"},
              {"GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", "/var/kept"}});
  external->impersonation_url.clear();
  CHECK(google_program_variables(*external, {}).size() == 3);
}

TEST_CASE("what a program prints") {
  auto token = parse_google_program(R"({"version":1,"success":true,"id_token":"a.b.c",
    "token_type":"urn:ietf:params:oauth:token-type:jwt","expiration_time":1772283600})",
                                    noon);
  REQUIRE_OK(token);
  CHECK(token->text == "a.b.c");
  CHECK(token->expires == noon + hours(1));
  token = parse_google_program(R"({"version":1,"success":true,"id_token":"a.b.c",
    "token_type":"urn:ietf:params:oauth:token-type:id_token"})",
                               noon);
  REQUIRE_OK(token);
  CHECK(token->text == "a.b.c");
  CHECK(!token->expires);
  token = parse_google_program(R"({"version":1,"success":true,"saml_response":"PHNhbWw+",
    "token_type":"urn:ietf:params:oauth:token-type:saml2","expiration_time":9223372036854775807})",
                               noon);
  REQUIRE_OK(token);
  CHECK(token->text == "PHNhbWw+");
}

TEST_CASE("what a program prints that is no token is refused, with its own reason") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "no JSON object"},
      {R"("hidden")", "no JSON object"},
      {R"({"success":true,"id_token":"hidden"})", "version 1"},
      {R"({"version":2,"success":true,"id_token":"hidden"})", "version 1"},
      {R"({"version":1,"id_token":"hidden"})", "version 1"},
      {R"({"version":1,"success":true,"id_token":"hidden"})", "of the type ''"},
      {R"({"version":1,"success":true,"id_token":"hidden","token_type":"basic"})",
       "of the type 'basic'"},
      {R"({"version":1,"success":true,"id_token":"hidden",
       "token_type":"urn:ietf:params:oauth:token-type:saml2"})",
       "no saml_response"},
      {R"({"version":1,"success":true,"saml_response":"hidden",
       "token_type":"urn:ietf:params:oauth:token-type:jwt"})",
       "no id_token"},
      {R"({"version":1,"success":true,"id_token":"hidden","expiration_time":1772280000,
       "token_type":"urn:ietf:params:oauth:token-type:jwt"})",
       "has expired"},
      {R"({"version":1,"success":false,"code":"401","message":"Caller not authorized."})",
       "401: Caller not authorized."},
      {R"({"version":1,"success":false})", "no code: no message"},
  };
  for (const auto& [json, part] : rows) {
    CAPTURE(json);
    const auto token = parse_google_program(json, noon);
    REQUIRE(!token.has_value());
    CHECK(token.error().code == Code::denied);
    CHECK(token.error().what.contains(part));
    CHECK(!token.error().remedy.empty());
    CHECK(!token.error().text().contains("hidden"));
  }
}

}  // namespace
}  // namespace tutti::cloud::sign
