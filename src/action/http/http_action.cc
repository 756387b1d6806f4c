// SPDX-License-Identifier: Apache-2.0
#include "action/http/http_action.h"

#include <cstring>

#include <fmt/format.h>

#include "action/http/request.h"
#include "rt/retry.h"

namespace tutti::action {
namespace {

using http::Call;
using net::HttpExchange;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t body_bytes_max = 64u << 20;
constexpr size_t error_body_bytes_max = 64u << 10;
constexpr Duration retry_after_max = seconds(60);  // longer waits are the engine's

bool is_repeatable(const HttpRequest& request) {
  return request.repeatable.value_or(net::is_idempotent(request.method));
}

// Set by a try that got a reply, so that the last one is known when trying is over.
struct Replied {
  std::optional<HttpResponse> response;
};

// Turns a reply that another try may mend into an error that rt::retry understands.
Result<Unit> check_transient(const HttpRequest& request, const HttpResponse& response,
                             Instant now) {
  if (!is_repeatable(request) || !http::is_transient(response.head.status)) {
    return Unit{};
  }
  Error error = http::status_error(request, response, true, now);
  if (error.retry_after && *error.retry_after > retry_after_max) {
    return Unit{};
  }
  return fail(std::move(error));
}

struct FetchOnce {
  net::HttpClient& client;
  const HttpRequest& request;
  Replied& replied;

  Task<HttpResponse> operator()(rt::Context& ctx) {
    replied.response.reset();
    CO_TRY(auto response, co_await client.fetch(ctx, request, body_bytes_max));
    replied.response = response;
    CO_OK(check_transient(request, response, ctx.clock().wall()));
    co_return response;
  }
};

// The reply's body as the body of a put.
class ReplySource final : public cloud::ByteSource {
 public:
  ReplySource(cloud::BufferPool& buffers, HttpExchange& exchange, uint64_t& bytes)
      : buffers_(buffers), exchange_(exchange), bytes_(bytes) {}

  Task<cloud::Chunk> next(rt::Context& ctx) override {
    if (at_ == held_.size()) {
      CO_TRY(held_, co_await exchange_.read(ctx));
      at_ = 0;
      if (held_.empty()) {
        co_return cloud::Chunk();
      }
    }
    CO_TRY(cloud::Buffer buffer, co_await buffers_.take(ctx));
    const size_t size = std::min(buffer.space().size(), held_.size() - at_);
    std::memcpy(buffer.space().data(), held_.data() + at_, size);
    at_ += size;
    bytes_ += size;
    co_return cloud::Chunk(std::move(buffer), size);
  }

 private:
  cloud::BufferPool& buffers_;
  HttpExchange& exchange_;
  uint64_t& bytes_;
  std::string held_;
  size_t at_ = 0;
};

Task<std::string> read_start(rt::Context& ctx, HttpExchange& exchange) {
  std::string text;
  while (text.size() < error_body_bytes_max) {
    CO_TRY(const std::string bytes, co_await exchange.read(ctx));
    if (bytes.empty()) {
      break;
    }
    text += bytes;
  }
  co_return text;
}

Task<std::unique_ptr<cloud::ByteSource>> open_once(std::unique_ptr<cloud::ByteSource>& source) {
  if (source == nullptr) {
    co_return fail(Code::internal, "a reply cannot be read twice");
  }
  co_return std::move(source);
}

using Accept = std::function<Result<Unit>(const HttpResponse&)>;

// One try at request, check and put.
struct SaveOnce {
  net::HttpClient& client;
  cloud::BufferPool& buffers;
  const HttpRequest& request;
  const cloud::Located& target;
  Attempt& attempt;
  const Accept& accept;
  Replied& replied;
  uint64_t bytes = 0;

  Task<HttpResponse> operator()(rt::Context& ctx) {
    replied.response.reset();
    bytes = 0;
    CO_TRY(auto exchange, co_await client.start(ctx, request));
    HttpResponse response{.head = exchange->head()};
    if (!http::is_success(response.head.status)) {
      CO_TRY(response.body, co_await read_start(ctx, *exchange));
    }
    replied.response = response;
    CO_OK(check_transient(request, response, ctx.clock().wall()));
    CO_OK(accept(response));
    std::unique_ptr<cloud::ByteSource> source =
        std::make_unique<ReplySource>(buffers, *exchange, bytes);
    cloud::Body body{.open = [&source](rt::Context&, uint64_t) { return open_once(source); },
                     .one_shot = true};
    if (const std::string* type = net::find_header(response.head.headers, "content-type")) {
      CO_OK(co_await put(ctx, std::move(body), *type));
    } else {
      CO_OK(co_await put(ctx, std::move(body), {}));
    }
    attempt.progress({.bytes_done = static_cast<int64_t>(bytes), .items_done = 1});
    co_return response;
  }

  Task<Unit> put(rt::Context& ctx, cloud::Body body, std::string content_type) {
    cloud::PutOptions options;
    if (target.store->capabilities().metadata_bytes_max > 0) {
      options.content_type = std::move(content_type);
    }
    CO_OK(co_await target.store->put(ctx, target.key, std::move(body), std::move(options)));
    co_return Unit{};
  }
};

bool is_true(const Value& value) {
  return value.is_bool()     ? value.as_bool()
         : value.is_number() ? value.as_real() != 0
         : value.is_string() ? !value.as_string().empty()
         : value.is_list()   ? !value.as_list().empty()
         : value.is_map()    ? !value.as_map().empty()
                             : false;
}

// What went wrong, with the place it has among the reasons of a task.
struct Trouble {
  Error error;
  FailReason reason = FailReason::code;
  bool retryable = true;
};

ValueMap locals_of(const HttpResponse& response, const Value& body) {
  return {{"status", response.head.status},
          {"headers", http::headers_value(response.head.headers)},
          {"body", body}};
}

// nullopt: the reply is a success.
std::optional<Trouble> judge(Attempt& attempt, const Call& call, const HttpResponse& response,
                             const Value& body, Instant now) {
  const int status = response.head.status;
  const Error refused =
      http::status_error(call.request, response, is_repeatable(call.request), now);
  if (call.check.empty()) {
    if (http::is_success(status)) {
      return std::nullopt;
    }
    const bool retryable = status >= 500 || status == 408 || status == 425 || status == 429;
    return Trouble{refused, FailReason::code, retryable};
  }
  auto answer = attempt.evaluate(call.check, locals_of(response, body));
  if (!answer.has_value()) {
    return Trouble{with_context(std::move(answer).error(), "with.check"), FailReason::code, false};
  }
  if (is_true(*answer)) {
    return std::nullopt;
  }
  Error error = refused;
  error.what = fmt::format("the check `{}` is not true: {}", call.check, refused.what);
  if (http::is_success(status)) {
    error.code = Code::corrupt;
  }
  return Trouble{std::move(error), FailReason::data, true};
}

Trouble trouble_of(Error error) {
  const Code code = error.code;
  const bool retryable = is_retryable(code);
  return {std::move(error), code == Code::timed_out ? FailReason::timeout : FailReason::code,
          retryable};
}

// A write was answered well, but what it answered is lost: not to be sent again by itself.
Trouble trouble_after_success(const HttpRequest& request, int status, Trouble trouble) {
  if (!is_repeatable(request) && trouble.error.code != Code::unknown_outcome) {
    trouble.error.what =
        fmt::format("the {} was answered with {}, but its reply could not be kept: {}",
                    request.method, status, trouble.error.what);
    trouble.error.code = Code::unknown_outcome;
    trouble.retryable = false;
  }
  return trouble;
}

// A cancelled or timed-out context is the caller's to name, but not when a write is in doubt.
Result<Outcome> failed(rt::Context& ctx, Trouble trouble, Value output = ValueMap{}) {
  if (trouble.error.code != Code::unknown_outcome) {
    TRY_OK(ctx.check());
  }
  return Failed{.error = std::move(trouble.error),
                .reason = trouble.reason,
                .retryable = trouble.retryable,
                .output = std::move(output)};
}

Value output_of(const HttpResponse& response, Value body, uint64_t bytes) {
  return Value::of({{"status", response.head.status},
                    {"headers", http::headers_value(response.head.headers)},
                    {"body", std::move(body)},
                    {"bytes", bytes}});
}

std::string log_line(const HttpRequest& request, const HttpResponse& response, uint64_t bytes) {
  return fmt::format("{} {}: {}, {} bytes\n", request.method, request.url, response.head.status,
                     bytes);
}

class Run {
 public:
  Run(net::HttpClient& client, cloud::BufferPool& buffers, Attempt& attempt, Call call)
      : client_(client), buffers_(buffers), attempt_(attempt), call_(std::move(call)) {}

  Task<Outcome> one(rt::Context& ctx) {
    CO_TRY(auto reply, co_await fetch(ctx));
    if (auto* trouble = std::get_if<Trouble>(&reply)) {
      co_return failed(ctx, std::move(*trouble), std::move(seen_));
    }
    auto& page = std::get<Page>(reply);
    co_return Done{.output =
                       output_of(page.response, std::move(page.body), page.response.body.size())};
  }

  Task<Outcome> pages(rt::Context& ctx) {
    const http::Paginate paginate = *call_.paginate;
    ValueList items;
    uint64_t bytes = 0;
    for (int64_t number = 0; number < paginate.pages_max; ++number) {
      CO_TRY(auto reply, co_await fetch(ctx));
      if (auto* trouble = std::get_if<Trouble>(&reply)) {
        co_return failed(ctx, std::move(*trouble), std::move(seen_));
      }
      const auto& page = std::get<Page>(reply);
      bytes += page.response.body.size();
      if (bytes > body_bytes_max) {
        co_return failed(ctx, too_much("the pages are more than 64 MiB together"));
      }
      const size_t before = items.size();
      auto next = next_page(paginate, page, number, items);
      if (!next.has_value()) {
        co_return failed(ctx, {std::move(next).error(), FailReason::data, false});
      }
      attempt_.progress({.bytes_done = static_cast<int64_t>(bytes), .items_done = number + 1});
      if (!*next || (!paginate.param.empty() && items.size() == before)) {
        co_return Done{.output = output_of(page.response, std::move(items), bytes)};
      }
      call_.request = std::move(**next);
    }
    co_return failed(ctx,
                     too_much(fmt::format("there are more than {} pages", paginate.pages_max)));
  }

  Task<Outcome> save(rt::Context& ctx, cloud::Located target) {
    std::optional<Trouble> refused;
    const Accept accept = [&](const HttpResponse& response) -> Result<Unit> {
      refused = judge(attempt_, call_, response, Value(), ctx.clock().wall());
      return refused ? fail(refused->error) : Result<Unit>(Unit{});
    };
    Replied replied;
    SaveOnce once{client_, buffers_, call_.request, target, attempt_, accept, replied};
    auto response = is_repeatable(call_.request) ? co_await rt::retry(ctx, {}, std::ref(once))
                                                 : co_await once(ctx);
    if (refused) {
      co_return failed(ctx, std::move(*refused));
    }
    if (!response.has_value()) {
      Trouble trouble = trouble_of(std::move(response).error());
      if (replied.response && http::is_success(replied.response->head.status)) {
        trouble =
            trouble_after_success(call_.request, replied.response->head.status, std::move(trouble));
      }
      co_return failed(ctx, std::move(trouble));
    }
    Value output = output_of(*response, Value(), once.bytes);
    output.edit_map().set("saved", cloud::address_of(target, target.key));
    CO_OK(co_await log_reply(ctx, log_line(call_.request, *response, once.bytes)));
    co_return Done{.output = std::move(output)};
  }

 private:
  struct Page {
    HttpResponse response;
    Value body;
  };

  static Trouble too_much(std::string what) {
    return {{.code = Code::bad_input,
             .what = std::move(what),
             .where = "with.paginate",
             .remedy = "ask for less, or raise pages_max"},
            FailReason::data,
            false};
  }

  // What a write answered counts, also when the attempt is asked to stop or its log is full.
  Task<Unit> log_reply(rt::Context& ctx, std::string line) {
    if (is_repeatable(call_.request)) {
      co_return co_await attempt_.log(ctx, Stream::system, std::move(line));
    }
    rt::Context all = ctx.uncancellable();
    (void)co_await attempt_.log(all, Stream::system, std::move(line));
    co_return Unit{};
  }

  // One request, tried again where that is harmless, and judged.
  Task<std::variant<Page, Trouble>> fetch(rt::Context& ctx) {
    using Reply = std::variant<Page, Trouble>;
    Replied replied;
    FetchOnce once{client_, call_.request, replied};
    auto response = is_repeatable(call_.request) ? co_await rt::retry(ctx, {}, std::ref(once))
                                                 : co_await once(ctx);
    if (!response.has_value() && !replied.response) {
      co_return Reply(trouble_of(std::move(response).error()));
    }
    Page page{.response = std::move(*replied.response)};
    CO_OK(
        co_await log_reply(ctx, log_line(call_.request, page.response, page.response.body.size())));
    auto body = http::body_value(page.response);
    if (!body.has_value() && http::is_success(page.response.head.status)) {
      co_return Reply(trouble_after_success(call_.request, page.response.head.status,
                                            {std::move(body).error(), FailReason::data, true}));
    }
    page.body = body.has_value() ? std::move(*body) : Value(page.response.body);
    if (auto trouble = judge(attempt_, call_, page.response, page.body, ctx.clock().wall())) {
      seen_ = output_of(page.response, page.body, page.response.body.size());
      co_return Reply(std::move(*trouble));
    }
    co_return Reply(std::move(page));
  }

  // Appends the page's items; the request for the page after it, or nullopt.
  Result<std::optional<HttpRequest>> next_page(const http::Paginate& paginate, const Page& page,
                                               int64_t number, ValueList& items) {
    const ValueMap locals = locals_of(page.response, page.body);
    if (paginate.items.empty()) {
      items.push_back(page.body);
    } else {
      TRY(const Value list, attempt_.evaluate(paginate.items, locals));
      if (!list.is_list()) {
        return fail(Error{
            .code = Code::bad_input,
            .what = fmt::format("`{}` is a {}, not a list", paginate.items, kind_name(list.kind())),
            .where = "with.paginate.items"});
      }
      items.insert(items.end(), list.as_list().begin(), list.as_list().end());
    }
    std::string reference;
    if (paginate.link) {
      reference = http::next_link(page.response.head.headers).value_or("");
    } else if (!paginate.next.empty()) {
      TRY(const Value next, attempt_.evaluate(paginate.next, locals));
      reference = next.is_string() ? next.as_string() : "";
    } else {
      reference = http::with_query(call_.request.url, paginate.param,
                                   std::to_string(paginate.start + (number + 1) * paginate.step));
    }
    if (reference.empty()) {
      return std::nullopt;
    }
    // A page elsewhere is like a redirect: no credential goes along.
    HttpRequest from = call_.request;
    from.url = page.response.head.url;
    from.redirects_max = 2;
    const int code = net::is_safe(from.method) ? 302 : 307;
    TRY(auto next,
        net::follow_redirect(from, {.status = code, .headers = {{"location", reference}}}));
    next->redirects_max = call_.request.redirects_max;
    return next;
  }

  net::HttpClient& client_;
  cloud::BufferPool& buffers_;
  Attempt& attempt_;
  Call call_;
  Value seen_ = ValueMap{};
};

Result<Value> find_connection(const cloud::ConnectionTable& table, const std::string& profile,
                              const std::string& name) {
  if (name.empty()) {
    return Value();
  }
  const auto in_profile = table.find(profile);
  const auto found = in_profile == table.end() ? decltype(in_profile->second.begin()){}
                                               : in_profile->second.find(name);
  if (in_profile == table.end() || found == in_profile->second.end()) {
    return fail(Error{.code = Code::not_found,
                      .what = fmt::format("no connection '{}' in profile '{}'", name, profile),
                      .where = "with.connection",
                      .remedy = "declare it under `connections` in tutti.yaml"});
  }
  if (found->second.type != "http") {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("the connection '{}' is of type {}, not http", name,
                                          found->second.type),
                      .where = "with.connection"});
  }
  return found->second.settings;
}

}  // namespace

bool lost_is_unknown(const Value& with) {
  return !net::is_idempotent(http::method_of(with)) && with["idempotency_key"].is_null();
}

HttpAction::HttpAction(net::HttpClient& client, const cloud::Connections& stores,
                       cloud::BufferPool& buffers, HttpActionOptions options)
    : client_(client),
      stores_(stores),
      buffers_(buffers),
      options_(std::move(options)),
      schema_(http::make_schema()) {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<Preview> HttpAction::plan(rt::Context&, const AttemptInfo& info, Value with) {
  std::string target(with.get_string("url"));
  if (target.empty()) {
    CO_TRY(const Value connection, find_connection(options_.connections, info.profile,
                                                   std::string(with.get_string("connection"))));
    target = std::string(connection.get_string("url")) + std::string(with.get_string("path"));
  }
  Preview preview;
  Preview::Step step{.what = fmt::format("{} {}", http::method_of(with), target)};
  if (const auto save = with.get_string("save"); !save.empty()) {
    step.detail = fmt::format("saved as {}", save);
  }
  preview.steps.push_back(std::move(step));
  co_return preview;
}

Task<Outcome> HttpAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  auto connection = find_connection(options_.connections, attempt.info().profile,
                                    std::string(with.get_string("connection")));
  auto call = connection.has_value() ? http::make_call(with, *connection, options_.secret)
                                     : Result<Call>(fail(std::move(connection).error()));
  if (!call.has_value()) {
    co_return Failed{.error = std::move(call).error(), .retryable = false};
  }
  const std::string save = call->save;
  const bool paginated = call->paginate.has_value();
  Run run(client_, buffers_, attempt, std::move(*call));
  if (save.empty()) {
    co_return co_await (paginated ? run.pages(ctx) : run.one(ctx));
  }
  auto target = stores_.open(attempt.info().profile, save);
  if (!target.has_value()) {
    co_return Failed{.error = std::move(target).error(), .retryable = false};
  }
  co_return co_await run.save(ctx, std::move(*target));
}

}  // namespace tutti::action
