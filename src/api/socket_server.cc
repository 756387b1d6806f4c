// SPDX-License-Identifier: Apache-2.0
#include "api/socket_server.h"

#include <unistd.h>

#include <map>

#include <fmt/format.h>

#include "api/dispatch.h"
#include "rt/scope.h"

namespace tutti::api {
namespace {

using control::Call;
using control::Reply;
using control::Verb;

constexpr Duration hello_patience = seconds(5);
constexpr Duration accept_again = milliseconds(100);

// What the clients of one server share.
struct Server {
  control::ControlPlane& plane;
  net::UnixListener& listener;
  ServeOptions options;
  size_t clients = 0;
  uint64_t clients_ever = 0;
  bool retiring = false;
  bool ending = false;     // idle or retired: the end of serve_socket is a good one
  rt::Notify client_left;  // or retire was asked for
};

struct Client {
  Server& server;
  rt::ByteStream stream;
  control::FrameReader frames{control::FrameReader::hello_bytes_max};
  rt::Semaphore writing{1};
  std::map<uint64_t, rt::CancelSource*> calls = {};  // under way
};

Task<Unit> send(rt::Context& ctx, Client& client, std::string frame) {
  CO_OK(co_await client.writing.acquire(ctx));
  auto sent = co_await client.stream.write(ctx, std::move(frame));
  client.writing.release();
  co_return sent;
}

Task<Unit> send_reply(rt::Context& ctx, Client& client, Reply reply) {
  auto frame = to_frame(reply);
  if (!frame.has_value()) {  // too large: say so instead
    frame = to_frame(Reply{.id = reply.id, .result = fail(frame.error())});
  }
  CO_TRY(std::string bytes, std::move(frame));
  co_return co_await send(ctx, client, std::move(bytes));
}

// The next frame, or nullopt when the client went away.
Task<std::optional<Value>> next_frame(rt::Context& ctx, Client& client) {
  while (true) {
    CO_TRY(std::optional<Value> frame, client.frames.next());
    if (frame) {
      co_return frame;
    }
    CO_TRY(const std::string bytes, co_await client.stream.read(ctx));
    if (bytes.empty()) {
      co_return std::nullopt;
    }
    client.frames.feed(bytes);
  }
}

Task<Unit> answer(rt::Context& parent, Client& client, Call call) {
  rt::CancelSource source(parent.token());
  rt::Context ctx = parent.with_token(source.token());
  if (call.within) {
    ctx = ctx.with_timeout(*call.within);
  }
  const uint64_t id = call.id;
  client.calls[id] = &source;
  const bool about_owner = call.verb == Verb::owner;
  auto result = co_await rt::guarded(dispatch(ctx, client.server.plane, std::move(call)));
  if (about_owner && result.has_value()) {  // what the plane cannot know
    result->edit_map().set("clients", client.server.clients);
  }
  client.calls.erase(id);
  // A reply that cannot be sent: the reader of the connection sees its end too.
  (void)co_await send_reply(parent, client, {.id = id, .result = std::move(result)});
  co_return Unit{};
}

Error refused(Code code, std::string what) {
  return {.code = code, .what = std::move(what), .remedy = "use one connection a program"};
}

Task<Unit> take_call(rt::Scope& scope, Client& client, Value frame) {
  rt::Context& ctx = scope.context();
  auto call = control::to_call(frame);
  if (!call.has_value()) {
    const Value& id = frame["id"];
    if (!id.is_int() || id.as_int() < 0) {
      co_return fail(std::move(call).error());
    }
    co_return co_await send_reply(
        ctx, client,
        {.id = static_cast<uint64_t>(id.as_int()), .result = fail(std::move(call).error())});
  }
  if (call->verb == Verb::drop) {
    const auto dropped = client.calls.find(static_cast<uint64_t>(call->with.get_int("call")));
    if (dropped != client.calls.end()) {
      dropped->second->cancel(rt::cancelled_error("the client gave up"));
    }
    co_return Unit{};
  }
  if (call->verb == Verb::retire) {
    client.server.retiring = true;
    co_return co_await send_reply(ctx, client, {.id = call->id, .result = Value()});
  }
  const bool doubled = client.calls.contains(call->id);
  if (doubled || scope.running() >= client.server.options.calls_max) {
    Error error = doubled ? refused(Code::bad_input, "two calls have the same number")
                          : refused(Code::throttled, "too many calls at once");
    co_return co_await send_reply(ctx, client, {.id = call->id, .result = fail(std::move(error))});
  }
  co_return co_await scope.spawn(answer(ctx, client, std::move(*call)));
}

Task<Unit> take_calls(rt::Scope& scope, Client& client) {
  while (true) {
    auto frame = co_await next_frame(scope.context(), client);
    if (!frame.has_value() || !frame->has_value()) {
      scope.cancel(rt::cancelled_error("the client went away"));
      co_return Unit{};
    }
    CO_OK(co_await take_call(scope, client, std::move(**frame)));
  }
}

Task<Unit> greet(rt::Context& ctx, Client& client) {
  CO_TRY(std::string hello, to_frame(control::Hello{.version = client.server.options.version,
                                                    .pid = getpid(),
                                                    .settings = client.server.options.settings}));
  rt::Context soon = ctx.with_timeout(hello_patience);
  CO_OK(co_await send(soon, client, std::move(hello)));
  CO_TRY(const std::optional<Value> frame, co_await next_frame(soon, client));
  if (!frame) {
    co_return fail(rt::cancelled_error("the client went away"));
  }
  CO_OK(control::to_hello(*frame));
  client.frames.allow(control::frame_bytes_max);
  co_return Unit{};
}

// Ends when the client does; what goes wrong with it is its own affair.
Task<Unit> serve_client(rt::Context& ctx, Server& server, rt::Descriptor fd) {
  auto executor = co_await rt::asio::this_coro::executor;
  {
    Client client{.server = server, .stream = rt::ByteStream(executor, std::move(fd))};
    const auto greeted = co_await greet(ctx, client);
    if (greeted.has_value()) {
      (void)co_await rt::scoped(ctx, {.children_max = server.options.calls_max}, take_calls,
                                std::ref(client));
    }
  }
  --server.clients;
  server.client_left.notify();
  co_return Unit{};
}

Task<Unit> accept_clients(rt::Scope& scope, Server& server) {
  while (!server.ending) {
    auto fd = co_await server.listener.accept(scope.context());
    if (!fd.has_value() && fd.error().code == Code::unavailable) {  // no descriptors left
      CO_OK(co_await rt::delay(scope.context(), accept_again));
      continue;
    }
    if (!fd.has_value()) {
      co_return server.ending ? Result<Unit>(Unit{}) : fail(std::move(fd).error());
    }
    ++server.clients;
    ++server.clients_ever;
    auto spawned = co_await scope.spawn(serve_client(scope.context(), server, std::move(*fd)));
    if (!spawned.has_value()) {
      --server.clients;
    }
  }
  co_return Unit{};
}

// Whether there is something to stay for. A client may come while the plane is asked.
Task<bool> is_needed(rt::Context& ctx, Server& server) {
  const uint64_t clients_before = server.clients_ever;
  if (server.clients > 0) {
    co_return true;
  }
  CO_TRY(const auto view, co_await server.plane.owner(ctx));
  co_return view.busy_runs > 0 || server.clients > 0 || server.clients_ever != clients_before;
}

// True when a client left meanwhile, false when the time is over.
Task<bool> client_leaves(rt::Context& ctx, Server& server, Duration within) {
  rt::Context soon = ctx.with_timeout(within);
  const auto left = co_await server.client_left.wait(soon);
  CO_OK(ctx.check());
  co_return left.has_value();
}

// Waits for the moment to end. Runs are looked at every `idle` alone: nobody waits for it.
Task<Unit> await_idle(rt::Context& ctx, Server& server) {
  while (true) {
    if (server.clients > 0 || (!server.options.idle && !server.retiring)) {
      CO_OK(co_await server.client_left.wait(ctx));
      continue;
    }
    const uint64_t clients_before = server.clients_ever;
    CO_TRY(const bool needed_before, co_await is_needed(ctx, server));
    if (server.retiring && !needed_before) {
      co_return Unit{};
    }
    CO_TRY(const bool left,
           co_await client_leaves(ctx, server, server.options.idle.value_or(seconds(1))));
    if (left || needed_before || server.clients_ever != clients_before) {
      continue;
    }
    CO_TRY(const bool needed, co_await is_needed(ctx, server));
    if (!needed) {
      co_return Unit{};
    }
  }
}

Task<Unit> end_when_idle(rt::Scope& scope, Server& server) {
  CO_OK(co_await await_idle(scope.context(), server));
  server.ending = true;
  scope.cancel(rt::cancelled_error("nobody needs the owner any more"));
  co_return Unit{};
}

Task<Unit> serve_all(rt::Scope& scope, Server& server) {
  CO_OK(co_await scope.spawn(end_when_idle(scope, server)));
  co_return co_await accept_clients(scope, server);
}

}  // namespace

Task<Unit> serve_socket(rt::Context& ctx, control::ControlPlane& plane, net::UnixListener& listener,
                        ServeOptions options) {
  Server server{.plane = plane, .listener = listener, .options = std::move(options)};
  const size_t children_max = server.options.clients_max + 1;
  auto served =
      co_await rt::scoped(ctx, {.children_max = children_max}, serve_all, std::ref(server));
  if (server.ending) {
    co_return Unit{};
  }
  co_return served;
}

}  // namespace tutti::api
