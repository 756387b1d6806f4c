// SPDX-License-Identifier: Apache-2.0
#include "cli/remote.h"

#include <unistd.h>

#include <map>

#include <fmt/format.h>

#include "base/check.h"
#include "net/unix_socket.h"
#include "rt/wait.h"

namespace tutti::cli {
namespace {

using control::Call;
using control::Reply;
using control::Verb;

bool changes_something(Verb verb) {
  return verb == Verb::start || verb == Verb::cancel || verb == Verb::retry || verb == Verb::mark;
}

// Who waits for a reply reads for all: one of the callers at a time holds the reading end and hands
// out what comes; when it has its own reply, the next one takes over. So nothing runs while nobody
// calls.
class SocketRemote final : public Remote {
 public:
  SocketRemote(rt::Executor executor, rt::Descriptor fd)
      : stream_(std::move(executor), std::move(fd)) {}

  Task<Unit> greet(rt::Context& ctx, std::string version) {
    CO_TRY(std::string hello,
           to_frame(control::Hello{.version = std::move(version), .pid = getpid()}));
    // An owner that is just ending closes before it says anything.
    if (const auto sent = co_await stream_.write(ctx, std::move(hello)); !sent.has_value()) {
      co_return fail(ending_error());
    }
    while (true) {
      CO_TRY(const std::optional<Value> frame, frames_.next());
      if (frame) {
        CO_TRY(hello_, control::to_hello(*frame));
        frames_.allow(control::frame_bytes_max);
        co_return Unit{};
      }
      CO_TRY(const std::string bytes, co_await stream_.read(ctx));
      if (bytes.empty()) {
        co_return fail(ending_error());
      }
      frames_.feed(bytes);
    }
  }

  const control::Hello& owner_hello() const override { return hello_; }

  Task<Unit> retire(rt::Context& ctx) override {
    CO_OK(co_await call(ctx, Verb::retire, Value()));
    co_return Unit{};
  }

  Task<control::RunView> start(rt::Context& ctx, control::StartRun request) override {
    return ask<control::RunView>(ctx, Verb::start, encode(request));
  }
  Task<std::vector<control::RunView>> runs(rt::Context& ctx, control::RunsQuery query) override {
    return ask<std::vector<control::RunView>>(ctx, Verb::runs, encode(query));
  }
  Task<control::RunChanges> watch(rt::Context& ctx, control::Watch request) override {
    return ask<control::RunChanges>(ctx, Verb::watch, encode(request));
  }
  Task<std::vector<control::AttemptView>> attempts(rt::Context& ctx, control::RunRef run) override {
    return ask<std::vector<control::AttemptView>>(ctx, Verb::attempts, encode(run));
  }
  Task<control::LogPage> logs(rt::Context& ctx, control::LogQuery query) override {
    return ask<control::LogPage>(ctx, Verb::logs, encode(query));
  }
  Task<control::RunView> cancel(rt::Context& ctx, control::RunRef run, bool now) override {
    return ask<control::RunView>(ctx, Verb::cancel,
                                 encode(control::CancelRun{.run = std::move(run), .now = now}));
  }
  Task<control::RunView> retry(rt::Context& ctx, control::RunRef run,
                               control::RetryWhat what) override {
    return ask<control::RunView>(ctx, Verb::retry,
                                 encode(control::RetryRun{.run = std::move(run), .what = what}));
  }
  Task<control::RunView> mark(rt::Context& ctx, control::Mark request) override {
    return ask<control::RunView>(ctx, Verb::mark, encode(request));
  }
  Task<control::OwnerView> owner(rt::Context& ctx) override {
    return ask<control::OwnerView>(ctx, Verb::owner, Value());
  }

 private:
  struct Waiting {
    std::optional<Reply> reply = std::nullopt;
    rt::Notify wake = {};  // the reply is there, or it is this one's turn to read
  };

  template <class Answer>
  Task<Answer> ask(rt::Context& ctx, Verb verb, Value with) {
    CO_TRY(const Value answer, co_await call(ctx, verb, std::move(with)));
    co_return control::decode<Answer>(answer);
  }

  Task<Value> call(rt::Context& ctx, Verb verb, Value with) {
    CO_OK(ctx.check());
    Call call{.id = next_id_++, .verb = verb, .with = std::move(with)};
    if (ctx.deadline()) {
      call.within = *ctx.deadline() - ctx.clock().boot();
    }
    const uint64_t id = call.id;
    CO_TRY(std::string frame, to_frame(call));
    Waiting& waiting = waiting_[id];
    auto done = co_await send(ctx, std::move(frame));
    while (done.has_value() && !waiting.reply) {
      done = reading_ ? co_await waiting.wake.wait(ctx) : co_await read(ctx);
    }
    std::optional<Reply> reply = std::move(waiting.reply);
    waiting_.erase(id);
    hand_over();
    if (reply) {
      co_return std::move(reply->result);
    }
    co_return co_await gave_up(ctx, id, verb, std::move(done).error());
  }

  // Whole or not at all: half a frame would spoil the connection for the others.
  Task<Unit> send(rt::Context& ctx, std::string frame) {
    rt::Context always = ctx.uncancellable();
    CO_OK(co_await writing_.acquire(always));
    Result<Unit> sent =
        broken_ ? Result<Unit>(fail(*broken_)) : co_await stream_.write(always, std::move(frame));
    writing_.release();
    if (!sent.has_value()) {
      break_off(sent.error());
    }
    co_return sent;
  }

  // Reads once and gives the replies to those who wait for them.
  Task<Unit> read(rt::Context& ctx) {
    if (broken_) {
      co_return fail(*broken_);
    }
    reading_ = true;
    auto bytes = co_await stream_.read(ctx);
    reading_ = false;
    if (!bytes.has_value() && !ctx.check().has_value()) {
      co_return fail(std::move(bytes).error());  // this caller gives up, the connection is well
    }
    auto taken = bytes.has_value() ? take(*bytes) : Result<Unit>(fail(bytes.error()));
    if (!taken.has_value()) {
      break_off(taken.error());
    }
    co_return taken;
  }

  Result<Unit> take(const std::string& bytes) {
    if (bytes.empty()) {
      return fail(gone_error());
    }
    frames_.feed(bytes);
    while (true) {
      TRY(const std::optional<Value> frame, frames_.next());
      if (!frame) {
        return Unit{};
      }
      TRY(Reply reply, control::to_reply(*frame));
      if (const auto it = waiting_.find(reply.id); it != waiting_.end()) {
        it->second.reply = std::move(reply);
        it->second.wake.notify();
      }
    }
  }

  void break_off(const Error& error) {
    broken_ = error;
    for (auto& [id, waiting] : waiting_) {
      waiting.wake.notify();
    }
  }

  void hand_over() {
    if (!reading_ && !waiting_.empty()) {
      waiting_.begin()->second.wake.notify();
    }
  }

  Task<Value> gave_up(rt::Context& ctx, uint64_t id, Verb verb, Error error) {
    if (broken_) {
      error = *broken_;
      if (changes_something(verb)) {
        error.code = Code::unknown_outcome;
        error.what = fmt::format("{}; whether `{}` was carried out is not known", error.what,
                                 control::verb_name(verb));
        error.remedy = "look with `tutti runs`, then try again";
      }
      co_return fail(std::move(error));
    }
    CO_TRY(std::string frame,
           to_frame(Call{.id = next_id_++, .verb = Verb::drop, .with = Value::of({{"call", id}})}));
    (void)co_await send(ctx, std::move(frame));
    co_return fail(std::move(error));
  }

  static Error gone_error() {
    return {.code = Code::unavailable,
            .what = "the project's owner went away",
            .remedy = "try again: the next command starts a new one, which goes on with the runs"};
  }
  static Error ending_error() {
    return {.code = Code::not_found, .what = "the project's owner is just ending"};
  }

  rt::ByteStream stream_;
  control::Hello hello_;
  control::FrameReader frames_{control::FrameReader::hello_bytes_max};
  uint64_t next_id_ = 1;
  std::map<uint64_t, Waiting> waiting_;  // calls sent and not answered
  rt::Semaphore writing_{1};
  bool reading_ = false;
  std::optional<Error> broken_;
};

}  // namespace

Task<std::unique_ptr<Remote>> connect_remote(rt::Context& ctx, std::filesystem::path socket,
                                             std::string version) {
  CO_TRY(rt::Descriptor fd, net::connect_unix(socket));
  auto remote =
      std::make_unique<SocketRemote>(co_await rt::asio::this_coro::executor, std::move(fd));
  CO_OK(co_await remote->greet(ctx, std::move(version)));
  co_return std::unique_ptr<Remote>(std::move(remote));
}

}  // namespace tutti::cli
