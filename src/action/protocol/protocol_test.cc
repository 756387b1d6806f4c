// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <map>
#include <random>

#include <sys/socket.h>
#include <unistd.h>

#include "action/protocol/client.h"
#include "action/protocol/frame.h"
#include "action/protocol/program.h"
#include "action/protocol/session.h"
#include "base/doctest.h"
#include "rt/testing.h"

namespace tutti::action {
namespace {

Error error_of(const Result<Unit>& result) { return result.has_value() ? Error{} : result.error(); }

TEST_CASE("a frame is a little-endian length and the JSON") {
  Result<std::string> frame = frame_of(R"({"a":1})");
  REQUIRE_OK(frame);
  CHECK(*frame == std::string("\x07\0\0\0", 4) + R"({"a":1})");
}

TEST_CASE("frames come out whole however the bytes were cut") {
  std::string stream;
  std::vector<std::string> texts;
  for (size_t i = 0; i < 40; ++i) {
    texts.push_back(R"({"n":")" + std::string(i * 37, 'x') + "\"}");
    stream += *frame_of(texts.back());
  }
  std::mt19937 random(7);  // NOLINT: the same cuts in each run
  for (int trial = 0; trial < 200; ++trial) {
    FrameReader reader;
    std::vector<std::string> seen;
    for (size_t at = 0; at < stream.size();) {
      const size_t n = trial == 0 ? 1 : random() % 600;
      reader.feed(std::string_view(stream).substr(at, n));
      at += n;
      while (true) {
        auto json = reader.next();
        REQUIRE_OK(json);
        if (!json->has_value()) {
          break;
        }
        seen.push_back(std::move(**json));
      }
    }
    REQUIRE(seen == texts);
    REQUIRE(reader.at_border());
  }
}

TEST_CASE("a length of zero or beyond the limit breaks the stream for good") {
  for (const std::string& head : {std::string("\0\0\0\0", 4), std::string("\x01\0\0\x04", 4),
                                  std::string("HTTP/1.1 200 OK")}) {
    FrameReader reader;
    reader.feed(head);
    auto json = reader.next();
    REQUIRE(!json.has_value());
    CHECK(json.error().code == Code::corrupt);
    reader.feed(*frame_of("{}"));
    CHECK(!reader.next().has_value());
  }
  CHECK(frame_of(std::string(frame_bytes_max + 1, ' ')).error().code == Code::bad_input);
}

TEST_CASE("every message reads back as it was written") {
  const Preview preview{.steps = {{.what = "copy", .objects = 2, .detail = "x"}, {.what = "load"}},
                        .unknown = {"the rest"}};
  const Error error{.code = Code::throttled,
                    .what = "slow down",
                    .where = "s3",
                    .remedy = "wait",
                    .retry_after = seconds(3),
                    .provider_code = "503"};
  const std::vector<Message> messages = {
      Hello{.name = "p", .version = "1", .setup = Value::of({{"threads", 2}})},
      Hello{.name = "p", .error = error},
      Run{.id = 1, .info = Value::of({{"task", "t"}}), .with = Value::of({{"x", 1.5}})},
      Plan{.id = 2, .info = ValueMap{}, .with = ValueMap{}},
      Cancel{.id = 1, .reason = "why"},
      Answer{.id = 1, .request = 3, .value = "text"},
      Answer{.id = 1, .request = 4, .error = error},
      Bye{},
      Log{.id = 1, .stream = Stream::err, .text = "line\n"},
      ProgressNote{.id = 1, .progress = {.bytes_done = 5, .bytes_total = 9, .items_done = 1}},
      Request{.id = 1, .request = 1, .what = "project_file", .args = Value::of({{"path", "a"}})},
      Finished{.id = 1, .outcome = Done{.output = Value::of({{"rows", 3}})}},
      Finished{.id = 1,
               .outcome = Failed{.error = error, .reason = FailReason::data, .retryable = false}},
      Planned{.id = 2, .preview = preview}};
  for (const Message& message : messages) {
    const std::string json = to_json(to_value(message));
    INFO(json);
    Result<Message> read = parse_message(json);
    REQUIRE_OK(read);
    CHECK(read->index() == message.index());
    CHECK(to_json(to_value(*read)) == json);
  }
}

TEST_CASE("a message that lacks a member or has the wrong kind is refused with its name") {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"([])", "unknown type \"\""},
      {R"({"type":"dance"})", "unknown type \"dance\""},
      {R"({"type":"hello"})", "`protocol`"},
      {R"({"type":"hello","protocol":"x","setup":[]})", "`setup`"},
      {R"({"type":"run","with":{}})", "`id`"},
      {R"({"type":"run","id":0})", "`id`"},
      {R"({"type":"run","id":"1"})", "`id`"},
      {R"({"type":"run","id":1,"with":"x"})", "`with`"},
      {R"({"type":"log","id":1})", "`text`"},
      {R"({"type":"log","id":1,"text":"x","stream":"sideways"})", "`stream`"},
      {R"({"type":"progress","id":1,"bytes_done":-1})", "`bytes_done`"},
      {R"({"type":"progress","id":1,"items_total":1.5})", "`items_total`"},
      {R"({"type":"request","id":1,"request":1})", "`what`"},
      {R"({"type":"answer","id":1})", "`request`"},
      {R"({"type":"done","id":1,"output":[1]})", "`output`"},
      {R"({"type":"failed","id":1})", "`what`"},
      {R"({"type":"failed","id":1,"error":{"what":"x"},"reason":"moon"})", "`reason`"},
      {R"({"type":"planned","id":1,"steps":{}})", "`steps`"},
      {R"({"type":"planned","id":1,"steps":[1]})", "`what`"},
      {R"({"type":"planned","id":1,"unknown":[1]})", "`unknown`"},
  };
  for (const auto& [json, named] : cases) {
    INFO(json);
    Result<Message> read = parse_message(json);
    REQUIRE(!read.has_value());
    CHECK(read.error().what.contains(named));
    CHECK(read.error().code == Code::corrupt);
  }
  CHECK(!parse_message("{").has_value());
  CHECK(!parse_message(std::string(100000, '[')).has_value());
}

Session greeted() {
  Session session;
  REQUIRE_OK(session.note(Side::host, Hello{.name = "tutti"}));
  REQUIRE_OK(session.note(Side::program, Hello{.name = "p"}));
  return session;
}

TEST_CASE("the order of messages is kept, and each breach is named") {
  struct Step {
    Side from;
    Message message;
  };
  const Message done = Finished{.id = 1, .outcome = Done{}};
  const Message failed = Finished{.id = 1, .outcome = Failed{}};
  const auto host = [](Message m) { return Step{Side::host, std::move(m)}; };
  const auto program = [](Message m) { return Step{Side::program, std::move(m)}; };
  const Step run = host(Run{.id = 1});
  const Step plan = host(Plan{.id = 1});
  const Step request = program(Request{.id = 1, .request = 1, .what = "project_file"});
  const Step answer = host(Answer{.id = 1, .request = 1});
  struct Case {
    std::vector<Step> steps;
    const char* breach;  // of the last step; empty: none
  };
  const std::vector<Case> cases = {
      {{run, program(Log{.id = 1}), program(done)}, ""},
      {{run, request, answer, program(done)}, ""},
      {{run, request, program(done), answer}, ""},  // they crossed
      {{run, program(done), host(Cancel{.id = 1})}, ""},
      {{plan, program(Planned{.id = 1})}, ""},
      {{plan, program(failed)}, ""},
      {{run, host(Bye{}), program(done)}, ""},
      {{host(Hello{})}, "second hello"},
      {{program(Run{.id = 1})}, "may not send"},
      {{host(done)}, "may not send"},
      {{host(Bye{}), run}, "after bye"},
      {{run, run}, "ids must rise"},
      {{program(Log{.id = 1})}, "not open"},
      {{run, program(done), program(Log{.id = 1})}, "not open"},
      {{run, program(done), program(done)}, "not open"},
      {{run, program(Planned{.id = 1})}, "another kind"},
      {{plan, program(done)}, "another kind"},
      {{run, request, request}, "numbers must rise"},
      {{run, answer}, "not open"},
      {{run, request, answer, answer}, "not open"},
      {{host(Cancel{.id = 4})}, "never started"},
  };
  for (const Case& each : cases) {
    Session session = greeted();
    Result<Unit> last = Unit{};
    for (const Step& step : each.steps) {
      REQUIRE_OK(last);
      last = session.note(step.from, step.message);
    }
    INFO(std::string(each.breach) << " / " << text_of(last));
    CHECK(last.has_value() == (std::string_view(each.breach).empty()));
    CHECK(error_of(last).what.contains(each.breach));
  }
}

TEST_CASE("hello comes first, from the host, in the same version") {
  Session session;
  CHECK(!session.note(Side::program, Hello{}).has_value());
  CHECK(!session.note(Side::host, Run{.id = 1}).has_value());
  REQUIRE_OK(session.note(Side::host, Hello{}));
  const Result<Unit> other =
      session.note(Side::program, Hello{.protocol = "tutti.action/2", .name = "p"});
  REQUIRE(!other.has_value());
  CHECK(other.error().code == Code::unsupported);
  CHECK(other.error().what == R"(p speaks "tutti.action/2", not "tutti.action/1")");
}

TEST_CASE("runs and requests at once are bounded") {
  Session session = greeted();
  for (int64_t id = 1; id <= int64_t{Session::open_max}; ++id) {
    REQUIRE_OK(session.note(Side::host, Run{.id = id}));
  }
  CHECK(!session.note(Side::host, Run{.id = Session::open_max + 1}).has_value());
  for (int64_t n = 1; n <= int64_t{Session::requests_max}; ++n) {
    REQUIRE_OK(session.note(Side::program, Request{.id = 1, .request = n}));
  }
  CHECK(!session.note(Side::program, Request{.id = 1, .request = 1000}).has_value());
}

// ---- client and program over a socket pair

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    host_fd = fds[0];
    program_fd = fds[1];
  }
  int host_fd;
  int program_fd;
};

class Events final : public RunEvents {
 public:
  Task<Unit> log(rt::Context&, Stream, std::string text) override {
    logged += text;
    co_return Unit{};
  }
  void progress(Progress progress) override { last = progress; }
  Task<std::string> project_file(rt::Context&, std::string path) override {
    const auto found = files.find(path);
    if (found == files.end()) {
      co_return fail(Code::not_found, "no file " + path);
    }
    co_return found->second;
  }
  std::string logged;
  Progress last;
  std::map<std::string, std::string> files;
};

class Echo final : public Program {
 public:
  Hello hello() const override { return {.name = "echo", .version = "1"}; }
  Task<Unit> start(rt::Context&, Value setup) override {
    if (setup.get_bool("broken")) {
      co_return fail(Code::conflict, "the setup is broken", "mend it");
    }
    co_return Unit{};
  }
  Task<Outcome> run(rt::Context& ctx, ProgramRun& run, Value, Value with) override {
    if (with.get_bool("wait")) {
      ++waiting;
      const Result<Unit> waited = co_await rt::delay(ctx, hours(1));
      --waiting;
      co_return fail(waited.error());
    }
    CO_OK(co_await run.log(ctx, Stream::out, "hello\n"));
    CO_OK(co_await run.progress(ctx, {.bytes_done = 7}));
    if (const int64_t bytes = with.get_int("bytes"); bytes > 0) {
      co_return Done{.output = Value::of({{"x", std::string(static_cast<size_t>(bytes), 'x')}})};
    }
    co_return Done{.output = std::move(with)};
  }
  Task<Preview> plan(rt::Context&, Value, Value) override {
    co_return Preview{.steps = {{.what = "echo"}}};
  }
  int waiting = 0;
};

struct Test : rt::TestWorld {
  Pair pair;
  Echo echo;
  Events events;
  Client client{make_fd_peer(loop.executor(), pair.host_fd, pair.host_fd), "echo"};
  std::unique_ptr<Peer> program = make_fd_peer(loop.executor(), pair.program_fd, pair.program_fd);
};

using Story = Task<Unit> (*)(rt::Context&, Test&);

Task<Unit> tell(rt::Scope& scope, Test& test, Value setup, Story story) {
  CO_OK(co_await scope.spawn(serve(scope.context(), *test.program, test.echo)));
  CO_OK(co_await test.client.greet(scope.context(), std::move(setup)));
  CO_OK(co_await scope.spawn(test.client.pump(scope.context())));
  CO_OK(co_await story(scope.context(), test));
  test.client.close();
  co_return Unit{};
}

void run_story(Test& test, Story story, Value setup = ValueMap{}) {
  REQUIRE_OK(
      test.loop.run(rt::scoped(test.ctx, {}, tell, std::ref(test), std::move(setup), story)));
}

Task<Unit> run_and_plan(rt::Context& ctx, Test& test) {
  CO_TRY(auto outcome, co_await test.client.run(ctx, test.events, {}, Value::of({{"a", 1}}), {}));
  CHECK(std::get<Done>(outcome).output == Value::of({{"a", 1}}));
  CHECK(test.events.logged == "hello\n");
  CHECK(test.events.last.bytes_done == 7);
  CO_TRY(auto preview, co_await test.client.plan(ctx, test.events, {}, {}, {}));
  CHECK(preview.steps.at(0).what == "echo");
  co_return Unit{};
}

TEST_CASE("a run gives its logs, progress and outcome, a plan its steps") {
  Test test;
  run_story(test, run_and_plan);
}

Task<Unit> send_too_much(rt::Context& ctx, Test& test) {
  const Value huge = Value::of({{"x", std::string(frame_bytes_max, 'x')}});
  auto sent = co_await test.client.run(ctx, test.events, {}, huge, {});
  CHECK(!sent.has_value());
  CHECK(sent.error().code == Code::bad_input);
  CO_TRY(auto outcome, co_await test.client.run(
                           ctx, test.events, {},
                           Value::of({{"bytes", static_cast<int64_t>(frame_bytes_max)}}), {}));
  CHECK(std::get<Failed>(outcome).error.what.contains("is larger than the"));
  test.events.logged.clear();
  co_return co_await run_and_plan(ctx, test);  // neither broke the stream
}

TEST_CASE("what is larger than a message may be is an error of that run alone") {
  Test test;
  run_story(test, send_too_much);
}

Task<Unit> cancel_one(rt::Context& ctx, Test& test) {
  rt::Context limited = ctx.with_timeout(milliseconds(30));
  auto result = co_await test.client.run(limited, test.events, {}, Value::of({{"wait", true}}), {});
  CHECK(!result.has_value());
  CHECK(result.error().code == Code::timed_out);
  CHECK(test.echo.waiting == 0);  // it was told, and its end awaited
  CHECK(!test.client.wedged());
  co_return Unit{};
}

TEST_CASE("a call whose time is over cancels the run and awaits its end") {
  Test test;
  run_story(test, cancel_one);
}

TEST_CASE("a program that cannot work with its setup says why") {
  Test test;
  const auto result = test.loop.run(
      rt::scoped(test.ctx, {}, tell, std::ref(test), Value::of({{"broken", true}}), Story{}));
  REQUIRE(!result.has_value());
  CHECK(result.error().what == "the setup is broken");
  CHECK(result.error().remedy == "mend it");
}

// A program that answers with fixed bytes.
Result<Outcome> run_against(std::string_view bytes, Duration grace = milliseconds(50)) {
  Test test;
  test.program->close();
  Pair raw;
  Client client(make_fd_peer(test.loop.executor(), raw.host_fd, raw.host_fd), "prog");
  const std::string hello = *to_frame(Hello{.name = "prog"});
  REQUIRE(write(raw.program_fd, hello.data(), hello.size()) > 0);
  REQUIRE(write(raw.program_fd, bytes.data(), bytes.size()) >= 0);
  shutdown(raw.program_fd, SHUT_WR);
  const auto body = [](rt::Context& ctx, Client& c, Events& events,
                       Duration patience) -> Task<Outcome> {
    CO_OK(co_await c.greet(ctx, ValueMap{}));
    co_return co_await run_alone(ctx, c, events, {}, {}, {.grace = patience});
  };
  Result<Outcome> result = test.loop.run(body(test.ctx, client, test.events, grace));
  close(raw.program_fd);
  return result;
}

TEST_CASE("a program that ends early, or does not speak the protocol, is an error that says so") {
  const auto ended = run_against("");
  REQUIRE(!ended.has_value());
  CHECK(ended.error().what == "prog ended before it had finished");
  CHECK(ended.error().provider_code == "lost");

  const auto half = run_against(to_frame(Log{.id = 1, .text = "x"})->substr(0, 9));
  CHECK(half.error().provider_code == "lost");

  const auto noise = run_against("Traceback (most recent call last):\n");
  REQUIRE(!noise.has_value());
  CHECK(noise.error().code == Code::corrupt);
  CHECK(noise.error().what.contains("prog broke tutti.action/1"));

  const auto wrong = run_against(*to_frame(Finished{.id = 7, .outcome = Done{}}));
  CHECK(wrong.error().what.contains("id 7, which is not open"));
}

}  // namespace
}  // namespace tutti::action
