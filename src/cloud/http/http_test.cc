// SPDX-License-Identifier: Apache-2.0
#include <future>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/http/request_body.h"
#include "cloud/http/send.h"
#include "cloud/http/tries.h"
#include "cloud/memory/memory.h"
#include "net/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::http {
namespace {

std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(i * 31 + i / 251);
  }
  return text;
}

struct World : rt::TestWorld {
  net::HttpClient client{loop.executor(), *clock};
  BufferPool buffers{{.bytes_max = 4096, .chunk_bytes = 1024}};
};

Result<rt::RetryPolicy> tries_of(ValueMap settings) {
  rt::RetryPolicy policy{.attempts_max = 6, .throttled_max = throttled_max};
  TRY_OK(read_tries("c", settings, policy));
  return policy;
}

TEST_CASE("a connection says how often and how long a request is tried") {
  CHECK(tries_of({})->attempts_max == 6);
  CHECK(tries_of({})->throttled_max == minutes(15));
  CHECK(tries_of({{"attempts", 2}})->attempts_max == 2);
  CHECK(tries_of({{"patience", "90s"}})->throttled_max == seconds(90));
  CHECK(tries_of({{"patience", "0s"}})->throttled_max == Duration{});
}

TEST_CASE("tries that make no sense are refused with what to write") {
  for (const Value& attempts : {Value(0), Value(101), Value("6"), Value()}) {
    CHECK(tries_of({{"attempts", attempts}}).error().text().contains("attempts is 1 to 100"));
  }
  for (const Value& patience : {Value(60), Value("60"), Value("-1s"), Value("soon"), Value()}) {
    const Error error = tries_of({{"patience", patience}}).error();
    CHECK(error.text().starts_with("connection 'c': its patience"));
    CHECK(error.remedy.contains("90s"));
  }
}

Outgoing get_from(int port, std::string path = "/") {
  return {.tls = false,
          .request = {.host = fmt::format("127.0.0.1:{}", port), .path = std::move(path)}};
}

// What was given out before the end or the error, and the error's code.
struct Given {
  size_t bytes = 0;
  std::optional<Code> failed = std::nullopt;
};
Task<Given> give(rt::Context& ctx, Body body, uint64_t size) {
  CO_TRY(auto reader, co_await BodyReader::open(ctx, body));
  PlainBody source(std::shared_ptr<BodyReader>(std::move(reader)), size);
  Given given;
  while (true) {
    auto bytes = co_await source.next(ctx);
    if (!bytes.has_value()) {
      given.failed = bytes.error().code;
      co_return given;
    }
    if (bytes->empty()) {
      co_return given;
    }
    given.bytes += bytes->size();
  }
}

// A body that is read, by a request, from the bucket it is written to.
class FromTheSame final : public net::HttpSource {
 public:
  FromTheSame(net::HttpClient& client, Outgoing from) : client_(client), from_(std::move(from)) {}
  uint64_t size() const override { return 5; }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override {
    if (text_.empty()) {
      CO_TRY(Incoming incoming, co_await start(ctx, client_, from_));
      CO_TRY(Reply reply, co_await read_reply(ctx, std::move(incoming)));
      text_ = std::move(reply.body);
      co_return std::as_bytes(std::span(text_));
    }
    co_return std::span<const std::byte>();
  }

 private:
  net::HttpClient& client_;
  Outgoing from_;
  std::string text_;
};

TEST_CASE("a write at the slowest pace can be read from its own bucket") {
  World w;
  Paces paces;
  for (Pace* each : {&paces.reads, &paces.writes}) {
    REQUIRE_OK(w.run(each->enter(w.ctx)));
    each->leave(Pace::Reply::throttled, BootInstant{} + seconds(100));
    CHECK(each->limit() == 1);
  }
  net::TestServer server([](net::TestConnection& connection) {
    while (!connection.read_request().empty() &&
           connection.send(net::http_reply("200 OK", "hello"))) {
    }
  });
  Outgoing from = get_from(server.port());
  from.paces = &paces;
  Outgoing to = from;
  to.request.method = "PUT";
  to.source = std::make_shared<FromTheSame>(w.client, std::move(from));
  rt::Context hurried = w.ctx.with_timeout(seconds(20));
  REQUIRE_OK(w.run(start(hurried, w.client, std::move(to))));
}

TEST_CASE("a body's last byte leaves only when all of it is right") {
  World w;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1024}, size_t{1025}, size_t{5000}}) {
    CAPTURE(size);
    const Body body = body_of(w.buffers, pattern(size));
    auto given = w.run(give(w.ctx, body, size));
    REQUIRE_OK(given);
    CHECK(given->bytes == size);
    CHECK_FALSE(given->failed.has_value());
    Body wrong = body;
    wrong.digests = {sha256("something else")};
    given = w.run(give(w.ctx, wrong, size));
    CHECK(given->failed == Code::corrupt);
    CHECK(given->bytes == (size == 0 ? 0 : size - 1));
    Body shorter = body;
    shorter.size = size + 1;
    CHECK(w.run(give(w.ctx, shorter, size + 1))->failed == Code::corrupt);
    if (size > 0) {
      Body longer = body;
      longer.size = size - 1;
      given = w.run(give(w.ctx, longer, size - 1));
      CHECK(given->failed == Code::corrupt);
      CHECK(given->bytes < std::max<size_t>(size - 1, 1));
    }
  }
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a small body is collected with its digests, a large one refused") {
  World w;
  const auto collected = w.run(collect(w.ctx, body_of(w.buffers, "hello"), 5));
  REQUIRE_OK(collected);
  CHECK(collected->bytes == "hello");
  CHECK(collected->digests == std::vector{digest_of(DigestKind::crc32c, "hello")});
  CHECK(w.run(collect(w.ctx, body_of(w.buffers, "hello"), 4)).error().code == Code::bad_input);
}

TEST_CASE("a body of unknown size goes in parts, one that fits in one piece") {
  World w;
  const auto store = memory::make_store(w.buffers);
  for (const size_t size : {size_t{0}, size_t{99}, size_t{100}, size_t{101}, size_t{5000}}) {
    CAPTURE(size);
    const std::string text = pattern(size);
    Body body = body_of(w.buffers, text);
    body.size.reset();
    const auto put = w.run(put_in_parts(w.ctx, *store, {"k"}, body, {}, 100));
    REQUIRE_OK(put);
    CHECK(put->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, text));
    CHECK(w.run(get_text(w.ctx, *store, {"k"})).value() == text);
    body.digests = {sha256("else")};
    CHECK(w.run(put_in_parts(w.ctx, *store, {"new"}, body, {}, 100)).error().code == Code::corrupt);
    CHECK(w.run(store->head(w.ctx, {"new"})).error().code == Code::not_found);
  }
  CHECK(w.buffers.in_use() == 0);
}

Task<std::unique_ptr<net::HttpExchange>> open_at(rt::Context& ctx, World& w, int port,
                                                 uint64_t at) {
  CO_TRY(Incoming in, co_await start(ctx, w.client, get_from(port, fmt::format("/{}", at))));
  co_return std::move(in.exchange);
}

Task<std::string> read_through(rt::Context& ctx, World& w, int port, uint64_t bytes) {
  const auto again = [&w, port](rt::Context& inner, uint64_t at) {
    return open_at(inner, w, port, at);
  };
  CO_TRY(auto first, co_await open_at(ctx, w, port, 0));
  const auto source = reply_source(w.buffers, std::move(first), bytes, again);
  co_return co_await read_all(ctx, *source, bytes + 1);
}

// Serves `text` from the offset the path names, and breaks off after each `step` bytes.
net::TestServer::Handler breaking(const std::string& text, size_t step) {
  return [&text, step](net::TestConnection& connection) {
    const std::string request = connection.read_request();
    if (request.empty()) {
      return;
    }
    const size_t at = std::stoul(request.substr(5));
    connection.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.size() - at));
    connection.send(std::string_view(text).substr(at, step));
  };
}

TEST_CASE("a reply that breaks off is read on from where it broke") {
  World w;
  const std::string text = pattern(10'000);
  net::TestServer server(breaking(text, 1500));
  const auto got = w.run(read_through(w.ctx, w, server.port(), text.size()));
  REQUIRE_OK(got);
  CHECK(*got == text);
  net::TestServer stuck(breaking(text, 0));
  const auto none = w.run(read_through(w.ctx, w, stuck.port(), text.size()));
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == Code::unavailable);
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a reply longer than it should be is no object") {
  World w;
  const std::string text = pattern(3000);
  net::TestServer server(breaking(text, 3000));
  CHECK(w.run(read_through(w.ctx, w, server.port(), 2999)).error().code == Code::corrupt);
}

TEST_CASE("headers come in lower case, stored bytes as they are, and what failed says why") {
  World w;
  net::TestServer server([](net::TestConnection& connection) {
    const std::string request = connection.read_request();
    CHECK(request.find("ccept-Encoding") == std::string::npos);
    connection.reply("403 Forbidden", std::string(200'000, 'x'),
                     "Content-Encoding: gzip\r\nX-Amz-Id: 7\r\n");
  });
  auto incoming = w.run(start(w.ctx, w.client, get_from(server.port())));
  REQUIRE_OK(incoming);
  CHECK(incoming->status == 403);
  CHECK(*sign::find_value(incoming->headers, "x-amz-id") == "7");
  const auto why = w.run(read_failure(w.ctx, *incoming->exchange));
  REQUIRE_OK(why);
  CHECK(why->size() >= 64U << 10U);
  CHECK(why->front() == 'x');
}

Task<Unit> put(rt::Context& ctx, World& w, int port, Body body) {
  CO_TRY(auto reader, co_await BodyReader::open(ctx, body));
  Outgoing out = get_from(port);
  out.request.method = "PUT";
  out.source = std::make_shared<PlainBody>(std::shared_ptr(std::move(reader)), *body.size);
  CO_TRY(const Incoming in, co_await start(ctx, w.client, std::move(out)));
  co_return fail(Code::internal, fmt::format("a reply: {}", in.status));
}

TEST_CASE("a body that is wrong never becomes a whole request") {
  World w;
  std::promise<size_t> received;
  net::TestServer server([&](net::TestConnection& connection) {
    char byte = 0;
    std::string all;
    while (recv(connection.fd(), &byte, 1, 0) == 1) {
      all += byte;
    }
    received.set_value(all.size() - (all.find("\r\n\r\n") + 4));
  });
  Body body = body_of(w.buffers, pattern(30'000));
  body.digests = {sha256("else")};
  const auto result = w.run(put(w.ctx, w, server.port(), body));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::corrupt);
  CHECK(received.get_future().get() < 30'000);
}

}  // namespace
}  // namespace tutti::cloud::http
