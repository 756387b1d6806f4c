// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/aws.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <ranges>
#include <vector>

#include <fmt/format.h>

#include "base/value.h"
#include "cloud/sign/aws_credentials.h"
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
  bool read_only = false;
  std::mutex mutex;
  std::map<std::string, std::string> replies;  // of a path
  net::TestServer* self = nullptr;
  net::TestServer server{net::TestServer::answering(self, [this](const std::string& request) {
    const std::lock_guard lock(mutex);
    const size_t begin = request.find(' ') + 1;
    const auto at = replies.find(request.substr(begin, request.find(' ', begin) - begin));
    return at == replies.end() ? net::http_reply("404 Not Found", "") : at->second;
  })};

  World() {
    self = &server;
    variables["AWS_ENDPOINT_URL_STS"] = server.url("");
  }

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
  void give_role(const std::string& id, const std::string& path = "/") {
    reply(path,
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
            .write = [this](const std::string& path, const std::string& text) -> Result<Unit> {
              if (read_only) {
                return fail(Code::denied, "the disk is read-only");
              }
              files[path] = text;
              return Unit{};
            },
            .metadata_host = host(),
            .container_host = host()};
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
  machine.run = [&](rt::Context&, Program program) {
    ran = std::move(program.argv);
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

TEST_CASE("STS is asked where the environment says, over TLS or on this machine") {
  World w;
  w.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  w.variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  w.variables["AWS_ENDPOINT_URL_STS"] = w.server.url("/tenant/");
  w.give_role("ROLE", "/tenant/");
  CHECK(w.get({.role = "arn:r"}) == "ROLE");
  CHECK(w.last_request().starts_with("POST /tenant/ HTTP/1.1\r\n"));
  for (const char* url : {"http://sts.example", "sts.example", "http://hidden@127.0.0.1/",
                          "https://hidden@sts.example", "https://"}) {
    CAPTURE(url);
    w.variables["AWS_ENDPOINT_URL_STS"] = url;
    const Error refused = w.refused({.role = "arn:r"});
    CHECK(refused.code == Code::bad_input);
    CHECK(refused.text().contains("AWS_ENDPOINT_URL_STS "));
    CHECK_FALSE(refused.text().contains("hidden"));
  }
  CHECK(w.server.requests().size() == 1);
}

// ---- single sign-on

const std::string start_page = "https://corp.awsapps.com/start";
const std::string session_file = "/h/.aws/sso/cache/" + sign::sso_cache_file("corp");
const std::string portal_path =
    "/portal/federation/credentials?account_id=111122223333&role_name=reader";

struct Login {
  std::string token = "token-1";
  Duration valid = hours(8);
  std::string refresh = "refresh-1";
  Duration registered = days(30);
};
// As `aws sso login` writes it.
std::string file_of(World& w, const Login& login) {
  return to_json(Value::of({{"startUrl", start_page},
                            {"region", "eu-west-1"},
                            {"accessToken", login.token},
                            {"expiresAt", to_text(w.clock.wall() + login.valid)},
                            {"clientId", "client"},
                            {"clientSecret", "client-secret"},
                            {"registrationExpiresAt", to_text(w.clock.wall() + login.registered)},
                            {"refreshToken", login.refresh}}));
}

// Profile `dev` of the session `corp`, and a portal that gives its role for an hour.
void give_sso(World& w, const Login& login = {}) {
  w.variables["AWS_ENDPOINT_URL_SSO"] = w.server.url("/portal/");
  w.variables["AWS_ENDPOINT_URL_SSO_OIDC"] = w.server.url("");
  w.files["/h/.aws/config"] =
      "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = " + start_page +
      "\nsso_registration_scopes = sso:account:access\n"
      "[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = reader\n";
  w.files[session_file] = file_of(w, login);
  w.reply(portal_path,
          fmt::format(R"({{"roleCredentials":{{"accessKeyId":"SSO","secretAccessKey":"s",)"
                      R"("sessionToken":"t","expiration":{}}}}})",
                      (w.clock.wall() + hours(1)).us / 1000));
}
void give_token(World& w, const std::string& token, const std::string& refresh = "") {
  Value reply = Value::of({{"accessToken", token}, {"tokenType", "Bearer"}, {"expiresIn", 28800}});
  if (!refresh.empty()) {
    reply.edit_map().set("refreshToken", refresh);
  }
  w.reply("/token", to_json(reply));
}

int asked(World& w, const std::string& target) {
  const auto requests = w.server.requests();
  return static_cast<int>(std::ranges::count_if(
      requests, [&](const std::string& each) { return each.starts_with(target + " "); }));
}
// What the last renewal sent.
Value renewal(World& w) {
  for (const std::string& each : w.server.requests() | std::views::reverse) {
    if (each.starts_with("POST /token ")) {
      return parse_json(each.substr(each.find("\r\n\r\n") + 4)).value_or(Value());
    }
  }
  return {};
}
Error refused_sso(World& w) {
  const Error refused = w.refused({.profile = "dev"});
  for (const char* secret : {"token-", "refresh-", "client-secret"}) {
    CHECK_FALSE(refused.text().contains(secret));
  }
  return refused;
}
void check_login_is_asked_for(World& w) {
  const Error refused = refused_sso(w);
  CHECK(refused.code == Code::denied);
  CHECK(refused.text().contains("'dev' is not logged in"));
  CHECK(refused.remedy == "aws sso login --profile dev");
}

TEST_CASE("the login of an SSO session is exchanged for a role, again before the role ends") {
  World w;
  give_sso(w);
  const auto source = w.chain({.profile = "dev"});
  CHECK(w.get(*source) == "SSO");
  CHECK(w.last_request().starts_with("GET " + portal_path + " "));
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-1\r\n"));
  CHECK(source->found().contains("profile 'dev', until "));
  w.clock.move(minutes(50));
  CHECK(w.get(*source) == "SSO");
  CHECK(asked(w, "GET " + portal_path) == 1);
  w.clock.move(minutes(7));
  CHECK(w.get(*source) == "SSO");
  CHECK(asked(w, "GET " + portal_path) == 2);
  CHECK(asked(w, "POST /token") == 0);
}

TEST_CASE("the login of a start page is exchanged for a role, and cannot be renewed") {
  World w;
  give_sso(w);
  w.files = {{"/h/.aws/config",
              "[profile dev]\nsso_region = eu-west-1\nsso_account_id = 111122223333\n"
              "sso_role_name = reader\nsso_start_url = " +
                  start_page + "\n"}};
  check_login_is_asked_for(w);
  std::string& file = w.files["/h/.aws/sso/cache/" + sign::sso_cache_file(start_page)];
  file = R"({"accessToken":"token-1","expiresAt":"2999-01-01T00:00:00UTC"})";
  CHECK(w.get({.profile = "dev"}) == "SSO");
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-1\r\n"));
  file = R"({"accessToken":"token-1","expiresAt":"2020-06-15T10:00:00UTC"})";
  check_login_is_asked_for(w);
  CHECK(w.server.requests().size() == 1);
}

TEST_CASE("a login that has ended is renewed, and left to others in its file") {
  World w;
  give_sso(w, {.valid = hours(-1)});
  give_token(w, "token-2", "refresh-2");
  CHECK(w.get({.profile = "dev"}) == "SSO");
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-2\r\n"));
  CHECK(renewal(w) == Value::of({{"clientId", "client"},
                                 {"clientSecret", "client-secret"},
                                 {"grantType", "refresh_token"},
                                 {"refreshToken", "refresh-1"}}));
  const Value file = parse_json(w.files[session_file]).value_or(Value());
  CHECK(file.get_string("accessToken") == "token-2");
  CHECK(file.get_string("refreshToken") == "refresh-2");
  CHECK(file.get_string("clientSecret") == "client-secret");
  CHECK(file.get_string("startUrl") == start_page);
  CHECK(file.get_string("expiresAt").ends_with("Z"));
  CHECK(w.get({.profile = "dev"}) == "SSO");  // another one, who reads it
  CHECK(asked(w, "POST /token") == 1);
  w.clock.move(hours(8));
  give_token(w, "token-3");
  CHECK(w.get({.profile = "dev"}) == "SSO");
  CHECK(renewal(w).get_string("refreshToken") == "refresh-2");
  CHECK(w.files[session_file].contains("refresh-2"));  // it was given no other
}

TEST_CASE("a login is renewed before its end, and used to its end where that fails") {
  World w;
  give_sso(w, {.valid = minutes(16)});
  CHECK(w.get({.profile = "dev"}) == "SSO");
  CHECK(asked(w, "POST /token") == 0);
  w.clock.move(minutes(2));
  const auto get_with = [&](const std::string& body, const std::string& status) {
    w.reply("/token", body, status);
    CHECK(w.get({.profile = "dev"}) == "SSO");
    CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-1\r\n"));
  };
  get_with(R"({"error":"invalid_grant"})", "400 Bad Request");
  get_with("", "503 Service Unavailable");
  get_with("no json", "200 OK");
  get_with(R"({"accessToken":"token-2"})", "200 OK");
  CHECK(asked(w, "POST /token") == 4);
  give_token(w, "token-2");
  CHECK(w.get({.profile = "dev"}) == "SSO");
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-2\r\n"));
}

TEST_CASE("a login that cannot be renewed is asked for") {
  World w;
  give_sso(w, {.valid = hours(-1)});
  w.reply("/token", R"({"error":"invalid_grant","error_description":"not refresh-1"})",
          "400 Bad Request");
  check_login_is_asked_for(w);
  CHECK(asked(w, "POST /token") == 1);
  // What passes is not a matter of logging in.
  w.reply("/token", "refresh-1", "500 Internal Server Error");
  CHECK(refused_sso(w).code == Code::unavailable);
  w.reply("/token", "refresh-1", "429 Too Many Requests");
  CHECK(refused_sso(w).code == Code::throttled);
  CHECK(asked(w, "GET " + portal_path) == 0);

  const auto sent = w.server.requests().size();
  give_token(w, "token-2");
  give_sso(w, {.valid = hours(-1), .registered = minutes(-1)});
  check_login_is_asked_for(w);
  give_sso(w, {.valid = hours(-1), .refresh = ""});
  check_login_is_asked_for(w);
  for (const char* text : {"", "no json", "[]", "{}"}) {
    w.files[session_file] = text;
    check_login_is_asked_for(w);
  }
  w.files.erase(session_file);
  check_login_is_asked_for(w);
  CHECK(w.server.requests().size() == sent);
}

TEST_CASE("a renewed login is kept where its file cannot be written, until there is a later one") {
  World w;
  give_sso(w, {.valid = hours(-1)});
  w.read_only = true;
  const auto source = w.chain({.profile = "dev"});
  const sign::AwsCredentials role{
      .access_key_id = "SSO", .secret_access_key = "s", .session_token = "t"};
  const std::string before = w.files[session_file];
  give_token(w, "token-2", "refresh-2");
  CHECK(w.get(*source) == "SSO");
  source->expired(role);
  CHECK(w.get(*source) == "SSO");
  CHECK(asked(w, "POST /token") == 1);
  CHECK(w.files[session_file] == before);
  w.clock.move(hours(8));
  give_token(w, "token-3", "refresh-3");
  CHECK(w.get(*source) == "SSO");
  CHECK(renewal(w).get_string("refreshToken") == "refresh-2");
  w.files[session_file] = file_of(w, {.token = "token-4"});
  source->expired(role);
  CHECK(w.get(*source) == "SSO");
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-4\r\n"));
}

TEST_CASE("a login that another process has renewed meanwhile is used") {
  World w;
  give_sso(w, {.valid = hours(-1)});
  w.reply("/token", R"({"error":"invalid_grant"})", "400 Bad Request");
  AwsMachine machine = w.machine();
  int reads = 0;
  machine.file = [&, file = machine.file](const std::string& path) {
    if (path == session_file && ++reads == 2) {
      w.files[path] = file_of(w, {.token = "token-2"});
    }
    return file(path);
  };
  CHECK(w.get(*aws_chain(w.client, {.profile = "dev"}, machine)) == "SSO");
  CHECK(w.last_request().contains("x-amz-sso_bearer_token: token-2\r\n"));
}

TEST_CASE("what the portal refuses says whether to log in") {
  World w;
  give_sso(w);
  w.reply(portal_path, R"({"message":"token-1 is not valid"})", "401 Unauthorized");
  check_login_is_asked_for(w);
  w.reply(portal_path, R"({"message":"no access"})", "403 Forbidden");
  const Error refused = refused_sso(w);
  CHECK(refused.code == Code::denied);
  CHECK(refused.what.contains("role 'reader' of account 111122223333"));
  CHECK(refused.remedy.contains("sso_role_name of profile 'dev'"));
  w.reply(portal_path, "token-1", "429 Too Many Requests");
  CHECK(refused_sso(w).code == Code::throttled);
  w.reply(portal_path, "token-1", "503 Service Unavailable");
  CHECK(refused_sso(w).code == Code::unavailable);
  w.reply(portal_path, "token-1");
  CHECK(refused_sso(w).code == Code::denied);
}

TEST_CASE("a login goes over TLS, or to this machine, and to a region that is named") {
  World w;
  give_sso(w);
  for (const char* url : {"http://sso.example", "sso.example", "http://token-1@127.0.0.1/",
                          "https://token-1@sso.example", "https://"}) {
    CAPTURE(url);
    w.variables["AWS_ENDPOINT_URL_SSO"] = url;
    const Error refused = refused_sso(w);
    CHECK(refused.code == Code::bad_input);
    CHECK(refused.text().contains("AWS_ENDPOINT_URL_SSO "));
  }
  w.files["/h/.aws/config"] =
      "[profile dev]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = reader\n";
  CHECK(refused_sso(w).text().contains("'dev' has no sso_region"));
  CHECK(w.server.requests().empty());
}

TEST_CASE("this machine's files are written for this user only") {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / fmt::format("tutti_aws_test.{}", getpid());
  const AwsMachine machine = this_machine();
  for (const char* text : {"first", "second"}) {
    REQUIRE_OK(machine.write(file, text));
    CHECK(machine.file(file).value_or("") == text);
    struct stat info{};
    REQUIRE(stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
  }
  std::filesystem::remove(file);
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
