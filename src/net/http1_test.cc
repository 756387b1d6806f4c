// SPDX-License-Identifier: Apache-2.0
#include "net/http1.h"

#include "net/fast.h"

#include "base/doctest.h"

namespace tutti::net {
namespace {

TEST_CASE("URLs that the fast transport takes apart, and those it leaves to curl") {
  const auto plain = parse_http_target("http://h:8080/a/../b?c=%20#d").value();
  CHECK(!plain.tls);
  CHECK(plain.host == "h");
  CHECK(plain.port == "8080");
  CHECK(plain.header == "h:8080");
  CHECK(plain.path == "/a/../b?c=%20");
  const auto tls = parse_http_target("https://B.example.com").value();
  CHECK(tls.tls);
  CHECK(tls.port == "443");
  CHECK(tls.header == "B.example.com");
  CHECK(tls.path == "/");
  CHECK(parse_http_target("http://h?x")->path == "/?x");
  CHECK(parse_http_target("http://h:80/")->header == "h");
  const auto v6 = parse_http_target("http://[::1]:81/k").value();
  CHECK(v6.host == "::1");
  CHECK(v6.header == "[::1]:81");
  for (const char* other :
       {"ftp://h/", "h/x", "", "http://", "http://:80/", "http://u:p@h/", "http://h:0/",
        "http://h:65536/", "http://h:x/", "http://[::1/", "http://[::1]x/", "http://h/a b",
        "http://h/\xc3\xa4", "http://h/\r\nX: y", "http://a%2fb/"}) {
    CAPTURE(other);
    CHECK_FALSE(parse_http_target(other).has_value());
  }
}

TEST_CASE("a request's head is what the caller gave, and what HTTP needs") {
  const auto target = parse_http_target("http://h:81/k?q").value();
  CHECK(request_head({.method = "GET", .headers = {{"Range", "bytes=0-1"}, {"X-E", ""}}}, target,
                     "tutti", 0) ==
        "GET /k?q HTTP/1.1\r\nHost: h:81\r\nUser-Agent: tutti\r\nAccept: */*\r\n"
        "Range: bytes=0-1\r\nX-E:\r\n\r\n");
  CHECK(
      request_head({.method = "PUT", .headers = {{"host", "other"}}, .body = ""}, target, "t", 0) ==
      "PUT /k?q HTTP/1.1\r\nUser-Agent: t\r\nAccept: */*\r\nhost: other\r\n"
      "Content-Length: 0\r\n\r\n");
  CHECK(request_head({.method = "POST"}, target, "t", 0).contains("Content-Length: 0\r\n"));
  CHECK(!request_head({.method = "DELETE"}, target, "t", 0).contains("Content-Length"));
}

ReplyHead parsed(std::string_view text, std::string_view method = "GET") {
  auto head = parse_reply_head(text, method);
  REQUIRE_OK(head);
  REQUIRE(head->has_value());
  return **head;
}

TEST_CASE("a reply's head says how its body ends") {
  const std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX:  a b \r\n\r\nhello";
  const ReplyHead head = parsed(text);
  CHECK(head.status == 200);
  CHECK(text.substr(head.bytes) == "hello");
  CHECK(head.length == 5);
  CHECK(head.keep_alive);
  CHECK(*find_header(head.headers, "x") == "a b");
  for (size_t bytes = 0; bytes < head.bytes; ++bytes) {
    CAPTURE(bytes);
    const auto part = parse_reply_head(text.substr(0, bytes), "GET");
    REQUIRE_OK(part);
    CHECK_FALSE(part->has_value());
  }
  CHECK(parsed("HTTP/1.1 200\n\n").length == std::nullopt);
  CHECK_FALSE(parsed("HTTP/1.1 200 OK\r\n\r\n").keep_alive);  // its end is the connection's
  CHECK_FALSE(
      parsed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\n").keep_alive);
  CHECK_FALSE(parsed("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").keep_alive);
  CHECK(
      parsed("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n").keep_alive);
  CHECK(parsed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").length == 0);
  CHECK(parsed("HTTP/1.1 204 No Content\r\n\r\n").length == 0);
  CHECK(parsed("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").length == 0);
  CHECK(parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n").chunked);
  CHECK(parsed("HTTP/1.1 100 Continue\r\n\r\n").status == 100);
}

TEST_CASE("a head that can be read in two ways is refused") {
  for (const std::string text :
       {"HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "garbage", "SSH-2.0",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_reply_head(text, "GET").has_value());
  }
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(reply_head_bytes_max, 'x');
  CHECK(parse_reply_head(endless, "GET").error().code == Code::bad_input);
}

// The data of a chunked body that comes in pieces of `step` bytes; '!' behind it: an error, '?':
// not complete.
std::string dechunk(std::string_view text, size_t step) {
  ChunkedReader reader;
  std::string held;
  std::string data;
  for (size_t at = 0;; at += step) {
    while (true) {
      const auto piece = reader.next(held);
      if (!piece.has_value()) {
        return data + "!";
      }
      data += held.substr(piece->skip, piece->bytes);
      held.erase(0, piece->skip + piece->bytes);
      if (piece->end) {
        return data + (held.empty() ? "" : "+" + held);
      }
      if (piece->bytes == 0) {
        break;
      }
    }
    if (at >= text.size()) {
      return data + "?";
    }
    held += text.substr(at, step);
  }
}

TEST_CASE("a chunked body comes out whole, however it is cut") {
  const std::string_view text =
      "5\r\nhello\r\n1;name=\"x\"\r\n \r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t step = 1; step <= text.size(); ++step) {
    CAPTURE(step);
    CHECK(dechunk(text, step) == "hello 0123456789");
    CHECK(dechunk(text.substr(0, text.size() - 2), step) == "hello 0123456789?");
  }
  CHECK(dechunk("0\r\n\r\nnext", 100) == "+next");
  CHECK(dechunk("3\r\nabcd\r\n", 100) == "abc!");
  CHECK(dechunk("x\r\nabc", 100) == "!");
  CHECK(dechunk("\r\nabc", 100) == "!");
  CHECK(dechunk("-1\r\n", 100) == "!");
  CHECK(dechunk("11111111111111111\r\n", 100) == "!");
  CHECK(dechunk(std::string(10'000, '1'), 100) == "!");
  CHECK(dechunk("0\r\n" + std::string(300'000, 'x') + "\r\n", 4000) == "!");
}

TEST_CASE("who is reached past the proxy") {
  CHECK(goes_past_proxy({}, "h"));
  CHECK(goes_past_proxy({.proxy = "p", .no_proxy = "*"}, "h"));
  CHECK_FALSE(goes_past_proxy({.proxy = "p"}, "h"));
  const ProxySettings some{.proxy = "p", .no_proxy = "localhost, .example.com,10.0.0.1 ,,net"};
  for (const char* past : {"localhost", "a.example.com", "example.com", "10.0.0.1", "b.net"}) {
    CAPTURE(past);
    CHECK(goes_past_proxy(some, past));
  }
  for (const char* through : {"badexample.com", "110.0.0.1", "localhost.org", "10.0.0.2", "bnet"}) {
    CAPTURE(through);
    CHECK_FALSE(goes_past_proxy(some, through));
  }
}

}  // namespace
}  // namespace tutti::net
