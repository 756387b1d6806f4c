// SPDX-License-Identifier: Apache-2.0
#include "net/fast.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "net/http1.h"
#include "net/stream.h"
#include "rt/wait.h"

namespace tutti::net {
namespace {

constexpr size_t receive_bytes = 16U << 10U;  // for heads, and what comes behind them
constexpr size_t piece_bytes = 64U << 10U;    // of read()
constexpr size_t gather_bytes = 16U << 10U;   // small pieces leave together
constexpr Duration trusted_for = seconds(1);  // an idle connection is not looked at
constexpr Duration idle_max = seconds(50);    // servers close after a minute, some earlier

const char* environment(const char* name, const char* other) {
  const char* value = std::getenv(name);
  return value != nullptr || other == nullptr ? value : std::getenv(other);
}

ProxySettings proxy_settings(bool tls) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  const char* own =
      tls ? environment("https_proxy", "HTTPS_PROXY") : environment("http_proxy", nullptr);
  return {.proxy = text(own != nullptr ? own : environment("all_proxy", "ALL_PROXY")),
          .no_proxy = text(environment("no_proxy", "NO_PROXY"))};
}

Error broken_connection() {
  return {.code = Code::unavailable,
          .what = "the connection was closed before all of the reply had come",
          .remedy = "the server ended the connection early; see its log"};
}

// A connection that is kept between requests.
struct Connection {
  std::unique_ptr<Stream> stream;
  BootInstant idle_since = {};
};

// What was closed, or speaks unasked, is of no use.
bool is_quiet(Stream& stream) {
  std::byte any{};
  const auto heard = stream.read({&any, 1});
  return heard.has_value() && heard->bytes == 0 && !heard->ended;
}

struct Pool {
  Pool(rt::Executor executor, rt::Clock& c, const HttpClientOptions& o)
      : loop(std::move(executor)), clock(c), options(o) {}

  // `careless`: a request that died with its connection would just be sent again.
  std::unique_ptr<Connection> take(const Endpoint& to, bool careless) {
    auto& kept = idle[to];
    while (!kept.empty()) {
      std::unique_ptr<Connection> connection = std::move(kept.back());
      kept.pop_back();
      const Duration idle_for = clock.boot() - connection->idle_since;
      if ((careless && idle_for < trusted_for) ||
          (idle_for < idle_max && is_quiet(*connection->stream))) {
        return connection;
      }
    }
    return nullptr;
  }
  void give_back(const Endpoint& to, std::unique_ptr<Connection> connection) {
    const BootInstant now = clock.boot();
    connection->idle_since = now;
    auto& kept = idle[to];
    std::erase_if(kept, [now](const auto& each) { return now - each->idle_since >= idle_max; });
    kept.push_back(std::move(connection));
  }
  Result<std::shared_ptr<Trust>> trusted() {
    if (trust == nullptr) {
      TRY(trust, Trust::load(options.ca_file));
    }
    return trust;
  }

  rt::Executor loop;
  rt::Clock& clock;
  HttpClientOptions options;
  std::map<Endpoint, std::vector<std::unique_ptr<Connection>>> idle;
  std::shared_ptr<Trust> trust;
};

class FastReply final : public Reply {
 public:
  FastReply(std::shared_ptr<Pool> pool, std::shared_ptr<const Sendable> out)
      : pool_(std::move(pool)),
        out_(std::move(out)),
        to_{.tls = out_->target->tls, .host = out_->target->host, .port = out_->target->port} {}

  // Sends the request and takes the reply's head.
  Task<Unit> start(rt::Context& ctx);

  HttpHead& head() override { return head_; }
  Task<std::string> read(rt::Context& ctx) override;
  // tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
  Task<size_t> fill(rt::Context& ctx, std::span<std::byte> space) override;

 private:
  Stream& stream() { return *connection_->stream; }
  const HttpRequest& request() const { return out_->request; }
  Error doubtful(Error error) const;

  Task<Unit> connect(rt::Context& ctx);
  Task<Unit> exchange(rt::Context& ctx);
  Task<Unit> send(rt::Context& ctx);
  Task<Unit> send_source(rt::Context& ctx, std::string gathered);
  // tidy: allow coroutine, `bytes` belongs to the caller, who awaits that they were taken
  Task<Unit> send_bytes(rt::Context& ctx, std::span<const std::byte> bytes, bool more);
  Task<Unit> receive_head(rt::Context& ctx);
  Result<bool> receive();
  Result<Unit> take_head();
  // A failure came before all was sent: the rest is of no use. A success that comes so early still
  // wants the rest.
  bool refused() const { return head_done_ && head_.status >= 300; }

  // tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
  Task<size_t> some(rt::Context& ctx, std::span<std::byte> space);
  Result<size_t> take_held(std::span<std::byte> space);
  Result<size_t> take_stream(std::span<std::byte> space);
  Task<Unit> wait_for_body(rt::Context& ctx, size_t bytes);
  size_t direct_max(size_t bytes) const;
  void took(size_t bytes);
  void end();

  std::shared_ptr<Pool> pool_;
  std::shared_ptr<const Sendable> out_;
  Endpoint to_;
  std::unique_ptr<Connection> connection_ = nullptr;  // none once the body has ended
  HttpHead head_ = {};
  ReplyHead framing_ = {};
  ChunkedReader chunks_ = {};
  uint64_t body_left_ = 0;                      // where its length is known
  std::string held_ = {};                       // has come, and was not looked at yet
  std::optional<Error> broken_ = std::nullopt;  // behind the bytes that were given last
  bool left_ = false;                           // a byte of the request may have left
  bool all_sent_ = false;
  bool ended_ = false;  // the other side sends no more
  bool head_done_ = false;
  bool body_done_ = false;
};

Error FastReply::doubtful(Error error) const {
  if (error.where.empty()) {
    error.where = request().url;
  }
  return in_doubt(*out_, {.may_have_left = left_, .head_done = head_done_}, std::move(error));
}

// ---- out

Task<Unit> FastReply::start(rt::Context& ctx) {
  const bool may_use_old = out_->repeatable() || !request().fresh;
  const bool careless = out_->repeatable() && request().source == nullptr;
  connection_ = may_use_old ? pool_->take(to_, careless) : nullptr;
  if (connection_ != nullptr) {
    auto done = co_await exchange(ctx);
    // An old connection may turn out dead when it is used.
    const bool stale = !done.has_value() && ended_ && !head_done_ && held_.empty();
    if (!stale || !careless) {
      co_return done;
    }
    left_ = all_sent_ = ended_ = false;
  }
  CO_OK(co_await connect(ctx));
  co_return co_await exchange(ctx);
}

Task<Unit> FastReply::connect(rt::Context& ctx) {
  std::shared_ptr<Trust> trust;
  if (to_.tls) {
    CO_TRY(trust, pool_->trusted());
  }
  rt::Context patient = ctx.with_timeout(request().timeouts.connect);
  auto stream = co_await Stream::connect(patient, pool_->loop, to_, trust);
  if (!stream.has_value()) {
    CO_OK(ctx.check());
    Error error = std::move(stream).error();
    if (error.code == Code::timed_out) {
      error.what = fmt::format("no connection within {}", human(request().timeouts.connect));
      error.remedy = "check host and port, that the service runs, and the firewall between";
    }
    error.where = error.where.empty() ? request().url : error.where;
    co_return fail(std::move(error));
  }
  connection_ = std::make_unique<Connection>();
  connection_->stream = std::move(*stream);
  co_return Unit{};
}

Task<Unit> FastReply::exchange(rt::Context& ctx) {
  CO_OK(co_await send(ctx));
  if (!head_done_) {
    CO_OK(co_await receive_head(ctx));
  }
  head_.url = request().url;
  if (framing_.length == 0 && !framing_.chunked) {
    end();
  }
  co_return Unit{};
}

Task<Unit> FastReply::send(rt::Context& ctx) {
  const HttpRequest& what = request();
  stream().want(1);
  const uint64_t body_bytes = what.body                ? what.body->size()
                              : what.source != nullptr ? what.source->size()
                                                       : 0;
  std::string bytes = request_head(what, *out_->target, pool_->options.user_agent, body_bytes);
  if (what.source != nullptr) {
    CO_OK(co_await send_source(ctx, std::move(bytes)));
  } else if (!what.body || what.body->size() <= gather_bytes) {
    bytes += what.body.value_or(std::string());
    CO_OK(co_await send_bytes(ctx, std::as_bytes(std::span(bytes)), false));
  } else {
    CO_OK(co_await send_bytes(ctx, std::as_bytes(std::span(bytes)), true));
    CO_OK(co_await send_bytes(ctx, std::as_bytes(std::span(*what.body)), false));
  }
  all_sent_ = !refused();
  co_return Unit{};
}

// Small pieces leave together with what is before them.
Task<Unit> FastReply::send_source(rt::Context& ctx, std::string gathered) {
  HttpSource& source = *request().source;
  uint64_t left = source.size();
  while (left > 0 && !refused()) {
    CO_TRY(const auto piece, co_await source.next(ctx));
    if (piece.empty() || piece.size() > left) {
      co_return fail(
          Code::corrupt,
          fmt::format("the body was announced with {} bytes, which it has not", source.size()));
    }
    left -= piece.size();
    if (gathered.size() + piece.size() <= gather_bytes) {
      gathered.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      continue;
    }
    CO_OK(co_await send_bytes(ctx, std::as_bytes(std::span(gathered)), true));
    gathered.clear();
    CO_OK(co_await send_bytes(ctx, piece, left > 0));
  }
  co_return co_await send_bytes(ctx, std::as_bytes(std::span(gathered)), false);
}

// tidy: allow coroutine, `bytes` belongs to the caller, who awaits that they were taken
Task<Unit> FastReply::send_bytes(rt::Context& ctx, std::span<const std::byte> bytes, bool more) {
  while (!bytes.empty() && !refused()) {
    left_ = true;
    auto taken = stream().write(bytes, more);
    if (!taken.has_value()) {
      // It may have been refused with a reply that says why.
      const auto heard = head_done_ ? Result<bool>(false) : receive();
      if (!heard.has_value() || !refused()) {
        ended_ = true;
        co_return fail(doubtful(std::move(taken).error()));
      }
      co_return Unit{};
    }
    bytes = bytes.subspan(*taken);
    if (*taken > 0) {
      continue;
    }
    if (!head_done_) {
      auto heard = receive();
      if (!heard.has_value() || (ended_ && !head_done_)) {
        co_return fail(
            doubtful(heard.has_value() ? broken_connection() : std::move(heard).error()));
      }
    }
    if (refused()) {
      break;
    }
    rt::Context patient = ctx.with_timeout(request().timeouts.idle);
    auto waited =
        co_await stream().wait(patient, head_done_ ? Stream::For::writing : Stream::For::either);
    if (!waited.has_value()) {
      CO_OK(ctx.check());
      co_return fail(doubtful(nothing_more_taken_error(request())));
    }
  }
  co_return Unit{};
}

// ---- the reply's head

// What is there now, behind what was held; true: something was.
Result<bool> FastReply::receive() {
  const size_t before = held_.size();
  Result<Stream::Read> heard;
  held_.resize_and_overwrite(before + receive_bytes, [&](char* data, size_t) {
    heard = stream().read(std::as_writable_bytes(std::span(data + before, receive_bytes)));
    return before + (heard.has_value() ? heard->bytes : 0);
  });
  TRY_OK(heard);
  ended_ = ended_ || heard->ended;
  if (!head_done_ && heard->bytes > 0) {
    TRY_OK(take_head());
  }
  return heard->bytes > 0;
}

Result<Unit> FastReply::take_head() {
  while (true) {
    TRY(auto head, parse_reply_head(held_, request().method));
    if (!head) {
      return Unit{};
    }
    held_.erase(0, head->bytes);
    if (head->status >= 200) {
      head_.status = head->status;
      head_.headers = std::move(head->headers);
      framing_ = std::move(*head);
      body_left_ = framing_.length.value_or(0);
      head_done_ = true;
      return Unit{};
    }
    if (head->status == 101) {
      return fail(Code::unavailable, "the server changes to another protocol, unasked");
    }
  }
}

Task<Unit> FastReply::receive_head(rt::Context& ctx) {
  rt::Context patient = ctx.with_timeout(request().timeouts.reply);
  // It cannot be here yet; what TLS has decrypted already would not wake anybody.
  bool look = to_.tls;
  while (!head_done_) {
    auto heard = look ? receive() : Result<bool>(false);
    look = true;
    if (!heard.has_value() || (ended_ && !head_done_)) {
      ended_ = true;
      co_return fail(doubtful(heard.has_value() ? broken_connection() : std::move(heard).error()));
    }
    if (*heard) {
      continue;
    }
    auto waited = co_await stream().wait(patient, Stream::For::reading);
    if (!waited.has_value()) {
      co_return fail(doubtful(ctx.check().has_value() ? no_reply_error(request())
                                                      : std::move(waited).error()));
    }
  }
  co_return Unit{};
}

// ---- the reply's body

void FastReply::end() {
  body_done_ = true;
  if (framing_.keep_alive && all_sent_ && !ended_ && held_.empty()) {
    pool_->give_back(to_, std::move(connection_));
  }
  connection_.reset();
}

void FastReply::took(size_t bytes) {
  if (framing_.length) {
    body_left_ -= bytes;
    if (body_left_ == 0) {
      end();
    }
  }
}

// Of what was held; 0: more must come, or the body is done.
Result<size_t> FastReply::take_held(std::span<std::byte> space) {
  size_t skip = 0;
  size_t bytes = std::min(held_.size(), space.size());
  if (framing_.chunked) {
    TRY(const auto piece, chunks_.next(std::string_view(held_)));
    skip = piece.skip;
    bytes = std::min(piece.bytes, space.size());
    chunks_.untake(piece.bytes - bytes);
    held_.erase(0, skip);
    if (piece.end) {
      end();
      return 0;
    }
  } else if (framing_.length) {
    bytes = std::min<uint64_t>(bytes, body_left_);
  }
  if (bytes > 0) {
    std::memcpy(space.data(), held_.data(), bytes);
    held_.erase(0, bytes);
    took(bytes);
  }
  return bytes;
}

// How much may go straight into the reader's space.
size_t FastReply::direct_max(size_t bytes) const {
  return framing_.chunked  ? std::min<uint64_t>(bytes, chunks_.left())
         : framing_.length ? std::min<uint64_t>(bytes, body_left_)
                           : bytes;
}

// What is there now.
Result<size_t> FastReply::take_stream(std::span<std::byte> space) {
  if (direct_max(space.size()) == 0) {  // between two chunks
    TRY(const bool come, receive());
    return come ? take_held(space) : Result<size_t>(0);
  }
  TRY(const Stream::Read heard, stream().read(space.first(direct_max(space.size()))));
  ended_ = ended_ || heard.ended;
  if (framing_.chunked) {
    chunks_.took(heard.bytes);
  }
  took(heard.bytes);
  return heard.bytes;
}

Task<Unit> FastReply::wait_for_body(rt::Context& ctx, size_t bytes) {
  rt::Context patient = ctx.with_timeout(request().timeouts.idle);
  stream().want(framing_.chunked || framing_.length ? direct_max(bytes) : 1);
  co_return co_await stream().wait(patient, Stream::For::reading);
}

// At least one byte; none: the end.
// tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
Task<size_t> FastReply::some(rt::Context& ctx, std::span<std::byte> space) {
  bool patient = true;
  while (!body_done_) {
    auto taken = held_.empty() ? take_stream(space) : take_held(space);
    if (!taken.has_value()) {
      co_return fail(doubtful(std::move(taken).error()));
    }
    if (*taken > 0 || body_done_) {
      co_return *taken;
    }
    if (ended_ && !framing_.chunked && !framing_.length) {
      end();
      break;
    }
    if (ended_) {
      co_return fail(doubtful(broken_connection()));
    }
    if (!held_.empty()) {  // the beginning of a chunk's framing
      CO_TRY(const bool come, receive());
      if (come) {
        continue;
      }
    }
    if (!patient) {
      co_return fail(doubtful(nothing_more_came_error(request())));
    }
    auto waited = co_await wait_for_body(ctx, space.size());
    if (!waited.has_value()) {
      CO_OK(ctx.check());
      patient = false;  // fewer bytes than hoped for may be there
    }
  }
  co_return 0;
}

// tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
Task<size_t> FastReply::fill(rt::Context& ctx, std::span<std::byte> space) {
  if (broken_) {
    co_return fail(*broken_);
  }
  size_t filled = 0;
  while (filled < space.size()) {
    auto more = co_await some(ctx, space.subspan(filled));
    if (!more.has_value()) {
      if (filled == 0 || !ctx.check().has_value()) {
        co_return fail(std::move(more).error());
      }
      broken_ = std::move(more).error();
      break;
    }
    if (*more == 0) {
      break;
    }
    filled += *more;
  }
  co_return filled;
}

Task<std::string> FastReply::read(rt::Context& ctx) {
  if (broken_) {
    co_return fail(*broken_);
  }
  if (body_done_) {
    co_return std::string();
  }
  std::string piece(framing_.length ? std::min<uint64_t>(piece_bytes, body_left_) : piece_bytes,
                    '\0');
  CO_TRY(const size_t bytes, co_await some(ctx, std::as_writable_bytes(std::span(piece))));
  piece.resize(bytes);
  co_return piece;
}

class FastTransport final : public Transport {
 public:
  explicit FastTransport(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}

  Task<std::unique_ptr<Reply>> start(rt::Context& ctx,
                                     std::shared_ptr<const Sendable> out) override {
    CHECK(out->target.has_value());
    auto reply = std::make_unique<FastReply>(pool_, std::move(out));
    CO_OK(co_await reply->start(ctx));
    co_return reply;
  }

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace

bool goes_past_proxy(const ProxySettings& settings, std::string_view host) {
  if (settings.proxy.empty() || settings.no_proxy == "*") {
    return true;
  }
  std::string_view rest = settings.no_proxy;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of(", "), rest.size());
    std::string_view each = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (each.starts_with('.')) {
      each.remove_prefix(1);
    }
    const bool below = !each.empty() && host.ends_with(each) && host.size() > each.size() &&
                       host[host.size() - each.size() - 1] == '.';
    if (!each.empty() && (host == each || (below && host.find_first_not_of("0123456789.") !=
                                                        std::string_view::npos))) {
      return true;
    }
  }
  return false;
}

std::optional<HttpTarget> fast_target(const HttpRequest& request) {
  auto target = request.fast && !request.decompress ? parse_http_target(request.url) : std::nullopt;
  return target && goes_past_proxy(proxy_settings(target->tls), target->host) ? std::move(target)
                                                                              : std::nullopt;
}

std::unique_ptr<Transport> make_fast_transport(rt::Executor loop, rt::Clock& clock,
                                               const HttpClientOptions& options) {
  return std::make_unique<FastTransport>(std::make_shared<Pool>(std::move(loop), clock, options));
}

}  // namespace tutti::net
