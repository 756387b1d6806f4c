// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/google_identity.h"

#include <map>

#include <fmt/format.h>

#include "base/encode.h"
#include "cloud/auth/google_test_world.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {
namespace {

namespace fs = std::filesystem;

constexpr const char* zone_path = "/latest/meta-data/placement/availability-zone";
constexpr const char* roles_path = "/latest/meta-data/iam/security-credentials";
constexpr const char* session_path = "/latest/api/token";

Task<std::string> printed(Result<std::string> text) { co_return text; }

// A machine whose metadata server is one of ours.
struct World : GoogleTestWorld {
  World() : GoogleTestWorld("google_identity", [this](const std::string& r) { return answer(r); }) {
    environment.aws_metadata_host = fmt::format("127.0.0.1:{}", server.port());
  }

  std::string answer(const std::string& request) {
    const size_t begin = request.find(' ') + 1;
    const auto at = replies.find(request.substr(begin, request.find(' ', begin) - begin));
    return at == replies.end() ? net::http_reply("404 Not Found", "hidden") : at->second;
  }
  void reply(const std::string& path, const std::string& body,
             const std::string& status = "200 OK") {
    replies[path] = net::http_reply(status, body);
  }
  // What a program prints, and that it was run.
  void prints(Result<std::string> text) {
    environment.programs_allowed = true;
    environment.run = [this, text](rt::Context&, Program program) {
      ran.push_back(std::move(program));
      return printed(text);
    };
  }
  Result<std::string> token(decltype(sign::GoogleExternal::source) source) {
    GoogleIdentity identity(client, pool.executor(), environment);
    return run(identity.token(ctx, {.audience = "//iam/aud",
                                    .subject_type = "jwt-type",
                                    .token_url = "https://sts.example/token",
                                    .source = std::move(source)}));
  }
  Error refused(decltype(sign::GoogleExternal::source) source) {
    const auto given = token(std::move(source));
    REQUIRE(!given.has_value());
    CHECK(!given.error().text().contains("hidden"));
    CHECK(!given.error().where.empty());
    return given.error();
  }

  std::map<std::string, std::string> replies;  // of a path; set before the first request
  GoogleIdentityEnvironment environment;
  std::vector<Program> ran;
  rt::Pool pool{1};
  net::HttpClient client{loop.executor(), *clock};
};

// ---- files and URLs

TEST_CASE("a token is read from a file each time") {
  World w;
  const std::string path = w.write("token", "first\n").string();
  CHECK(w.token(sign::GoogleTokenFile{.path = path}) == "first");
  w.write("token", R"({"t":"second"})");
  CHECK(w.token(sign::GoogleTokenFile{.path = path, .member = "t"}) == "second");
  CHECK(w.refused(sign::GoogleTokenFile{.path = path + ".not"}).code == Code::not_found);
}

TEST_CASE("a token is asked for behind a URL, with its headers") {
  World w;
  w.reply("/identity?secret=hidden", R"({"access_token":"from.url"})");
  const sign::GoogleTokenUrl source{.url = w.server.url("/identity?secret=hidden"),
                                    .headers = {{"Metadata", "true"}},
                                    .member = "access_token"};
  CHECK(w.token(source) == "from.url");
  CHECK(w.server.requests().back().contains("etadata: true\r\n"));
}

TEST_CASE("a URL that gives no token is named without what may be secret in it") {
  World w;
  const Error refused =
      w.refused(sign::GoogleTokenUrl{.url = w.server.url("/identity?secret=hidden")});
  CHECK(refused.code == Code::denied);
  CHECK(refused.where == w.server.url(""));
  CHECK(refused.what.contains("status 404"));
  CHECK(refused.remedy.contains("credential_source"));
  CHECK(w.server.requests().size() == 1);
}

// ---- AWS

const sign::AwsCredentials env_keys{
    .access_key_id = "ENV", .secret_access_key = "hidden", .session_token = "env-session"};

// As gcloud writes it.
sign::GoogleAwsIdentity aws_identity() {
  const std::string server = "http://169.254.169.254";
  return {
      .question = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
      .zone_url = server + zone_path,
      .roles_url = server + roles_path,
      .session_url = server + session_path};
}
void give_machine(World& w) {
  w.reply(session_path, "imds-session\n");
  w.reply(zone_path, "eu-west-1b");
  w.reply(roles_path, "my-role\nother");
  w.reply(fmt::format("{}/my-role", roles_path),
          R"({"AccessKeyId":"MACHINE","SecretAccessKey":"hidden","Token":"machine-session"})");
}
// The JSON in a subject token.
std::string question_in(const Result<std::string>& subject) {
  REQUIRE_OK(subject);
  return percent_decode(*subject).value_or("");
}

TEST_CASE("keys and region of the environment sign without a server") {
  World w;
  w.environment.aws_keys = env_keys;
  w.environment.aws_region = "us-west-2";
  const std::string question = question_in(w.token(aws_identity()));
  CHECK(question.contains(R"("url":"https://sts.us-west-2.amazonaws.com?Action=)"));
  CHECK(question.contains("Credential=ENV/"));
  CHECK(question.contains("/us-west-2/sts/aws4_request"));
  CHECK(question.contains("env-session"));
  CHECK(question.contains("//iam/aud"));
  CHECK(!question.contains("hidden"));
  CHECK(w.server.requests().empty());
}

TEST_CASE("the machine is asked for region and keys, with a session") {
  World w;
  give_machine(w);
  const std::string question = question_in(w.token(aws_identity()));
  CHECK(question.contains("sts.eu-west-1.amazonaws.com"));
  CHECK(question.contains("Credential=MACHINE/"));
  CHECK(question.contains("machine-session"));
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[0].starts_with(fmt::format("PUT {} ", session_path)));
  CHECK(requests[0].contains("x-aws-ec2-metadata-token-ttl-seconds: 300\r\n"));
  CHECK(requests[1].starts_with(fmt::format("GET {} ", zone_path)));
  CHECK(requests[2].starts_with(fmt::format("GET {} ", roles_path)));
  CHECK(requests[3].starts_with(fmt::format("GET {}/my-role ", roles_path)));
  for (size_t i = 1; i < requests.size(); ++i) {
    CHECK(requests[i].contains("x-aws-ec2-metadata-token: imds-session\r\n"));
  }
}

TEST_CASE(
    "the machine is asked only for what the environment lacks, and without IMDSv2 as it was") {
  World w;
  give_machine(w);
  sign::GoogleAwsIdentity identity = aws_identity();
  identity.session_url.clear();
  w.environment.aws_region = "us-west-2";
  std::string question = question_in(w.token(identity));
  CHECK(question.contains("sts.us-west-2.amazonaws.com"));
  CHECK(question.contains("Credential=MACHINE/"));
  CHECK(w.server.requests().size() == 2);
  CHECK(!w.server.requests().back().contains("x-aws-ec2-metadata-token"));
  w.environment.aws_keys = env_keys;
  w.environment.aws_region.clear();
  question = question_in(w.token(identity));
  CHECK(question.contains("sts.eu-west-1.amazonaws.com"));
  CHECK(question.contains("Credential=ENV/"));
  CHECK(w.server.requests().size() == 3);
}

TEST_CASE("what AWS does not give is said, and what to set") {
  World w;
  const auto why = [&w](sign::GoogleAwsIdentity identity) {
    Error refused = w.refused(std::move(identity));
    CHECK(refused.remedy.contains("AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    return refused;
  };
  Error refused = why(aws_identity());
  CHECK(refused.code == Code::denied);
  CHECK(refused.what == "the metadata server of AWS gives no session token: status 404");
  give_machine(w);
  w.replies.erase(roles_path);
  CHECK(why(aws_identity()).what.contains("gives no role: status 404"));
  w.reply(roles_path, "other-role");
  w.reply(fmt::format("{}/other-role", roles_path), R"({"SecretAccessKey":"hidden"})");
  CHECK(why(aws_identity()).what.contains("no access key"));
}

TEST_CASE("a machine without a metadata server hears what to set") {
  World w;
  {
    const net::TestServer gone([](net::TestConnection&) {});
    w.environment.aws_metadata_host = fmt::format("127.0.0.1:{}", gone.port());
  }
  const Error refused = w.refused(aws_identity());
  CHECK(refused.code == Code::unavailable);
  CHECK(refused.remedy.contains("AWS_REGION"));
}

TEST_CASE("AWS that is named nowhere is said") {
  World w;
  const sign::GoogleAwsIdentity identity{.question = aws_identity().question};
  const auto given = w.token(identity);
  REQUIRE(!given.has_value());
  CHECK(given.error().code == Code::denied);
  CHECK(given.error().what.contains("no region of AWS"));
  CHECK(given.error().remedy.contains("AWS_REGION"));
  w.environment.aws_region = "us-west-2";
  CHECK(w.token(identity).error().what.contains("no role of AWS"));
}

// ---- programs

constexpr std::string_view reply_form = R"({{"version":1,"success":true,"id_token":"{}",
"token_type":"urn:ietf:params:oauth:token-type:id_token"{}}})";
std::string good_reply(std::string_view token) { return fmt::format(reply_form, token, ""); }
std::string reply_until(std::string_view token, Instant end) {
  return fmt::format(reply_form, token,
                     fmt::format(R"(,"expiration_time":{})", end.us / 1'000'000));
}

TEST_CASE("a program is run for a token, for as long as the file says") {
  World w;
  w.prints(good_reply("from.program"));
  CHECK(w.token(sign::GoogleProgram{.argv = {"/opt/get", "a b"}, .within = seconds(7)}) ==
        "from.program");
  REQUIRE(w.ran.size() == 1);
  CHECK(w.ran[0].argv == std::vector<std::string>{"/opt/get", "a b"});
  CHECK(w.ran[0].within == seconds(7));
  CHECK(w.ran[0].variables.front() ==
        std::pair<std::string, std::string>("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", "//iam/aud"));
}

TEST_CASE("no program is run, and none of its files read, where that is not allowed") {
  World w;
  w.prints(good_reply("from.program"));
  w.environment.programs_allowed = false;
  const std::string left =
      w.write("left", reply_until("left.token", w.clock->wall() + hours(1))).string();
  const Error refused = w.refused(sign::GoogleProgram{.argv = {"/opt/get"}, .output_file = left});
  CHECK(refused.code == Code::denied);
  CHECK(refused.where == "/opt/get");
  CHECK(refused.remedy.contains("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"));
  CHECK(w.ran.empty());
}

TEST_CASE("what a program left in its file is used while it is good") {
  World w;
  w.prints(good_reply("new.token"));
  const std::string path = (w.folder / "left").string();
  const sign::GoogleProgram program{.argv = {"/opt/get"}, .output_file = path};
  const Instant now = w.clock->wall();
  w.write("left", reply_until("left.token", now + hours(1)));
  CHECK(w.token(program) == "left.token");
  CHECK(w.ran.empty());
  for (const std::string& text :
       {reply_until("left.token", now - seconds(1)), good_reply("left.token"),
        std::string(R"({"version":1,"succ)"),
        std::string(R"({"version":1,"success":false,"code":"1","message":"no"})")}) {
    CAPTURE(text);
    w.write("left", text);
    w.ran.clear();
    CHECK(w.token(program) == "new.token");
    CHECK(w.ran.size() == 1);
  }
  fs::remove(path);
  CHECK(w.token(program) == "new.token");
}

TEST_CASE("a program that fails is named, with its reason") {
  World w;
  const auto why = [&w](Result<std::string> prints) {
    w.prints(std::move(prints));
    const Error refused = w.refused(sign::GoogleProgram{.argv = {"/opt/get"}});
    CHECK(refused.where == "/opt/get");
    CHECK(!refused.remedy.empty());
    return refused.what;
  };
  CHECK(why(R"({"version":1,"success":false,"code":"401","message":"not logged in"})") ==
        "the program gives no token: 401: not logged in");
  CHECK(why("hidden").contains("no JSON object"));
  CHECK(why(fail(Code::timed_out, "/opt/get did not end within 30s", "run it by hand"))
            .contains("did not end"));
}

TEST_CASE("a real program finds who asks in its environment, and needs no shell") {
  World w;
  w.environment.programs_allowed = true;
  const std::string script = w.write("get", R"(
    printf '{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:id_token",'
    printf '"id_token":"%s %s"}' "$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE" "$1")")
                                 .string();
  CHECK(w.token(sign::GoogleProgram{.argv = {"/bin/sh", script, "$HOME;x"}}) ==
        "//iam/aud $HOME;x");
  const Error missing = w.refused(sign::GoogleProgram{.argv = {"/no/such/program"}});
  CHECK(missing.code == Code::not_found);
  CHECK(missing.where == "/no/such/program");
}

}  // namespace
}  // namespace tutti::cloud::auth
