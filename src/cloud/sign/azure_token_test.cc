// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/azure_token.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const Instant now = start_of(date_of(CivilDate{2026, 2, 28}));

TEST_CASE("endpoints of Azure") {
  const auto emulator = parse_azure_endpoint("http://127.0.0.1:10000/devstoreaccount1/");
  REQUIRE_OK(emulator);
  CHECK(*emulator ==
        AzureEndpoint{.tls = false, .host = "127.0.0.1:10000", .folder = "/devstoreaccount1"});
  CHECK(*parse_azure_endpoint("https://a.blob.core.windows.net/") == azure_endpoint("a"));
  CHECK(*parse_azure_endpoint("a.blob.core.windows.net") == azure_endpoint("a"));
  CHECK(azure_endpoint("a", "core.chinacloudapi.cn").host == "a.blob.core.chinacloudapi.cn");
  for (const std::string_view url :
       {"", "https://", "ftp://h", "https://u:p@h/", "https://h?sig=1"}) {
    CHECK(parse_azure_endpoint(url).error().code == Code::bad_input);
  }
  CHECK(!parse_azure_endpoint("https://h?sig=secret").error().text().contains("secret"));
}

TEST_CASE("connection strings") {
  auto account = parse_azure_connection_string(
      "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=QUJD;"
      "EndpointSuffix=core.windows.net");
  REQUIRE_OK(account);
  CHECK(account->name == "acc");
  CHECK(account->endpoint == azure_endpoint("acc"));
  CHECK(account->key->key == "ABC");
  CHECK(!account->sas);

  account = parse_azure_connection_string("UseDevelopmentStorage=true");
  REQUIRE_OK(account);
  CHECK(account->name == "devstoreaccount1");
  CHECK(account->endpoint->folder == "/devstoreaccount1");
  CHECK(!account->endpoint->tls);
  CHECK(account->key);

  account = parse_azure_connection_string(
      "BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%3D;");
  REQUIRE_OK(account);
  CHECK(account->name == "acc");
  CHECK(*find_value(*account->sas, "sig") == "a=");

  CHECK(parse_azure_connection_string("BlobEndpoint=h;")->name == "h");
  for (const std::string_view text :
       {"", "nonsense", "AccountKey=QUJD", "AccountName=a;AccountKey=!secret!",
        "AccountName=a;SharedAccessSignature=secret"}) {
    const auto broken = parse_azure_connection_string(text);
    REQUIRE(!broken.has_value());
    CHECK(broken.error().code == Code::bad_input);
    CHECK(!broken.error().text().contains("secret"));
  }
}

TEST_CASE("how a token is asked for") {
  const EntraClient client{.tenant = "t-1", .client = "c-1"};
  auto request = entra_secret_request(client, "s&cret");
  REQUIRE_OK(request);
  CHECK(request->tls);
  CHECK(request->request.method == "POST");
  CHECK(request->request.host == "login.microsoftonline.com");
  CHECK(request->request.path == "/t-1/oauth2/v2.0/token");
  CHECK(request->body ==
        "client_id=c-1&client_secret=s%26cret&grant_type=client_credentials&"
        "scope=https%3A%2F%2Fstorage.azure.com%2F.default");
  request = entra_assertion_request(
      {.authority = "http://127.0.0.1:9/x/", .tenant = "t", .client = "c"}, "e.y.J");
  REQUIRE_OK(request);
  CHECK(!request->tls);
  CHECK(request->request.path == "/x/t/oauth2/v2.0/token");
  CHECK(request->body.contains(
      "client_assertion=e.y.J&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
      "client-assertion-type%3Ajwt-bearer&"));
  request = imds_token_request("http://169.254.169.254", "c");
  REQUIRE_OK(request);
  CHECK(target_of(request->request) ==
        "/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=c&"
        "resource=https%3A%2F%2Fstorage.azure.com%2F");
  CHECK(*find_value(request->request.headers, "metadata") == "true");
  request = app_service_token_request("http://127.0.0.1:41/msi/token/", "h", "");
  REQUIRE_OK(request);
  CHECK(request->request.path == "/msi/token");
  CHECK(*find_value(request->request.headers, "x-identity-header") == "h");
  CHECK(azure_cli_arguments("t").back() == "t");
}

TEST_CASE("what a token's reply says") {
  auto token =
      parse_azure_token(R"({"token_type":"Bearer","expires_in":3599,"access_token":"eyJ"})", now);
  REQUIRE_OK(token);
  CHECK(token->token == "eyJ");
  CHECK(token->valid == seconds(3599));
  // IMDS: numbers as text.
  CHECK(parse_azure_token(R"({"access_token":"e","expires_in":"86000","expires_on":"1"})", now)
            ->valid == seconds(86'000));
  // App Service, and the Azure CLI.
  CHECK(parse_azure_token(R"({"access_token":"e","expires_on":"1772240400"})", now)->valid ==
        hours(1));
  CHECK(parse_azure_token(R"({"accessToken":"e","expires_on":1772240400})", now)->valid ==
        hours(1));
  CHECK(parse_azure_token(R"({"accessToken":"e","expiresOn":"2026-02-28 01:00:00"})", now)->valid ==
        minutes(5));
  CHECK(parse_azure_token(R"({"access_token":"e","expires_on":"1"})", now).error().code ==
        Code::denied);
  for (const std::string_view broken : {"", "{}", "[]", "<html>", R"({"access_token":7})"}) {
    CHECK(parse_azure_token(broken, now).error().code == Code::unavailable);
  }
}

TEST_CASE("what a refusal says") {
  const Error error = azure_token_error(
      401,
      R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace ID: 1"})",
      "Entra");
  CHECK(error.code == Code::denied);
  CHECK(error.what == "Entra gave no token: AADSTS7000215: Invalid client secret.");
  CHECK(error.provider_code == "invalid_client");
  CHECK(azure_token_error(503, "busy", "Entra").code == Code::unavailable);
  CHECK(azure_token_error(429, "", "Entra").code == Code::throttled);
  CHECK(azure_token_error(400, "", "Entra").what == "Entra gave no token: status 400");
}

}  // namespace
}  // namespace tutti::cloud::sign
