// SPDX-License-Identifier: Apache-2.0
// Server and client of the control socket together, over a plane that remembers.
#include <signal.h>
#include <stdlib.h>

#include <filesystem>

#include "api/socket_server.h"
#include "cli/remote.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "tests/conformance/control/dummy_plane.h"

#include "base/doctest.h"

namespace tutti {
namespace {

using cli::Remote;
using control::DummyPlane;

// A folder whose name makes the socket's path longer than a socket address may be.
class DeepFolder {
 public:
  DeepFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tutti-sock-XXXXXX").string();
    top_ = mkdtemp(name.data());
    path_ = top_ / std::string(100, 'a') / std::string(100, 'b');
    std::filesystem::create_directories(path_);
  }
  DeepFolder(const DeepFolder&) = delete;
  DeepFolder& operator=(const DeepFolder&) = delete;
  ~DeepFolder() { std::filesystem::remove_all(top_); }
  std::filesystem::path sock() const { return path_ / "sock"; }

 private:
  std::filesystem::path top_;
  std::filesystem::path path_;
};

// One loop with a server, and a test body beside it, which ends the server when it is done.
struct World {
  World() { signal(SIGPIPE, SIG_IGN); }
  rt::Loop loop;
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::Context ctx{*clock, *random};
  DeepFolder folder;
  DummyPlane plane;
  api::ServeOptions options{.version = "test"};
  Result<Unit> served = fail(Code::internal, "not served");

  Task<std::unique_ptr<Remote>> connect(rt::Context& c) {
    return cli::connect_remote(c, folder.sock(), "test");
  }
};

using Body = Task<Unit> (*)(rt::Context& ctx, World& world);

Task<Unit> serve(rt::Context& ctx, World& world, net::UnixListener& listener) {
  world.served = co_await api::serve_socket(ctx, world.plane, listener, world.options);
  co_return Unit{};
}

Task<Unit> both(rt::Scope& scope, World& world, net::UnixListener& listener, Body body) {
  CO_OK(co_await scope.spawn(serve(scope.context(), world, listener)));
  rt::Context soon = scope.context().with_timeout(seconds(20));
  CO_OK(co_await body(soon, world));
  scope.cancel(rt::cancelled_error("the test is over"));
  co_return Unit{};
}

Task<Unit> listen_and_run(World& world, Body body) {
  CO_TRY(const auto listener,
         net::UnixListener::listen(co_await rt::asio::this_coro::executor, world.folder.sock()));
  co_return co_await rt::scoped(world.ctx, {}, both, std::ref(world), std::ref(*listener), body);
}

void run(World& world, Body body) { REQUIRE_OK(world.loop.run(listen_and_run(world, body))); }

Task<Unit> every_verb(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  CHECK(remote->owner_hello().version == "test");
  CHECK(remote->owner_hello().pid == getpid());
  const RunId id = make_run_id(Instant{1'700'000'000'000'000}, 1, 2);
  CO_TRY(const auto run, co_await remote->start(ctx, {.id = id, .workflow = "w"}));
  CHECK(run.id == id);
  CO_TRY(const auto again, co_await remote->start(ctx, {.id = id, .workflow = "w"}));
  CHECK(again.run_no == 1);
  CO_TRY(const auto runs, co_await remote->runs(ctx, {}));
  CHECK(runs.size() == 1);
  CO_TRY(const auto changes, co_await remote->watch(ctx, {.run = {"x"}, .since = 4}));
  CHECK(changes.revision == 5);
  CO_TRY(const auto attempts, co_await remote->attempts(ctx, {"r"}));
  CHECK(attempts.at(0).task_name == "r");
  CO_TRY(const auto logs, co_await remote->logs(ctx, {.run = {"r"}, .cursor = 9}));
  CHECK(logs.cursor == 9);
  CHECK(logs.lines.at(0).text == "bad \xff bytes");
  CO_TRY(const auto cancelling, co_await remote->cancel(ctx, {"r"}, true));
  CHECK(cancelling.state == "cancelling");
  CO_OK(co_await remote->retry(ctx, {"r"}, control::RetryWhat::failed));
  CHECK(world.plane.asked ==
        std::vector<std::string>{"start w", "start w", "cancel r now", "retry r"});
  const auto marked = co_await remote->mark(ctx, {.run = {"r"}, .task = "t"});
  CHECK(marked.error().text() == "here: no task t. look");
  CO_TRY(const auto owner, co_await remote->owner(ctx));
  CHECK(owner.live_runs == 0);
  co_return Unit{};
}

TEST_CASE("every verb reaches the plane and its answer comes back") {
  World world;
  run(world, every_verb);
  CHECK(world.served.error().code == Code::cancelled);
}

Task<Unit> poll_for(rt::Context& ctx, Remote& remote, int64_t ms, std::string& order) {
  CO_TRY(const auto changes,
         co_await remote.watch(ctx, {.run = {std::to_string(ms)}, .wait = milliseconds(ms)}));
  order += changes.run.workflow + " ";
  co_return Unit{};
}

Task<Unit> poll_all(rt::Scope& scope, Remote& remote, std::string& order) {
  for (const int64_t ms : {90, 30, 60, 0}) {
    CO_OK(co_await scope.spawn(poll_for(scope.context(), remote, ms, order)));
  }
  co_return Unit{};
}

Task<Unit> many_calls(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  std::string order;
  CO_OK(co_await rt::scoped(ctx, {}, poll_all, std::ref(*remote), std::ref(order)));
  CHECK(order == "0 30 60 90 ");
  co_return Unit{};
}

TEST_CASE("calls of one connection are answered as they end, not as they came") {
  World world;
  run(world, many_calls);
}

Task<Unit> wait_for(rt::Context& ctx, int& value, int wanted) {
  while (value != wanted) {
    CO_OK(co_await rt::delay(ctx, milliseconds(1)));
  }
  co_return Unit{};
}

Task<Unit> give_up(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  rt::Context soon = ctx.with_timeout(milliseconds(20));
  const auto polled = co_await remote->watch(soon, {.run = {"r"}, .wait = seconds(60)});
  CHECK(polled.error().code == Code::timed_out);
  CO_OK(co_await wait_for(ctx, world.plane.cancelled, 1));
  // and the connection is as good as before
  CO_OK(co_await remote->owner(ctx));
  co_return Unit{};
}

TEST_CASE("a call that is given up is cancelled at the owner") {
  World world;
  run(world, give_up);
}

Task<Unit> cancel_one(rt::Context& ctx, World& world, rt::CancelSource& source) {
  CO_OK(co_await wait_for(ctx, world.plane.waiting, 2));
  source.cancel(rt::cancelled_error("enough"));
  co_return Unit{};
}

Task<Unit> poll_until_cancelled(rt::Context& ctx, Remote& remote) {
  const auto polled = co_await remote.watch(ctx, {.run = {"a"}, .wait = seconds(60)});
  CHECK(polled.error().code == Code::cancelled);
  co_return Unit{};
}

Task<Unit> two_polls(rt::Scope& scope, World& world, Remote& remote, rt::CancelSource& source,
                     rt::Context& cancellable, std::string& order) {
  // The one that reads for both gives up; the other one must go on reading.
  CO_OK(co_await scope.spawn(poll_until_cancelled(cancellable, remote)));
  CO_OK(co_await scope.spawn(poll_for(scope.context(), remote, 100, order)));
  CO_OK(co_await cancel_one(scope.context(), world, source));
  co_return Unit{};
}

Task<Unit> reader_leaves(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  rt::CancelSource source(ctx.token());
  rt::Context cancellable = ctx.with_token(source.token());
  std::string order;
  CO_OK(co_await rt::scoped(ctx, {}, two_polls, std::ref(world), std::ref(*remote),
                            std::ref(source), std::ref(cancellable), std::ref(order)));
  CHECK(order == "100 ");
  co_return Unit{};
}

TEST_CASE("when the call that reads for the others is cancelled, another reads on") {
  World world;
  run(world, reader_leaves);
}

Task<Unit> vanish(rt::Context& ctx, World& world) {
  {
    // A client that calls and goes away without a word.
    CO_TRY(auto fd, net::connect_unix(world.folder.sock()));
    rt::ByteStream stream(co_await rt::asio::this_coro::executor, std::move(fd));
    CO_OK(co_await stream.write(ctx, to_frame(control::Hello{.version = "x"}).value()));
    CO_OK(co_await stream.write(
        ctx, to_frame(control::Call{.id = 1,
                                    .verb = control::Verb::watch,
                                    .with = encode(control::Watch{.run = {"r"}, .wait = hours(1)})})
                 .value()));
    CO_OK(co_await wait_for(ctx, world.plane.waiting, 1));
  }
  CO_OK(co_await wait_for(ctx, world.plane.cancelled, 1));
  co_return Unit{};
}

TEST_CASE("a client that goes away cancels its calls") {
  World world;
  run(world, vanish);
}

Task<std::string> say(rt::Context& ctx, World& world, std::string bytes) {
  CO_TRY(auto fd, net::connect_unix(world.folder.sock()));
  rt::ByteStream stream(co_await rt::asio::this_coro::executor, std::move(fd));
  CO_OK(co_await stream.write(ctx, std::move(bytes)));
  std::string all;
  while (true) {
    CO_TRY(const std::string got, co_await stream.read(ctx));
    if (got.empty()) {
      co_return all;
    }
    all += got;
  }
}

Task<Unit> hostile(rt::Context& ctx, World& world) {
  using namespace std::string_literals;
  const std::string hello = to_frame(control::Hello{.version = "x"}).value();
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n\r\n"s, "\xff\xff\xff\xff"s, "\0\0\0\2{}"s,
                                   "\0\0\0\2[]"s, "\0\0\x7f\xff"s, hello + "\xff\xff\xff\xff"s,
                                   hello + "\0\0\0\3{\"}"s, hello + "\0\0\0\2{}"s}) {
    CO_TRY(const std::string answer, co_await say(ctx, world, bytes));  // hello, then the end
    CHECK(answer.size() < 200);
  }
  CO_TRY(const auto remote, co_await world.connect(ctx));
  CO_OK(co_await remote->owner(ctx));
  co_return Unit{};
}

TEST_CASE("what is no message ends its own connection and no other") {
  World world;
  run(world, hostile);
}

Task<Unit> too_large(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  const auto huge = co_await remote->runs(ctx, {.workflow = "huge"});
  CHECK(huge.error().code == Code::bad_input);
  CHECK(huge.error().what.find("too large") != std::string::npos);
  CO_OK(co_await remote->owner(ctx));
  co_return Unit{};
}

TEST_CASE("an answer larger than a frame is an error, not the end of the connection") {
  World world;
  run(world, too_large);
}

Task<Unit> overload(rt::Scope& scope, World& world, Remote& remote) {
  for (int i = 0; i < 4; ++i) {
    CO_OK(co_await scope.spawn(poll_until_cancelled(scope.context(), remote)));
  }
  CO_OK(co_await wait_for(scope.context(), world.plane.waiting, 4));
  const auto refused = co_await remote.owner(scope.context());
  CHECK(refused.error().code == Code::throttled);
  scope.cancel(rt::cancelled_error("enough"));
  co_return Unit{};
}

Task<Unit> too_many(rt::Context& ctx, World& world) {
  CO_TRY(const auto remote, co_await world.connect(ctx));
  CO_OK(co_await rt::scoped(ctx, {}, overload, std::ref(world), std::ref(*remote)));
  co_return Unit{};
}

TEST_CASE("more calls at once than allowed are refused") {
  World world;
  world.options.calls_max = 4;
  run(world, too_many);
}

// The server ends by itself: the test waits for that.
Task<Unit> idle_end(World& world, bool with_client) {
  CO_TRY(const auto listener,
         net::UnixListener::listen(co_await rt::asio::this_coro::executor, world.folder.sock()));
  if (with_client) {
    CO_TRY(auto fd, net::connect_unix(world.folder.sock()));  // comes and goes
  }
  rt::Context soon = world.ctx.with_timeout(seconds(5));
  co_return co_await api::serve_socket(soon, world.plane, *listener, world.options);
}

TEST_CASE("an owner nobody needs ends after its idle time") {
  World world;
  world.options.idle = milliseconds(50);
  const BootInstant start = world.clock->boot();
  REQUIRE_OK(world.loop.run(idle_end(world, true)));
  CHECK(world.clock->boot() - start >= milliseconds(50));
}

TEST_CASE("an owner with a live run stays") {
  World world;
  world.options.idle = milliseconds(10);
  world.plane.live_runs = 1;
  rt::CancelSource source(world.ctx.token());
  world.ctx = world.ctx.with_token(source.token()).with_timeout(milliseconds(200));
  CHECK(world.loop.run(idle_end(world, false)).error().code == Code::timed_out);
}

Task<Unit> retire(rt::Context& ctx, World& world) {
  CO_TRY(auto first, co_await world.connect(ctx));
  CO_TRY(auto second, co_await world.connect(ctx));
  CO_OK(co_await first->retire(ctx));
  first.reset();
  CO_OK(co_await rt::delay(ctx, milliseconds(30)));
  CO_OK(co_await second->owner(ctx));  // still there for the other one
  second.reset();
  while (!world.served.has_value()) {
    CO_OK(co_await rt::delay(ctx, milliseconds(1)));
  }
  co_return Unit{};
}

TEST_CASE("an owner asked to retire ends when the last client has left") {
  World world;
  run(world, retire);
  CHECK(world.served.has_value());
}

Task<Unit> nobody(rt::Context& ctx, World& world) {
  CHECK((co_await cli::connect_remote(ctx, world.folder.sock().string() + "x", "v")).error().code ==
        Code::not_found);
  co_return Unit{};
}

TEST_CASE("nobody listening is not_found") {
  World world;
  run(world, nobody);
  // The socket file of a dead owner is still there.
  REQUIRE(std::filesystem::exists(world.folder.sock()));
  CHECK(net::connect_unix(world.folder.sock()).error().code == Code::not_found);
}

}  // namespace
}  // namespace tutti
