// SPDX-License-Identifier: Apache-2.0
#include "action/branch/branch.h"

#include <fmt/format.h>

#include "core/expr/expr.h"

namespace tutti::action {
namespace {

Schema make_schema() {
  return {
      .name = "branch",
      .summary = "Chooses which of its direct dependants run; the others are skipped.",
      .params = {{.name = "cases",
                  .kind = ParamKind::branch_cases,
                  .doc = "A list of {when: expression, to: task or list of tasks}; the first whose "
                         "`when` is true is taken.",
                  .required = true,
                  .raw = true},
                 {.name = "else",
                  .kind = ParamKind::task,
                  .doc = "The task, or list of tasks, when no case was true.",
                  .many = true,
                  .fallback = "none"}},
      .outputs = {{.name = "chosen", .kind = "list of text", .doc = "The tasks that run."}},
      .branches = true,
      .light = true,
  };
}

// One task or a list of them.
Result<ValueList> tasks_of(const Value& to, const std::string& where) {
  if (to.is_null()) {
    return ValueList{};
  }
  if (to.is_string()) {
    return ValueList{to};
  }
  if (to.is_list() &&
      std::ranges::all_of(to.as_list(), [](const Value& each) { return each.is_string(); })) {
    return to.as_list();
  }
  return fail(Error{.code = Code::bad_input,
                    .what = "it names no task",
                    .where = where,
                    .remedy = "give a task's name, or a list of names"});
}

Result<ValueList> choose(Attempt& attempt, const Value& with) {
  const Value& cases = with["cases"];
  if (!cases.is_list()) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("a {} is no list of cases", kind_name(cases.kind())),
                      .where = "with.cases",
                      .remedy = "give [{when: EXPRESSION, to: TASK}]"});
  }
  for (size_t i = 0; i < cases.as_list().size(); ++i) {
    const Value& each = cases.as_list()[i];
    const std::string where = fmt::format("with.cases[{}]", i);
    const Value& when = each["when"];
    Value answer = when;
    if (when.is_string()) {
      auto evaluated = attempt.evaluate(when.as_string(), {});
      if (!evaluated.has_value()) {
        return fail(with_context(std::move(evaluated).error(), where + ".when"));
      }
      answer = std::move(*evaluated);
    } else if (!when.is_bool()) {
      return fail(Error{.code = Code::bad_input,
                        .what = "`when` is no expression",
                        .where = where,
                        .remedy = "write it without braces: when: params.full"});
    }
    if (expr::truth(answer)) {
      return tasks_of(each["to"], where + ".to");
    }
  }
  return tasks_of(with["else"], "with.else");
}

}  // namespace

BranchAction::BranchAction() : schema_(make_schema()) {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<Preview> BranchAction::plan(rt::Context&, const AttemptInfo&, Value with) {
  Preview preview;
  Preview::Step step{.what = "choose what runs next"};
  if (with["cases"].is_list()) {
    for (const Value& each : with["cases"].as_list()) {
      step.detail += fmt::format("when {}: {}\n", to_json(each["when"]), to_json(each["to"]));
    }
  }
  step.detail += fmt::format("else: {}", with["else"].is_null() ? "none" : to_json(with["else"]));
  preview.steps.push_back(std::move(step));
  co_return preview;
}

Task<Outcome> BranchAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  CO_OK(ctx.check());
  auto chosen = choose(attempt, with);
  if (!chosen.has_value()) {
    co_return Failed{.error = std::move(chosen).error(), .retryable = false};
  }
  co_return Done{.output = Value::of({{"chosen", Value(std::move(*chosen))}})};
}

}  // namespace tutti::action
