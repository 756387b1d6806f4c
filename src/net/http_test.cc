// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

#include <signal.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/http_date.h"
#include "net/curl.h"
#include "net/testing.h"
#include "rt/scope.h"
#include "rt/testing.h"
#include "rt/wait.h"

#include "base/doctest.h"

namespace tutti::net {
namespace {

// Both transports keep the same promises.
struct Curl {
  static constexpr bool fast = false;
};
struct Fast {
  static constexpr bool fast = true;
};

struct World : rt::TestWorld {
  bool fast;
  HttpClient client{loop.executor(), *clock};

  explicit World(bool by_fast) : fast(by_fast) {}

  Result<HttpResponse> fetch(HttpRequest request, size_t bytes_max = 64U << 20U) {
    request.fast = fast;
    request.decompress = !fast;
    return loop.run(client.fetch(ctx, std::move(request), bytes_max));
  }
};

// A server that answers all requests with `answer`.
struct Answering {
  explicit Answering(std::function<std::string(const std::string&)> answer)
      : server(TestServer::answering(self, std::move(answer))) {
    self = &server;
  }
  TestServer* self = nullptr;
  TestServer server;
};

TEST_CASE_TEMPLATE(
    "what may not be repeated goes over an old connection, and never twice by itself", T, Curl,
    Fast) {
  World w(T::fast);
  std::atomic<int> requests = 0;
  TestServer server([&](TestConnection& connection) {
    if (connection.read_request().empty()) {
      return;
    }
    ++requests;
    connection.reply("200 OK", "one");
    if (!connection.read_request().empty()) {
      ++requests;  // and closed without a reply
    }
  });
  const HttpRequest put{
      .method = "PUT", .url = server.url(), .body = "x", .repeatable = false, .fresh = false};
  CHECK(w.fetch(put).value().head.status == 200);
  const auto lost = w.fetch(put);
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().code == Code::unknown_outcome);
  CHECK(requests == 2);
}

TEST_CASE_TEMPLATE("a request goes out as written and the reply comes back", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) {
    return http_reply("201 Created", "made", "X-Id: 7\r\nx-empty:\r\n");
  });
  auto response = w.fetch({.method = "POST",
                           .url = a.server.url("/p?q=1"),
                           .headers = {{"X-Key", "k"}, {"X-None", ""}},
                           .body = "body"});
  REQUIRE_OK(response);
  CHECK(response->head.status == 201);
  CHECK(response->body == "made");
  CHECK(*find_header(response->head.headers, "x-id") == "7");
  CHECK(find_header(response->head.headers, "X-EMPTY")->empty());
  CHECK(find_header(response->head.headers, "none") == nullptr);
  const std::string request = a.server.requests().at(0);
  CHECK(request.starts_with("POST /p?q=1 HTTP/1.1\r\n"));
  CHECK(request.find("\r\nX-Key: k\r\n") != std::string::npos);
  CHECK(request.find("\r\nX-None:\r\n") != std::string::npos);
  CHECK(request.find("Expect") == std::string::npos);
  CHECK(request.find("Content-Type") == std::string::npos);
  CHECK(request.ends_with("\r\n\r\nbody"));
  for (const std::string path : {"/bucket/..", "/bucket/a/../b", "/bucket/./%2E%2E/"}) {
    REQUIRE_OK(w.fetch({.method = "DELETE", .url = a.server.url(path)}));
    CHECK(a.server.requests().back().starts_with("DELETE " + path + " HTTP/1.1\r\n"));
  }
}

TEST_CASE_TEMPLATE("methods are sent as they are, and connections are used again", T, Curl, Fast) {
  World w(T::fast);
  Answering a(
      [](const std::string& r) { return http_reply("200 OK", r.starts_with("HEAD") ? "" : "x"); });
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "GET"}) {
    auto response = w.fetch({.method = method, .url = a.server.url()});
    REQUIRE_OK(response);
    CHECK(a.server.requests().back().starts_with(method + " / "));
  }
  CHECK(a.server.connections() == 1);
  REQUIRE_OK(w.fetch({.method = "POST", .url = a.server.url()}));
  CHECK(a.server.requests().back().find("Content-Length: 0") != std::string::npos);
  CHECK(a.server.connections() == 2);  // a POST never takes an old connection
}

// Pieces of 64 KiB of letters; fails after `good_pieces`.
class Letters final : public HttpSource {
 public:
  explicit Letters(uint64_t size, int good_pieces = 1 << 20) : size_(size), good_(good_pieces) {}
  uint64_t size() const override { return size_; }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override {
    if (given_ % 3 == 0) {
      CO_OK(co_await rt::delay(ctx, milliseconds(1)));  // what curl has to wait for
    }
    if (good_-- == 0) {
      co_return fail(Code::corrupt, "the source broke");
    }
    constexpr uint64_t piece_bytes = 64 << 10;
    piece_.assign(std::min(piece_bytes, size_ - given_), static_cast<char>('a' + given_ % 23));
    given_ += piece_.size();
    co_return std::as_bytes(std::span(piece_));
  }

 private:
  uint64_t size_;
  int good_;
  uint64_t given_ = 0;
  std::string piece_;
};

TEST_CASE_TEMPLATE("a body is sent while it is read", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", "taken"); });
  for (const uint64_t size : {0UL, 1UL, 65'536UL, 3'000'000UL}) {
    CAPTURE(size);
    auto response = w.fetch(
        {.method = "PUT", .url = a.server.url("/k"), .source = std::make_shared<Letters>(size)});
    REQUIRE_OK(response);
    CHECK(response->body == "taken");
    const std::string request = a.server.requests().back();
    const size_t body_at = request.find("\r\n\r\n") + 4;
    CHECK(request.starts_with("PUT /k HTTP/1.1\r\n"));
    CHECK(request.find("\r\nContent-Length: " + std::to_string(size) + "\r\n") !=
          std::string::npos);
    CHECK(request.find("chunked") == std::string::npos);
    REQUIRE(request.size() - body_at == size);
    for (size_t at = 0; at < size; at += 65'536) {
      REQUIRE(request[body_at + at] == static_cast<char>('a' + at % 23));
    }
  }
  CHECK(a.server.connections() == 1);
}

TEST_CASE_TEMPLATE("a body that breaks off, is not taken, or is answered before its end", T, Curl,
                   Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", ""); });
  auto broken = w.fetch(
      {.method = "PUT", .url = a.server.url(), .source = std::make_shared<Letters>(1'000'000, 3)});
  REQUIRE(!broken.has_value());
  CHECK(broken.error().what == "the source broke");
  auto shorter = w.fetch({.method = "PUT", .url = a.server.url(), .headers = {{"x", "y"}}});
  REQUIRE_OK(shorter);  // the client goes on

  TestServer deaf([](TestConnection& c) { c.wait_for_close_unread(); });
  auto stuck = w.fetch({.method = "PUT",
                        .url = deaf.url(),
                        .source = std::make_shared<Letters>(64U << 20U),
                        .timeouts = {.idle = milliseconds(200)}});
  REQUIRE(!stuck.has_value());
  CHECK(stuck.error().code == Code::timed_out);
  CHECK(stuck.error().what == "nothing more of the body was taken for 200 ms");

  TestServer early([](TestConnection& c) {
    c.reply("403 Forbidden", "no", "Connection: close\r\n");
    c.wait_for_close();
  });
  auto denied = w.fetch(
      {.method = "PUT", .url = early.url(), .source = std::make_shared<Letters>(64U << 20U)});
  REQUIRE_OK(denied);
  CHECK(denied->head.status == 403);
  CHECK(denied->body == "no");

  Answering moved([](const std::string&) {
    return http_reply("307 Temporary Redirect", "", "Location: /else\r\n");
  });
  auto redirect = w.fetch(
      {.method = "PUT", .url = moved.server.url(), .source = std::make_shared<Letters>(10)});
  REQUIRE_OK(redirect);
  CHECK(redirect->head.status == 307);
  CHECK(moved.server.requests().size() == 1);
}

TEST_CASE("fast: a success that comes too early still gets the whole body") {
  World w(true);
  std::atomic<size_t> bytes = 0;
  TestServer hasty([&bytes](TestConnection& c) {
    c.reply("200 OK", "taken");
    bytes = c.read_request().size();
  });
  constexpr size_t size = 20U << 20U;
  auto taken =
      w.fetch({.method = "PUT", .url = hasty.url(), .source = std::make_shared<Letters>(size)});
  REQUIRE_OK(taken);
  CHECK(taken->body == "taken");
  for (int i = 0; i < 1000 && bytes == 0; ++i) {
    w.loop.run(rt::delay(w.ctx, milliseconds(20)));
  }
  CHECK(bytes > size);
}

TEST_CASE("fast: interim replies, chunks, and bodies that end with the connection") {
  World w(true);
  const std::string interim =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  std::string reply;
  TestServer server([&reply](TestConnection& c) {
    while (!c.read_request().empty()) {
      for (const char each : reply) {  // in the smallest pieces
        c.send({&each, 1});
      }
      if (reply.contains("HTTP/1.0")) {
        return;
      }
    }
  });
  reply = interim +
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n6;x\r\n world\r\n0\r\nTrailer: 1\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    CHECK(w.fetch({.url = server.url()})->body == "hello world");
  }
  CHECK(server.connections() == 1);
  reply = "HTTP/1.0 200 OK\r\n\r\nall there is";
  CHECK(w.fetch({.url = server.url()})->body == "all there is");
  reply = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  CHECK(w.fetch({.url = server.url()}).error().code == Code::unavailable);
}

TEST_CASE("fast: a connection that died in the meantime is replaced, once") {
  World w(true);
  std::atomic<int> requests = 0;
  TestServer server([&requests](TestConnection& c) {
    c.read_request();
    ++requests;
    c.reply("200 OK", "one");
    if (requests == 1) {
      c.read_request();  // closed without an answer
    } else {
      c.wait_for_close();
    }
  });
  CHECK(w.fetch({.url = server.url()}).has_value());
  CHECK(w.fetch({.method = "PUT", .url = server.url(), .body = "x"}).has_value());
  CHECK(server.connections() == 2);
}

TEST_CASE_TEMPLATE("who cannot be reached is said, with what to do", T, Curl, Fast) {
  World w(T::fast);
  int closed_port = 0;
  {
    closed_port = TestServer([](TestConnection&) {}).port();
  }
  Error refused =
      w.fetch({.method = "POST", .url = "http://127.0.0.1:" + std::to_string(closed_port)}).error();
  CHECK(refused.code == Code::unavailable);
  CHECK(refused.remedy.find("check host and port") != std::string::npos);
  Error unknown = w.fetch({.url = "http://no-such-host.invalid/"}).error();
  CHECK(unknown.code == Code::unavailable);
  CHECK(unknown.remedy.find("resolve") != std::string::npos);
  for (const std::string url : {"ftp://h/x", "file:///etc/passwd", "", "http://", "no url"}) {
    CAPTURE(url);
    CHECK(w.fetch({.url = url}).error().code == Code::bad_input);
  }
  CHECK(w.fetch({.url = "http://h/", .headers = {{"A", "x\r\nB: y"}}}).error().code ==
        Code::bad_input);
  CHECK(w.fetch({.method = "GET /", .url = "http://h/"}).error().code == Code::bad_input);
}

TEST_CASE_TEMPLATE("a lost reply is unknown for a POST and unavailable for what may be repeated", T,
                   Curl, Fast) {
  World w(T::fast);
  TestServer server([](TestConnection& c) { c.read_request(); });
  CHECK(w.fetch({.url = server.url()}).error().code == Code::unavailable);
  CHECK(w.fetch({.method = "PUT", .url = server.url()}).error().code == Code::unavailable);
  Error lost = w.fetch({.method = "POST", .url = server.url(), .body = "x"}).error();
  CHECK(lost.code == Code::unknown_outcome);
  CHECK(lost.remedy.find("idempotency_key") != std::string::npos);
  CHECK(w.fetch({.method = "POST", .url = server.url(), .repeatable = true}).error().code ==
        Code::unavailable);
}

TEST_CASE_TEMPLATE("a POST whose reply broke off, or whose redirect was lost, is in doubt", T, Curl,
                   Fast) {
  World w(T::fast);
  TestServer breaks([](TestConnection& c) {
    c.read_request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  });
  CHECK(w.fetch({.url = breaks.url()}).error().code == Code::unavailable);
  CHECK(w.fetch({.method = "POST", .url = breaks.url()}).error().code == Code::unknown_outcome);
  TestServer redirects([](TestConnection& c) {
    if (c.read_request().starts_with("POST")) {
      c.reply("303 See Other", "", "Location: /done\r\nConnection: close\r\n");
    }
  });
  CHECK(w.fetch({.method = "POST", .url = redirects.url()}).error().code == Code::unknown_outcome);
}

TEST_CASE_TEMPLATE("each phase has its time-out", T, Curl, Fast) {
  World w(T::fast);
  TestServer silent([](TestConnection& c) { c.wait_for_close(); });
  const HttpTimeouts soon{.reply = milliseconds(50), .idle = milliseconds(50)};
  Error reply = w.fetch({.url = silent.url(), .timeouts = soon}).error();
  CHECK(reply.code == Code::timed_out);
  CHECK(reply.what == "no reply within 50 ms");
  CHECK(w.fetch({.method = "POST", .url = silent.url(), .timeouts = soon}).error().code ==
        Code::unknown_outcome);
  TestServer stalls([](TestConnection& c) {
    c.read_request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    c.wait_for_close();
  });
  Error idle = w.fetch({.url = stalls.url(), .timeouts = soon}).error();
  CHECK(idle.code == Code::timed_out);
  CHECK(idle.what.find("nothing more of the reply") != std::string::npos);
}

TEST_CASE_TEMPLATE("cancel ends a wait with its reason", T, Curl, Fast) {
  World w(T::fast);
  TestServer silent([&w](TestConnection& c) {
    c.read_request();
    w.cancel.cancel(rt::cancelled_error("the user said so"));
    c.wait_for_close();
  });
  CHECK(w.fetch({.url = silent.url()}).error().what == "the user said so");
}

TEST_CASE_TEMPLATE("hostile replies end in errors", T, Curl, Fast) {
  const std::string big(400'000, 'x');
  for (const std::string& reply :
       {std::string("garbage\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + big + "\r\n\r\n", std::string("HTTP/9.9 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        std::string("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")}) {
    if (T::fast && reply.contains("gzip")) {
      continue;  // it gives the bytes as they are
    }
    World w(T::fast);
    CAPTURE(reply.substr(0, 60));
    TestServer server([&reply](TestConnection& c) {
      c.read_request();
      c.send(reply);
    });
    auto response = w.fetch({.url = server.url(), .timeouts = {.reply = seconds(5)}});
    CHECK_FALSE(response.has_value());
  }
}

TEST_CASE_TEMPLATE("a body longer than allowed is refused", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", std::string(1000, 'x')); });
  CHECK(w.fetch({.url = a.server.url()}, 999).error().code == Code::bad_input);
  CHECK(w.fetch({.url = a.server.url()}, 1000)->body.size() == 1000);
}

Task<size_t> read_slowly(rt::Context& ctx, HttpClient& client, std::string url, bool fast,
                         std::atomic<size_t>* sent, size_t* sent_early) {
  CO_TRY(auto exchange,
         co_await client.start(ctx, {.url = std::move(url), .decompress = !fast, .fast = fast}));
  CO_OK(co_await rt::delay(ctx, milliseconds(200)));
  *sent_early = *sent;
  size_t bytes = 0;
  while (true) {
    CO_TRY(const std::string piece, co_await exchange->read(ctx));
    if (piece.empty()) {
      co_return bytes;
    }
    bytes += piece.size();
  }
}

// What fill() gives into spaces of these sizes, one after the other, until its end or an error.
Task<std::string> read_by_filling(rt::Context& ctx, HttpClient& client, std::string url, bool fast,
                                  std::vector<size_t> sizes) {
  CO_TRY(
      auto exchange,
      co_await client.start(
          ctx, {.url = url, .timeouts = {.idle = seconds(1)}, .decompress = !fast, .fast = fast}));
  std::string text;
  for (size_t i = 0;; ++i) {
    std::string space(sizes[i % sizes.size()], '?');
    auto filled = co_await exchange->fill(ctx, std::as_writable_bytes(std::span(space)));
    if (!filled.has_value()) {
      co_return text + "!" + std::string(code_name(filled.error().code));
    }
    text.append(space, 0, *filled);
    if (*filled == 0) {
      co_return text;
    }
  }
}

TEST_CASE_TEMPLATE("a body is taken straight into the reader's space", T, Curl, Fast) {
  World w(T::fast);
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) {
    body += std::to_string(i) + ",";
  }
  std::string sent = body;  // of the announced body
  TestServer server([&](TestConnection& c) {
    c.read_request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    c.send(sent);
  });
  const auto read = [&](std::vector<size_t> sizes) {
    auto text =
        w.loop.run(read_by_filling(w.ctx, w.client, server.url(), w.fast, std::move(sizes)));
    REQUIRE_OK(text);
    return *text;
  };
  CHECK((read({1U << 18U}) == body));
  CHECK((read({10'000'000}) == body));
  CHECK((read({7, 100'000, 1}) == body));
  // What came before it broke is given, then the error.
  sent.resize(1'234'567);
  CHECK((read({1U << 18U}) == sent + "!unavailable"));
  CHECK((read({10'000'000}) == sent + "!unavailable"));
}

TEST_CASE_TEMPLATE("a slow reader stops the sender", T, Curl, Fast) {
  World w(T::fast);
  constexpr size_t total = 64U << 20U;
  std::atomic<size_t> sent = 0;
  TestServer server([&sent](TestConnection& c) {
    c.read_request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
    const std::string piece(1U << 20U, 'x');
    for (size_t at = 0; at < total && c.send(piece); at += piece.size()) {
      sent = c.sent();
    }
  });
  size_t early = 0;
  auto bytes = w.loop.run(read_slowly(w.ctx, w.client, server.url(), w.fast, &sent, &early));
  REQUIRE_OK(bytes);
  CHECK(*bytes == total);
  CHECK(early < total / 2);
}

TEST_CASE_TEMPLATE("redirects are followed, but not in circles", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string& request) {
    if (request.starts_with("GET /a ") || request.starts_with("POST /a ")) {
      return http_reply("302 Found", "", "Location: /b?x=1\r\n");
    }
    if (request.starts_with("GET /loop ")) {
      return http_reply("302 Found", "", "Location: /loop\r\n");
    }
    return http_reply("200 OK", "here");
  });
  auto response = w.fetch({.url = a.server.url("/a"), .headers = {{"Authorization", "Bearer x"}}});
  REQUIRE_OK(response);
  CHECK(response->body == "here");
  CHECK(response->head.url == a.server.url("/b?x=1"));
  CHECK(a.server.requests().back().find("Authorization: Bearer x") != std::string::npos);
  REQUIRE_OK(w.fetch({.method = "POST", .url = a.server.url("/a"), .body = "b"}));
  CHECK(a.server.requests().back().starts_with("GET /b?x=1 "));
  Error circle = w.fetch({.url = a.server.url("/loop"), .redirects_max = 3}).error();
  CHECK(circle.what == "more than 3 redirects");
  CHECK(w.fetch({.url = a.server.url("/a"), .redirects_max = 0})->head.status == 302);
}

TEST_CASE_TEMPLATE("a redirect to another host carries nothing that could be a key", T, Curl,
                   Fast) {
  World w(T::fast);
  Answering other([](const std::string&) { return http_reply("200 OK", "other"); });
  Answering a([&](const std::string&) {
    return http_reply("307 Temporary Redirect", "", "Location: " + other.server.url("/x") + "\r\n");
  });
  auto response = w.fetch({.url = a.server.url(),
                           .headers = {{"Authorization", "Bearer x"},
                                       {"X-Api-Key", "k"},
                                       {"Cookie", "c"},
                                       {"Accept", "text/plain"}}});
  REQUIRE_OK(response);
  const std::string request = other.server.requests().at(0);
  CHECK(request.find("Bearer") == std::string::npos);
  CHECK(request.find("Api-Key") == std::string::npos);
  CHECK(request.find("Cookie") == std::string::npos);
  CHECK(request.find("Accept: text/plain") != std::string::npos);
  Error refused = w.fetch({.method = "POST", .url = a.server.url(), .body = "b"}).error();
  CHECK(refused.code == Code::denied);
  CHECK(other.server.requests().size() == 1);
}

TEST_CASE("pure: URLs, redirects and Retry-After") {
  CHECK(*resolve_url("https://h/a/b?c", "../d") == "https://h/d");
  CHECK(*resolve_url("https://h/a", "//x/y") == "https://x/y");
  CHECK_FALSE(resolve_url("https://h/a", "ftp://x").has_value());
  HttpHead head{.status = 301, .headers = {{"location", "http://h/"}}};
  CHECK(follow_redirect({.url = "https://h/"}, head).error().code == Code::denied);
  head.status = 304;
  CHECK_FALSE(follow_redirect({.url = "https://h/"}, head)->has_value());
  const Instant now = *parse_instant("1994-11-06T08:49:00Z");
  CHECK(parse_retry_after("120", now) == seconds(120));
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == seconds(37));
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now) == seconds(0));
  CHECK_FALSE(parse_retry_after("soon", now).has_value());
  CHECK_FALSE(parse_retry_after("-1", now).has_value());
  CHECK_FALSE(parse_retry_after("Sun, 36 Nov 1994 08:49:37 GMT", now).has_value());
}

// ---- TLS

struct Tls {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_RSA_gen(2048);
  X509* certificate = X509_new();
  std::string pem_path =
      (std::filesystem::temp_directory_path() / ("tutti_ca_" + std::to_string(getpid()))).string();

  Tls() {
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* of =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, of, -1);
    X509_EXTENSION_free(of);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    FILE* file = fopen(pem_path.c_str(), "w");
    PEM_write_X509(file, certificate);
    fclose(file);
  }
  ~Tls() {
    std::filesystem::remove(pem_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_free(context);
  }
  TestServer::Handler handler() {
    return [this](TestConnection& connection) {
      SSL* ssl = SSL_new(context);
      SSL_set_fd(ssl, connection.fd());
      if (SSL_accept(ssl) == 1) {
        char buffer[4096];
        SSL_read(ssl, buffer, sizeof(buffer));
        const std::string reply = http_reply("200 OK", "secret", "Connection: close\r\n");
        SSL_write(ssl, reply.data(), static_cast<int>(reply.size()));
        SSL_shutdown(ssl);
      }
      SSL_free(ssl);
    };
  }
};

TEST_CASE_TEMPLATE("a certificate nobody vouches for is refused, one that is known is taken", T,
                   Curl, Fast) {
  World w(T::fast);
  Tls tls;
  TestServer server(tls.handler());
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  Error denied = w.fetch({.method = "POST", .url = url}).error();
  CHECK(denied.code == Code::denied);
  CHECK(denied.what.find("the server's certificate cannot be trusted") == 0);
  CHECK(denied.remedy.find("SSL_CERT_FILE") != std::string::npos);
  HttpClient trusting(w.loop.executor(), *w.clock, {.ca_file = tls.pem_path});
  auto response =
      w.loop.run(trusting.fetch(w.ctx, {.url = url, .decompress = !w.fast, .fast = w.fast}));
  REQUIRE_OK(response);
  CHECK(response->body == "secret");
}

TEST_CASE_TEMPLATE("a port that speaks no TLS says so", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", ""); });
  TestServer plain([](TestConnection& c) { c.reply("200 OK", "plain"); });
  Error error =
      w.fetch({.method = "POST", .url = "https://127.0.0.1:" + std::to_string(plain.port())})
          .error();
  CHECK(error.code == Code::unavailable);
  CHECK(error.what.find("no TLS connection") == 0);
}

TEST_CASE("what curl says of a proxy becomes words of ours, without its password") {
  struct Row {
    CURLcode code;
    const char* text;
    Code means;
    const char* says;
  };
  const Row rows[] = {
      {CURLE_COULDNT_RESOLVE_PROXY, "Unsupported proxy syntax in 'http://u:p@w@h:1': Bad hostname",
       Code::bad_input, "address of the proxy is none. write http://USER"},
      {CURLE_COULDNT_CONNECT, "Unsupported proxy scheme for 'ftp://u:p@w@h'", Code::bad_input,
       "address of the proxy is none"},
      {CURLE_COULDNT_RESOLVE_PROXY, "Could not resolve proxy: h", Code::unavailable,
       "cannot be resolved. check the proxy in https_proxy"},
      {CURLE_RECV_ERROR, "CONNECT tunnel failed, response 407", Code::denied,
       "answered 407. it wants user and password"},
      {CURLE_COULDNT_CONNECT, "CONNECT tunnel failed, response 403", Code::denied, "no_proxy"},
      {CURLE_COULDNT_CONNECT, "CONNECT tunnel failed, response 502", Code::unavailable,
       "answered 502. see the proxy's log"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Error error = error_of_curl(row.code, row.text, "https://s/");
    CHECK(error.code == row.means);
    CHECK(error.text().contains(row.says));
    CHECK(error.where == "https://s/");
    CHECK_FALSE(error.text().contains("p@w"));
  }
}

Task<Unit> fetch_one(rt::Context& ctx, HttpClient& client, std::string url, bool fast, int* ok) {
  CO_TRY(auto response,
         co_await client.fetch(ctx, {.url = std::move(url), .decompress = !fast, .fast = fast}));
  *ok += response.head.status == 200 ? 1 : 0;
  co_return Unit{};
}

Task<Unit> fetch_many(rt::Scope& scope, HttpClient* client, std::string url, bool fast, int* ok) {
  for (int i = 0; i < 200; ++i) {
    CO_OK(co_await scope.spawn(fetch_one(scope.context(), *client, url, fast, ok)));
  }
  co_return Unit{};
}

Task<int> open_many(rt::Context& ctx, HttpClient& client, std::string url, bool fast) {
  std::vector<std::unique_ptr<HttpExchange>> open;
  for (int i = 0; i < 300; ++i) {
    CO_TRY(auto exchange,
           co_await client.start(ctx, {.url = url, .decompress = !fast, .fast = fast}));
    open.push_back(std::move(exchange));
  }
  int bytes = 0;
  for (const auto& each : open) {
    for (std::string piece = "more"; !piece.empty();) {
      CO_TRY(piece, co_await each->read(ctx));
      bytes += static_cast<int>(piece.size());
    }
  }
  co_return bytes;
}

TEST_CASE_TEMPLATE("replies that are still to be read hold up no other request", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", "12345"); });
  rt::Context ctx = w.ctx.with_timeout(seconds(30));
  CHECK(w.loop.run(open_many(ctx, w.client, a.server.url(), w.fast)).value() == 1500);
}

TEST_CASE_TEMPLATE("many at once share the loop", T, Curl, Fast) {
  World w(T::fast);
  Answering a([](const std::string&) { return http_reply("200 OK", std::string(10'000, 'x')); });
  int ok = 0;
  REQUIRE_OK(w.loop.run(
      rt::scoped(w.ctx, {.children_max = 50}, fetch_many, &w.client, a.server.url(), w.fast, &ok)));
  CHECK(ok == 200);
}

}  // namespace
}  // namespace tutti::net
