// SPDX-License-Identifier: Apache-2.0
#include "sim/checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/codec/codec.h"

namespace tutti::sim {
namespace {

constexpr Duration stop_time_max = seconds(120);  // lost replies, full disks and pauses included

using run::Entry;
using run::Phase;
using run::RunState;
using run::TaskState;

// Whether a task with these needs may start, in words of the rule, and apart from run::decide.
bool may_start(const spec::Workflow& workflow, const RunState& state, TaskNo no) {
  const spec::Task& task = workflow.task(no);
  size_t good = 0;
  size_t bad = 0;
  size_t failed = 0;
  size_t skipped = 0;
  for (const TaskNo need : task.needs) {
    const TaskState it = state.task(need).state;
    const bool forgiven = it == TaskState::failed && workflow.task(need).allow_failure;
    good += it == TaskState::success || forgiven ? 1 : 0;
    failed += (it == TaskState::failed && !forgiven) || it == TaskState::cancelled ? 1 : 0;
    bad += it == TaskState::upstream_failed ? 1 : 0;
    skipped += it == TaskState::skipped ? 1 : 0;
  }
  bad += failed;
  const size_t all = task.needs.size();
  const bool ended = good + bad + skipped == all;
  using enum spec::TriggerRule;
  switch (task.trigger_rule) {
    case all_success:
      return good == all;
    case all_failed:
      return bad == all;
    case all_done:
      return ended;
    case all_done_min_one_success:
      return ended && (good > 0 || all == 0);
    case all_skipped:
      return skipped == all;
    case one_success:
      return good > 0 || all == 0;
    case one_failed:
      return bad > 0 || all == 0;
    case one_done:
      return good + failed > 0 || all == 0;
    case none_failed:
      return good + skipped == all;
    case none_failed_min_one_success:
      return good + skipped == all && (good > 0 || all == 0);
    case none_skipped:
      return ended && skipped == 0;
    case always:
      return true;
  }
  return false;
}

Result<RunState> read_durable(const store::MemoryDisk& disk, const SimRun& run) {
  std::vector<codec::PageBytes> pages;
  for (auto it = disk.pages.lower_bound({run.id, 0});
       it != disk.pages.end() && it->first.first == run.id; ++it) {
    pages.push_back({it->first.second, it->second});
  }
  return codec::decode_state(run.id, run.plan, pages);
}

bool has_begun(const Entry& entry) { return !is_ended(entry.state) && !entry.is_blocked(); }

}  // namespace

void Checks::fail(size_t run, std::string what) {
  world_.fail(fmt::format("run {}: {}", run, what));
}

void Checks::fail(const AttemptId& id, std::string what) {
  fail(world_.run_index(id.run), fmt::format("t{}#{}: {}", id.task.value, id.attempt, what));
}

void Checks::after_commit(const store::Commit& commit) {
  std::set<RunId> changed;
  for (const store::Page& page : commit.pages) {
    changed.insert(page.run);
  }
  for (const RunId& id : changed) {
    const size_t at = world_.run_index(id);
    if (at == world_.runs.size()) {
      return world_.fail("a commit names a run that nobody started");
    }
    SimRun& run = world_.runs[at];
    auto after = read_durable(world_.disk, run);
    if (!after.has_value()) {
      return fail(at, "what is stored cannot be read: " + after.error().text());
    }
    const RunState before =
        run.durable ? *run.durable : run::make_run(id, run.plan, after->created);
    compare(at, before, *after);
    run.durable = std::move(*after);
    check_row(at);
  }
  for (const store::OutputRow& output : commit.outputs) {
    if (output.blob && !world_.disk.blobs.contains(*output.blob)) {
      world_.fail("an output is durable before the blob it names");
    }
  }
  check_stops();
}

void Checks::check_stops() {
  std::erase_if(owed_, [this](const OwedStop& owed) {
    const SimAttempt& attempt = world_.attempt(owed.id);
    const Entry& entry = world_.runs[world_.run_index(owed.id.run)].durable->task(owed.id.task);
    return attempt.stop_asked || attempt.lost || entry.attempt != owed.id.attempt ||
           entry.state != TaskState::cancelling;
  });
  for (const OwedStop& owed : owed_) {
    if (owed.due < world_.loop.now()) {
      fail(owed.id, "it is to be stopped, and its worker was never told");
    }
  }
}

void Checks::compare(size_t at, const RunState& before, const RunState& after) {
  const SimRun& run = world_.runs[at];
  if (before.phase != after.phase) {
    world_.note({.did = Did::phase,
                 .run = static_cast<int32_t>(at),
                 .a = static_cast<int64_t>(after.phase),
                 .b = static_cast<int64_t>(after.reason)});
    if (is_ended(before.phase) && run.hands == 0) {
      fail(at, "it goes on after its end, and nobody asked for that");
    }
  }
  for (uint32_t i = 0; i < after.tasks.size(); ++i) {
    compare_task(at, {i}, before, after);
  }
}

void Checks::compare_task(size_t at, TaskNo no, const RunState& before, const RunState& after) {
  const SimRun& run = world_.runs[at];
  const Entry& was = before.task(no);
  const Entry& is = after.task(no);
  const auto wrong = [&](std::string what) {
    fail(at, fmt::format("{} ({} -> {}): {}", run.workflow.task(no).name,
                         task_state_name(was.state), task_state_name(is.state), what));
  };
  if (was.state == is.state && was.reason == is.reason && was.attempt == is.attempt) {
    return;
  }
  world_.note({.did = Did::task,
               .run = static_cast<int32_t>(at),
               .task = static_cast<int32_t>(no.value),
               .attempt = is.attempt,
               .a = static_cast<int64_t>(is.state),
               .b = static_cast<int64_t>(is.reason)});
  if (is.state == TaskState::cancelling && was.state != TaskState::cancelling) {
    owed_.push_back({{run.id, no, is.attempt}, world_.loop.now() + stop_time_max});
  }
  const bool by_hand = run.hands > 0;
  if (is_ended(was.state) && was.state != is.state && !by_hand) {
    wrong("what has ended changes");
  }
  if (is.attempt < was.attempt) {
    wrong("its attempt number falls");
  }
  if (is.tries > run.workflow.task(no).retry.attempts || is.lost > run::lost_max) {
    wrong("it is tried too often");
  }
  if (was.is_blocked() && has_begun(is) && !by_hand && !may_start(run.workflow, after, no)) {
    wrong("it starts before its needs allow it");
  }
  if (is.attempt > was.attempt && (before.phase == Phase::cancelling || is_ended(before.phase)) &&
      !by_hand) {
    wrong("it is started after the cancel");
  }
  if (was.holds_worker() && (!is.holds_worker() || is.attempt != was.attempt)) {
    left_worker(at, no, was, is);
  }
}

// An attempt is over only when a worker said so, or when it died with its owner.
void Checks::left_worker(size_t at, TaskNo no, const Entry& was, const Entry& is) {
  const AttemptId id{world_.runs[at].id, no, was.attempt};
  const SimAttempt& it = world_.attempt(id);
  if (it.lost) {
    return;
  }
  if (it.reported.empty()) {
    return fail(id, "it is over, and no worker has said so");
  }
  if (is.attempt == was.attempt && is.state == TaskState::success &&
      !it.reported.contains(worker::End::succeeded) && world_.runs[at].hands == 0) {
    fail(id, "it is called a success, and it was none");
  }
}

void Checks::check_row(size_t at) {
  const SimRun& run = world_.runs[at];
  const RunState& state = *run.durable;
  const auto no = world_.disk.run_nos.find(run.id);
  if (no == world_.disk.run_nos.end()) {
    return fail(at, "it has state and no row");
  }
  const store::RunRow& row = world_.disk.runs.at(no->second);
  if (row.state != phase_name(state.phase) || row.live == is_ended(state.phase) ||
      row.attention != state.needs_attention()) {
    fail(at, fmt::format("its row says {}, its state {}", row.state, phase_name(state.phase)));
  }
}

void Checks::on_assign(const worker::Assignment& assignment) {
  const AttemptId& id = assignment.id;
  const size_t at = world_.run_index(id.run);
  if (at == world_.runs.size() || !world_.runs[at].durable) {
    return world_.fail("an attempt of a run that is not durable is handed out");
  }
  const RunState& state = *world_.runs[at].durable;
  const Entry& entry = state.task(id.task);
  world_.note({.did = Did::assign,
               .run = static_cast<int32_t>(at),
               .task = static_cast<int32_t>(id.task.value),
               .attempt = id.attempt});
  if (entry.attempt != id.attempt || entry.state != TaskState::running ||
      state.phase != Phase::running) {
    return fail(id, fmt::format("it is handed out, and the durable state says {} #{}",
                                task_state_name(entry.state), entry.attempt));
  }
  for (auto it = world_.attempts.lower_bound({id.run, id.task, 0});
       it != world_.attempts.end() && it->first.run == id.run && it->first.task == id.task; ++it) {
    if (it->second.alive && it->first.attempt != id.attempt) {
      return fail(id, fmt::format("attempt {} of the task is still alive", it->first.attempt));
    }
  }
  if (world_.attempt(id).lost) {
    fail(id, "it is handed out after it was lost");
  }
}

void Checks::on_stop(const AttemptId& id) {
  const size_t at = world_.run_index(id.run);
  world_.note({.did = Did::stop,
               .run = static_cast<int32_t>(at),
               .task = static_cast<int32_t>(id.task.value),
               .attempt = id.attempt});
  if (at == world_.runs.size() || !world_.runs[at].durable) {
    return world_.fail("an attempt of a run that is not durable is stopped");
  }
  world_.attempt(id).stop_asked = true;
  const Entry& entry = world_.runs[at].durable->task(id.task);
  if (entry.attempt == id.attempt && entry.state == TaskState::running) {
    fail(id, "it is stopped, and the durable state does not want that");
  }
}

void Checks::on_report_answered(const worker::Report& report) {
  const size_t at = world_.run_index(report.id.run);
  if (at == world_.runs.size() || !world_.runs[at].durable) {
    return;
  }
  const Entry& entry = world_.runs[at].durable->task(report.id.task);
  if (entry.attempt == report.id.attempt && entry.holds_worker()) {
    fail(report.id, "its end was acknowledged, and is not durable");
  }
}

void Checks::on_answered(Did what, size_t at, bool alone) {
  const SimRun& run = world_.runs[at];
  if (!run.durable) {
    return fail(at, "a call about it was answered, and it is not durable");
  }
  if (what == Did::cancel && alone && run.durable->phase == Phase::running) {
    fail(at, "its cancel was acknowledged, and is not durable");
  }
}

void Checks::on_seen(size_t at, const control::RunChanges& seen) {
  const SimRun& run = world_.runs[at];
  if (!run.durable) {
    return fail(at, "it was shown, and is not durable");
  }
  for (const control::TaskView& task : seen.tasks) {
    const Entry& entry = run.durable->task(task.no);
    if (task.attempt > entry.attempt || (task.attempt == entry.attempt && task.state == "success" &&
                                         entry.state != TaskState::success && run.hands == 0)) {
      fail(at, fmt::format("{} was shown as {} #{}, which is not durable", task.name, task.state,
                           task.attempt));
    }
  }
}

void Checks::on_death() {
  for (auto& [id, attempt] : world_.attempts) {
    attempt.lost = attempt.lost || attempt.alive;
    attempt.alive = false;
  }
  for (SimRun& run : world_.runs) {
    run.hands = 0;
    for (uint32_t i = 0; run.durable && i < run.durable->tasks.size(); ++i) {
      if (const Entry& entry = run.durable->tasks[i]; entry.holds_worker()) {
        world_.attempt({run.id, {i}, entry.attempt}).lost = true;
      }
    }
  }
}

void Checks::check_history(size_t at, TaskNo no) {
  const SimRun& run = world_.runs[at];
  const Entry& entry = run.durable->task(no);
  for (AttemptNo attempt = 1; attempt <= entry.attempt; ++attempt) {
    const auto row = world_.disk.attempts.find({run.id, no, attempt});
    if (row == world_.disk.attempts.end()) {
      return fail({run.id, no, attempt}, "the history does not have it");
    }
    if (attempt == entry.attempt && !run.touched &&
        row->second.state != task_state_name(entry.state) && entry.state != TaskState::cancelled &&
        entry.state != TaskState::skipped) {
      fail({run.id, no, attempt}, fmt::format("the history says {}, the state {}",
                                              row->second.state, task_state_name(entry.state)));
    }
  }
  if (entry.attempt == 0 && !world_.disk.attempts.contains({run.id, no, 0})) {
    fail({run.id, no, 0}, "the history does not have its end");
  }
}

void Checks::at_end() {
  for (size_t at = 0; at < world_.runs.size(); ++at) {
    const SimRun& run = world_.runs[at];
    if (!run.durable || !is_ended(run.durable->phase)) {
      fail(at, "it has not ended");
      continue;
    }
    bool bad = false;
    for (uint32_t i = 0; i < run.durable->tasks.size(); ++i) {
      const TaskState state = run.durable->tasks[i].state;
      if (!is_ended(state)) {
        fail(at, "it has ended, and not all of its tasks have");
      }
      bad = bad || ((state == TaskState::failed || state == TaskState::upstream_failed) &&
                    !run.workflow.tasks[i].allow_failure);
      check_history(at, {i});
    }
    const Phase phase = run.durable->phase;
    if (run.durable->reason != run::Reason::timeout && phase != Phase::cancelled &&
        bad != (phase == Phase::failed)) {
      fail(at, fmt::format("it is {}, which its tasks do not bear out", phase_name(phase)));
    }
  }
}

}  // namespace tutti::sim
