// SPDX-License-Identifier: Apache-2.0
// What HttpClient asks of its two transports: one request out, one reply in; no redirects, nothing
// is tried again. Private to net. curl (curl_transport.h) does everything; fast (fast.h) HTTP/1.1
// without a proxy, for object bodies.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/http.h"
#include "net/http1.h"

namespace tutti::net {

// A request as its transport shares it.
struct Sendable {
  HttpRequest request;
  std::optional<HttpTarget> target = std::nullopt;  // of its URL, where fast carries it
  bool after_write = false;  // a redirect of a request that is not repeatable led here
  bool repeatable() const { return request.repeatable.value_or(is_idempotent(request.method)); }
};

// A reply whose head has come; destroying it ends it. As HttpExchange.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual HttpHead& head() = 0;
  virtual Task<std::string> read(rt::Context& ctx) = 0;
  // tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
  virtual Task<size_t> fill(rt::Context& ctx, std::span<std::byte> space) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<std::unique_ptr<Reply>> start(rt::Context& ctx,
                                             std::shared_ptr<const Sendable> out) = 0;
};

// ---- errors both have

struct Doubt {
  bool may_have_left = false;  // any byte of the request can have reached the server
  bool head_done = false;
};
// No reply came, or not all of it: `unknown_outcome` where the request may have been carried out
// and must not be twice.
Error in_doubt(const Sendable& out, Doubt doubt, Error error);

Error no_reply_error(const HttpRequest& request);  // within timeouts.reply
Error nothing_more_came_error(const HttpRequest& request);
Error nothing_more_taken_error(const HttpRequest& request);

}  // namespace tutti::net
