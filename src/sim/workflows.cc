// SPDX-License-Identifier: Apache-2.0
#include "sim/workflows.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/spec/freeze.h"

namespace tutti::sim {
namespace {

constexpr uint64_t runs_max = 6;

class Maker {
 public:
  Maker(World& world, uint64_t run) : world_(world), run_(run) {}

  spec::Workflow workflow() {
    spec::Workflow out{.file = "sim.yaml", .name = fmt::format("w{}", run_)};
    const int64_t size = world_.draw_between(10, 48, About::story, run_, 1);
    if (pick(About::story, 2, 100) < 12) {
      out.timeout = seconds(between(30, 400, 3));
    }
    for (int64_t i = 0; i < size; ++i) {
      at_ = static_cast<uint64_t>(i);
      if (!odd(1'000, About::task_exists, 0, fmt::format("run {} has task {}", run_, i))) {
        continue;
      }
      out.tasks.push_back(task(out));
    }
    if (out.tasks.empty()) {
      out.tasks.push_back({.name = "t0", .uses = "sim"});
    }
    return out;
  }

 private:
  uint64_t pick(About about, uint64_t which, uint64_t below) const {
    return world_.draw(about, run_, at_, which) % below;
  }
  int64_t between(int64_t from, int64_t to, uint64_t which) const {
    return world_.draw_between(from, to, About::task_shape, run_, at_, which);
  }
  bool odd(uint32_t permille, About about, uint64_t which, std::string_view text) {
    return world_.odd(permille, about, run_, at_, which, text);
  }
  bool shape(uint32_t permille, uint64_t which, std::string_view what) {
    return odd(permille, About::task_shape, which,
               fmt::format("run {} task {} {}", run_, at_, what));
  }

  spec::Task task(const spec::Workflow& so_far) {
    spec::Task out{.name = fmt::format("t{}", at_), .uses = "sim"};
    add_needs(out, so_far);
    if (shape(350, 1, "has a trigger rule of its own")) {
      out.trigger_rule =
          static_cast<spec::TriggerRule>(between(0, spec::trigger_rule_count - 1, 2));
    }
    out.retry = {.attempts = static_cast<uint32_t>(between(1, 6, 3)),
                 .delay = seconds(between(0, 20, 4)),
                 .backoff_milli = static_cast<uint32_t>(between(1'000, 3'000, 5)),
                 .max_delay = seconds(60),
                 .jitter_permille = static_cast<uint32_t>(between(0, 300, 6))};
    if (shape(250, 7, "has a time-out")) {
      out.timeout = seconds(between(1, 60, 8));
    }
    out.allow_failure = shape(100, 9, "may fail");
    out.action.light = shape(250, 10, "is light");
    out.action.idempotent = shape(500, 11, "is idempotent");
    out.action.unknown_if_lost = !out.action.idempotent && shape(160, 12, "is unknown when lost");
    if (shape(120, 13, "is a branch")) {
      out.uses = "sim.branch";
      out.action.is_branch = true;
    }
    if (!out.needs.empty()) {
      const std::string& need = so_far.tasks[out.needs.front().value].name;
      if (shape(150, 14, "has a condition")) {
        out.when =
            spec::Text{.text = shape(100, 15, "has a condition that may fail")
                                   ? fmt::format("tasks.{}.outputs.absent > 1", need)
                                   : fmt::format("tasks.{}.outputs.rows | default(4) > 1", need)};
      }
      if (shape(200, 16, "reads an output")) {
        out.with = Value::of(
            {{"rows", fmt::format("{{{{ tasks.{}.outputs.rows | default(0) }}}}", need)}});
      }
    }
    return out;
  }

  void add_needs(spec::Task& task, const spec::Workflow& so_far) {
    const auto size = static_cast<uint32_t>(so_far.tasks.size());
    const auto reach = static_cast<uint32_t>(between(1, 6, 20));
    for (uint32_t back = 1; back <= std::min(size, reach); ++back) {
      const uint32_t need = size - back;
      if (odd(back == 1 ? 600 : 250, About::need_exists, back,
              fmt::format("run {} task {} needs {}", run_, at_, so_far.tasks[need].name))) {
        task.needs.push_back({need});
      }
    }
  }

  World& world_;
  uint64_t run_;
  uint64_t at_ = 0;
};

}  // namespace

void make_runs(World& world) {
  const auto count = static_cast<uint64_t>(world.draw_between(1, 5, About::story, 0, 0));
  for (uint64_t i = 0; i < std::min(count, runs_max); ++i) {
    if (!world.odd(1'000, About::run_exists, i, 0, 0, fmt::format("there is a run {}", i))) {
      continue;
    }
    SimRun run{.id = make_run_id(world.clock.wall(), world.draw(About::story, i, 7),
                                 world.draw(About::story, i, 8)),
               .workflow = Maker(world, i).workflow()};
    run.frozen = spec::freeze(run.workflow);
    run.plan = std::make_shared<run::RunPlan>(run.workflow);
    world.runs.push_back(std::move(run));
  }
}

}  // namespace tutti::sim
