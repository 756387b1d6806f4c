// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/client.h"

#include <fmt/format.h>

namespace tutti::cloud::gcs {
namespace {

// Bytes in memory, so that each attempt sends them from the start.
class HeldBytes final : public net::HttpSource {
 public:
  explicit HeldBytes(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_->size(); }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    const size_t from = std::exchange(at_, bytes_->size());
    co_return std::as_bytes(std::span(*bytes_).subspan(from));
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  size_t at_ = 0;
};

http::Outgoing outgoing(const Call& call, bool tls, bool repeatable) {
  http::Outgoing out{.tls = tls, .request = call.request, .repeatable = repeatable};
  if (call.source != nullptr) {
    out.source = call.source;
  } else if (call.body != nullptr && !call.body->empty()) {
    out.source = std::make_shared<HeldBytes>(call.body);
  } else if (call.request.method == "POST" || call.request.method == "PUT") {
    out.body = std::string();  // Content-Length: 0
  }
  return out;
}

Error at(Error error, const std::string& where) {
  error.where = where;
  return error;
}

bool is_good(int status) { return status >= 200 && status < 300; }

// The service has said that it failed in the middle of its work.
bool is_vague(int status) { return status == 500 || status == 502 || status == 504; }

}  // namespace

Error failure_of(const http::Reply& reply, std::string where) {
  return sign::gcs_error(sign::parse_gcs_failure(reply.status, reply.headers, reply.body),
                         std::move(where));
}

// A token that the service refuses is fetched anew, once.
Task<http::Incoming> Client::start(rt::Context& ctx, Call call, bool repeatable) {
  const bool signs = auth_ != nullptr && !call.session;
  for (bool again = false;; again = true) {
    http::Outgoing out = outgoing(call, tls_, repeatable);
    out.paces = &paces_;
    std::string token;
    if (signs) {
      CO_TRY(token, co_await auth_->token(ctx));
      out.request.headers.emplace_back("authorization", fmt::format("Bearer {}", token));
    }
    auto incoming = co_await http::start(ctx, http_, std::move(out));
    if (!incoming.has_value()) {
      co_return fail(at(std::move(incoming).error(), call.where));
    }
    if (incoming->status != 401 || !signs || again) {
      co_return incoming;
    }
    auth_->refused(token);
    if (call.source != nullptr) {
      co_return incoming;  // its bytes are gone
    }
  }
}

Task<http::Incoming> Client::open_once(rt::Context& ctx, Call call) {
  CO_TRY(http::Incoming incoming, co_await start(ctx, call, true));
  if (is_good(incoming.status)) {
    co_return incoming;
  }
  CO_TRY(std::string body, co_await http::read_failure(ctx, *incoming.exchange));
  co_return fail(failure_of(
      {.status = incoming.status, .headers = std::move(incoming.headers), .body = std::move(body)},
      call.where));
}

Task<http::Incoming> Client::open(rt::Context& ctx, Call call) {
  const auto attempt = [this, call](rt::Context& inner) { return open_once(inner, call); };
  co_return co_await rt::retry(ctx, patience_, attempt);
}

Task<http::Reply> Client::ask_once(rt::Context& ctx, Call call) {
  CO_TRY(http::Incoming incoming, co_await open_once(ctx, call));
  auto reply = co_await http::read_reply(ctx, std::move(incoming));
  co_return reply.has_value() ? std::move(reply) : fail(at(std::move(reply).error(), call.where));
}

Task<http::Reply> Client::ask(rt::Context& ctx, Call call) {
  const auto attempt = [this, call](rt::Context& inner) { return ask_once(inner, call); };
  co_return co_await rt::retry(ctx, patience_, attempt);
}

Task<http::Reply> Client::once(rt::Context& ctx, Call call) {
  CO_TRY(http::Incoming incoming, co_await start(ctx, call, false));
  auto reply = co_await http::read_reply(ctx, std::move(incoming));
  co_return reply.has_value() ? std::move(reply) : fail(at(std::move(reply).error(), call.where));
}

Task<http::Reply> Client::change_once(rt::Context& ctx, Call call, Tried* tried) {
  ++tried->times;
  auto reply = co_await once(ctx, call);
  if (!reply.has_value()) {
    Error error = std::move(reply).error();
    if (error.code == Code::unknown_outcome) {
      tried->maybe_done = true;
      CO_OK(ctx.check());
      error.code = Code::unavailable;  // tried again; change() has the last word
    }
    co_return fail(std::move(error));
  }
  if (is_good(reply->status)) {
    co_return reply;
  }
  tried->maybe_done = tried->maybe_done || is_vague(reply->status);
  Error error = failure_of(*reply, call.where);
  if (reply->status == 401 && call.source != nullptr && tried->times == 1) {
    error.code = Code::unavailable;  // the next try has another token
  }
  co_return fail(std::move(error));
}

Task<http::Reply> Client::change(rt::Context& ctx, Call call, Tried* tried) {
  const auto attempt = [this, call, tried](rt::Context& inner) {
    return change_once(inner, call, tried);
  };
  auto reply = co_await rt::retry(ctx, patience_, attempt);
  if (!reply.has_value() && tried->maybe_done && reply.error().code != Code::conflict) {
    Error error = std::move(reply).error();
    error.code = Code::unknown_outcome;
    error.remedy = "look whether it was done before trying again";
    co_return fail(std::move(error));
  }
  co_return reply;
}

}  // namespace tutti::cloud::gcs
