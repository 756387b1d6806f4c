// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/program.h"

#include <map>

#include "action/protocol/frame.h"
#include "base/check.h"
#include "rt/scope.h"

namespace tutti::action {
namespace {

class Server {
 public:
  Server(Peer& peer, Program& program) : peer_(peer), program_(program) {}

  static Task<Unit> work(rt::Scope& scope, Server& server) {
    Result<End> end = co_await server.read_all(scope);
    if (end.has_value() && *end == End::bye) {
      co_return Unit{};  // the open runs may end in peace
    }
    scope.cancel(rt::cancelled_error("the host has gone"));
    co_return end.has_value() ? Result<Unit>(Unit{}) : fail(end.error());
  }

 private:
  class Voice final : public ProgramRun {
   public:
    Voice(Server& server, int64_t id) : server_(server), id_(id) {}
    Task<Unit> log(rt::Context& ctx, Stream stream, std::string text) override {
      co_return co_await server_.send(ctx,
                                      Log{.id = id_, .stream = stream, .text = std::move(text)});
    }
    Task<Unit> progress(rt::Context& ctx, Progress progress) override {
      co_return co_await server_.send(ctx, ProgressNote{.id = id_, .progress = progress});
    }

   private:
    Server& server_;
    int64_t id_;
  };

  // The next message; nullopt at the end of the stream.
  Task<std::optional<Message>> receive(rt::Context& ctx) {
    while (true) {
      CO_TRY(std::optional<std::string> json, frames_.next());
      if (json) {
        CO_TRY(Message message, parse_message(*json));
        CO_OK(session_.note(Side::host, message));
        co_return std::optional<Message>(std::move(message));
      }
      CO_TRY(std::string bytes, co_await peer_.read(ctx));
      if (bytes.empty()) {
        co_return std::nullopt;
      }
      frames_.feed(bytes);
    }
  }

  enum class End : uint8_t { bye, closed };

  Task<End> read_all(rt::Scope& scope) {
    CO_TRY(std::optional<Message> first, co_await receive(scope.context()));
    if (!first) {
      co_return End::closed;
    }
    CO_TRY(const bool started, co_await greet(scope.context(), std::get<Hello>(std::move(*first))));
    if (!started) {
      co_return End::closed;
    }
    while (true) {
      CO_TRY(std::optional<Message> message, co_await receive(scope.context()));
      if (!message) {
        co_return End::closed;
      }
      if (session_.ending()) {
        co_return End::bye;
      }
      CO_OK(co_await act(scope, std::move(*message)));
    }
  }

  Task<bool> greet(rt::Context& ctx, Hello host) {
    Hello reply = program_.hello();
    Result<Unit> started = co_await program_.start(ctx, std::move(host.setup));
    if (!started.has_value()) {
      reply.error = started.error();
    }
    CO_OK(co_await send(ctx, std::move(reply)));
    co_return started.has_value();
  }

  Task<Unit> act(rt::Scope& scope, Message message) {
    if (Run* run = std::get_if<Run>(&message)) {
      auto stop = std::make_shared<rt::CancelSource>(scope.context().token());
      stops_[run->id] = stop;
      co_return co_await scope.spawn(carry_out(scope.context(), stop, std::move(*run)));
    }
    if (Plan* plan = std::get_if<Plan>(&message)) {
      auto stop = std::make_shared<rt::CancelSource>(scope.context().token());
      stops_[plan->id] = stop;
      co_return co_await scope.spawn(foresee(scope.context(), stop, std::move(*plan)));
    }
    if (Cancel* cancel = std::get_if<Cancel>(&message)) {
      if (const auto found = stops_.find(cancel->id); found != stops_.end()) {
        found->second->cancel(rt::cancelled_error(cancel->reason));
      }
    }
    co_return Unit{};
  }

  Task<Unit> carry_out(rt::Context& ctx, std::shared_ptr<rt::CancelSource> stop, Run run) {
    rt::Context mine = ctx.with_token(stop->token());
    Voice voice(*this, run.id);
    Result<Outcome> outcome =
        co_await rt::guarded(program_.run(mine, voice, std::move(run.info), std::move(run.with)));
    co_return co_await finish(
        ctx, run.id,
        Finished{.id = run.id,
                 .outcome = outcome.has_value() ? std::move(*outcome)
                                                : Outcome(Failed{.error = outcome.error()})});
  }

  Task<Unit> foresee(rt::Context& ctx, std::shared_ptr<rt::CancelSource> stop, Plan plan) {
    rt::Context mine = ctx.with_token(stop->token());
    Result<Preview> preview =
        co_await rt::guarded(program_.plan(mine, std::move(plan.info), std::move(plan.with)));
    if (preview.has_value()) {
      co_return co_await finish(ctx, plan.id,
                                Planned{.id = plan.id, .preview = std::move(*preview)});
    }
    co_return co_await finish(ctx, plan.id,
                              Finished{.id = plan.id, .outcome = Failed{.error = preview.error()}});
  }

  Task<Unit> finish(rt::Context& ctx, int64_t id, Message message) {
    stops_.erase(id);
    Result<Unit> sent = co_await send(ctx, std::move(message));
    if (!sent.has_value() && sent.error().code == Code::bad_input) {  // larger than a frame
      sent = co_await send(ctx, Finished{.id = id, .outcome = Failed{.error = sent.error()}});
    }
    co_return sent;
  }

  Task<Unit> send(rt::Context& ctx, Message message) {
    CO_TRY(std::string frame, to_frame(message));
    CO_OK(session_.note(Side::program, message));
    rt::Context steady = ctx.uncancellable();  // a frame cut in half would break the stream
    CO_OK(co_await writing_.acquire(steady));
    Result<Unit> written = co_await peer_.write(steady, std::move(frame));
    writing_.release();
    co_return written;
  }

  Peer& peer_;
  Program& program_;
  FrameReader frames_;
  Session session_;
  rt::Semaphore writing_{1};
  std::map<int64_t, std::shared_ptr<rt::CancelSource>> stops_;
};

}  // namespace

Task<Unit> serve(rt::Context& ctx, Peer& peer, Program& program) {
  Server server(peer, program);
  co_return co_await rt::scoped(ctx, {.children_max = Session::open_max}, Server::work,
                                std::ref(server));
}

}  // namespace tutti::action
