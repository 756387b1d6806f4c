// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/google_identity.h"

#include <fmt/format.h>

#include "base/trim.h"
#include "cloud/auth/google_io.h"
#include "cloud/sign/aws_credentials.h"
#include "rt/retry.h"

namespace tutti::cloud::auth {
namespace {

constexpr std::string_view aws_remedy =
    "set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on a machine of AWS that "
    "has a role";

// "http://host" of a URL: what follows may be secret.
std::string origin_of(const std::string& url) {
  const size_t host = url.find("://");
  return url.substr(0, host == std::string::npos ? 0 : url.find_first_of("/?#", host + 3));
}

Code code_of(int status) {
  if (status == 429) {
    return Code::throttled;
  }
  return status >= 500 || status == 408 ? Code::unavailable : Code::denied;
}

}  // namespace

struct GoogleIdentity::Question {
  sign::GoogleCall call;
  std::string refused;  // what is said of an answer other than 200, of which nothing is told
  net::HttpTimeouts timeouts = {};
  rt::RetryPolicy policy = {};
};

GoogleIdentity::GoogleIdentity(net::HttpClient& client, rt::Executor files,
                               GoogleIdentityEnvironment environment)
    : client_(client), files_(std::move(files)), environment_(std::move(environment)) {
  if (!environment_.run) {
    environment_.run = programs_on(files_);
  }
}

Task<std::string> GoogleIdentity::token(rt::Context& ctx, sign::GoogleExternal external) {
  if (const auto* file = std::get_if<sign::GoogleTokenFile>(&external.source)) {
    co_return co_await in_file(ctx, *file);
  }
  if (const auto* url = std::get_if<sign::GoogleTokenUrl>(&external.source)) {
    co_return co_await behind_url(ctx, *url);
  }
  if (const auto* program = std::get_if<sign::GoogleProgram>(&external.source)) {
    co_return co_await of_program(ctx, external, *program);
  }
  co_return co_await signed_for_aws(ctx, external.audience,
                                    std::get<sign::GoogleAwsIdentity>(external.source));
}

// ---- files and URLs

Task<std::string> GoogleIdentity::in_file(rt::Context& ctx, sign::GoogleTokenFile file) {
  CO_OK(ctx.check());
  CO_TRY(const std::string text, co_await read_on(files_, file.path));
  co_return sign::parse_google_subject(text, file.member);
}

Task<std::string> GoogleIdentity::behind_url(rt::Context& ctx, sign::GoogleTokenUrl source) {
  auto text =
      co_await ask(ctx, {.call = {.method = "GET", .url = source.url, .headers = source.headers},
                         .refused = "no identity token is given there"});
  if (!text.has_value()) {
    Error error = std::move(text).error();
    if (error.remedy.empty()) {
      error.remedy = "check the credential_source of the external_account";
    }
    co_return fail(std::move(error));
  }
  co_return sign::parse_google_subject(*text, source.member);
}

Task<std::string> GoogleIdentity::ask(rt::Context& ctx, Question question) {
  const auto once = [this, question](rt::Context& inner) { return ask_once(inner, question); };
  auto answer = co_await rt::retry(ctx, question.policy, once);
  if (!answer.has_value() && answer.error().where.empty()) {
    answer.error().where = origin_of(question.call.url);
  }
  co_return answer;
}

Task<std::string> GoogleIdentity::ask_once(rt::Context& ctx, Question question) {
  CO_TRY(net::HttpResponse reply,
         co_await send(ctx, client_, std::move(question.call), question.timeouts));
  if (reply.head.status != 200) {
    co_return fail(code_of(reply.head.status),
                   fmt::format("{}: status {}", question.refused, reply.head.status));
  }
  co_return std::move(reply.body);
}

// ---- programs

Task<std::string> GoogleIdentity::of_program(rt::Context& ctx, sign::GoogleExternal external,
                                             sign::GoogleProgram program) {
  const std::string name = program.argv.front();
  if (!environment_.programs_allowed) {
    co_return fail(Error{.code = Code::denied,
                         .what = "the credentials want a program run, which is not allowed",
                         .where = name,
                         .remedy = "if you trust the file of credentials, set "
                                   "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"});
  }
  if (!program.output_file.empty()) {
    auto left = co_await left_in(ctx, program.output_file);
    if (left.has_value()) {
      co_return left;
    }
  }
  auto given =
      co_await printed_by(ctx, {.argv = program.argv,
                                .variables = sign::google_program_variables(external, program),
                                .within = program.within});
  if (!given.has_value()) {
    Error error = std::move(given).error();
    error.where = name;
    co_return fail(std::move(error));
  }
  co_return given;
}

Task<std::string> GoogleIdentity::printed_by(rt::Context& ctx, Program program) {
  CO_TRY(const std::string json, co_await environment_.run(ctx, std::move(program)));
  CO_TRY(sign::GoogleProgramToken token, sign::parse_google_program(json, ctx.clock().wall()));
  co_return std::move(token.text);
}

// What the program printed last, while that is good. Anything else there is no error, not even half
// a file: the program is asked.
Task<std::string> GoogleIdentity::left_in(rt::Context& ctx, std::string output_file) {
  CO_OK(ctx.check());
  CO_TRY(const std::string text, co_await read_on(files_, std::move(output_file)));
  CO_TRY(sign::GoogleProgramToken left, sign::parse_google_program(text, ctx.clock().wall()));
  if (!left.expires) {
    co_return fail(Code::not_found, "it is not said how long the token is good");
  }
  co_return std::move(left.text);
}

// ---- AWS

Task<std::string> GoogleIdentity::signed_for_aws(rt::Context& ctx, std::string audience,
                                                 sign::GoogleAwsIdentity identity) {
  sign::AwsCaller caller{.credentials = environment_.aws_keys.value_or(sign::AwsCredentials{}),
                         .region = environment_.aws_region};
  sign::Pairs session;
  if (caller.region.empty() || !environment_.aws_keys) {
    CO_TRY(session, co_await aws_session(ctx, identity.session_url));
  }
  if (caller.region.empty()) {
    CO_TRY(const std::string zone,
           co_await ask_aws(ctx, "region",
                            {.method = "GET", .url = identity.zone_url, .headers = session}));
    caller.region = sign::aws_region_of(zone);
  }
  if (!environment_.aws_keys) {
    CO_TRY(caller.credentials, co_await aws_keys(ctx, identity.roles_url, std::move(session)));
  }
  co_return sign::google_aws_subject(identity, audience, caller, ctx.clock().wall());
}

// What the metadata server wants to see with each question.
Task<sign::Pairs> GoogleIdentity::aws_session(rt::Context& ctx, std::string session_url) {
  sign::Pairs session;
  if (!session_url.empty()) {
    CO_TRY(const std::string token,
           co_await ask_aws(ctx, "session token",
                            {.method = "PUT",
                             .url = session_url,
                             .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "300"}}}));
    session.emplace_back("x-aws-ec2-metadata-token", trimmed(token));
  }
  co_return session;
}

Task<sign::AwsCredentials> GoogleIdentity::aws_keys(rt::Context& ctx, std::string roles_url,
                                                    sign::Pairs session) {
  CO_TRY(const std::string roles,
         co_await ask_aws(ctx, "role", {.method = "GET", .url = roles_url, .headers = session}));
  const std::string role(trimmed(std::string_view(roles).substr(0, roles.find('\n'))));
  CO_TRY(const std::string keys, co_await ask_aws(ctx, "keys",
                                                  {.method = "GET",
                                                   .url = fmt::format("{}/{}", roles_url, role),
                                                   .headers = std::move(session)}));
  auto found = sign::parse_aws_credentials(keys);
  if (!found.has_value()) {
    co_return fail(Error{.code = found.error().code,
                         .what = std::move(found).error().what,
                         .where = origin_of(roles_url),
                         .remedy = std::string(aws_remedy)});
  }
  co_return std::move(found->credentials);
}

// The metadata server of the machine. `what` it has, for people.
Task<std::string> GoogleIdentity::ask_aws(rt::Context& ctx, std::string what,
                                          sign::GoogleCall call) {
  if (call.url.empty()) {
    co_return fail(Code::denied,
                   fmt::format("the environment has no {} of AWS, and the credentials name no URL "
                               "for it",
                               what),
                   std::string(aws_remedy));
  }
  if (const std::string& host = environment_.aws_metadata_host; !host.empty()) {
    call.url.replace(0, origin_of(call.url).size(), "http://" + host);
  }
  auto answer =
      co_await ask(ctx, {.call = std::move(call),
                         .refused = fmt::format("the metadata server of AWS gives no {}", what),
                         .timeouts = metadata_timeouts,
                         .policy = metadata_policy});
  CO_OK(ctx.check());
  if (!answer.has_value()) {
    answer.error().remedy = aws_remedy;  // also where there is no such server at all
  }
  co_return answer;
}

}  // namespace tutti::cloud::auth
