// SPDX-License-Identifier: Apache-2.0
#include "net/http.h"

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

}  // namespace

struct HttpExchange::Transfer {
  HttpRequest request;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text{};
  HttpHead head;
  bool head_done = false;
  bool after_write = false;  // a redirect of a request that is not repeatable led here
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
  std::shared_ptr<HttpClient::State> client;

  // Whether any byte of the request can have reached the server.
  bool may_have_left() const {
    long request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0 || result == CURLE_ABORTED_BY_CALLBACK;
  }
  bool repeatable() const { return request.repeatable.value_or(is_idempotent(request.method)); }
};

using Transfer = HttpExchange::Transfer;

// Drives libcurl's multi handle from the loop's descriptors and timer.
struct HttpClient::State : std::enable_shared_from_this<HttpClient::State> {
  struct Watch {
    explicit Watch(rt::Executor executor) : descriptor(std::move(executor)) {}
    rt::asio::posix::stream_descriptor descriptor;
    int want = 0;
    bool gone = false;
    bool reading = false;
    bool writing = false;
  };

  State(rt::Executor executor, rt::Clock& c, HttpClientOptions o)
      : loop(std::move(executor)), clock(c), options(std::move(o)) {}

  void open();
  void close();
  void add(const std::shared_ptr<HttpExchange::Transfer>& transfer);
  void remove(HttpExchange::Transfer& transfer);
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

namespace {

int on_socket(CURL*, curl_socket_t fd, int what, void* state, void*) {
  static_cast<HttpClient::State*>(state)->watch(fd, what);
  return 0;
}

int on_timer(CURLM*, long ms, void* state) {
  static_cast<HttpClient::State*>(state)->set_timer(ms);
  return 0;
}

int on_close(void* state, curl_socket_t fd) {
  static_cast<HttpClient::State*>(state)->forget(fd);
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

}  // namespace

void HttpClient::State::open() {
  init_curl_once();
  multi = curl_multi_init();
  CHECK(multi != nullptr);
  if (options.ca_file.empty()) {
    options.ca_file = find_ca_file();
  }
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.connections_max);
}

void HttpClient::State::close() {
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

void HttpClient::State::set_timer(long ms) {
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

void HttpClient::State::act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi, fd, events, &running);
  collect();
}

void HttpClient::State::collect() {
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

void HttpClient::State::watch(curl_socket_t fd, int what) {
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

void HttpClient::State::forget(curl_socket_t fd) {
  if (const auto found = watches.find(fd); found != watches.end()) {
    found->second->gone = true;
    found->second->descriptor.release();  // the socket is curl's
    watches.erase(found);
  }
}

void HttpClient::State::arm(curl_socket_t fd, const std::shared_ptr<Watch>& each) {
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

namespace {

void set_method(Transfer& transfer) {
  const HttpRequest& request = transfer.request;
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
  if (find_header(transfer.request.headers, "content-type") == nullptr) {
    add("Content-Type:");  // none that nobody asked for
  }
  for (const HttpHeader& header : transfer.request.headers) {
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, transfer.headers);
}

void set_up(Transfer& transfer, const HttpClientOptions& options) {
  CURL* easy = transfer.easy;
  const HttpRequest& request = transfer.request;
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
  if (!transfer.repeatable() && request.fresh) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  } else if (!transfer.repeatable()) {
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  }
  set_method(transfer);
  set_headers(transfer);
}

Error transfer_error(const Transfer& transfer) {
  return error_of_curl(transfer.result, transfer.error_text.data(), transfer.request.url);
}

// No reply came, or not all of it: was the request carried out?
Error in_doubt(const Transfer& transfer, Error error) {
  const bool sent = transfer.after_write || (transfer.may_have_left() && !transfer.repeatable());
  if (!sent || error.code == Code::bad_input) {
    return error;
  }
  error.code = Code::unknown_outcome;
  error.what = fmt::format(
      "the {} was sent, but {}: {}", transfer.after_write ? "request" : transfer.request.method,
      transfer.head_done ? "its reply broke off" : "no reply came", error.what);
  error.where = transfer.request.url;
  error.remedy = "look whether it was carried out; give an idempotency_key to make it repeatable";
  return error;
}

Result<Unit> check_request(const HttpRequest& request) {
  TRY_OK(check_url(request.url));
  const auto has_line_end = [](const std::string& text) {
    return text.find('\r') != std::string::npos || text.find('\n') != std::string::npos ||
           text.find('\0') != std::string::npos;
  };
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  for (const HttpHeader& header : request.headers) {
    if (header.name.empty() || !std::ranges::all_of(header.name, is_word) ||
        has_line_end(header.value)) {
      return fail(Code::bad_input, fmt::format("'{}' cannot be a header", header.name),
                  "a header has a name of letters and a value of one line");
    }
  }
  if (request.method.empty() || !std::ranges::all_of(request.method, is_word)) {
    return fail(Code::bad_input, fmt::format("'{}' is no HTTP method", request.method));
  }
  return Unit{};
}

}  // namespace

void HttpClient::State::add(const std::shared_ptr<Transfer>& transfer) {
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

void HttpClient::State::remove(Transfer& transfer) {
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

HttpExchange::HttpExchange(std::shared_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}

HttpExchange::~HttpExchange() { transfer_->client->remove(*transfer_); }

const HttpHead& HttpExchange::head() const { return transfer_->head; }

// Ends when bytes or the body's end may have come.
Task<Unit> HttpExchange::wait_for_body(rt::Context& ctx) {
  Transfer& transfer = *transfer_;
  const size_t space = transfer.space.size();
  rt::Context patient = ctx.with_timeout(transfer.request.timeouts.idle);
  auto changed = co_await transfer.changed.wait(patient);
  if (changed.has_value() || transfer.space.size() != space) {
    co_return Unit{};
  }
  CO_OK(ctx.check());
  co_return fail(Error{.code = Code::timed_out,
                       .what = fmt::format("nothing more of the reply came for {}",
                                           human(transfer.request.timeouts.idle)),
                       .where = transfer.request.url});
}

// There is room for more.
void HttpExchange::go_on() {
  if (std::exchange(transfer_->paused, false)) {
    curl_easy_pause(transfer_->easy, CURLPAUSE_CONT);
    transfer_->client->collect();
  }
}

Task<std::string> HttpExchange::read(rt::Context& ctx) {
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
Task<size_t> HttpExchange::fill(rt::Context& ctx, std::span<std::byte> space) {
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

namespace {

// Hands the source's pieces to curl as it asks for them, until all are given or the reply has come.
Task<Unit> send_source(rt::Context& ctx, std::shared_ptr<Transfer> transfer) {
  HttpSource* source = transfer->request.source.get();
  while (source != nullptr && !transfer->all_given && !transfer->head_done && !transfer->done) {
    if (transfer->hungry) {
      CO_TRY(transfer->to_send, co_await source->next(ctx));
      transfer->all_given = transfer->to_send.empty();
      transfer->hungry = false;
      curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
      transfer->client->collect();
      continue;
    }
    rt::Context patient = ctx.with_timeout(transfer->request.timeouts.idle);
    auto changed = co_await transfer->changed.wait(patient);
    if (!changed.has_value() && !transfer->hungry && !transfer->head_done) {
      Error error = std::move(changed).error();
      if (ctx.check().has_value()) {
        error.what = fmt::format("nothing more of the body was taken for {}",
                                 human(transfer->request.timeouts.idle));
        error.where = transfer->request.url;
      }
      co_return fail(in_doubt(*transfer, std::move(error)));
    }
  }
  co_return Unit{};
}

}  // namespace

HttpClient::HttpClient(rt::Executor loop, rt::Clock& clock, HttpClientOptions options)
    : state_(std::make_shared<State>(std::move(loop), clock, std::move(options))) {
  state_->open();
}

HttpClient::~HttpClient() { state_->close(); }

Task<std::unique_ptr<HttpExchange>> HttpClient::start(rt::Context& ctx, HttpRequest request) {
  const int redirects_max = request.redirects_max;
  bool after_write = false;
  CO_OK(ctx.check());
  while (true) {
    CO_OK(check_request(request));
    auto transfer = std::make_shared<Transfer>();
    transfer->after_write = after_write;
    transfer->request = std::move(request);
    state_->add(transfer);
    std::unique_ptr<HttpExchange> exchange(new HttpExchange(transfer));
    CO_OK(co_await send_source(ctx, transfer));
    rt::Context patient = ctx.with_timeout(transfer->request.timeouts.reply);
    while (!transfer->head_done && !transfer->done) {
      auto changed = co_await transfer->changed.wait(patient);
      if (changed.has_value() || transfer->head_done) {
        continue;
      }
      Error error = std::move(changed).error();
      if (ctx.check().has_value()) {
        error.what = fmt::format("no reply within {}", human(transfer->request.timeouts.reply));
        error.where = transfer->request.url;
      }
      co_return fail(in_doubt(*transfer, std::move(error)));
    }
    if (!transfer->head_done) {
      co_return fail(in_doubt(*transfer, transfer_error(*transfer)));
    }
    transfer->head.url = transfer->request.url;
    if (transfer->request.source != nullptr) {
      co_return exchange;
    }
    CO_TRY(auto next, follow_redirect(transfer->request, transfer->head));
    if (!next) {
      const std::string* location = find_header(transfer->head.headers, "location");
      if (redirects_max > 0 && transfer->request.redirects_max == 0 && location != nullptr &&
          transfer->head.status / 100 == 3) {
        co_return fail(Error{.code = Code::bad_input,
                             .what = fmt::format("more than {} redirects", redirects_max),
                             .where = transfer->request.url,
                             .remedy = "the server sends in circles; use the final address"});
      }
      co_return exchange;
    }
    after_write = after_write || !transfer->repeatable();
    request = std::move(*next);
  }
}

Task<HttpResponse> HttpClient::fetch(rt::Context& ctx, HttpRequest request, size_t body_bytes_max) {
  CO_TRY(auto exchange, co_await start(ctx, std::move(request)));
  HttpResponse response{.head = exchange->head()};
  while (true) {
    CO_TRY(const std::string bytes, co_await exchange->read(ctx));
    if (bytes.empty()) {
      co_return response;
    }
    if (response.body.size() + bytes.size() > body_bytes_max) {
      co_return fail(Error{.code = Code::bad_input,
                           .what = fmt::format("the reply is longer than {} bytes", body_bytes_max),
                           .where = response.head.url});
    }
    response.body += bytes;
  }
}

}  // namespace tutti::net
