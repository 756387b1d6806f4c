// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/session.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::cloud::gcs {
namespace {

// A service that takes a little of each chunk gets on; one that takes nothing does not.
constexpr int stalls_max = 3;
constexpr int cancelled = 499;  // what a session says once it was abandoned

Error broken(std::string what, const std::string& where) {
  return {.code = Code::unavailable, .what = std::move(what), .where = where};
}

}  // namespace

Task<std::unique_ptr<Session>> Session::begin(rt::Context& ctx, Client& client, Call start) {
  std::unique_ptr<Session> session(new Session(client, start.where));
  // A session begun twice does no harm: the first is forgotten by the service after a week.
  CO_TRY(const http::Reply reply, co_await client.ask(ctx, std::move(start)));
  const std::string* url = sign::find_value(reply.headers, "location");
  if (url == nullptr) {
    co_return fail(broken("the store began an upload without saying where", session->where_));
  }
  CO_OK(session->set_url(*url));
  co_return session;
}

Task<std::unique_ptr<Session>> Session::resume(rt::Context& ctx, Client& client, std::string url,
                                               std::string where) {
  std::unique_ptr<Session> session(new Session(client, std::move(where)));
  CO_OK(session->set_url(url));
  const auto attempt = [&session](rt::Context& inner) { return session->locate(inner); };
  CO_OK(co_await rt::retry(ctx, client.patience(), attempt));
  session->resumed_ = session->persisted_;
  session->unsure_ = true;  // it may be long until the first bytes go
  co_return session;
}

// Whatever comes of a call, the service can be asked how far it is; finish() has the last word.
Task<http::Reply> Session::once(rt::Context& ctx, Call call) {
  auto reply = co_await client_.once(ctx, std::move(call));
  if (!reply.has_value() && reply.error().code == Code::unknown_outcome) {
    CO_OK(ctx.check());
    reply.error().code = Code::unavailable;
  }
  co_return reply;
}

Task<Unit> Session::locate(rt::Context& ctx) {
  CO_TRY(const http::Reply reply, co_await once(ctx, status_call()));
  if (reply.status == 308) {
    CO_TRY(persisted_, sign::parse_gcs_persisted(reply.headers));
    co_return Unit{};
  }
  // Complete, or the service wants no more of it, for whatever reason.
  Error error = failure_of(reply, where_);
  if (!is_retryable(error.code)) {
    error = {.code = Code::not_found, .what = "the upload is no longer under way", .where = where_};
  }
  co_return fail(std::move(error));
}

std::string Session::url() const { return http::url_of({.tls = client_.tls(), .request = put_}); }

// The URL is used as it came, its query too.
Result<Unit> Session::set_url(const std::string& url) {
  const std::string scheme = client_.tls() ? "https://" : "http://";
  const size_t path = url.find('/', scheme.size());
  if (!url.starts_with(scheme) || path == std::string::npos) {
    return fail(broken("the store's place for the upload is no URL of its own kind", where_));
  }
  put_ = {.method = "PUT",
          .host = url.substr(scheme.size(), path - scheme.size()),
          .path = url.substr(path)};
  return Unit{};
}

Task<Unit> Session::send(rt::Context& ctx, std::shared_ptr<const std::string> bytes,
                         uint64_t offset) {
  const uint64_t size = bytes->size();
  co_return co_await deliver(ctx, {.bytes = std::move(bytes), .offset = offset, .size = size});
}

Task<Unit> Session::send(rt::Context& ctx, std::shared_ptr<Reading> body, uint64_t offset,
                         uint64_t bytes) {
  co_return co_await deliver(ctx, {.reading = std::move(body), .offset = offset, .size = bytes});
}

Task<std::string> Session::send_but_last(rt::Context& ctx, std::shared_ptr<Reading> body,
                                         uint64_t offset) {
  const uint64_t bytes = (body->size() - 1) / sign::gcs_chunk_unit * sign::gcs_chunk_unit;
  if (bytes > 0) {
    CO_OK(co_await send(ctx, body, offset, bytes));
  }
  co_return co_await body->rest(ctx, bytes);
}

Task<sign::GcsObject> Session::finish(rt::Context& ctx, std::shared_ptr<const std::string> bytes,
                                      uint64_t offset, std::vector<Digest> digests) {
  const uint64_t size = bytes->size();
  auto sent = co_await deliver(ctx, {.bytes = std::move(bytes),
                                     .offset = offset,
                                     .size = size,
                                     .last = true,
                                     .digests = std::move(digests)});
  if (sent.has_value()) {
    co_return *written_;
  }
  Error error = std::move(sent).error();
  // What the service has refused is not there.
  const bool refused = error.code == Code::corrupt || error.code == Code::conflict;
  maybe_done_ = maybe_done_ && !refused;
  if (maybe_done_) {
    error.code = Code::unknown_outcome;
    error.remedy = "look whether it was done before trying again";
  }
  co_return fail(std::move(error));
}

Task<Unit> Session::abandon(rt::Context& ctx) {
  Call call{.request = put_, .where = where_, .session = true};
  call.request.method = "DELETE";
  CO_OK(co_await client_.once(ctx, std::move(call)));  // 499, oddly, when it is done
  co_return Unit{};
}

Task<Unit> Session::deliver(rt::Context& ctx, Chunk chunk) {
  const auto attempt = [this, chunk](rt::Context& inner) { return deliver_once(inner, chunk); };
  CO_OK(co_await rt::retry(ctx, client_.patience(), attempt));
  if (lost_) {
    co_return fail(broken("the store has lost what it had of the upload", where_));
  }
  co_return Unit{};
}

Task<Unit> Session::deliver_once(rt::Context& ctx, Chunk chunk) {
  for (int stalls = 0; stalls < stalls_max;) {
    const uint64_t before = persisted_;
    const bool asks = std::exchange(unsure_, true);  // until this one is answered
    maybe_done_ = maybe_done_ || (chunk.last && !asks);
    Call call = status_call();
    if (!asks) {
      CO_TRY(call, co_await call_of(ctx, chunk));
    }
    CO_TRY(const http::Reply reply, co_await once(ctx, std::move(call)));
    CO_OK(take(reply, chunk));
    unsure_ = false;
    if (written_ || lost_ || (!chunk.last && persisted_ >= chunk.end())) {
      co_return Unit{};
    }
    stalls = asks || persisted_ > before ? 0 : stalls + 1;
  }
  co_return fail(broken("the store keeps none of the bytes it is sent", where_));
}

Task<Call> Session::call_of(rt::Context& ctx, Chunk chunk) {
  Call call{.request = put_, .where = where_, .session = true};
  const uint64_t done = persisted_ - chunk.offset;
  const uint64_t left = chunk.size - done;
  const auto total = chunk.last ? std::optional(chunk.end()) : std::nullopt;
  if (chunk.reading != nullptr) {
    CO_TRY(call.source, co_await chunk.reading->stretch(ctx, done, chunk.size));
  } else if (done == 0) {
    call.body = chunk.bytes;
  } else {
    call.body = std::make_shared<const std::string>(chunk.bytes->substr(done));
  }
  call.request.headers.emplace_back(
      "content-range",
      left == 0 ? sign::gcs_status_range(total) : sign::gcs_chunk_range(persisted_, left, total));
  if (std::string hash = sign::gcs_hash_header(chunk.digests); !hash.empty()) {
    call.request.headers.emplace_back("x-goog-hash", std::move(hash));
  }
  co_return call;
}

Call Session::status_call() const {
  Call call{.request = put_, .where = where_, .session = true};
  call.request.headers.emplace_back("content-range", sign::gcs_status_range(std::nullopt));
  return call;
}

// What a reply says of the state.
Result<Unit> Session::take(const http::Reply& reply, const Chunk& chunk) {
  if (reply.status == 200 || reply.status == 201) {
    lost_ = !chunk.last;  // complete, and we are not
    if (chunk.last) {
      TRY(written_, sign::parse_gcs_object(reply.body));
    }
    return Unit{};
  }
  if (reply.status == 308) {
    TRY(persisted_, sign::parse_gcs_persisted(reply.headers));
    lost_ = persisted_ < chunk.offset || persisted_ > std::max(chunk.end(), resumed_);
    maybe_done_ = false;
    return Unit{};
  }
  if (reply.status == 404 || reply.status == 410 || reply.status == cancelled) {
    lost_ = true;
    return Unit{};
  }
  return fail(failure_of(reply, where_));
}

}  // namespace tutti::cloud::gcs
