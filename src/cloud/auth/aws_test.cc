// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/aws.h"

#include <map>
#include <mutex>
#include <vector>

#include <fmt/format.h>

#include "net/testing.h"
#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {
namespace {

// The system's clock, moved.
class MovedClock final : public rt::Clock {
 public:
  Instant wall() override { return system_->wall() + moved_; }
  BootInstant boot() override { return system_->boot() + moved_; }
  std::unique_ptr<rt::Timer> arm(rt::Executor executor, BootInstant at,
                                 std::move_only_function<void()> fire) override {
    return system_->arm(std::move(executor), at + Duration{-moved_.us}, std::move(fire));
  }
  void move(Duration by) { moved_ = moved_ + by; }

 private:
  std::unique_ptr<rt::Clock> system_ = rt::make_system_clock();
  Duration moved_ = {};
};

const std::string token_path = "/latest/api/token";
const std::string roles_path = "/latest/meta-data/iam/security-credentials/";

// A machine whose STS, container's and machine's services are one server.
struct World {
  MovedClock clock;
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::CancelSource cancel;
  rt::Context ctx{clock, *random, cancel.token()};
  rt::Loop loop;
  net::HttpClient client{loop.executor(), clock};
  std::map<std::string, std::string> variables{{"HOME", "/h"}};
  std::map<std::string, std::string> files;
  std::mutex mutex;
  std::map<std::string, std::string> replies;  // of a path
  net::TestServer* self = nullptr;
  net::TestServer server{net::TestServer::answering(self, [this](const std::string& request) {
    const std::lock_guard lock(mutex);
    const size_t begin = request.find(' ') + 1;
    const auto at = replies.find(request.substr(begin, request.find(' ', begin) - begin));
    return at == replies.end() ? net::http_reply("404 Not Found", "") : at->second;
  })};

  World() { self = &server; }

  std::string host() const { return fmt::format("127.0.0.1:{}", server.port()); }
  void reply(const std::string& path, const std::string& body,
             const std::string& status = "200 OK") {
    const std::lock_guard lock(mutex);
    replies[path] = net::http_reply(status, body);
  }
  void give_machine() {
    reply(token_path, "imds-token");
    reply(roles_path, "my-role\nother");
    reply(roles_path + "my-role", credentials("MACHINE"));
  }
  // What a service answers; without `valid` they last.
  std::string credentials(const std::string& id, std::optional<Duration> valid = std::nullopt) {
    const std::string end =
        valid ? fmt::format(R"(,"Expiration":"{}")", to_text(clock.wall() + *valid)) : "";
    return fmt::format(R"({{"AccessKeyId":"{}","SecretAccessKey":"s","Token":"t"{}}})", id, end);
  }
  void give_role(const std::string& id) {
    reply("/",
          fmt::format("<R xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult>"
                      "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>s"
                      "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{}</Expiration>"
                      "</Credentials></AssumeRoleResult></R>",
                      id, to_text(clock.wall() + hours(1))));
  }

  AwsMachine machine() {
    return {.variable = [this](const char* name) { return variables[name]; },
            .file = [this](const std::string& path) -> Result<std::string> {
              const auto at = files.find(path);
              return at == files.end() ? Result<std::string>(fail(Code::not_found, "no such file"))
                                       : Result<std::string>(at->second);
            },
            .metadata_host = host(),
            .container_host = host(),
            .sts_url = "http://" + host()};
  }
  std::shared_ptr<AwsSource> chain(AwsChoice choice = {}) {
    return aws_chain(client, std::move(choice), machine());
  }
  // The id of the key that is given, or the error's text.
  std::string get(AwsSource& source) {
    const auto found = loop.run(source.get(ctx));
    return found.has_value() ? found->value().access_key_id : found.error().text();
  }
  std::string get(AwsChoice choice = {}) { return get(*chain(std::move(choice))); }
  Error refused(AwsChoice choice = {}) {
    const auto found = loop.run(chain(std::move(choice))->get(ctx));
    REQUIRE_FALSE(found.has_value());
    return found.error();
  }
  std::string last_request() { return server.requests().back(); }
};

constexpr const char* credentials_file =
    "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = hidden\n"
    "[work]\naws_access_key_id = WORK\naws_secret_access_key = hidden\n";

TEST_CASE("the chain goes from the environment to the machine") {
  World w;
  w.give_machine();
  CHECK(w.get() == "MACHINE");
  w.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/task";
  w.reply("/task", w.credentials("CONTAINER"));
  CHECK(w.get() == "CONTAINER");
  w.files["/h/.aws/credentials"] = credentials_file;
  CHECK(w.get() == "DEFAULT");
  w.variables["AWS_PROFILE"] = "work";
  CHECK(w.get() == "WORK");
  w.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  w.variables["AWS_ROLE_ARN"] = "arn:role";
  w.files["/token"] = "web";
  w.reply("/", "<a/>", "403 Forbidden");  // it was meant: nothing behind it is asked
  CHECK(w.refused().code == Code::denied);
  w.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  CHECK(w.refused().code == Code::denied);  // half a key is none
  w.variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  CHECK(w.get() == "ENV");
}

TEST_CASE("files can lie elsewhere") {
  World w;
  w.variables["AWS_SHARED_CREDENTIALS_FILE"] = "/keys";
  w.files["/keys"] = credentials_file;
  CHECK(w.get() == "DEFAULT");
}

TEST_CASE("a profile that was chosen leaves out the environment") {
  World w;
  w.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  w.variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  w.variables["AWS_PROFILE"] = "default";
  w.files["/h/.aws/credentials"] = credentials_file;
  w.give_machine();
  CHECK(w.get({.profile = "work"}) == "WORK");
  const Error missing = w.refused({.profile = "wrok"});
  CHECK(missing.code == Code::denied);
  CHECK(missing.what.contains("'wrok'"));
  CHECK_FALSE(missing.remedy.empty());
  CHECK(w.server.requests().empty());  // nor is the machine asked
}

Task<std::string> printed(Result<std::string> text) { co_return text; }

TEST_CASE("a profile's program is run for its credentials, again before they end") {
  World w;
  std::vector<std::string> ran;
  Result<std::string> prints = w.credentials("PROGRAM", minutes(30));
  AwsMachine machine = w.machine();
  machine.run = [&](rt::Context&, std::vector<std::string> argv) {
    ran = std::move(argv);
    return printed(prints);
  };
  w.files["/h/.aws/config"] =
      "[profile tool]\ncredential_process = /opt/get keys --for \"a b\"\n"
      "[profile broken]\ncredential_process = get \"x\n";
  const auto chain = aws_chain(w.client, {.profile = "tool"}, machine);
  CHECK(w.get(*chain) == "PROGRAM");
  CHECK(ran == std::vector<std::string>{"/opt/get", "keys", "--for", "a b"});
  CHECK(chain->found().contains("'tool'"));
  ran.clear();
  CHECK(w.get(*chain) == "PROGRAM");
  CHECK(ran.empty());
  w.clock.move(minutes(29));
  prints = w.credentials("LATER", minutes(30));
  CHECK(w.get(*chain) == "LATER");

  const auto why = [&](std::string profile) {
    const auto other = aws_chain(w.client, {.profile = std::move(profile)}, machine);
    const auto found = w.loop.run(other->get(w.ctx));
    REQUIRE_FALSE(found.has_value());
    return found.error();
  };
  prints = std::string("no json");
  CHECK(why("tool").where == "credential_process of AWS profile 'tool'");
  prints = fail(Code::denied, "get ended with status 1: not logged in");
  CHECK(why("tool").text().contains("not logged in"));
  CHECK(why("broken").text().contains("a quote of the command has no end"));
  machine.run = {};
  CHECK(why("tool").code == Code::unsupported);
}

// ---- roles

TEST_CASE("a profile takes on a role with another's keys") {
  World w;
  w.files["/h/.aws/credentials"] = credentials_file;
  w.files["/h/.aws/config"] =
      "[profile ops]\nrole_arn = arn:aws:iam::1:role/ops\nsource_profile = work\n"
      "external_id = ext\nrole_session_name = night\n"
      "[profile lost]\nrole_arn = arn:aws:iam::1:role/ops\nsource_profile = nobody\n"
      "[profile ring]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = ring2\n"
      "[profile ring2]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = ring\n";
  w.give_role("ROLE");
  CHECK(w.get({.profile = "ops"}) == "ROLE");
  const std::string request = w.last_request();
  CHECK(request.starts_with("POST / HTTP/1.1\r\n"));
  CHECK(request.contains("Credential=WORK/"));
  CHECK(request.contains("/us-east-1/sts/aws4_request"));
  CHECK(request.contains("Action=AssumeRole&"));
  CHECK(request.contains("ExternalId=ext"));
  CHECK(request.contains("RoleSessionName=night"));
  for (const char* profile : {"lost", "ring"}) {
    CAPTURE(profile);
    const Error refused = w.refused({.profile = profile});
    CHECK(refused.code == Code::denied);
    CHECK(refused.what.contains("nothing says by whose credentials"));
  }
  CHECK(w.server.requests().size() == 1);
}

TEST_CASE("a role of the connection is taken on with what the chain finds") {
  World w;
  w.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  w.variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  w.give_role("ROLE");
  CHECK(w.get({.role = "arn:aws:iam::1:role/x", .external_id = "e"}) == "ROLE");
  CHECK(w.last_request().contains("Credential=ENV/"));
  CHECK(w.last_request().contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx"));
  w.reply("/",
          "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
          "</ErrorResponse>",
          "403 Forbidden");
  const Error refused = w.refused({.role = "arn:r"});
  CHECK(refused.code == Code::denied);
  CHECK(refused.what.contains("AccessDenied: no"));
  CHECK(refused.where == "arn:r");
  CHECK_FALSE(refused.text().contains("hidden"));
  w.reply("/", "", "500 Internal Server Error");
  CHECK(w.refused({.role = "arn:r"}).code == Code::unavailable);
  w.reply("/", "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
          "400 Bad Request");
  CHECK(w.refused({.role = "arn:r"}).code == Code::throttled);
}

TEST_CASE("a web identity is exchanged without a signature, its file read each time") {
  World w;
  w.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/token";
  w.variables["AWS_ROLE_ARN"] = "arn:role";
  w.files["/var/token"] = "first";
  w.give_role("WEB1");
  const auto source = w.chain();
  CHECK(w.get(*source) == "WEB1");
  CHECK(w.last_request().contains("Action=AssumeRoleWithWebIdentity"));
  CHECK(w.last_request().contains("WebIdentityToken=first"));
  CHECK_FALSE(w.last_request().contains("uthorization: "));
  w.files["/var/token"] = "second\n";
  w.give_role("WEB2");
  CHECK(w.get(*source) == "WEB1");  // still good
  source->expired({.access_key_id = "WEB1", .secret_access_key = "s", .session_token = "t"});
  CHECK(w.get(*source) == "WEB2");
  CHECK(w.last_request().contains("WebIdentityToken=second"));
  CHECK_FALSE(w.last_request().contains("WebIdentityToken=second%0A"));
  w.files.clear();
  CHECK_FALSE(w.get().empty());
  CHECK(w.refused().text().contains("no such file"));
}

// ---- where the program runs

TEST_CASE("a container's credentials, with the token of a file") {
  World w;
  w.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = w.server.url("/v1/credentials?x=1");
  w.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "older";
  w.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/var/token";
  w.files["/var/token"] = "pod-token\n";
  w.reply("/v1/credentials?x=1", w.credentials("POD"));
  CHECK(w.get() == "POD");
  CHECK(w.last_request().contains("uthorization: pod-token\r\n"));
  w.reply("/v1/credentials?x=1", "", "400 Bad Request");
  const Error refused = w.refused();
  CHECK(refused.code == Code::denied);
  CHECK_FALSE(refused.text().contains("pod-token"));
  w.reply("/v1/credentials?x=1", "", "503 Service Unavailable");
  CHECK(w.refused().code == Code::unavailable);
}

TEST_CASE("a container's token goes over TLS, or to this machine") {
  World w;
  w.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "hidden";
  for (const char* url : {"http://credentials.example/x", "ftp://127.0.0.1/x", "nonsense",
                          "http://127.0.0.1.example/x", "http://localhost@host.example/x"}) {
    CAPTURE(url);
    w.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    const Error refused = w.refused();
    CHECK(refused.code == Code::bad_input);
    CHECK(refused.remedy.contains("https://"));
    CHECK_FALSE(refused.text().contains("hidden"));
  }
}

TEST_CASE("a machine is asked with a token") {
  World w;
  w.give_machine();
  CHECK(w.get() == "MACHINE");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].starts_with("PUT " + token_path));
  CHECK(requests[0].contains("x-aws-ec2-metadata-token-ttl-seconds: 21600"));
  CHECK(requests[1].starts_with("GET " + roles_path + " "));
  CHECK(requests[1].contains("x-aws-ec2-metadata-token: imds-token"));
  CHECK(requests[2].starts_with("GET " + roles_path + "my-role "));
  CHECK(requests[2].contains("x-aws-ec2-metadata-token: imds-token"));
}

TEST_CASE("a machine that may not be asked is not, and one without a role has none") {
  World w;
  w.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  w.give_machine();
  CHECK(w.refused().code == Code::denied);
  CHECK(w.server.requests().empty());
  w.variables["AWS_EC2_METADATA_DISABLED"] = "false";
  w.reply(roles_path, "", "404 Not Found");
  CHECK(w.refused().code == Code::denied);
  CHECK(w.server.requests().size() == 2);
}

// ---- the end of credentials

TEST_CASE("temporary credentials are renewed before they end, and kept when that fails") {
  World w;
  w.reply(token_path, "imds-token");
  w.reply(roles_path, "r");
  w.reply(roles_path + "r", w.credentials("FIRST", hours(1)));
  const auto source = w.chain();
  CHECK(w.get(*source) == "FIRST");
  w.reply(roles_path + "r", w.credentials("SECOND", hours(2)));
  w.clock.move(minutes(55));
  CHECK(w.get(*source) == "FIRST");
  w.clock.move(minutes(2));
  CHECK(w.get(*source) == "SECOND");
  w.reply(roles_path + "r", "", "503 Service Unavailable");
  w.clock.move(minutes(61));
  CHECK(w.get(*source) == "SECOND");
  w.clock.move(minutes(5));
  CHECK_FALSE(w.get(*source) == "SECOND");
}

TEST_CASE("what was tried is said, and no secret") {
  World w;
  w.variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  w.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  w.variables["AWS_PROFILE"] = "wrok";
  w.files["/h/.aws/credentials"] = credentials_file;
  const Error refused = w.refused();
  CHECK(refused.code == Code::denied);
  for (const char* part : {"environment", "profile 'wrok'", "web identity", "container", "machine",
                           "aws configure", "AWS_ACCESS_KEY_ID"}) {
    CAPTURE(part);
    CHECK(refused.text().contains(part));
  }
  CHECK_FALSE(refused.text().contains("hidden"));
}

TEST_CASE("fixed credentials stay, or are none") {
  World w;
  const auto source =
      fixed_aws(sign::AwsCredentials{.access_key_id = "A", .secret_access_key = "s"});
  source->expired({.access_key_id = "A", .secret_access_key = "s"});
  CHECK(w.get(*source) == "A");
  const auto nobody = w.loop.run(fixed_aws(std::nullopt)->get(w.ctx));
  REQUIRE_OK(nobody);
  CHECK_FALSE(nobody->has_value());
}

}  // namespace
}  // namespace tutti::cloud::auth
