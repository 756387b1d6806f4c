// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/google.h"

#include <fmt/format.h>

#include "cloud/auth/google_test_world.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {
namespace {

namespace fs = std::filesystem;

struct World : GoogleTestWorld {
  World() : GoogleTestWorld("google_auth", [this](const std::string& r) { return answer(r); }) {
    environment.metadata_host = "";
  }

  // By the place the request went to; "" where none is expected.
  std::string answer(const std::string& request) {
    for (const auto& [path, reply] : replies) {
      if (request.find(" " + path) != std::string::npos) {
        return reply;
      }
    }
    return net::http_reply("418 teapot", "{}");
  }
  std::string user_file(const std::string& secret = "hidden-secret") {
    return fmt::format(R"({{"type":"authorized_user","client_id":"i","client_secret":"{}",
      "refresh_token":"hidden-refresh","token_uri":"{}"}})",
                       secret, server.url("/token"));
  }
  Result<std::string> token(fs::path credentials = {}) {
    GoogleAuth auth(client, pool.executor(),
                    {.credentials = std::move(credentials), .environment = environment});
    return loop.run(auth.token(ctx));
  }

  std::vector<std::pair<std::string, std::string>> replies;  // set before the first request
  GoogleEnvironment environment;
  rt::Pool pool{1};
  net::HttpClient client{loop.executor(), *clock};
};

std::string token_reply(const std::string& token) {
  return net::http_reply("200 OK",
                         fmt::format(R"({{"access_token":"{}","expires_in":3599}})", token));
}

TEST_CASE("the connection's file wins over the environment's, that over gcloud's") {
  World w;
  w.replies = {{"/token", token_reply("t1")}};
  const fs::path gcloud = w.write("gcloud.json", w.user_file("from-gcloud"));
  const fs::path env = w.write("env.json", w.user_file("from-env"));
  const fs::path own = w.write("own.json", w.user_file("from-own"));
  w.environment.gcloud_file = gcloud;
  CHECK(w.token() == "t1");
  CHECK(w.server.requests().back().find("client_secret=from-gcloud") != std::string::npos);
  w.environment.application_credentials = env;
  CHECK(w.token() == "t1");
  CHECK(w.server.requests().back().find("client_secret=from-env") != std::string::npos);
  CHECK(w.token(own) == "t1");
  CHECK(w.server.requests().back().find("client_secret=from-own") != std::string::npos);
}

TEST_CASE("what stands in the file can come from a secret") {
  World w;
  w.replies = {{"/token", token_reply("t1")}};
  GoogleAuth auth(w.client, w.pool.executor(), {.credentials_text = w.user_file("from-secret")});
  CHECK(w.loop.run(auth.token(w.ctx)) == "t1");
  CHECK(w.server.requests().back().find("client_secret=from-secret") != std::string::npos);
}

TEST_CASE("one token serves many, a refused one is fetched anew") {
  World w;
  w.replies = {{"/token", token_reply("t1")}};
  GoogleAuth auth(w.client, w.pool.executor(), {.credentials = w.write("u.json", w.user_file())});
  CHECK(w.loop.run(auth.token(w.ctx)) == "t1");
  CHECK(w.loop.run(auth.token(w.ctx)) == "t1");
  CHECK(w.server.requests().size() == 1);
  auth.refused("t1");
  CHECK(w.loop.run(auth.token(w.ctx)) == "t1");
  CHECK(w.server.requests().size() == 2);
}

TEST_CASE("what was looked at is said, and what to do") {
  World w;
  w.environment.gcloud_file = w.folder / "no-such.json";
  const auto token = w.token();
  REQUIRE(!token.has_value());
  CHECK(token.error().code == Code::denied);
  CHECK(token.error().what.find("GOOGLE_APPLICATION_CREDENTIALS is not set") != std::string::npos);
  CHECK(token.error().what.find("no-such.json") != std::string::npos);
  CHECK(token.error().remedy.find("gcloud auth application-default login") != std::string::npos);
}

TEST_CASE("a file that is named must be there, and whole") {
  World w;
  w.environment.application_credentials = w.folder / "missing.json";
  auto token = w.token();
  REQUIRE(!token.has_value());
  CHECK(token.error().code == Code::not_found);
  CHECK(token.error().text().find("missing.json") != std::string::npos);
  token = w.token(w.write("broken.json", "{\"private_key\":\"hidden\""));
  REQUIRE(!token.has_value());
  CHECK(token.error().code == Code::bad_input);
  CHECK(token.error().where.ends_with("broken.json"));
  CHECK(token.error().text().find("hidden") == std::string::npos);
}

TEST_CASE("Google's refusal is told without the secrets it was about") {
  World w;
  w.replies = {{"/token", net::http_reply("400 Bad Request",
                                          R"({"error":"invalid_grant",
                                          "error_description":"Token has been revoked."})")}};
  const auto token = w.token(w.write("u.json", w.user_file()));
  REQUIRE(!token.has_value());
  CHECK(token.error().code == Code::denied);
  CHECK(token.error().text().find("Token has been revoked") != std::string::npos);
  CHECK(token.error().where.ends_with("u.json"));
  CHECK(token.error().text().find("hidden") == std::string::npos);
  CHECK(w.server.requests().size() == 1);  // asking again would not help
}

TEST_CASE("the metadata server gives a token, and anything else under its name does not") {
  World w;
  w.environment.metadata_host = fmt::format("127.0.0.1:{}", w.server.port());
  w.replies = {{"/computeMetadata/v1/instance/service-accounts/default/token",
                net::http_reply("200 OK", R"({"access_token":"m1","expires_in":599})",
                                "Metadata-Flavor: Google\r\n")}};
  CHECK(w.token() == "m1");
  CHECK(w.server.requests().back().find("etadata-flavor: Google") != std::string::npos);
  w.replies = {{"/computeMetadata", token_reply("stranger")}};
  CHECK(w.token().error().code == Code::denied);
  w.replies = {
      {"/computeMetadata", net::http_reply("404 Not Found", "no", "Metadata-Flavor: Google\r\n")}};
  CHECK(w.token().error().remedy.starts_with("give the machine a service account"));
}

TEST_CASE("an identity from elsewhere is exchanged, and becomes a service account") {
  World w;
  w.write("subject", "{\"t\":\"foreign.token\"}");
  w.replies = {{"/sts", token_reply("federated")},
               {"/impersonate", net::http_reply("200 OK", R"({"accessToken":"final",
                                                  "expireTime":"2100-01-01T00:00:00Z"})")}};
  const auto token = w.token(w.write(
      "external.json",
      fmt::format(R"({{"type":"external_account","audience":"aud","subject_token_type":"jwt",
        "token_url":"{}","service_account_impersonation_url":"{}","credential_source":{{
        "file":"{}","format":{{"type":"json","subject_token_field_name":"t"}}}}}})",
                  w.server.url("/sts"), w.server.url("/impersonate"),
                  (w.folder / "subject").string())));
  REQUIRE_OK(token);
  CHECK(*token == "final");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].find("subject_token=foreign.token") != std::string::npos);
  CHECK(requests[1].find("earer federated") != std::string::npos);
}

TEST_CASE("keys of AWS become a token of Google's") {
  World w;
  w.environment.identity = {
      .aws_keys = sign::AwsCredentials{.access_key_id = "AWSID", .secret_access_key = "hidden"},
      .aws_region = "us-east-1"};
  w.replies = {{"/sts", token_reply("federated")}};
  const auto token = w.token(w.write(
      "aws.json", fmt::format(R"({{"type":"external_account","audience":"aud","token_url":"{}",
        "subject_token_type":"urn:ietf:params:aws:token-type:aws4_request",
        "credential_source":{{"environment_id":"aws1","regional_cred_verification_url":
        "https://sts.{{region}}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}}}})",
                              w.server.url("/sts"))));
  REQUIRE_OK(token);
  CHECK(*token == "federated");
  // The JSON is encoded once itself, and once more in the form.
  CHECK(w.server.requests().back().contains("subject_token=%257B%2522headers%2522"));
  CHECK(w.server.requests().back().contains("AWSID"));
  CHECK(!w.server.requests().back().contains("hidden"));
}

TEST_CASE("a broken identity is told with the file that names it") {
  World w;
  const auto token = w.token(w.write(
      "program.json", fmt::format(R"({{"type":"external_account","audience":"aud","token_url":"{}",
        "subject_token_type":"jwt","credential_source":{{"executable":{{"command":"get"}}}}}})",
                                  w.server.url("/sts"))));
  REQUIRE(!token.has_value());
  CHECK(token.error().code == Code::bad_input);
  CHECK(token.error().where.ends_with("program.json"));
  CHECK(token.error().what.contains("no absolute path"));
}

TEST_CASE("a user acts for a service account") {
  World w;
  w.replies = {{"/token", token_reply("mine")},
               {"/impersonate", net::http_reply("200 OK", R"({"accessToken":"theirs",
                                                  "expireTime":"2100-01-01T00:00:00Z"})")}};
  const auto token = w.token(
      w.write("impersonated.json", fmt::format(R"({{"type":"impersonated_service_account",
        "service_account_impersonation_url":"{}","source_credentials":{}}})",
                                               w.server.url("/impersonate"), w.user_file())));
  REQUIRE_OK(token);
  CHECK(*token == "theirs");
  CHECK(w.server.requests().back().find("earer mine") != std::string::npos);
}

}  // namespace
}  // namespace tutti::cloud::auth
