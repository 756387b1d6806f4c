// SPDX-License-Identifier: Apache-2.0
// One signed request and its reply. Object bytes are taken as they are stored: nothing is
// decompressed, no redirect is followed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/http/pace.h"
#include "cloud/object_store.h"
#include "cloud/sign/request.h"
#include "net/http.h"

namespace tutti::cloud::http {

struct Outgoing {
  bool tls = true;
  sign::Request request = {};
  std::optional<std::string> body = std::nullopt;
  std::shared_ptr<net::HttpSource> source = nullptr;  // instead of `body`
  net::HttpTimeouts timeouts = {};
  bool repeatable = true;  // carrying it out twice does no harm, or is noticed
  Paces* paces = nullptr;  // of the bucket; outlive the request
};

std::string url_of(const Outgoing& out);
net::HttpRequest to_http(Outgoing out);

// Any status; the body is still to come.
struct Incoming {
  int status = 0;
  sign::Pairs headers;  // names in lower case
  std::unique_ptr<net::HttpExchange> exchange;
};
struct Reply {
  int status = 0;
  sign::Pairs headers;
  std::string body;
};

constexpr size_t reply_bytes_max = 64U << 20U;

Task<Incoming> start(rt::Context& ctx, net::HttpClient& client, Outgoing out);
// bad_input when the body is longer than `bytes_max`.
Task<Reply> read_reply(rt::Context& ctx, Incoming incoming, size_t bytes_max = reply_bytes_max);
// The first bytes of a failure's body. It is there to say more: where it breaks off that is its
// end.
Task<std::string> read_failure(rt::Context& ctx, net::HttpExchange& exchange);

// The body of a reply, `bytes` of it. `again` asks for the rest, from an offset of this body, of
// the same version of the object; it is called where the connection broke, at most five times
// without a byte between.
using Again = std::function<Task<std::unique_ptr<net::HttpExchange>>(rt::Context&, uint64_t)>;
std::unique_ptr<ByteSource> reply_source(BufferPool& pool,
                                         std::unique_ptr<net::HttpExchange> exchange,
                                         uint64_t bytes, Again again);
// No bytes at all.
std::unique_ptr<ByteSource> empty_source();

}  // namespace tutti::cloud::http
