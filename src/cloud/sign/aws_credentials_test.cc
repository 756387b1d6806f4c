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

TEST_CASE("a login of single sign-on is read, exchanged and renewed") {
  const Instant noon = *parse_instant("2026-03-01T12:00:00Z");
  const std::string file =
      R"({"startUrl":"u","accessToken":"a","expiresAt":"2026-03-01T13:00:00Z","clientId":"i",)"
      R"("clientSecret":"s","registrationExpiresAt":"2026-03-02T00:00:00UTC","refreshToken":"r"})";
  const auto login = parse_sso_login(file);
  REQUIRE_OK(login);
  CHECK(login->is_good(noon));
  CHECK_FALSE(login->is_good(noon + hours(1)));
  CHECK(login->is_renewable(noon + hours(11)));
  CHECK_FALSE(login->is_renewable(noon + hours(12)));
  for (std::string SsoLogin::* member :
       {&SsoLogin::refresh_token, &SsoLogin::client_id, &SsoLogin::client_secret}) {
    SsoLogin partly = *login;
    partly.*member = "";
    CHECK_FALSE(partly.is_renewable(noon));
  }
  const auto short_one = parse_sso_login(R"({"accessToken":"a"})");
  REQUIRE_OK(short_one);
  CHECK(short_one->is_good(noon));  // it does not say, the portal will
  CHECK_FALSE(short_one->is_renewable(noon));

  const Request role = sso_role_request("eu-west-1", {.account = "1", .name = "x/y"}, *login);
  CHECK(role.method == "GET");
  CHECK(role.host == "portal.sso.eu-west-1.amazonaws.com");
  CHECK(target_of(role) == "/federation/credentials?account_id=1&role_name=x%2Fy");
  CHECK(*find_value(role.headers, "x-amz-sso_bearer_token") == "a");
  const AwsCall renewal = sso_renewal("cn-north-1", *login);
  CHECK(renewal.request.host == "oidc.cn-north-1.amazonaws.com.cn");
  CHECK(target_of(renewal.request) == "/token");
  CHECK(renewal.body ==
        R"({"clientId":"i","clientSecret":"s","grantType":"refresh_token","refreshToken":"r"})");

  const Instant asked = noon + milliseconds(1500);
  const auto renewed =
      renewed_sso_file(file, R"({"accessToken":"a2","expiresIn":3600,"refreshToken":"r2"})", asked);
  REQUIRE_OK(renewed);
  CHECK(
      *renewed ==
      R"({"startUrl":"u","accessToken":"a2","expiresAt":"2026-03-01T13:00:01Z","clientId":"i",)"
      R"("clientSecret":"s","registrationExpiresAt":"2026-03-02T00:00:00UTC","refreshToken":"r2"})");
  const auto kept = renewed_sso_file(file, R"({"accessToken":"a2","expiresIn":3600})", asked);
  REQUIRE_OK(kept);
  CHECK(parse_sso_login(*kept)->refresh_token == "r");
  for (const std::string_view bad :
       {"", "[]", "{}", R"({"accessToken":"b"})", R"({"accessToken":"b","expiresIn":0})",
        R"({"accessToken":"b","expiresIn":9223372036854775807})", R"({"expiresIn":3600})"}) {
    CHECK_FALSE(renewed_sso_file(file, bad, asked).has_value());
  }
}

TEST_CASE("a role is asked for by who one is, or by a token") {
  const AwsCall signed_call =
      sts_assume_role("eu-west-1", {.arn = "arn:aws:iam::1:role/x", .external_id = "e/1"});
  CHECK(signed_call.request.host == "sts.eu-west-1.amazonaws.com");
  CHECK(signed_call.body ==
        "Action=AssumeRole&ExternalId=e%2F1&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&"
        "RoleSessionName=tutti&Version=2011-06-15");
  const AwsCall web = sts_assume_role("cn-north-1", {.arn = "r", .web_token = "t.t"});
  CHECK(web.request.host == "sts.cn-north-1.amazonaws.com.cn");
  CHECK(web.body.contains("Action=AssumeRoleWithWebIdentity"));
  CHECK(web.body.contains("WebIdentityToken=t.t"));
}

}  // namespace
}  // namespace tutti::cloud::sign
