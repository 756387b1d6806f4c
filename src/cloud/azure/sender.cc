// SPDX-License-Identifier: Apache-2.0
#include "cloud/azure/sender.h"

#include "cloud/sign/azure.h"

namespace tutti::cloud::azure {
namespace {

// Trying again did not help: a decisive call may nevertheless have been carried out.
template <class T>
Result<T> settled(Result<T> result, bool decisive, const Tries& tries) {
  if (!result.has_value() && decisive && tries.uncertain && is_retryable(result.error().code)) {
    result.error().code = Code::unknown_outcome;
    result.error().remedy = "look whether the blob is as it should be before trying again";
  }
  return result;
}

}  // namespace

Sender::Sender(net::HttpClient& client, std::shared_ptr<auth::AzureCredentials> credentials,
               rt::RetryPolicy retry)
    : client_(client), credentials_(std::move(credentials)), retry_(retry) {}

rt::RetryPolicy Sender::policy_of(const Call& call) const {
  rt::RetryPolicy policy = retry_;
  policy.attempts_max = call.once ? 1 : policy.attempts_max;
  return policy;
}

Task<http::Incoming> Sender::open(rt::Context& ctx, Call call, Tries& tries) {
  auto shared = std::make_shared<const Call>(std::move(call));
  auto result = co_await rt::retry(
      ctx, policy_of(*shared),
      [this, shared, &tries](rt::Context& inner) { return try_open(inner, shared, tries); });
  co_return settled(std::move(result), shared->decisive, tries);
}

Task<http::Reply> Sender::reply(rt::Context& ctx, Call call, Tries& tries) {
  auto shared = std::make_shared<const Call>(std::move(call));
  auto result = co_await rt::retry(
      ctx, policy_of(*shared),
      [this, shared, &tries](rt::Context& inner) { return try_reply(inner, shared, tries); });
  co_return settled(std::move(result), shared->decisive, tries);
}

Task<http::Reply> Sender::reply(rt::Context& ctx, Call call) {
  Tries tries;
  co_return co_await reply(ctx, std::move(call), tries);
}

Task<http::Outgoing> Sender::outgoing(rt::Context& ctx, CallPtr call) {
  const uint64_t bytes = call->source ? call->source_bytes : call->body.value_or("").size();
  http::Outgoing out{.tls = credentials_->access().endpoint.tls,
                     .body = call->body,
                     .repeatable = !call->decisive,
                     .paces = &paces_};
  CO_TRY(out.request, co_await credentials_->sign(ctx, call->request, bytes));
  if (call->source) {
    CO_TRY(out.source, co_await call->source(ctx));
  }
  co_return out;
}

Task<http::Incoming> Sender::try_open(rt::Context& ctx, CallPtr call, Tries& tries) {
  auto out = co_await outgoing(ctx, call);
  if (!out.has_value()) {
    out.error().where = call->where;
    co_return fail(std::move(out).error());
  }
  const sign::Request sent = out->request;
  auto incoming = co_await http::start(ctx, client_, std::move(*out));
  if (!incoming.has_value()) {
    Error error = std::move(incoming).error();
    error.where = call->where;  // instead of the URL, which may have a SAS in it
    if (call->decisive && error.code == Code::unknown_outcome) {
      tries.uncertain = true;
      error.code = Code::unavailable;  // to be tried again
    }
    co_return fail(std::move(error));
  }
  if (incoming->status / 100 == 2) {
    co_return incoming;
  }
  if (incoming->status == 401 && !tries.refreshed && credentials_->refused(sent)) {
    tries.refreshed = true;
    co_return fail(Error{.code = Code::unavailable,
                         .what = "the token was refused, another one is asked for",
                         .where = call->where});
  }
  tries.uncertain |= incoming->status >= 500 && incoming->status != 503;
  CO_TRY(const std::string body, co_await http::read_failure(ctx, *incoming->exchange));
  co_return fail(sign::azure_error(
      sign::parse_azure_failure(incoming->status, incoming->headers, body), call->where));
}

Task<http::Reply> Sender::try_reply(rt::Context& ctx, CallPtr call, Tries& tries) {
  CO_TRY(http::Incoming incoming, co_await try_open(ctx, call, tries));
  http::Reply head{.status = incoming.status, .headers = incoming.headers, .body = {}};
  auto reply = co_await http::read_reply(ctx, std::move(incoming));
  if (!reply.has_value() && call->decisive) {
    co_return head;  // it is done; the body says nothing
  }
  Result<Unit> good = reply.has_value() ? Unit{} : Result<Unit>(fail(reply.error()));
  if (good.has_value() && call->accept) {
    good = call->accept(reply->body);
  }
  if (!good.has_value()) {
    good.error().where = call->where;
    co_return fail(std::move(good).error());
  }
  co_return reply;
}

}  // namespace tutti::cloud::azure
