// SPDX-License-Identifier: Apache-2.0
#include "net/curl_transport.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <map>

#include <curl/curl.h>
#include <fmt/format.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/check.h"
#include "net/curl.h"
#include "rt/wait.h"

namespace tutti::net {
namespace {

constexpr size_t waiting_bytes_max = 64u << 10;
constexpr size_t spare_max = 64;
constexpr long receive_bytes = 128l << 10;  // by one system call; curl shares the buffer

struct Connections;

constexpr long kept_connections = 256;  // without a request

struct Transfer {
  std::shared_ptr<const Sendable> out;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text{};
  HttpHead head;
  bool head_done = false;
  bool done = false;
  bool paused = false;
  CURLcode result = CURLE_OK;
  std::string waiting;                   // of the body
  std::span<std::byte> space{};          // where a reader wants what comes next
  std::span<const std::byte> to_send{};  // of the source's last piece
  bool hungry = false;                   // curl waits for another piece
  bool all_given = false;
  bool left = false;  // on_request was asked
  rt::Notify changed;
  std::shared_ptr<Connections> client;

  // Whether any byte of the request can have reached the server.
  bool may_have_left() const {
    long request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0 || result == CURLE_ABORTED_BY_CALLBACK;
  }
  const HttpRequest& request() const { return out->request; }
};

// Drives libcurl's multi handle from the loop's descriptors and timer.
struct Connections : std::enable_shared_from_this<Connections> {
  struct Watch {
    explicit Watch(rt::Executor executor) : descriptor(std::move(executor)) {}
    rt::asio::posix::stream_descriptor descriptor;
    int want = 0;
    bool gone = false;
    bool reading = false;
    bool writing = false;
  };

  Connections(rt::Executor executor, rt::Clock& c, HttpClientOptions o)
      : loop(std::move(executor)), clock(c), options(std::move(o)) {}

  void open();
  void close();
  void add(const std::shared_ptr<Transfer>& transfer);
  void remove(Transfer& transfer);
  void act(curl_socket_t fd, int events);
  void collect();
  void watch(curl_socket_t fd, int what);
  void forget(curl_socket_t fd);
  void arm(curl_socket_t fd, const std::shared_ptr<Watch>& each);
  void set_timer(long ms);

  rt::Executor loop;
  rt::Clock& clock;
  HttpClientOptions options;
  CURLM* multi = nullptr;
  std::vector<CURL*> spare;  // handles between two requests: a new one is a large allocation
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches;  // of all open sockets
  std::unique_ptr<rt::Timer> timer;
};

int on_socket(CURL*, curl_socket_t fd, int what, void* state, void*) {
  static_cast<Connections*>(state)->watch(fd, what);
  return 0;
}

int on_timer(CURLM*, long ms, void* state) {
  static_cast<Connections*>(state)->set_timer(ms);
  return 0;
}

int on_close(void* state, curl_socket_t fd) {
  static_cast<Connections*>(state)->forget(fd);
  return ::close(fd);
}

size_t on_header(char* data, size_t, size_t size, void* argument) {
  Transfer& transfer = *static_cast<Transfer*>(argument);
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) {
    line.remove_suffix(1);
  }
  if (transfer.head_done) {
    return size;  // a trailer
  }
  if (line.starts_with("HTTP/")) {
    transfer.head.headers.clear();
    return size;
  }
  if (!line.empty()) {
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
        value.remove_prefix(1);
      }
      transfer.head.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    }
    return size;
  }
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200) {  // not of an interim reply
    transfer.head.status = static_cast<int>(status);
    transfer.head_done = true;
    transfer.changed.notify();
  }
  return size;
}

size_t on_body(char* data, size_t, size_t size, void* argument) {
  Transfer& transfer = *static_cast<Transfer*>(argument);
  if (transfer.waiting.size() >= waiting_bytes_max) {
    transfer.paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  const size_t direct = std::min(size, transfer.space.size());
  if (direct > 0) {
    std::memcpy(transfer.space.data(), data, direct);
  }
  transfer.space = transfer.space.subspan(direct);
  transfer.waiting.append(data + direct, size - direct);
  if (transfer.space.empty()) {
    transfer.changed.notify();
  }
  return size;
}

// Before a request leaves; a second time only where curl would send it again.
int on_request(void* argument, char*, char*, int, int) {
  Transfer& transfer = *static_cast<Transfer*>(argument);
  return std::exchange(transfer.left, true) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

size_t on_read(char* to, size_t, size_t size, void* argument) {
  Transfer& transfer = *static_cast<Transfer*>(argument);
  if (transfer.to_send.empty() && !transfer.all_given) {
    transfer.hungry = true;
    transfer.changed.notify();
    return CURL_READFUNC_PAUSE;
  }
  const size_t n = std::min(size, transfer.to_send.size());
  std::copy_n(transfer.to_send.begin(), n, reinterpret_cast<std::byte*>(to));
  transfer.to_send = transfer.to_send.subspan(n);
  return n;
}

void Connections::open() {
  init_curl_once();
  multi = curl_multi_init();
  CHECK(multi != nullptr);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kept_connections);
}

void Connections::close() {
  for (CURL* each : std::exchange(spare, {})) {
    curl_easy_cleanup(each);
  }
  if (multi != nullptr) {
    curl_multi_cleanup(std::exchange(multi, nullptr));
  }
  for (auto& [fd, each] : watches) {
    each->gone = true;
    each->descriptor.release();
  }
  watches.clear();
  timer.reset();
}

void Connections::set_timer(long ms) {
  timer.reset();
  if (ms < 0) {
    return;
  }
  timer = clock.arm(loop, clock.boot() + milliseconds(ms), [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr && self->multi != nullptr) {
      self->act(CURL_SOCKET_TIMEOUT, 0);
    }
  });
}

void Connections::act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi, fd, events, &running);
  collect();
}

void Connections::collect() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->done = true;
    transfer->result = message->data.result;
    transfer->changed.notify();
  }
}

void Connections::watch(curl_socket_t fd, int what) {
  if (what == CURL_POLL_REMOVE) {
    // It waits for its next request: to keep it registered saves two system calls for each.
    if (const auto found = watches.find(fd); found != watches.end()) {
      found->second->want = 0;
    }
    return;
  }
  auto& each = watches[fd];
  if (each == nullptr) {
    each = std::make_shared<Watch>(loop);
    each->descriptor.assign(fd);
  }
  each->want = what;
  arm(fd, each);
}

void Connections::forget(curl_socket_t fd) {
  if (const auto found = watches.find(fd); found != watches.end()) {
    found->second->gone = true;
    found->second->descriptor.release();  // the socket is curl's
    watches.erase(found);
  }
}

void Connections::arm(curl_socket_t fd, const std::shared_ptr<Watch>& each) {
  using Wait = rt::asio::posix::descriptor_base;
  const auto start = [&](bool wanted, bool Watch::* pending, Wait::wait_type wait, int event) {
    if (!wanted || (*each).*pending) {
      return;
    }
    (*each).*pending = true;
    each->descriptor.async_wait(
        wait, [weak = weak_from_this(), each, pending, fd, event](boost::system::error_code error) {
          (*each).*pending = false;
          const auto self = weak.lock();
          if (self == nullptr || self->multi == nullptr || each->gone) {
            return;
          }
          self->act(fd, error ? CURL_CSELECT_ERR : event);
          if (!each->gone) {
            self->arm(fd, each);
          }
        });
  };
  start((each->want & CURL_POLL_IN) != 0, &Watch::reading, Wait::wait_read, CURL_CSELECT_IN);
  start((each->want & CURL_POLL_OUT) != 0, &Watch::writing, Wait::wait_write, CURL_CSELECT_OUT);
}

void set_method(Transfer& transfer) {
  const HttpRequest& request = transfer.request();
  CURL* easy = transfer.easy;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.source != nullptr) {
    constexpr long buffer_bytes = 256L << 10;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, buffer_bytes);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(request.source->size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
  } else if (request.body || request.method == "POST") {
    static const std::string none;
    const std::string& body = request.body ? *request.body : none;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
  }
  if (request.method != "GET" && request.method != "HEAD") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method == "GET" && request.body) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "GET");
  }
}

void set_headers(Transfer& transfer) {
  const auto add = [&](const std::string& line) {
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
  };
  add("Expect:");  // no pause before a body
  if (find_header(transfer.request().headers, "content-type") == nullptr) {
    add("Content-Type:");  // none that nobody asked for
  }
  for (const HttpHeader& header : transfer.request().headers) {
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, transfer.headers);
}

void set_up(Transfer& transfer, const HttpClientOptions& options) {
  CURL* easy = transfer.easy;
  const HttpRequest& request = transfer.request();
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer.client.get());
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  // `..` can be part of an object's name: resolved, the request would mean another one, or all.
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (request.decompress) {
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  }
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<int64_t>(1, request.timeouts.connect.us / 1000)));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_text.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, receive_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  }
  // On an old connection that turns out dead curl sends again by itself.
  if (!transfer.out->repeatable() && request.fresh) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  } else if (!transfer.out->repeatable()) {
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  }
  set_method(transfer);
  set_headers(transfer);
}

Error transfer_error(const Transfer& transfer) {
  return error_of_curl(transfer.result, transfer.error_text.data(), transfer.request().url);
}

Error in_doubt(const Transfer& transfer, Error error) {
  return in_doubt(*transfer.out,
                  {.may_have_left = transfer.may_have_left(), .head_done = transfer.head_done},
                  std::move(error));
}

void Connections::add(const std::shared_ptr<Transfer>& transfer) {
  transfer->client = shared_from_this();
  if (spare.empty()) {
    transfer->easy = curl_easy_init();
  } else {
    transfer->easy = spare.back();
    spare.pop_back();
  }
  CHECK(transfer->easy != nullptr);
  set_up(*transfer, options);
  curl_multi_add_handle(multi, transfer->easy);
}

void Connections::remove(Transfer& transfer) {
  if (multi != nullptr) {
    curl_multi_remove_handle(multi, transfer.easy);
  }
  CURL* easy = std::exchange(transfer.easy, nullptr);
  if (multi != nullptr && spare.size() < spare_max) {
    curl_easy_reset(easy);
    spare.push_back(easy);
  } else {
    curl_easy_cleanup(easy);
  }
  curl_slist_free_all(std::exchange(transfer.headers, nullptr));
}

class CurlReply final : public Reply {
 public:
  explicit CurlReply(std::shared_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}
  ~CurlReply() override { transfer_->client->remove(*transfer_); }
  HttpHead& head() override { return transfer_->head; }
  Task<std::string> read(rt::Context& ctx) override;
  // tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
  Task<size_t> fill(rt::Context& ctx, std::span<std::byte> space) override;

 private:
  Task<Unit> wait_for_body(rt::Context& ctx);
  void go_on();
  std::shared_ptr<Transfer> transfer_;
};

// Ends when bytes or the body's end may have come.
Task<Unit> CurlReply::wait_for_body(rt::Context& ctx) {
  Transfer& transfer = *transfer_;
  const size_t space = transfer.space.size();
  rt::Context patient = ctx.with_timeout(transfer.request().timeouts.idle);
  auto changed = co_await transfer.changed.wait(patient);
  if (changed.has_value() || transfer.space.size() != space) {
    co_return Unit{};
  }
  CO_OK(ctx.check());
  co_return fail(nothing_more_came_error(transfer.request()));
}

// There is room for more.
void CurlReply::go_on() {
  if (std::exchange(transfer_->paused, false)) {
    curl_easy_pause(transfer_->easy, CURLPAUSE_CONT);
    transfer_->client->collect();
  }
}

Task<std::string> CurlReply::read(rt::Context& ctx) {
  Transfer& transfer = *transfer_;
  while (transfer.waiting.empty()) {
    if (transfer.done) {
      if (transfer.result == CURLE_OK) {
        co_return std::string();
      }
      co_return fail(in_doubt(transfer, transfer_error(transfer)));
    }
    CO_OK(co_await wait_for_body(ctx));
  }
  std::string bytes = std::exchange(transfer.waiting, {});
  go_on();
  co_return bytes;
}

// tidy: allow coroutine, `space` belongs to the caller, who awaits the bytes in it
Task<size_t> CurlReply::fill(rt::Context& ctx, std::span<std::byte> space) {
  Transfer& transfer = *transfer_;
  const size_t held = std::min(space.size(), transfer.waiting.size());
  if (held > 0) {
    std::memcpy(space.data(), transfer.waiting.data(), held);
  }
  transfer.waiting.erase(0, held);
  transfer.space = space.subspan(held);
  go_on();
  Result<Unit> waited;
  while (waited.has_value() && !transfer.space.empty() && !transfer.done) {
    waited = co_await wait_for_body(ctx);
  }
  const size_t filled = space.size() - std::exchange(transfer.space, {}).size();
  if (filled > 0 && (waited.has_value() || ctx.check().has_value())) {
    co_return filled;
  }
  CO_OK(waited);
  if (transfer.result != CURLE_OK) {
    co_return fail(in_doubt(transfer, transfer_error(transfer)));
  }
  co_return 0;
}

// Hands the source's pieces to curl as it asks for them, until all are given or the reply has come.
Task<Unit> send_source(rt::Context& ctx, std::shared_ptr<Transfer> transfer) {
  HttpSource* source = transfer->request().source.get();
  while (source != nullptr && !transfer->all_given && !transfer->head_done && !transfer->done) {
    if (transfer->hungry) {
      CO_TRY(transfer->to_send, co_await source->next(ctx));
      transfer->all_given = transfer->to_send.empty();
      transfer->hungry = false;
      curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
      transfer->client->collect();
      continue;
    }
    rt::Context patient = ctx.with_timeout(transfer->request().timeouts.idle);
    auto changed = co_await transfer->changed.wait(patient);
    if (!changed.has_value() && !transfer->hungry && !transfer->head_done) {
      co_return fail(in_doubt(*transfer, ctx.check().has_value()
                                             ? nothing_more_taken_error(transfer->request())
                                             : std::move(changed).error()));
    }
  }
  co_return Unit{};
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(std::shared_ptr<Connections> connections)
      : connections_(std::move(connections)) {
    connections_->open();
  }
  ~CurlTransport() override { connections_->close(); }

  Task<std::unique_ptr<Reply>> start(rt::Context& ctx,
                                     std::shared_ptr<const Sendable> out) override {
    auto transfer = std::make_shared<Transfer>();
    transfer->out = std::move(out);
    connections_->add(transfer);
    auto reply = std::make_unique<CurlReply>(transfer);
    CO_OK(co_await send_source(ctx, transfer));
    rt::Context patient = ctx.with_timeout(transfer->request().timeouts.reply);
    while (!transfer->head_done && !transfer->done) {
      auto changed = co_await transfer->changed.wait(patient);
      if (!changed.has_value() && !transfer->head_done) {
        co_return fail(in_doubt(*transfer, ctx.check().has_value()
                                               ? no_reply_error(transfer->request())
                                               : std::move(changed).error()));
      }
    }
    if (!transfer->head_done) {
      co_return fail(in_doubt(*transfer, transfer_error(*transfer)));
    }
    transfer->head.url = transfer->request().url;
    co_return reply;
  }

 private:
  std::shared_ptr<Connections> connections_;
};

}  // namespace

std::unique_ptr<Transport> make_curl_transport(rt::Executor loop, rt::Clock& clock,
                                               const HttpClientOptions& options) {
  return std::make_unique<CurlTransport>(
      std::make_shared<Connections>(std::move(loop), clock, options));
}

}  // namespace tutti::net
