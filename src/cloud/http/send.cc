// SPDX-License-Identifier: Apache-2.0
#include "cloud/http/send.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"

namespace tutti::cloud::http {
namespace {

constexpr size_t failure_bytes_max = 64U << 10U;
constexpr int breaks_max = 5;  // one after the other, without a byte between

class ReplySource final : public ByteSource {
 public:
  ReplySource(BufferPool& pool, std::unique_ptr<net::HttpExchange> exchange, uint64_t bytes,
              Again again)
      : pool_(pool), exchange_(std::move(exchange)), bytes_(bytes), again_(std::move(again)) {}

  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    if (at_ == bytes_) {
      exchange_.reset();
      co_return Chunk();
    }
    CO_TRY(Buffer buffer, co_await pool_.take(ctx));
    const size_t wanted = std::min<uint64_t>(buffer.space().size(), bytes_ - at_);
    size_t filled = 0;
    while (filled < wanted) {
      CO_TRY(const size_t more,
             co_await fetch(ctx, buffer.space().subspan(filled, wanted - filled)));
      filled += more;
      at_ += more;
    }
    if (at_ == bytes_) {
      CO_OK(co_await expect_end(ctx));
    }
    co_return Chunk(std::move(buffer), filled);
  }

 private:
  // At least one more byte.
  // tidy: allow coroutine, `space` is of the buffer in next()
  Task<size_t> fetch(rt::Context& ctx, std::span<std::byte> space) {
    for (int breaks = 0;;) {
      if (exchange_ == nullptr) {
        CO_TRY(exchange_, co_await again_(ctx, at_));
      }
      auto read = co_await exchange_->fill(ctx, space);
      if (read.has_value() && *read > 0) {
        co_return *read;
      }
      CO_OK(ctx.check());
      exchange_.reset();
      Error error =
          read.has_value()
              ? Error{.code = Code::unavailable,
                      .what = fmt::format("the reply ended after {} of {} bytes", at_, bytes_)}
              : std::move(read).error();
      if (!is_retryable(error.code) || ++breaks == breaks_max) {
        co_return fail(std::move(error));
      }
    }
  }

  Task<Unit> expect_end(rt::Context& ctx) {
    // Read to its end, so that the connection can be used again. A break now costs nothing.
    const auto rest = co_await exchange_->read(ctx);
    if (rest.has_value() && !rest->empty()) {
      co_return fail(Code::corrupt,
                     fmt::format("the reply is longer than the {} bytes it announced", bytes_),
                     "the store or a proxy before it is broken");
    }
    co_return Unit{};
  }

  BufferPool& pool_;
  std::unique_ptr<net::HttpExchange> exchange_;
  uint64_t bytes_;
  Again again_;
  uint64_t at_ = 0;
};

class EmptySource final : public ByteSource {
 public:
  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    co_return Chunk();
  }
};

}  // namespace

std::string url_of(const Outgoing& out) {
  return fmt::format("{}://{}{}", out.tls ? "https" : "http", out.request.host,
                     sign::target_of(out.request));
}

net::HttpRequest to_http(Outgoing out) {
  net::HttpRequest request{.method = out.request.method,
                           .url = url_of(out),
                           .body = std::move(out.body),
                           .source = std::move(out.source),
                           .timeouts = out.timeouts,
                           .redirects_max = 0,
                           .repeatable = out.repeatable,
                           .fresh = false,
                           .decompress = false,
                           .fast = true};
  for (auto& [name, value] : out.request.headers) {
    request.headers.push_back({std::move(name), std::move(value)});
  }
  return request;
}

namespace {

Pace* pace_of(const Outgoing& out) {
  if (out.paces == nullptr) {
    return nullptr;
  }
  return out.source != nullptr ? &out.paces->writes : &out.paces->reads;
}

Pace::Reply reply_of(const Result<std::unique_ptr<net::HttpExchange>>& exchange) {
  if (!exchange.has_value()) {
    return Pace::Reply::none;
  }
  const int status = (*exchange)->head().status;
  const bool slow_down = status == 429 || status == 503 || status == 509;
  return slow_down ? Pace::Reply::throttled : Pace::Reply::good;
}

}  // namespace

Task<Incoming> start(rt::Context& ctx, net::HttpClient& client, Outgoing out) {
  Pace* pace = pace_of(out);
  if (pace != nullptr) {
    CO_OK(co_await pace->enter(ctx));
  }
  auto begun = co_await client.start(ctx, to_http(std::move(out)));
  if (pace != nullptr) {
    pace->leave(reply_of(begun), ctx.clock().boot());
  }
  CO_TRY(auto exchange, std::move(begun));
  Incoming incoming{.status = exchange->head().status};
  for (const net::HttpHeader& header : exchange->head().headers) {
    incoming.headers.emplace_back(ascii_lower(header.name), header.value);
  }
  incoming.exchange = std::move(exchange);
  co_return incoming;
}

Task<Reply> read_reply(rt::Context& ctx, Incoming incoming, size_t bytes_max) {
  Reply reply{.status = incoming.status, .headers = std::move(incoming.headers)};
  while (true) {
    CO_TRY(const std::string bytes, co_await incoming.exchange->read(ctx));
    if (bytes.empty()) {
      co_return reply;
    }
    if (reply.body.size() + bytes.size() > bytes_max) {
      co_return fail(Code::bad_input, fmt::format("the reply is longer than {} bytes", bytes_max),
                     "the store or a proxy before it is broken");
    }
    reply.body += bytes;
  }
}

Task<std::string> read_failure(rt::Context& ctx, net::HttpExchange& exchange) {
  std::string body;
  while (body.size() < failure_bytes_max) {
    auto bytes = co_await exchange.read(ctx);
    if (!bytes.has_value() || bytes->empty()) {
      break;
    }
    body += *bytes;
  }
  CO_OK(ctx.check());
  co_return body;
}

std::unique_ptr<ByteSource> reply_source(BufferPool& pool,
                                         std::unique_ptr<net::HttpExchange> exchange,
                                         uint64_t bytes, Again again) {
  return std::make_unique<ReplySource>(pool, std::move(exchange), bytes, std::move(again));
}

std::unique_ptr<ByteSource> empty_source() { return std::make_unique<EmptySource>(); }

}  // namespace tutti::cloud::http
