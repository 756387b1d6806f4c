// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/client.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/digest.h"
#include "rt/scope.h"

namespace tutti::action {
namespace {

constexpr Duration greet_timeout = seconds(30);
constexpr Duration write_timeout = seconds(60);  // then the program has stopped reading

}  // namespace

Task<Unit> AttemptEvents::log(rt::Context& ctx, Stream stream, std::string text) {
  co_return co_await attempt_.log(ctx, stream, std::move(text));
}
void AttemptEvents::progress(Progress progress) { attempt_.progress(progress); }
Task<std::string> AttemptEvents::project_file(rt::Context& ctx, std::string path) {
  co_return co_await attempt_.project_file(ctx, std::move(path));
}

Task<Unit> NoEvents::log(rt::Context&, Stream, std::string) { co_return Unit{}; }
void NoEvents::progress(Progress) {}
Task<std::string> NoEvents::project_file(rt::Context&, std::string path) {
  co_return fail(Code::unsupported, fmt::format("no project file \"{}\" is at hand here", path));
}

struct Client::Call {
  rt::Context* ctx = nullptr;
  RunEvents* events = nullptr;  // null: its caller has gone, what comes is dropped
  std::optional<Outcome> outcome;
  std::optional<Preview> preview;
  std::optional<Error> error;
  bool busy = false;  // pump is using `events`
  std::shared_ptr<rt::Waiter> changed;

  bool over() const { return outcome || preview || error; }
  void wake() {
    if (changed != nullptr) {
      changed->complete();
    }
  }
};

Client::Client(std::unique_ptr<Peer> peer, std::string name)
    : peer_(std::move(peer)), name_(std::move(name)) {}

Client::~Client() { close(); }

void Client::close() { peer_->close(); }

Error Client::lost() const {
  return {.code = Code::unavailable,
          .what = fmt::format("{} ended before it had finished", name_),
          .provider_code = "lost"};
}

Task<Hello> Client::greet(rt::Context& ctx, Value setup) {
  rt::Context limited = ctx.with_timeout(greet_timeout);
  CO_OK(co_await send(limited, Hello{.name = "tutti", .setup = std::move(setup)}));
  while (true) {
    CO_TRY(std::optional<std::string> json, frames_.next());
    if (json) {
      CO_TRY(Message message, parse_message(*json));
      CO_OK(session_.note(Side::program, message));
      Hello& hello = std::get<Hello>(message);  // note() lets nothing else through yet
      if (hello.error) {
        co_return fail(*hello.error);
      }
      co_return std::move(hello);
    }
    CO_TRY(std::string bytes, co_await peer_->read(limited));
    if (bytes.empty()) {
      ended_ = true;
      co_return fail(lost());
    }
    frames_.feed(bytes);
  }
}

Task<Unit> Client::send(rt::Context& ctx, Message message) {
  CO_TRY(std::string frame, to_frame(message));  // first: what is too large was never sent
  CO_OK(session_.note(Side::host, message));
  rt::Context patient = ctx.uncancellable().with_timeout(write_timeout);
  CO_OK(co_await writing_.acquire(patient));
  Result<Unit> written = co_await peer_->write(patient, std::move(frame));
  writing_.release();
  if (!written.has_value() && written.error().code == Code::unavailable) {
    co_return fail(lost());
  }
  co_return written;
}

Task<Unit> Client::pump(rt::Context& ctx) {
  Result<Unit> result = Unit{};
  while (result.has_value()) {
    Result<std::optional<std::string>> json = frames_.next();
    if (!json.has_value()) {
      result = fail(json.error());
    } else if (json->has_value()) {
      Result<Message> message = parse_message(**json);
      if (message.has_value()) {
        result = session_.note(Side::program, *message);
      } else {
        result = fail(message.error());
      }
      if (result.has_value()) {
        result = co_await receive(ctx, std::move(*message));
      }
    } else {
      Result<std::string> bytes = co_await peer_->read(ctx);
      if (!bytes.has_value()) {
        result = fail(bytes.error());
      } else if (bytes->empty()) {
        break;
      } else {
        frames_.feed(*bytes);
      }
    }
  }
  ended_ = true;
  if (!result.has_value() && result.error().code == Code::corrupt) {
    result = fail(with_context(result.error(), fmt::format("{} broke {}", name_, protocol_name)));
  }
  const bool broken = !result.has_value() && result.error().code == Code::corrupt;
  end_error_ = broken ? result.error() : lost();
  end_calls(*end_error_);
  co_return result;
}

void Client::end_calls(const Error& error) {
  for (auto& [id, call] : std::exchange(calls_, {})) {
    if (!call->over()) {
      call->error = error;
    }
    call->wake();
  }
}

Task<Unit> Client::receive(rt::Context& ctx, Message message) {
  const int64_t id = std::visit(
      [](const auto& m) -> int64_t {
        if constexpr (requires { m.id; }) {
          return m.id;
        } else {
          return 0;
        }
      },
      message);
  const auto found = calls_.find(id);
  CHECK(found != calls_.end());  // the session lets only open ids through, and they are in calls_
  const std::shared_ptr<Call> call = found->second;
  if (Finished* finished = std::get_if<Finished>(&message)) {
    call->outcome = std::move(finished->outcome);
  } else if (Planned* planned = std::get_if<Planned>(&message)) {
    call->preview = std::move(planned->preview);
  }
  if (call->over()) {
    calls_.erase(id);
    call->wake();
    co_return Unit{};
  }
  if (Request* request = std::get_if<Request>(&message)) {
    co_return co_await answer(ctx, call, std::move(*request));
  }
  if (call->events == nullptr) {
    co_return Unit{};
  }
  if (ProgressNote* note = std::get_if<ProgressNote>(&message)) {
    call->events->progress(note->progress);
  } else if (Log* log = std::get_if<Log>(&message)) {
    call->busy = true;
    // A log that cannot be written any more (the attempt was cancelled) is no fault of the program.
    (void)co_await call->events->log(*call->ctx, log->stream, std::move(log->text));
    call->busy = false;
    call->wake();
  }
  co_return Unit{};
}

Task<Unit> Client::answer(rt::Context& ctx, std::shared_ptr<Call> call, Request request) {
  Answer reply{.id = request.id, .request = request.request};
  const bool as_base64 = request.what == "project_file_base64";
  if (!as_base64 && request.what != "project_file") {
    reply.error = Error{.code = Code::unsupported,
                        .what = fmt::format("no request \"{}\" exists", request.what)};
  } else if (call->events == nullptr) {
    reply.error = rt::cancelled_error("the run is over");
  } else {
    call->busy = true;
    Result<std::string> bytes = co_await call->events->project_file(
        *call->ctx, std::string(request.args.get_string("path")));
    call->busy = false;
    call->wake();
    if (!bytes.has_value()) {
      reply.error = std::move(bytes).error();
    } else if (as_base64) {
      reply.value = base64_encode(*bytes);
    } else if (!is_utf8(*bytes)) {
      reply.error = Error{.code = Code::bad_input,
                          .what = "the file is not UTF-8 text",
                          .where = std::string(request.args.get_string("path")),
                          .remedy = "ask for it as project_file_base64"};
    } else {
      reply.value = std::move(*bytes);
    }
  }
  Result<Unit> sent = co_await send(ctx, reply);
  if (!sent.has_value() && sent.error().code == Code::bad_input) {  // larger than a frame
    sent = co_await send(
        ctx, Answer{.id = request.id, .request = request.request, .error = sent.error()});
  }
  co_return sent;
}

Task<std::shared_ptr<Client::Call>> Client::call(rt::Context& ctx, RunEvents& events,
                                                 Message message, CallOptions options) {
  CO_OK(ctx.check());
  if (ended_) {
    co_return fail(end_error_.value_or(lost()));
  }
  const int64_t id = ++last_id_;
  auto mine = std::make_shared<Call>();
  mine->ctx = &ctx;
  mine->events = &events;
  calls_.emplace(id, mine);
  std::visit(
      [id](auto& m) {
        if constexpr (requires { m.id; }) {
          m.id = id;
        }
      },
      message);
  Result<Unit> result = co_await send(ctx, std::move(message));
  if (result.has_value()) {
    result = co_await await_end(ctx, mine, id, options);
  } else {
    calls_.erase(id);
  }
  mine->events = nullptr;
  while (mine->busy) {
    mine->changed = rt::Waiter::make();
    co_await mine->changed->wait_uncancelled();
  }
  if (mine->outcome || mine->preview) {
    co_return mine;
  }
  co_return fail(result.has_value() ? *mine->error : result.error());
}

Task<Unit> Client::await_end(rt::Context& ctx, std::shared_ptr<Call> call, int64_t id,
                             CallOptions options) {
  Result<Unit> waited = Unit{};
  while (!call->over() && waited.has_value()) {
    call->changed = rt::Waiter::make();
    waited = co_await call->changed->wait(ctx);
  }
  if (call->over()) {
    co_return Unit{};
  }
  CO_OK(co_await send(ctx, Cancel{.id = id, .reason = waited.error().what}));
  rt::Context patient = ctx.uncancellable().with_timeout(options.grace);
  Result<Unit> patience = Unit{};
  while (!call->over() && patience.has_value()) {
    call->changed = rt::Waiter::make();
    patience = co_await call->changed->wait(patient);
  }
  if (!call->over()) {
    wedged_ = true;
  }
  if (call->outcome && std::holds_alternative<Failed>(*call->outcome)) {
    call->outcome.reset();  // it failed because it was stopped
  }
  co_return waited;
}

Task<Outcome> Client::run(rt::Context& ctx, RunEvents& events, Value info, Value with,
                          CallOptions options) {
  Message message = Run{.info = std::move(info), .with = std::move(with)};
  CO_TRY(auto mine, co_await call(ctx, events, std::move(message), options));
  co_return std::move(*mine->outcome);
}

Task<Preview> Client::plan(rt::Context& ctx, RunEvents& events, Value info, Value with,
                           CallOptions options) {
  Message message = Plan{.info = std::move(info), .with = std::move(with)};
  CO_TRY(auto mine, co_await call(ctx, events, std::move(message), options));
  if (mine->outcome) {
    if (const Failed* failed = std::get_if<Failed>(&*mine->outcome)) {
      co_return fail(failed->error);
    }
  }
  co_return std::move(*mine->preview);
}

Task<Unit> Client::bye(rt::Context& ctx) { co_return co_await send(ctx, Bye{}); }

namespace {

Task<Unit> run_then_close(rt::Context& ctx, Client& client, RunEvents& events, Value info,
                          Value with, Client::CallOptions options, Result<Outcome>& result) {
  result = co_await client.run(ctx, events, std::move(info), std::move(with), options);
  if (result.has_value()) {
    (void)co_await client.bye(ctx);  // it may have ended already
  }
  co_return Unit{};
}

// The pump ends with the call, not with the attempt's cancellation: it has the program's last word
// to read.
Task<Unit> alone(rt::Scope& scope, rt::Context& ctx, Client& client, RunEvents& events, Value info,
                 Value with, Client::CallOptions options, Result<Outcome>& result) {
  CO_OK(co_await scope.spawn(client.pump(scope.context())));
  CO_OK(co_await run_then_close(ctx, client, events, std::move(info), std::move(with), options,
                                result));
  scope.cancel(rt::cancelled_error("the run is over"));
  co_return Unit{};
}

}  // namespace

Task<Outcome> run_alone(rt::Context& ctx, Client& client, RunEvents& events, Value info, Value with,
                        Client::CallOptions options) {
  Result<Outcome> result = fail(Code::internal, "it never ran");
  rt::Context steady = ctx.uncancellable();
  (void)co_await rt::scoped(steady, {.children_max = 1}, alone, std::ref(ctx), std::ref(client),
                            std::ref(events), std::move(info), std::move(with), options,
                            std::ref(result));
  client.close();
  co_return result;
}

}  // namespace tutti::action
