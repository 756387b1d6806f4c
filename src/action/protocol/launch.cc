// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/launch.h"

#include <boost/asio/this_coro.hpp>

#include "rt/descriptor.h"
#include "rt/scope.h"

namespace tutti::action {
namespace {

constexpr Duration exit_patience = seconds(5);  // of a program that has given its outcome
constexpr Duration cancel_patience = seconds(5);
constexpr Duration stop_grace = seconds(5);

struct Conversation {
  Value setup;
  Value with;
  ProgramEnd end;
};

Task<Unit> talk(rt::Context& ctx, Client& client, Attempt& attempt, Conversation& talk) {
  CO_OK(co_await client.greet(ctx, std::move(talk.setup)));
  talk.end.started = true;
  AttemptEvents events(attempt);
  talk.end.outcome = co_await run_alone(ctx, client, events, to_value(attempt.info()),
                                        std::move(talk.with), {.grace = cancel_patience});
  co_return Unit{};
}

// Beside the talk its output is pumped; both last until the program has ended.
Task<Unit> converse(rt::Scope& scope, rt::Context& ctx, Launched& program, Attempt& attempt,
                    rt::OutputSink& sink, Conversation& conversation) {
  CO_OK(co_await scope.spawn(program.process->pump(scope.context(), sink)));
  Result<Unit> talked = co_await talk(ctx, *program.client, attempt, conversation);
  if (!talked.has_value()) {
    conversation.end.outcome = fail(talked.error());
  }
  program.client->close();
  // It ends by itself, or is ended; its last output is still wanted then.
  rt::Context patient = ctx.uncancellable().with_timeout(exit_patience);
  if (ctx.check().has_value()) {
    conversation.end.exit = co_await program.process->wait(patient);
  }
  if (!conversation.end.exit.has_value()) {
    conversation.end.exit = co_await program.process->stop(patient, stop_grace);
  }
  co_return Unit{};
}

}  // namespace

Task<Launched> launch(rt::Context& ctx, rt::Processes& processes, rt::ProcessSpec spec,
                      std::string name) {
  CO_TRY(rt::DescriptorPair to_program, rt::make_pipe());
  CO_TRY(rt::DescriptorPair from_program, rt::make_pipe());
  spec.extra.push_back(std::move(to_program.first));
  spec.extra.push_back(std::move(from_program.second));
  Launched launched;
  CO_TRY(launched.process, co_await processes.start(ctx, std::move(spec)));
  launched.client = std::make_unique<Client>(
      make_fd_peer(co_await rt::asio::this_coro::executor, from_program.first.release(),
                   to_program.second.release()),
      std::move(name));
  co_return launched;
}

Task<ProgramEnd> run_program(rt::Context& ctx, rt::Processes& processes, rt::ProcessSpec spec,
                             std::string name, Value setup, Attempt& attempt, rt::OutputSink& sink,
                             Value with) {
  CO_TRY(Launched program, co_await launch(ctx, processes, std::move(spec), std::move(name)));
  Conversation conversation{.setup = std::move(setup),
                            .with = std::move(with),
                            .end = {.outcome = fail(Code::internal, "it never ran"),
                                    .exit = fail(Code::internal, "it never ended")}};
  rt::Context steady = ctx.uncancellable();  // cancelled work is awaited, with its last words
  Result<Unit> done =
      co_await rt::scoped(steady, {.children_max = 1}, converse, std::ref(ctx), std::ref(program),
                          std::ref(attempt), std::ref(sink), std::ref(conversation));
  if (!done.has_value() && conversation.end.outcome.has_value()) {
    conversation.end.outcome = fail(done.error());  // its output could not be kept
  }
  co_return std::move(conversation.end);
}

}  // namespace tutti::action
