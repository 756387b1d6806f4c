// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <algorithm>

#include <fmt/format.h>

#include "net/curl.h"
#include "net/curl_transport.h"
#include "net/fast.h"

namespace tutti::net {

struct HttpExchange::Incoming {
  std::unique_ptr<Reply> reply;
};

struct HttpClient::State {
  State(rt::Executor loop, rt::Clock& clock, const HttpClientOptions& options)
      : curl(make_curl_transport(loop, clock, options)),
        fast(make_fast_transport(loop, clock, options)) {}
  std::unique_ptr<Transport> curl;
  std::unique_ptr<Transport> fast;
};

// ---- errors both transports have

Error in_doubt(const Sendable& out, Doubt doubt, Error error) {
  const bool sent = out.after_write || (doubt.may_have_left && !out.repeatable());
  if (!sent || error.code == Code::bad_input) {
    return error;
  }
  error.code = Code::unknown_outcome;
  error.what =
      fmt::format("the {} was sent, but {}: {}", out.after_write ? "request" : out.request.method,
                  doubt.head_done ? "its reply broke off" : "no reply came", error.what);
  error.where = out.request.url;
  error.remedy = "look whether it was carried out; give an idempotency_key to make it repeatable";
  return error;
}

namespace {

Error patience_error(const HttpRequest& request, std::string_view what, Duration within) {
  return {.code = Code::timed_out,
          .what = fmt::format("{} {}", what, human(within)),
          .where = request.url};
}

}  // namespace

Error no_reply_error(const HttpRequest& request) {
  return patience_error(request, "no reply within", request.timeouts.reply);
}

Error nothing_more_came_error(const HttpRequest& request) {
  return patience_error(request, "nothing more of the reply came for", request.timeouts.idle);
}

Error nothing_more_taken_error(const HttpRequest& request) {
  return patience_error(request, "nothing more of the body was taken for", request.timeouts.idle);
}

// ---- client

namespace {

Result<Unit> check_request(const HttpRequest& request) {
  const auto has_line_end = [](const std::string& text) {
    return text.find('\r') != std::string::npos || text.find('\n') != std::string::npos ||
           text.find('\0') != std::string::npos;
  };
  for (const HttpHeader& header : request.headers) {
    if (!is_token(header.name) || has_line_end(header.value)) {
      return fail(Code::bad_input, fmt::format("'{}' cannot be a header", header.name),
                  "a header has a name of letters and a value of one line");
    }
  }
  if (!is_token(request.method)) {
    return fail(Code::bad_input, fmt::format("'{}' is no HTTP method", request.method));
  }
  return Unit{};
}

HttpClientOptions with_ca_file(HttpClientOptions options) {
  if (options.ca_file.empty()) {
    options.ca_file = find_ca_file();
  }
  return options;
}

}  // namespace

HttpExchange::HttpExchange(std::unique_ptr<Incoming> incoming) : incoming_(std::move(incoming)) {}
HttpExchange::~HttpExchange() = default;

const HttpHead& HttpExchange::head() const { return incoming_->reply->head(); }

Task<std::string> HttpExchange::read(rt::Context& ctx) { return incoming_->reply->read(ctx); }

// tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
Task<size_t> HttpExchange::fill(rt::Context& ctx, std::span<std::byte> space) {
  return incoming_->reply->fill(ctx, space);
}

HttpClient::HttpClient(rt::Executor loop, rt::Clock& clock, HttpClientOptions options)
    : state_(std::make_unique<State>(std::move(loop), clock, with_ca_file(std::move(options)))) {}

HttpClient::~HttpClient() = default;

Task<std::unique_ptr<HttpExchange>> HttpClient::start(rt::Context& ctx, HttpRequest request) {
  const int redirects_max = request.redirects_max;
  bool after_write = false;
  CO_OK(ctx.check());
  while (true) {
    auto target = fast_target(request);
    if (!target) {
      CO_OK(check_url(request.url));
    }
    CO_OK(check_request(request));
    Transport& transport = target ? *state_->fast : *state_->curl;
    const auto out = std::make_shared<const Sendable>(
        Sendable{std::move(request), std::move(target), after_write});
    auto incoming = std::make_unique<HttpExchange::Incoming>();
    CO_TRY(incoming->reply, co_await transport.start(ctx, out));
    const HttpHead& head = incoming->reply->head();
    std::unique_ptr<HttpExchange> exchange(new HttpExchange(std::move(incoming)));
    if (out->request.source != nullptr) {
      co_return exchange;
    }
    CO_TRY(auto next, follow_redirect(out->request, head));
    if (!next) {
      const std::string* location = find_header(head.headers, "location");
      if (redirects_max > 0 && out->request.redirects_max == 0 && location != nullptr &&
          head.status / 100 == 3) {
        co_return fail(Error{.code = Code::bad_input,
                             .what = fmt::format("more than {} redirects", redirects_max),
                             .where = out->request.url,
                             .remedy = "the server sends in circles; use the final address"});
      }
      co_return exchange;
    }
    after_write = after_write || !out->repeatable();
    request = std::move(*next);
  }
}

Task<HttpResponse> HttpClient::fetch(rt::Context& ctx, HttpRequest request, size_t body_bytes_max) {
  CO_TRY(auto exchange, co_await start(ctx, std::move(request)));
  HttpResponse response{.head = exchange->head()};
  while (true) {
    CO_TRY(const std::string bytes, co_await exchange->read(ctx));
    if (bytes.empty()) {
      co_return response;
    }
    if (response.body.size() + bytes.size() > body_bytes_max) {
      co_return fail(Error{.code = Code::bad_input,
                           .what = fmt::format("the reply is longer than {} bytes", body_bytes_max),
                           .where = response.head.url});
    }
    response.body += bytes;
  }
}

}  // namespace tutti::net
