// SPDX-License-Identifier: Apache-2.0
// HttpClient: HTTP on one loop, by two transports: libcurl (HTTP/1.1 and HTTP/2, proxies) and, for
// `fast` requests, HTTP/1.1 of our own that costs a fraction of it.
//
// - Only http and https. Certificates are verified, with the machine's CA bundle.
// - A body is pulled: who does not read stops the sender; at most some 256 KiB wait in memory.
// - Redirects are followed up to a limit. On the way to another origin (scheme, host, port) no
//   header goes along that could carry a credential, https never becomes http, and a request with
//   a body that would have to be sent again (307, 308) is refused.
// - It never tries again: rt::retry does. An error says whether the request may have been carried
//   out: `unknown_outcome` when it left and no reply came, unless the request may be repeated.
// - Proxies as usual: http_proxy, https_proxy, no_proxy of the process.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::net {

struct HttpHeader {
  std::string name;
  std::string value;
  bool operator==(const HttpHeader&) const = default;
};
using HttpHeaders = std::vector<HttpHeader>;
// The first of that name (in any case), or nullptr.
const std::string* find_header(const HttpHeaders& headers, std::string_view name);

struct HttpTimeouts {
  Duration connect = seconds(10);  // DNS, TCP, TLS
  Duration reply = seconds(120);   // from the request, all of it sent, to the reply's headers
  Duration idle = seconds(60);     // between two pieces of a body, sent or received
};

// A body that is read while it is sent, once. Not held whole: at most a quarter of a MiB is copied.
class HttpSource {
 public:
  virtual ~HttpSource() = default;
  virtual uint64_t size() const = 0;  // of all of it
  // The next bytes, good until the next call; none: the end.
  virtual Task<std::span<const std::byte>> next(rt::Context& ctx) = 0;
};

struct HttpRequest {
  std::string method = "GET";  // upper case
  std::string url;
  HttpHeaders headers = {};
  std::optional<std::string> body = std::nullopt;
  // Instead of `body`. A redirect is then the reply, as nothing can be sent twice.
  std::shared_ptr<HttpSource> source = nullptr;
  HttpTimeouts timeouts = {};
  int redirects_max = 10;  // 0: a redirect is the reply
  // Whether carrying it out twice does no harm; unset: by the method (is_idempotent).
  std::optional<bool> repeatable = std::nullopt;
  // What may not be repeated gets a connection of its own, as an old one may turn out dead. False:
  // an old one will do, and a request that died with it is `unknown_outcome`.
  bool fresh = true;
  bool decompress = true;  // false: the body as it comes, and no compression is asked for
  // The bytes of objects: on connections of our own, straight into the reader's memory. Taken by
  // libcurl all the same where a proxy is on the way, or something is to be decompressed.
  bool fast = false;
};
// GET HEAD OPTIONS TRACE PUT DELETE.
bool is_idempotent(std::string_view method);
// Something that changes nothing: GET HEAD OPTIONS TRACE.
bool is_safe(std::string_view method);

struct HttpHead {
  int status = 0;
  HttpHeaders headers;
  std::string url;  // the last one, after redirects
};

struct HttpResponse {
  HttpHead head;
  std::string body;
};

struct HttpClientOptions {
  std::string user_agent = "tutti";
  std::string ca_file = {};  // PEM; empty: SSL_CERT_FILE, or where systems keep theirs
};

// A reply whose headers have come. Any number may be open at once: a request may be sending what
// another one's reply brings, so that a limit here could make each wait for the other; whoever
// starts requests bounds them. Destroying it ends it, whether or not it was read to its end.
class HttpExchange {
 public:
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  const HttpHead& head() const;
  // The next bytes of the body; empty at its end. `unavailable` when it was cut
  // off, `timed_out` when nothing came for timeouts.idle; both are `unknown_outcome` where the
  // request may not be repeated.
  Task<std::string> read(rt::Context& ctx);
  // The same into `space`, straight from the connection, until it is full. Fewer bytes: the body
  // ends or breaks here, and the next call says which (0: its end).
  // tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
  Task<size_t> fill(rt::Context& ctx, std::span<std::byte> space);

  struct Incoming;  // inside of http.cc

 private:
  friend class HttpClient;
  explicit HttpExchange(std::unique_ptr<Incoming> incoming);
  std::unique_ptr<Incoming> incoming_;
};

// A service; outlives its exchanges. Keeps connections open between requests.
class HttpClient {
 public:
  HttpClient(rt::Executor loop, rt::Clock& clock, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Returns when the headers have come; any status is a success here. Errors: bad_input (the URL),
  // unavailable (no such host, refused, cut off), denied (certificate), timed_out,
  // unknown_outcome, those of `source`, and the context's before the request has left.
  Task<std::unique_ptr<HttpExchange>> start(rt::Context& ctx, HttpRequest request);

  // With the whole body; bad_input when it is longer than `body_bytes_max`.
  Task<HttpResponse> fetch(rt::Context& ctx, HttpRequest request,
                           size_t body_bytes_max = 64u << 20);

  struct State;  // inside of http.cc

 private:
  std::unique_ptr<State> state_;
};

// ---- pure parts

// The request a redirect leads to; nullopt when `head` is none (or the limit is 0).
Result<std::optional<HttpRequest>> follow_redirect(const HttpRequest& request,
                                                   const HttpHead& head);
// `reference` as seen from the absolute URL `base` (RFC 3986).
Result<std::string> resolve_url(const std::string& base, const std::string& reference);
Result<Unit> check_url(const std::string& url);

}  // namespace tutti::net
