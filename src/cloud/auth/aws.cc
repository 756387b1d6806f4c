// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/aws.h"

#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/digest.h"
#include "cloud/auth/token_cache.h"
#include "cloud/http/send.h"
#include "cloud/sign/aws_credentials.h"
#include "rt/file.h"

namespace tutti::cloud::auth {
namespace {

using sign::AwsCredentials;
using sign::AwsTemporary;
// A step that has nothing to say gives nullopt, and the next one is asked.
using Found = std::optional<AwsTemporary>;

constexpr Duration lasting = days(3650);
constexpr int roles_max = 8;  // a profile whose source is a profile ...
// Before its end an SSO login is renewed, as AWS's own tools do.
constexpr Duration sso_renewed_before = minutes(15);

class Fixed final : public AwsSource {
 public:
  explicit Fixed(std::optional<AwsCredentials> credentials)
      : credentials_(std::move(credentials)) {}
  Task<std::optional<AwsCredentials>> get(rt::Context&) override { co_return credentials_; }
  void expired(const AwsCredentials&) override {}

 private:
  std::optional<AwsCredentials> credentials_;
};

std::string value_in(const std::map<std::string, std::string>& section, const std::string& name) {
  const auto at = section.find(name);
  return at == section.end() ? std::string() : at->second;
}

// What an agent of the machine keeps in a file, and replaces while we run.
Result<std::string> token_in(const AwsMachine& machine, const std::string& path) {
  TRY(std::string token, machine.file(path));
  while (token.ends_with('\n') || token.ends_with('\r')) {
    token.pop_back();
  }
  return token;
}

// Where credentials may be asked for without TLS: this machine, and the addresses at which ECS and
// EKS answer on it.
bool is_here(std::string_view host) {
  if (host.contains('@')) {
    return false;
  }
  for (const std::string_view name :
       {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
    if (host == name || (host.starts_with(name) && host[name.size()] == ':')) {
      return true;
    }
  }
  return false;
}

struct Endpoint {
  bool tls = true;
  std::string host;
  std::string path = {};  // and what follows it
};

// Of a URL in the environment. Secrets go there over TLS, or stay on this machine.
Result<Endpoint> endpoint_of(std::string_view variable, std::string_view url) {
  const bool tls = url.starts_with("https://");
  const bool plain = url.starts_with("http://");
  std::string_view rest = url;
  rest.remove_prefix(tls || plain ? url.find("://") + 3 : url.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  Endpoint endpoint{.tls = tls,
                    .host = std::string(rest.substr(0, slash)),
                    .path = std::string(rest.substr(slash))};
  const bool safe = tls ? !endpoint.host.contains('@') : is_here(endpoint.host);
  if (!safe || endpoint.host.empty()) {  // the URL is not told: what stands before an @ is secret
    return fail(Code::bad_input,
                fmt::format("{} is neither a URL with https nor one of this machine", variable),
                "write https://HOST/PATH, or an address of this machine");
  }
  return endpoint;
}

// Which login a profile uses.
struct SsoPlace {
  std::string region;
  std::string file;  // where `aws sso login` leaves what it was given
  Error not_logged_in;
};

// A renewed login that could not be written, used while its file is as it was then.
struct Unwritten {
  std::string text;
  std::string instead_of;
};

// Nothing of the reply is told: it may repeat what was sent.
Error refusal_of_sso(int status, Error refused) {
  if (status == 429) {
    return {.code = Code::throttled, .what = "SSO is asked too often", .where = refused.where};
  }
  if (status >= 500) {
    return {.code = Code::unavailable,
            .what = fmt::format("SSO has a fault: status {}", status),
            .where = refused.where};
  }
  return refused;
}

Error refusal_of_sts(const http::Reply& reply, std::string arn) {
  const std::string why = sign::parse_sts_failure(reply.body);
  Error error{.code = reply.status >= 500 ? Code::unavailable : Code::denied,
              .what = fmt::format("STS does not give the role: {}", why),
              .where = std::move(arn),
              .remedy = "check the role's trust policy, and who asks for it"};
  if (why.starts_with("Throttling") || reply.status == 429) {
    error.code = Code::throttled;
    error.remedy = "";
  }
  return error;
}

Found keys_in(const std::map<std::string, std::string>& section) {
  AwsCredentials keys{.access_key_id = value_in(section, "aws_access_key_id"),
                      .secret_access_key = value_in(section, "aws_secret_access_key"),
                      .session_token = value_in(section, "aws_session_token")};
  return keys.access_key_id.empty() ? Found() : Found(AwsTemporary{.credentials = std::move(keys)});
}

class Chain final : public AwsSource {
 public:
  Chain(net::HttpClient& http, AwsChoice choice, AwsMachine machine)
      : http_(http),
        choice_(std::move(choice)),
        machine_(std::move(machine)),
        cache_([this](rt::Context& ctx) { return fetch(ctx); }) {}

  Task<std::optional<AwsCredentials>> get(rt::Context& ctx) override {
    CO_TRY(AwsCredentials credentials, co_await cache_.get(ctx));
    co_return std::optional(std::move(credentials));
  }
  void expired(const AwsCredentials& credentials) override { cache_.drop(credentials); }
  std::string found() const override { return found_; }

 private:
  Task<Fresh<AwsCredentials>> fetch(rt::Context& ctx);
  Task<AwsTemporary> first_of(rt::Context& ctx);
  Found environment() const;
  Task<Found> web_identity(rt::Context& ctx);
  Task<Found> profile(rt::Context& ctx, sign::AwsSections sections, std::string name, int depth);
  Task<Found> sso(rt::Context& ctx, sign::AwsSections sections, std::string name);
  SsoPlace sso_place(sign::AwsSections sections, const std::string& profile) const;
  Task<sign::SsoLogin> sso_login(rt::Context& ctx, SsoPlace place);
  Task<sign::SsoLogin> renew(rt::Context& ctx, SsoPlace place, std::string file);
  std::string sso_file(const SsoPlace& place) const;
  Task<http::Reply> ask_sso(rt::Context& ctx, std::string variable, sign::Request request,
                            std::optional<std::string> body);
  Task<Found> program(rt::Context& ctx, std::string command, std::string name);
  Task<Found> container(rt::Context& ctx);
  Task<Found> machine(rt::Context& ctx);

  Task<AwsTemporary> assume(rt::Context& ctx, sign::AwsRole role, std::optional<AwsCredentials> by);
  Task<http::Reply> ask(rt::Context& ctx, sign::Request request, bool tls, Duration within,
                        std::optional<std::string> body = std::nullopt);
  Result<bool> place(const std::string& variable, sign::Request& request) const;
  sign::AwsSections sections() const;
  std::string profile_name() const;

  net::HttpClient& http_;
  AwsChoice choice_;
  AwsMachine machine_;
  TokenCache<AwsCredentials> cache_;
  std::string found_;  // of what is in the cache
  std::optional<Unwritten> unwritten_;
};

Task<http::Reply> Chain::ask(rt::Context& ctx, sign::Request request, bool tls, Duration within,
                             std::optional<std::string> body) {
  rt::Context limited = ctx.with_timeout(within);
  CO_TRY(http::Incoming incoming,
         co_await http::start(limited, http_,
                              {.tls = tls,
                               .request = std::move(request),
                               .body = std::move(body),
                               .timeouts = {.connect = within, .reply = within, .idle = within}}));
  co_return co_await http::read_reply(limited, std::move(incoming), 1U << 20U);
}

// Amazon's service, or what the environment puts in its place, as for AWS's own tools. True: it is
// asked over TLS.
Result<bool> Chain::place(const std::string& variable, sign::Request& request) const {
  const std::string url = machine_.variable(variable.c_str());
  if (url.empty()) {
    return true;
  }
  TRY(Endpoint endpoint, endpoint_of(variable, url));
  while (endpoint.path.ends_with('/')) {
    endpoint.path.pop_back();
  }
  request.host = std::move(endpoint.host);
  request.path.insert(0, endpoint.path);
  return endpoint.tls;
}

// ---- environment

Found Chain::environment() const {
  auto keys = aws_keys_of(machine_.variable);
  return keys ? Found(AwsTemporary{.credentials = *std::move(keys)}) : Found();
}

// ---- roles

Task<AwsTemporary> Chain::assume(rt::Context& ctx, sign::AwsRole role,
                                 std::optional<AwsCredentials> by) {
  sign::AwsCall call = sign::sts_assume_role(choice_.region, role);
  CO_TRY(const bool tls, place("AWS_ENDPOINT_URL_STS", call.request));
  if (by) {
    sign::AwsSigner signer(*by, choice_.region, "sts");
    signer.sign(call.request, ctx.clock().wall(), hex(sha256(call.body)));
  }
  CO_TRY(const http::Reply reply,
         co_await ask(ctx, std::move(call.request), tls, seconds(30), std::move(call.body)));
  if (reply.status != 200) {
    co_return fail(refusal_of_sts(reply, role.arn));
  }
  co_return sign::parse_sts_credentials(reply.body);
}

Task<Found> Chain::web_identity(rt::Context& ctx) {
  const std::string path = machine_.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  sign::AwsRole role{.arn = machine_.variable("AWS_ROLE_ARN")};
  if (path.empty() || role.arn.empty()) {
    co_return Found();
  }
  if (std::string session = machine_.variable("AWS_ROLE_SESSION_NAME"); !session.empty()) {
    role.session = std::move(session);
  }
  CO_TRY(role.web_token, token_in(machine_, path));
  CO_TRY(AwsTemporary found, co_await assume(ctx, std::move(role), std::nullopt));
  co_return Found(std::move(found));
}

// ---- profiles

sign::AwsSections Chain::sections() const {
  const auto text = [this](const char* variable, const char* usual) {
    std::string path = machine_.variable(variable);
    if (path.empty()) {
      path = machine_.variable("HOME") + usual;
    }
    return machine_.file(path).value_or(std::string());
  };
  return sign::parse_aws_files(text("AWS_CONFIG_FILE", "/.aws/config"),
                               text("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"));
}

std::string Chain::profile_name() const {
  std::string name = choice_.profile;
  for (const char* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    name = name.empty() ? machine_.variable(variable) : name;
  }
  return name.empty() ? "default" : name;
}

Task<Found> Chain::profile(rt::Context& ctx, sign::AwsSections sections, std::string name,
                           int depth) {
  const auto at = sections.find(name);
  if (at == sections.end() || depth == roles_max) {
    co_return Found();
  }
  const std::map<std::string, std::string> section = at->second;
  const std::string arn = value_in(section, "role_arn");
  if (arn.empty() || (depth > 0 && keys_in(section))) {
    Found keys = keys_in(section);
    if (keys) {
      co_return keys;
    }
    CO_TRY(Found found, co_await sso(ctx, std::move(sections), name));
    const std::string command = value_in(section, "credential_process");
    if (found || command.empty()) {
      co_return found;
    }
    co_return co_await program(ctx, command, std::move(name));
  }
  sign::AwsRole role{.arn = arn, .external_id = value_in(section, "external_id")};
  if (std::string session = value_in(section, "role_session_name"); !session.empty()) {
    role.session = std::move(session);
  }
  if (const std::string path = value_in(section, "web_identity_token_file"); !path.empty()) {
    CO_TRY(role.web_token, token_in(machine_, path));
    CO_TRY(AwsTemporary found, co_await assume(ctx, std::move(role), std::nullopt));
    co_return Found(std::move(found));
  }
  const std::string source = value_in(section, "source_profile");
  const std::string kind = value_in(section, "credential_source");
  Found by;
  if (source == name) {  // its own keys, for another role
    by = keys_in(section);
  } else if (!source.empty()) {
    CO_TRY(by, co_await profile(ctx, sections, source, depth + 1));
  } else if (kind == "Environment") {
    by = environment();
  } else if (kind == "EcsContainer") {
    CO_TRY(by, co_await container(ctx));
  } else if (kind == "Ec2InstanceMetadata") {
    CO_TRY(by, co_await machine(ctx));
  }
  if (!by) {
    co_return fail(Error{.code = Code::denied,
                         .what = fmt::format("profile '{}' takes on a role, and nothing says by "
                                             "whose credentials",
                                             name),
                         .where = arn,
                         .remedy = "give it a source_profile or a credential_source that exists"});
  }
  CO_TRY(AwsTemporary found, co_await assume(ctx, std::move(role), by->credentials));
  co_return Found(std::move(found));
}

Task<Found> Chain::program(rt::Context& ctx, std::string command, std::string name) {
  const auto named = [&name](Error error) {
    error.where = fmt::format("credential_process of AWS profile '{}'", name);
    return fail(std::move(error));
  };
  auto argv = sign::split_command(command);
  if (!argv.has_value()) {
    co_return named(std::move(argv).error());
  }
  if (!machine_.run) {
    co_return named({.code = Code::unsupported, .what = "no programs are run here"});
  }
  auto printed = co_await machine_.run(ctx, {.argv = std::move(*argv)});
  if (!printed.has_value()) {
    co_return named(std::move(printed).error());
  }
  auto found = sign::parse_aws_credentials(*printed);
  if (!found.has_value()) {
    co_return named(std::move(found).error());
  }
  co_return Found(std::move(*found));
}

// ---- single sign-on

SsoPlace Chain::sso_place(sign::AwsSections sections, const std::string& profile) const {
  const std::string session = value_in(sections[profile], "sso_session");
  const auto& section = sections[session.empty() ? profile : "sso-session " + session];
  const std::string start = value_in(section, "sso_start_url");
  return {.region = value_in(section, "sso_region"),
          .file = fmt::format("{}/.aws/sso/cache/{}", machine_.variable("HOME"),
                              sign::sso_cache_file(session.empty() ? start : session)),
          .not_logged_in = {.code = Code::denied,
                            .what = fmt::format("profile '{}' is not logged in", profile),
                            .where = start,
                            .remedy = fmt::format("aws sso login --profile {}", profile)}};
}

// `aws sso login` left a token in ~/.aws/sso/cache; it is exchanged for the role.
Task<Found> Chain::sso(rt::Context& ctx, sign::AwsSections sections, std::string name) {
  const sign::SsoRole role{.account = value_in(sections[name], "sso_account_id"),
                           .name = value_in(sections[name], "sso_role_name")};
  if (role.account.empty() || role.name.empty()) {
    co_return Found();
  }
  const SsoPlace place = sso_place(std::move(sections), name);
  if (place.region.empty()) {
    co_return fail(Code::bad_input, fmt::format("profile '{}' has no sso_region", name),
                   fmt::format("aws configure sso --profile {}", name));
  }
  CO_TRY(const sign::SsoLogin login, co_await sso_login(ctx, place));
  CO_TRY(const http::Reply reply,
         co_await ask_sso(ctx, "AWS_ENDPOINT_URL_SSO",
                          sign::sso_role_request(place.region, role, login), std::nullopt));
  if (reply.status == 401) {
    co_return fail(place.not_logged_in);
  }
  if (reply.status != 200) {
    co_return fail(refusal_of_sso(
        reply.status,
        {.code = Code::denied,
         .what = fmt::format("SSO does not give role '{}' of account {}: status {}", role.name,
                             role.account, reply.status),
         .where = place.not_logged_in.where,
         .remedy = fmt::format("check sso_account_id and sso_role_name of profile '{}'", name)}));
  }
  CO_TRY(AwsTemporary found, sign::parse_sso_credentials(reply.body));
  co_return Found(std::move(found));
}

Task<sign::SsoLogin> Chain::sso_login(rt::Context& ctx, SsoPlace place) {
  const std::string file = sso_file(place);
  auto login = sign::parse_sso_login(file);
  if (!login.has_value()) {
    co_return fail(place.not_logged_in);
  }
  const Instant now = ctx.clock().wall();
  if (login->is_good(now + sso_renewed_before)) {
    co_return login;
  }
  Error why = place.not_logged_in;
  if (login->is_renewable(now)) {
    auto renewed = co_await renew(ctx, place, file);
    CO_OK(ctx.check());
    if (renewed.has_value()) {
      co_return renewed;
    }
    why = std::move(renewed).error();
  }
  // It may have some minutes yet. Or another process was first, and the file has what it was given.
  login = sign::parse_sso_login(sso_file(place));
  if (login.has_value() && login->is_good(ctx.clock().wall())) {
    co_return login;
  }
  co_return fail(std::move(why));
}

Task<sign::SsoLogin> Chain::renew(rt::Context& ctx, SsoPlace place, std::string file) {
  CO_TRY(const sign::SsoLogin login, sign::parse_sso_login(file));
  sign::AwsCall call = sign::sso_renewal(place.region, login);
  const Instant asked = ctx.clock().wall();
  CO_TRY(const http::Reply reply, co_await ask_sso(ctx, "AWS_ENDPOINT_URL_SSO_OIDC",
                                                   std::move(call.request), std::move(call.body)));
  if (reply.status != 200) {
    co_return fail(refusal_of_sso(reply.status, place.not_logged_in));
  }
  CO_TRY(std::string renewed, sign::renewed_sso_file(file, reply.body, asked));
  // The refresh token may be another one now, and the old one worthless: AWS's tools need it too.
  unwritten_.reset();
  if (!machine_.write || !machine_.write(place.file, renewed).has_value()) {
    unwritten_ = Unwritten{.text = renewed, .instead_of = sso_file(place)};
  }
  co_return sign::parse_sso_login(renewed);
}

// Empty: there is none.
std::string Chain::sso_file(const SsoPlace& place) const {
  std::string text = machine_.file(place.file).value_or(std::string());
  // A file that has changed since is of a later login.
  return unwritten_ && unwritten_->instead_of == text ? unwritten_->text : text;
}

Task<http::Reply> Chain::ask_sso(rt::Context& ctx, std::string variable, sign::Request request,
                                 std::optional<std::string> body) {
  CO_TRY(const bool tls, place(variable, request));
  co_return co_await ask(ctx, std::move(request), tls, seconds(30), std::move(body));
}

// ---- where the program runs

Task<Found> Chain::container(rt::Context& ctx) {
  const std::string relative = machine_.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  sign::Request request{.host = machine_.container_host, .path = relative};
  bool tls = false;
  if (relative.empty()) {
    const std::string variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const std::string url = machine_.variable(variable.c_str());
    if (url.empty()) {
      co_return Found();
    }
    CO_TRY(Endpoint endpoint, endpoint_of(variable, url));
    tls = endpoint.tls;
    request.host = std::move(endpoint.host);
    request.path = endpoint.path.empty() ? "/" : std::move(endpoint.path);
  }
  std::string token = machine_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const std::string path = machine_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!path.empty()) {
    CO_TRY(token, token_in(machine_, path));
  }
  if (!token.empty()) {
    request.headers.emplace_back("authorization", token);
  }
  CO_TRY(const http::Reply reply, co_await ask(ctx, std::move(request), tls, seconds(5)));
  if (reply.status != 200) {
    co_return fail(reply.status >= 500 ? Code::unavailable : Code::denied,
                   fmt::format("the container's credentials: status {}", reply.status),
                   "check the role of the task or pod");
  }
  CO_TRY(AwsTemporary found, sign::parse_aws_credentials(reply.body));
  co_return Found(std::move(found));
}

// IMDSv2. Not to be reached means: this is no machine of Amazon's.
Task<Found> Chain::machine(rt::Context& ctx) {
  const std::string disabled = machine_.variable("AWS_EC2_METADATA_DISABLED");
  if (disabled == "true" || disabled == "TRUE" || disabled == "1") {
    co_return Found();
  }
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  sign::Request first{.method = "PUT",
                      .host = machine_.metadata_host,
                      .path = "/latest/api/token",
                      .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}}};
  const auto token = co_await ask(ctx, std::move(first), false, seconds(1));
  CO_OK(ctx.check());
  if (!token.has_value() || token->status != 200) {
    co_return Found();
  }
  const sign::Pairs headers{{"x-aws-ec2-metadata-token", token->body}};
  CO_TRY(const http::Reply roles,
         co_await ask(ctx, {.host = machine_.metadata_host, .path = folder, .headers = headers},
                      false, seconds(5)));
  if (roles.status != 200) {
    co_return Found();  // a machine without a role
  }
  const std::string role = roles.body.substr(0, roles.body.find('\n'));
  CO_TRY(
      const http::Reply reply,
      co_await ask(ctx, {.host = machine_.metadata_host, .path = folder + role, .headers = headers},
                   false, seconds(5)));
  if (reply.status != 200) {
    co_return fail(reply.status >= 500 ? Code::unavailable : Code::denied,
                   fmt::format("the machine's credentials: status {}", reply.status),
                   "check the role of the machine");
  }
  CO_TRY(AwsTemporary found, sign::parse_aws_credentials(reply.body));
  co_return Found(std::move(found));
}

// ---- the chain

Task<AwsTemporary> Chain::first_of(rt::Context& ctx) {
  if (choice_.profile.empty()) {
    found_ = "AWS_ACCESS_KEY_ID of the environment";
    if (Found found = environment()) {
      co_return std::move(*found);
    }
    found_ = "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)";
    CO_TRY(Found found, co_await web_identity(ctx));
    if (found) {
      co_return std::move(*found);
    }
  }
  found_ = fmt::format("AWS profile '{}'", profile_name());
  CO_TRY(Found found, co_await profile(ctx, sections(), profile_name(), 0));
  if (!found && !choice_.profile.empty()) {
    co_return fail(Code::denied,
                   fmt::format("the AWS profile '{}' has no credentials", choice_.profile),
                   "look into ~/.aws/config and ~/.aws/credentials, or run: aws configure");
  }
  if (!found) {
    found_ = "the container's";
    CO_TRY(found, co_await container(ctx));
  }
  if (!found) {
    found_ = "the machine's";
    CO_TRY(found, co_await machine(ctx));
  }
  if (!found) {
    co_return fail(
        Code::denied,
        fmt::format("no AWS credentials: not in the environment, not in profile '{}', no web "
                    "identity, no container's, no machine's",
                    profile_name()),
        "run `aws configure` or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the "
        "connection `auth`");
  }
  co_return std::move(*found);
}

Task<Fresh<AwsCredentials>> Chain::fetch(rt::Context& ctx) {
  CO_TRY(AwsTemporary found, co_await first_of(ctx));
  if (!choice_.role.empty()) {
    const sign::AwsRole role{.arn = choice_.role, .external_id = choice_.external_id};
    CO_TRY(found, co_await assume(ctx, role, found.credentials));
    found_ = fmt::format("role {}, by {}", choice_.role, found_);
  }
  if (found.expires) {
    found_ += fmt::format(", until {}", to_text(*found.expires));
  }
  const Duration valid = found.expires ? *found.expires - ctx.clock().wall() : lasting;
  co_return Fresh<AwsCredentials>{.value = std::move(found.credentials), .valid = valid};
}

}  // namespace

std::shared_ptr<AwsSource> fixed_aws(std::optional<AwsCredentials> credentials) {
  return std::make_shared<Fixed>(std::move(credentials));
}

std::optional<AwsCredentials> aws_keys_of(
    const std::function<std::string(const char* name)>& variable) {
  AwsCredentials keys{.access_key_id = variable("AWS_ACCESS_KEY_ID"),
                      .secret_access_key = variable("AWS_SECRET_ACCESS_KEY"),
                      .session_token = variable("AWS_SESSION_TOKEN")};
  const bool whole = !keys.access_key_id.empty() && !keys.secret_access_key.empty();
  return whole ? std::optional(std::move(keys)) : std::nullopt;
}

AwsMachine this_machine(RunProgram run) {
  return {
      .variable =
          [](const char* name) {
            const char* value = std::getenv(name);
            return value == nullptr ? std::string() : std::string(value);
          },
      .file = [](const std::string& path) { return rt::read_file(path); },
      .write = [](const std::string& path,
                  const std::string& text) { return rt::write_file(path, text, {.mode = 0600}); },
      .run = std::move(run)};
}

std::shared_ptr<AwsSource> aws_chain(net::HttpClient& http, AwsChoice choice, AwsMachine machine) {
  return std::make_shared<Chain>(http, std::move(choice), std::move(machine));
}

}  // namespace tutti::cloud::auth
