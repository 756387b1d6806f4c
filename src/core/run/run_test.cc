// SPDX-License-Identifier: Apache-2.0
#include "core/run/run.h"

#include <set>

#include "base/doctest.h"

namespace tutti::run {
namespace {

using spec::TriggerRule;

struct Tasks {
  spec::Workflow workflow;

  TaskNo no(std::string_view name) const { return *workflow.find_task(name); }
  spec::Task& operator[](std::string_view name) { return workflow.tasks[no(name).value]; }
};

// "a; b: a; c: a b" - three tasks, c needs a and b.
Tasks tasks(std::string_view text) {
  Tasks out;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    std::vector<std::string> words(1);
    for (const char c : one) {
      if (c == ' ' || c == ':') {
        if (!words.back().empty()) {
          words.emplace_back();
        }
      } else {
        words.back() += c;
      }
    }
    if (words.back().empty()) {
      words.pop_back();
    }
    spec::Task task{.name = words[0], .uses = "noop"};
    for (size_t i = 1; i < words.size(); ++i) {
      task.needs.push_back(out.no(words[i]));
    }
    out.workflow.tasks.push_back(std::move(task));
  }
  return out;
}

// A run and what has happened to it; every fact is followed by the check of the whole state.
struct Story {
  explicit Story(Tasks t) : tasks(std::move(t)) {
    state = make_run({}, std::make_shared<RunPlan>(tasks.workflow), {1});
    tell(Started{});
  }
  explicit Story(std::string_view text) : Story(run::tasks(text)) {}

  template <class What>
  Effects& tell(What what) {
    now = now + seconds(1);
    last = apply(state, {.at = now, .what = std::move(what)});
    INFO(contradiction(state));
    CHECK(contradiction(state).empty());
    return last;
  }
  TaskNo no(std::string_view name) const { return tasks.no(name); }
  const Entry& at(std::string_view name) const { return state.task(no(name)); }
  Effects& admit(std::string_view name) { return tell(Admitted{no(name)}); }
  Effects& succeed(std::string_view name, std::vector<TaskNo> chosen = {}) {
    return tell(Succeeded{no(name), at(name).attempt, std::move(chosen)});
  }
  Effects& fail(std::string_view name, bool retryable = true, Reason reason = Reason::code) {
    return tell(Failed{no(name), at(name).attempt, reason, retryable, std::nullopt});
  }
  void run(std::string_view name) {
    admit(name);
    succeed(name);
  }
  void run_and_fail(std::string_view name) {
    admit(name);
    fail(name, false);
  }
  std::string states() const {
    std::string out;
    for (const Entry& entry : state.tasks) {
      out += out.empty() ? "" : " ";
      out += task_state_name(entry.state);
      if (entry.reason != Reason::none) {
        out += "(" + std::string(reason_name(entry.reason)) + ")";
      }
    }
    return out;
  }
  std::string phase() const {
    return std::string(phase_name(state.phase)) +
           (state.reason == Reason::none ? "" : "(" + std::string(reason_name(state.reason)) + ")");
  }

  Tasks tasks;
  RunState state;
  Instant now{1'000'000'000};
  Effects last;
};

TEST_CASE("tasks run in the order of their needs and the run succeeds") {
  Story s("a; b: a; c: a b");
  CHECK(s.last.ready == std::vector<TaskNo>{s.no("a")});
  CHECK(s.admit("a").launch == std::vector<Launch>{{s.no("a"), 1}});
  CHECK(s.states() == "running waiting(dependency) waiting(dependency)");
  CHECK(s.succeed("a").ready == std::vector<TaskNo>{s.no("b")});
  s.run("b");
  CHECK(s.last.ready == std::vector<TaskNo>{s.no("c")});
  s.run("c");
  CHECK(s.phase() == "success");
  CHECK(s.state.ended == s.now);
  CHECK(s.last.header_touched);
}

TEST_CASE("a failed task fails everything downstream") {
  Story s("a; b: a; c: b; d");
  s.run_and_fail("a");
  CHECK(s.states() == "failed(code) upstream_failed upstream_failed waiting(queue)");
  CHECK(s.phase() == "running");
  CHECK(s.last.history.size() == 3);
  s.run("d");
  CHECK(s.phase() == "failed");
}

TEST_CASE("a failure with allow_failure counts as success") {
  Tasks t = tasks("a; b: a");
  t["a"].allow_failure = true;
  Story s(t);
  s.run_and_fail("a");
  CHECK(s.states() == "failed(code) waiting(queue)");
  s.run("b");
  CHECK(s.phase() == "success");
}

TEST_CASE("a task that runs after a failure does not make the run succeed") {
  Tasks t = tasks("a; b: a");
  t["b"].trigger_rule = TriggerRule::all_done;
  Story s(t);
  s.run_and_fail("a");
  s.run("b");
  CHECK(s.phase() == "failed");
}

TEST_CASE("one_success does not wait for the others") {
  Tasks t = tasks("a; b; c: a b");
  t["c"].trigger_rule = TriggerRule::one_success;
  Story s(t);
  s.run("a");
  s.run("c");
  CHECK(s.states() == "success waiting(queue) success");
  s.run_and_fail("b");
  CHECK(s.states() == "success failed(code) success");
}

TEST_CASE("skips go downstream until a rule stops them") {
  Tasks t = tasks("a; b: a; c: b; d: c");
  t["a"].when = spec::Text{.text = "false"};
  t["d"].trigger_rule = TriggerRule::none_failed;
  Story s(t);
  CHECK(s.last.evaluate == std::vector<TaskNo>{s.no("a")});
  s.tell(Evaluated{s.no("a"), When::no});
  CHECK(s.states() == "skipped(condition) skipped(upstream) skipped(upstream) waiting(queue)");
  s.run("d");
  CHECK(s.phase() == "success");
}

TEST_CASE("a condition is asked once, and its error fails the task") {
  Tasks t = tasks("a; b: a");
  t["b"].when = spec::Text{.text = "x"};
  Story s(t);
  s.run("a");
  CHECK(s.last.evaluate == std::vector<TaskNo>{s.no("b")});
  CHECK(s.last.ready.empty());
  SUBCASE("yes") {
    CHECK(s.tell(Evaluated{s.no("b"), When::yes}).ready.size() == 1);
    CHECK_FALSE(s.tell(Evaluated{s.no("b"), When::no}).changed());
  }
  SUBCASE("error") {
    s.tell(Evaluated{s.no("b"), When::error});
    CHECK(s.states() == "success failed(code)");
    CHECK(s.phase() == "failed");
  }
}

TEST_CASE("a branch skips the direct dependants it did not choose") {
  Tasks t = tasks("mode; daily: mode; old: mode; load: daily old; after: old");
  t["mode"].action.is_branch = true;
  t["load"].trigger_rule = TriggerRule::none_failed_min_one_success;
  Story s(t);
  s.admit("mode");
  s.succeed("mode", {s.no("daily")});
  CHECK(s.states() ==
        "success waiting(queue) skipped(branch) waiting(dependency) skipped(upstream)");
  s.run("daily");
  s.run("load");
  CHECK(s.phase() == "success");
}

TEST_CASE("a dependant of a branch that is also downstream of a chosen one is not skipped") {
  Tasks t = tasks("mode; daily: mode; join: mode daily; other: mode");
  t["mode"].action.is_branch = true;
  Story s(t);
  s.admit("mode");
  s.succeed("mode", {s.no("daily")});
  CHECK(s.states() == "success waiting(queue) waiting(dependency) skipped(branch)");
}

TEST_CASE("a branch that chooses nothing skips all") {
  Tasks t = tasks("mode; x: mode; y: mode x");
  t["mode"].action.is_branch = true;
  Story s(t);
  s.admit("mode");
  s.succeed("mode");
  CHECK(s.states() == "success skipped(branch) skipped(branch)");
  CHECK(s.phase() == "success");
}

TEST_CASE("retry stops after attempts_max") {
  Tasks t = tasks("a");
  t["a"].retry = {.attempts = 3, .delay = seconds(10), .backoff_milli = 2000};
  Story s(t);
  s.admit("a");
  CHECK(s.fail("a").timers.at(0).timer.duration == seconds(10));
  CHECK(s.states() == "waiting(timer)");
  CHECK(s.last.history.at(0).state == TaskState::failed);
  CHECK(s.tell(TimerFired{TimerKind::next_try, s.no("a"), 1}).ready.size() == 1);
  s.admit("a");
  CHECK(s.fail("a").timers.at(0).timer.duration == seconds(20));
  s.tell(TimerFired{TimerKind::next_try, s.no("a"), 2});
  s.admit("a");
  s.fail("a");
  CHECK(s.states() == "failed(code)");
  CHECK(s.at("a").attempt == 3);
}

TEST_CASE("what is not retryable is not retried, and a service's wish to wait is kept") {
  Tasks t = tasks("a");
  t["a"].retry = {.attempts = 3, .delay = seconds(1)};
  SUBCASE("not retryable") {
    Story s(t);
    s.admit("a");
    s.fail("a", false, Reason::data);
    CHECK(s.states() == "failed(data)");
  }
  SUBCASE("retry after") {
    Story s(t);
    s.admit("a");
    s.tell(Failed{s.no("a"), 1, Reason::code, true, minutes(2)});
    CHECK(s.at("a").timer.duration == minutes(2));
  }
  SUBCASE("no delay") {
    t["a"].retry.delay = {};
    Story s(t);
    s.admit("a");
    CHECK(s.fail("a").ready.size() == 1);
  }
}

TEST_CASE("reports of an old attempt change nothing") {
  Tasks t = tasks("a; b: a");
  t["a"].retry = {.attempts = 2, .delay = {}};
  Story s(t);
  s.admit("a");
  s.fail("a");
  s.admit("a");
  CHECK_FALSE(s.tell(Succeeded{s.no("a"), 1, {}}).changed());
  CHECK_FALSE(s.tell(Failed{s.no("a"), 1, Reason::code, true, std::nullopt}).changed());
  CHECK_FALSE(s.tell(Lost{s.no("a"), 1}).changed());
  CHECK_FALSE(s.tell(Succeeded{s.no("a"), 3, {}}).changed());
  CHECK_FALSE(s.tell(Succeeded{{99}, 1, {}}).changed());
  s.succeed("a");
  CHECK_FALSE(s.tell(Failed{s.no("a"), 2, Reason::code, true, std::nullopt}).changed());
  CHECK(s.states() == "success waiting(queue)");
}

TEST_CASE("a lost attempt is started again without using the retries, five times") {
  Tasks t = tasks("a");
  t["a"].retry = {.attempts = 2, .delay = {}};
  Story s(t);
  for (int i = 0; i < 5; ++i) {
    s.admit("a");
    s.tell(Lost{s.no("a"), s.at("a").attempt});
    CHECK(s.states() == "waiting(queue)");
  }
  s.admit("a");
  s.fail("a");
  CHECK(s.states() == "waiting(queue)");
  s.admit("a");
  s.tell(Lost{s.no("a"), s.at("a").attempt});
  CHECK(s.states() == "failed(infrastructure)");
  CHECK(s.at("a").attempt == 7);
}

TEST_CASE("an attempt that may have happened waits for a person") {
  Tasks t = tasks("a; b: a");
  t["a"].action.unknown_if_lost = true;
  Story s(t);
  s.admit("a");
  SUBCASE("lost with its owner") { s.tell(Lost{s.no("a"), 1}); }
  SUBCASE("the action does not know") { s.tell(Unknown{s.no("a"), 1}); }
  CHECK(s.states() == "deferred(unknown_outcome) waiting(dependency)");
  CHECK(s.state.needs_attention());
  const Instant ended = s.now;
  CHECK(s.tell(Marked{s.no("a"), TaskState::success}).ready.size() == 1);
  CHECK(s.last.history.at(0).attempt == 1);
  CHECK(s.last.history.at(0).ended == ended);  // not when it was marked
  CHECK(s.at("a").ended == ended);
  s.run("b");
  CHECK(s.phase() == "success");
}

TEST_CASE("an unknown outcome of an idempotent action is tried again") {
  Tasks t = tasks("a");
  t["a"].action.idempotent = true;
  t["a"].retry = {.attempts = 2, .delay = {}};
  Story s(t);
  s.admit("a");
  s.tell(Unknown{s.no("a"), 1});
  CHECK(s.states() == "waiting(queue)");
  s.admit("a");
  s.tell(Unknown{s.no("a"), 2});
  CHECK(s.states() == "failed(infrastructure)");
}

TEST_CASE("an attempt out of time is stopped, and fails when it has ended") {
  Tasks t = tasks("a");
  t["a"].timeout = seconds(30);
  t["a"].retry = {.attempts = 2, .delay = {}};
  Story s(t);
  CHECK(s.admit("a").timers.at(0).timer.duration == seconds(30) + timeout_margin);
  CHECK(s.tell(TimerFired{TimerKind::attempt_timeout, s.no("a"), 1}).stop ==
        std::vector<Stop>{{s.no("a"), 1, false}});
  CHECK(s.states() == "cancelling(timeout)");
  SUBCASE("stopped") {
    s.tell(Stopped{s.no("a"), 1});
    CHECK(s.states() == "waiting(queue)");
    CHECK(s.last.history.at(0).reason == Reason::timeout);
    CHECK_FALSE(s.tell(TimerFired{TimerKind::attempt_timeout, s.no("a"), 1}).changed());
  }
  SUBCASE("it succeeded just before") {
    s.succeed("a");
    CHECK(s.phase() == "success");
  }
}

TEST_CASE("a run out of time stops what runs and fails") {
  Tasks t = tasks("a; b: a");
  t.workflow.timeout = minutes(5);
  Story s(t);
  REQUIRE(s.last.timers.size() == 1);
  const Arm timer = s.last.timers[0];
  CHECK(timer.kind == TimerKind::run_timeout);
  s.admit("a");
  s.tell(TimerFired{TimerKind::run_timeout, {}, timer.attempt});
  CHECK(s.states() == "cancelling cancelled");
  CHECK(s.phase() == "cancelling(timeout)");
  s.tell(Stopped{s.no("a"), 1});
  CHECK(s.phase() == "failed(timeout)");
  s.tell(RetryRequested{});
  CHECK(s.phase() == "running");
  CHECK_FALSE(s.tell(TimerFired{TimerKind::run_timeout, {}, timer.attempt}).changed());
}

TEST_CASE("cancel: what waits is cancelled at once, what runs when it has ended") {
  Story s("a; b; c: a");
  s.admit("a");
  CHECK(s.tell(CancelRequested{}).stop == std::vector<Stop>{{s.no("a"), 1, false}});
  CHECK(s.states() == "cancelling cancelled cancelled");
  CHECK(s.phase() == "cancelling");
  CHECK_FALSE(s.tell(CancelRequested{}).changed());
  CHECK(s.tell(CancelRequested{.now = true}).stop == std::vector<Stop>{{s.no("a"), 1, true}});
  CHECK(pending(s.state).stop == std::vector<Stop>{{s.no("a"), 1, true}});
  CHECK_FALSE(s.tell(Admitted{s.no("b")}).changed());
  SUBCASE("stopped") {
    s.tell(Stopped{s.no("a"), 1});
    CHECK(s.states() == "cancelled cancelled cancelled");
  }
  SUBCASE("succeeded before the stop reached it: nothing new starts") {
    s.succeed("a");
    CHECK(s.states() == "success cancelled cancelled");
  }
  SUBCASE("failed by itself: not tried again") {
    s.fail("a");
    CHECK(s.states() == "failed(code) cancelled cancelled");
  }
  SUBCASE("lost") {
    s.tell(Lost{s.no("a"), 1});
    CHECK(s.states() == "cancelled(infrastructure) cancelled cancelled");
  }
  CHECK(s.phase() == "cancelled");
  CHECK_FALSE(s.tell(CancelRequested{}).changed());
}

TEST_CASE("a cancelled run with an unknown outcome ends when it is marked") {
  Tasks t = tasks("a; b: a");
  t["a"].action.unknown_if_lost = true;
  Story s(t);
  s.admit("a");
  s.tell(CancelRequested{});
  s.tell(Unknown{s.no("a"), 1});
  CHECK(s.phase() == "cancelling");
  CHECK(s.state.needs_attention());
  s.tell(Marked{s.no("a"), TaskState::failed});
  CHECK(s.phase() == "cancelled");
}

TEST_CASE("retry of the failed: what succeeded stays, attempts go on, the budget is new") {
  Tasks t = tasks("ok; a: ok; b: a; c: b; after: a; clean: a");
  t["c"].trigger_rule = TriggerRule::all_done;
  t["after"].trigger_rule = TriggerRule::all_failed;
  t["clean"].trigger_rule = TriggerRule::one_success;
  Story s(t);
  s.run("ok");
  s.run_and_fail("a");
  CHECK(s.states() ==
        "success failed(code) upstream_failed waiting(queue) waiting(queue) upstream_failed");
  s.run("c");
  s.run("after");
  CHECK(s.phase() == "failed");
  CHECK(s.tell(RetryRequested{}).ready == std::vector<TaskNo>{s.no("a")});
  CHECK(s.phase() == "running");
  CHECK(s.states() ==
        "success waiting(queue) waiting(dependency) success success waiting(dependency)");
  CHECK(s.admit("a").launch == std::vector<Launch>{{s.no("a"), 2}});
  CHECK(s.at("a").tries == 1);
  s.succeed("a");
  s.run("b");
  s.run("clean");
  CHECK(s.phase() == "success");
  CHECK_FALSE(s.tell(RetryRequested{}).changed());
}

TEST_CASE("retry of a cancelled run takes up what was cancelled and what was skipped after it") {
  Tasks t = tasks("a; b: a; c: b");
  t["c"].trigger_rule = TriggerRule::none_skipped;
  Story s(t);
  s.tell(CancelRequested{});
  CHECK(s.phase() == "cancelled");
  s.tell(RetryRequested{});
  CHECK(s.states() == "waiting(queue) waiting(dependency) waiting(dependency)");
}

TEST_CASE("marking a failed task resumes what follows it") {
  Story s("a; b: a; c: b; x");
  s.run_and_fail("a");
  SUBCASE("while the run goes on") {
    s.tell(Marked{s.no("a"), TaskState::success});
    CHECK(s.states() == "success waiting(queue) waiting(dependency) waiting(queue)");
  }
  SUBCASE("after its end") {
    s.run("x");
    CHECK(s.phase() == "failed");
    s.tell(Marked{s.no("a"), TaskState::success});
    CHECK(s.phase() == "running");
    CHECK(s.states() == "success waiting(queue) waiting(dependency) success");
  }
  SUBCASE("as skipped") {
    s.run("x");
    s.tell(Marked{s.no("a"), TaskState::skipped});
    CHECK(s.at("a").started == Instant{});  // nothing ran until the mark
    CHECK(s.states() == "skipped skipped(upstream) skipped(upstream) success");
    CHECK(s.phase() == "success");
  }
}

TEST_CASE("a task that waits can be marked; one that runs or succeeded cannot") {
  Story s("a; b: a; c: b");
  s.admit("a");
  CHECK_FALSE(s.tell(Marked{s.no("a"), TaskState::success}).changed());
  CHECK_FALSE(mark_refused(s.state, s.no("a"), TaskState::success).empty());
  s.tell(Marked{s.no("b"), TaskState::success});
  CHECK(s.states() == "running success waiting(queue)");
  s.succeed("a");
  CHECK(s.states() == "success success waiting(queue)");
  CHECK_FALSE(s.tell(Marked{s.no("a"), TaskState::failed}).changed());
  CHECK_FALSE(s.tell(Marked{s.no("c"), TaskState::running}).changed());
  s.run("c");
  CHECK(s.phase() == "success");
}

TEST_CASE("a jump of the clock moves what timers are counted from") {
  Tasks t = tasks("a");
  t["a"].retry = {.attempts = 2, .delay = seconds(10)};
  Story s(t);
  s.admit("a");
  s.fail("a");
  const Instant before = s.at("a").timer.set_at;
  s.tell(ClockJumped{hours(1)});
  CHECK(s.at("a").timer.set_at == before + hours(1));
  CHECK(s.last.touched.size() == 1);
}

TEST_CASE("pending gives what a loaded state is owed") {
  Tasks t = tasks("asked; ready; retried; running; blocked: running");
  t["asked"].when = spec::Text{.text = "x"};
  t["retried"].retry = {.attempts = 2, .delay = seconds(10)};
  t["running"].timeout = seconds(1);
  t.workflow.timeout = hours(1);
  Story s(t);
  s.admit("retried");
  s.fail("retried");
  s.admit("running");
  const Effects owed = pending(s.state);
  CHECK(owed.evaluate == std::vector<TaskNo>{s.no("asked")});
  CHECK(owed.ready == std::vector<TaskNo>{s.no("ready")});
  CHECK(owed.launch == std::vector<Launch>{{s.no("running"), 1}});
  CHECK(owed.timers.size() == 3);
  s.tell(CancelRequested{});
  CHECK(pending(s.state).timers.empty());
  s.tell(Stopped{s.no("running"), 1});
  CHECK_FALSE(pending(s.state).changed());
  CHECK(pending(s.state).stop.empty());
}

TEST_CASE("retry delays grow to their maximum and jitter is derived from the identity") {
  spec::Retry retry{.attempts = 100,
                    .delay = seconds(10),
                    .backoff_milli = 1500,
                    .max_delay = minutes(1),
                    .jitter_permille = 0};
  const AttemptId id{.run = {}, .task = {3}, .attempt = 2};
  CHECK(retry_delay(retry, 1, id) == seconds(10));
  CHECK(retry_delay(retry, 2, id) == seconds(15));
  CHECK(retry_delay(retry, 3, id) == milliseconds(22'500));
  CHECK(retry_delay(retry, 99, id) == minutes(1));
  retry.jitter_permille = 200;
  std::set<int64_t> seen;
  for (AttemptNo attempt = 1; attempt <= 50; ++attempt) {
    const Duration wait = retry_delay(retry, 1, {.run = {}, .task = {3}, .attempt = attempt});
    CHECK(wait >= seconds(8));
    CHECK(wait <= seconds(12));
    CHECK(wait == retry_delay(retry, 1, {.run = {}, .task = {3}, .attempt = attempt}));
    seen.insert(wait.us);
  }
  CHECK(seen.size() > 45);
  retry = {.attempts = 1000,
           .delay = days(36'500),
           .backoff_milli = 100'000,
           .max_delay = days(36'500),
           .jitter_permille = 1000};
  CHECK(retry_delay(retry, 1000, id).us >= 0);
}

// Random facts, sensible and not: the state never contradicts itself, and what has ended stays so.
TEST_CASE("apply is total and keeps its state consistent whatever it is told") {
  uint64_t seed = 1;
  const auto pick = [&seed](uint64_t below) {
    seed ^= seed << 13U;
    seed ^= seed >> 7U;
    seed ^= seed << 17U;
    return seed % below;
  };
  for (int story = 0; story < 300; ++story) {
    Tasks t;
    const size_t size = 1 + pick(9);
    for (uint32_t i = 0; i < size; ++i) {
      spec::Task task{.name = "t" + std::to_string(i), .uses = "noop"};
      for (uint32_t need = 0; need < i; ++need) {
        if (pick(3) == 0) {
          task.needs.push_back({need});
        }
      }
      task.trigger_rule = static_cast<TriggerRule>(pick(spec::trigger_rule_count));
      task.retry = {.attempts = static_cast<uint32_t>(1 + pick(3)),
                    .delay = seconds(static_cast<int64_t>(pick(3)))};
      task.allow_failure = pick(4) == 0;
      task.action = {.is_branch = pick(4) == 0,
                     .idempotent = pick(2) == 0,
                     .light = pick(3) == 0,
                     .unknown_if_lost = pick(4) == 0};
      if (pick(4) == 0) {
        task.when = spec::Text{.text = "x"};
      }
      if (pick(3) == 0) {
        task.timeout = seconds(5);
      }
      t.workflow.tasks.push_back(std::move(task));
    }
    Story s(t);
    for (int step = 0; step < 60; ++step) {
      const TaskNo no{static_cast<uint32_t>(pick(size + 1))};
      const AttemptNo attempt = no.value < size && pick(5) != 0 ? s.state.task(no).attempt
                                                                : static_cast<AttemptNo>(pick(3));
      const std::vector<Entry> before = s.state.tasks;
      bool by_hand = false;
      switch (pick(16)) {
        case 0:
          s.tell(Evaluated{no, static_cast<When>(pick(3))});
          break;
        case 1:
        case 2:
        case 3:
          s.tell(Admitted{no});
          break;
        case 4:
        case 5:
        case 6:
          s.tell(Succeeded{no, attempt, {{static_cast<uint32_t>(pick(size + 1))}}});
          break;
        case 7:
        case 8:
          s.tell(Failed{no, attempt, Reason::code, pick(2) == 0, std::nullopt});
          break;
        case 9:
          s.tell(Stopped{no, attempt});
          break;
        case 10:
          s.tell(Unknown{no, attempt});
          break;
        case 11:
          s.tell(Lost{no, attempt});
          break;
        case 12:
        case 13:
          s.tell(TimerFired{static_cast<TimerKind>(pick(3)), no, attempt});
          break;
        case 14:
          by_hand = true;
          s.tell(Marked{no, static_cast<TaskState>(pick(task_state_count))});
          break;
        default:
          by_hand = true;
          if (pick(4) == 0) {
            s.tell(CancelRequested{pick(2) == 0});
          } else {
            s.tell(RetryRequested{});
          }
      }
      for (size_t i = 0; i < size; ++i) {
        REQUIRE(s.state.tasks[i].attempt >= before[i].attempt);
        if (!by_hand && is_ended(before[i].state)) {
          REQUIRE(s.state.tasks[i].state == before[i].state);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti::run
