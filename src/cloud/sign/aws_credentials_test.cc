// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/aws_credentials.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

TEST_CASE("a command is split into its words") {
  using Words = std::vector<std::string>;
  CHECK(split_command("  a  bc\td ").value() == Words{"a", "bc", "d"});
  CHECK(split_command("\"/a b/c\" 'x \"y' z\\ 1 \"q\\\"r\"").value() ==
        Words{"/a b/c", "x \"y", "z 1", "q\"r"});
  CHECK(split_command("a '' b\"c\"'d'").value() == Words{"a", "", "bcd"});
  for (const std::string_view broken : {"", "  \t", "a 'b", "\""}) {
    CHECK(split_command(broken).error().code == Code::bad_input);
  }
}

TEST_CASE("profiles of both files, the credentials file wins, odd lines are passed over") {
  const AwsSections sections = parse_aws_files(
      "[default]\nregion = eu-west-1\n# comment\n[profile ops]\nrole_arn=arn:aws:iam::1:role/x\n"
      "source_profile = default\ns3 =\n  max_concurrent_requests = 20\nno equals here\n"
      "[sso-session corp]\nsso_region = us-east-2 # here\n",
      "[default]\r\naws_access_key_id = AK=1\r\naws_secret_access_key = "
      "s/k+=\r\n[ops]\nregion=x\n");
  CHECK(sections.at("default").at("region") == "eu-west-1");
  CHECK(sections.at("default").at("aws_access_key_id") == "AK=1");
  CHECK(sections.at("default").at("aws_secret_access_key") == "s/k+=");
  CHECK(sections.at("ops").at("role_arn") == "arn:aws:iam::1:role/x");
  CHECK(sections.at("ops").at("region") == "x");
  CHECK_FALSE(sections.at("ops").contains("max_concurrent_requests"));
  CHECK(sections.at("sso-session corp").at("sso_region") == "us-east-2");
  CHECK(parse_aws_files("", "").empty());
  CHECK(parse_aws_files("[", "=\n]\n[]").size() == 1);
}

TEST_CASE("credentials as processes, machines, containers, SSO and STS give them") {
  const auto process = parse_aws_credentials(
      R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"b","SessionToken":"c","Expiration":"2026-03-01T00:00:00Z"})");
  REQUIRE_OK(process);
  CHECK(process->credentials ==
        AwsCredentials{.access_key_id = "a", .secret_access_key = "b", .session_token = "c"});
  CHECK(to_text(*process->expires) == "2026-03-01T00:00:00+00:00");
  const auto machine =
      parse_aws_credentials(R"({"AccessKeyId":"a","SecretAccessKey":"b","Token":"t"})");
  REQUIRE_OK(machine);
  CHECK(machine->credentials.session_token == "t");
  CHECK_FALSE(machine->expires.has_value());
  const auto sso = parse_sso_credentials(
      R"({"roleCredentials":{"accessKeyId":"a","secretAccessKey":"b","sessionToken":"c","expiration":1000}})");
  REQUIRE_OK(sso);
  CHECK(*sso->expires == Instant{} + seconds(1));
  const auto sts = parse_sts_credentials(
      "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult>"
      "<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey>"
      "<SessionToken>c</SessionToken><Expiration>2026-03-01T00:00:00Z</Expiration></Credentials>"
      "</AssumeRoleResult></AssumeRoleResponse>");
  REQUIRE_OK(sts);
  CHECK(sts->credentials.secret_access_key == "b");
  CHECK(sso_cache_file("corp") == "ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
  for (const std::string_view bad : {"", "{", "[]", R"({"AccessKeyId":"a"})", "<a/>"}) {
    CHECK_FALSE(parse_aws_credentials(bad).has_value());
    CHECK_FALSE(parse_sso_credentials(bad).has_value());
    CHECK_FALSE(parse_sts_credentials(bad).has_value());
  }
  CHECK(parse_sts_failure("<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message>"
                          "</Error></ErrorResponse>") == "AccessDenied: no");
  CHECK(parse_sts_failure("what") == "it gave no reason");
}

TEST_CASE("a role is asked for by who one is, or by a token") {
  const StsCall signed_call =
      sts_assume_role("eu-west-1", {.arn = "arn:aws:iam::1:role/x", .external_id = "e/1"});
  CHECK(signed_call.request.host == "sts.eu-west-1.amazonaws.com");
  CHECK(signed_call.body ==
        "Action=AssumeRole&ExternalId=e%2F1&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&"
        "RoleSessionName=tutti&Version=2011-06-15");
  const StsCall web = sts_assume_role("cn-north-1", {.arn = "r", .web_token = "t.t"});
  CHECK(web.request.host == "sts.cn-north-1.amazonaws.com.cn");
  CHECK(web.body.contains("Action=AssumeRoleWithWebIdentity"));
  CHECK(web.body.contains("WebIdentityToken=t.t"));
}

}  // namespace
}  // namespace tutti::cloud::sign
