// SPDX-License-Identifier: Apache-2.0
// The verbs that change something: from a call to facts.
#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/closest.h"
#include "core/codec/codec.h"
#include "engine/state.h"

namespace tutti::engine {
namespace {

Error refused(const LiveRun& run, std::string what, std::string remedy) {
  return {.code = Code::conflict,
          .what = std::move(what),
          .where = fmt::format("run {} of {}", to_text(run.id()), run.origin.workflow),
          .remedy = std::move(remedy)};
}

}  // namespace

void Engine::State::take_call(Call& call) {
  if (auto* start = std::get_if<StartWish>(&call.wish)) {
    return start_run(call, *start);
  }
  LiveRun* run = find(call.run);
  if (run == nullptr) {
    PROBE("a run leaves memory between the call and the batch");
    call.refused = Error{.code = Code::unavailable,
                         .what = "the run's state is being read again",
                         .where = {},
                         .remedy = "ask again"};
    return;
  }
  run->used = turns;
  if (const auto* cancel = std::get_if<run::CancelRequested>(&call.wish)) {
    if (!run->live() && run->state.phase != run::Phase::cancelled) {
      call.refused =
          refused(*run, fmt::format("the run has ended ({})", phase_name(run->state.phase)), "");
      return;
    }
    tell(*run, *cancel);
  } else if (const auto* retry = std::get_if<run::RetryRequested>(&call.wish)) {
    if (run->state.phase == run::Phase::cancelling) {
      PROBE("a retry is asked of a run that is being cancelled");
      call.refused = refused(*run, "the run is being cancelled", "retry it when it has ended");
      return;
    }
    run->unreadable.clear();  // what could not be read may be there again
    tell(*run, *retry);
    if (!effects.changed()) {
      call.refused = refused(*run, "no task of it has failed", "`tutti run` starts a new run");
    }
  } else {
    mark_task(call, *run, std::get<MarkWish>(call.wish));
  }
}

void Engine::State::mark_task(Call& call, LiveRun& run, const MarkWish& wish) {
  const auto no = run.state.plan->find(wish.task);
  if (!no) {
    std::vector<std::string_view> names;
    for (const spec::Task& task : run.definition->workflow.tasks) {
      names.push_back(task.name);
    }
    call.refused =
        refused(run, fmt::format("it has no task '{}'", wish.task), "`tutti show` lists its tasks");
    call.refused->code = Code::not_found;
    return;
  }
  const auto to = run::task_state_from_name(wish.state);
  if (!to) {
    call.refused = refused(run, fmt::format("'{}' is no state to mark", wish.state),
                           "mark success, failed or skipped");
    call.refused->code = Code::bad_input;
    return;
  }
  if (const std::string why = run::mark_refused(run.state, *no, *to); !why.empty()) {
    call.refused = refused(run, fmt::format("'{}' cannot be marked: {}", wish.task, why), "");
    return;
  }
  tell(run, run::Marked{*no, *to});
  if (*to != run::TaskState::failed) {
    run.extras.erase(no->value);
  }
}

void Engine::State::start_run(Call& call, StartWish& wish) {
  if (find(call.run) != nullptr) {
    PROBE("a run is started twice by its id");
    return;
  }
  if (boot < paused_until) {
    PROBE("a run is started while nothing can be written");
    call.refused = Error{.code = Code::unavailable,
                         .what = fmt::format("no run can start now: {}", problem),
                         .where = {},
                         .remedy = "free disk space, then start it again"};
    return;
  }
  wish.origin.run_no = ++last_run_no;
  auto run = make_live_run(run::make_run(call.run, wish.definition->plan, now),
                           std::move(wish.origin), wish.definition);
  run->errors_known = true;
  run->origin_dirty = run->row_dirty = true;
  for (uint32_t page = codec::first_entry_page; page < run->page_dirty.size(); ++page) {
    run->page_dirty[page] = true;
    run->dirty.push_back(page);
  }
  add(run);
  std::ranges::fill(run->changed, revision + 1);
  tell(*run, run::Started{});
}

Task<control::RunView> Engine::State::ask(rt::Context& ctx, std::shared_ptr<Call> call) {
  if (closed) {
    co_return fail(*closed);
  }
  if (calls.size() >= settings.calls_max) {
    PROBE("too many calls wait");
    co_return fail(Error{.code = Code::throttled,
                         .what = fmt::format("{} calls wait already", calls.size()),
                         .where = {},
                         .remedy = "ask again",
                         .retry_after = milliseconds(100)});
  }
  calls.push_back(call);
  wake.notify();
  CO_OK(co_await call->done->wait(ctx));
  co_return std::move(*call->view);
}

// ---- which run is meant

namespace {

constexpr size_t prefix_min = 6;
constexpr size_t prefix_rows_max = 10'000;

bool is_id_prefix(const std::string& text) {
  return text.size() >= prefix_min && text.size() <= 26 &&
         std::ranges::all_of(text, is_ascii_alnum);
}

Error no_such_run(const std::string& text) {
  return {.code = Code::not_found,
          .what = fmt::format("no run is called '{}'", text),
          .where = {},
          .remedy = "name it by its id, NAME@DATE, NAME or latest; `tutti runs` lists them"};
}

Result<store::RunsQuery> query_of(const std::string& text) {
  store::RunsQuery query{.rows_max = 1};
  if (text == "latest") {
    return query;
  }
  const size_t at = text.find('@');
  query.workflow = text.substr(0, at);
  if (at != std::string::npos) {
    TRY(const Date date, parse_date(text.substr(at + 1)));
    query.logical_from = start_of(date);
    query.logical_before = start_of(date) + days(1);
  }
  return query;
}

constexpr size_t candidates_max = 5;  // named in an error

Error ambiguous(const std::string& text, const std::vector<store::RunRow>& candidates) {
  std::string list;
  for (size_t i = 0; i < std::min(candidates.size(), candidates_max); ++i) {
    const store::RunRow& row = candidates[i];
    list += fmt::format("{}{} ({}{})", i == 0 ? "" : ", ", to_text(row.run), row.workflow,
                        row.logical_date ? " for " + to_text(date_of(*row.logical_date)) : "");
  }
  return {.code = Code::bad_input,
          .what = fmt::format("'{}' could be more than one run: {}{}", text, list,
                              candidates.size() > candidates_max ? " and more" : ""),
          .where = {},
          .remedy = "give more of its id"};
}

Task<std::optional<RunId>> find_by_prefix(rt::Context& ctx, store::Store& store, std::string text) {
  text = ascii_lower(std::move(text));
  std::vector<store::RunRow> found;
  store::RunsQuery query{.rows_max = 1'000};
  for (size_t seen = 0; seen < prefix_rows_max && found.size() <= candidates_max;) {
    CO_TRY(const auto rows, co_await store.runs(ctx, query));
    for (const store::RunRow& row : rows) {
      if (to_text(row.run).starts_with(text)) {
        found.push_back(row);
      }
    }
    if (rows.size() < query.rows_max) {
      break;
    }
    seen += rows.size();
    query.before_run_no = rows.back().run_no;
  }
  if (found.size() > 1) {
    co_return fail(ambiguous(text, found));
  }
  co_return found.empty() ? std::nullopt : std::optional(found.front().run);
}

}  // namespace

Task<RunId> Engine::State::resolve(rt::Context& ctx, control::RunRef ref) {
  if (const auto id = parse_run_id(ref.text); id.has_value()) {
    co_return *id;
  }
  CO_TRY(store::RunsQuery query, query_of(ref.text));
  CO_TRY(const auto rows, co_await services.store.runs(ctx, std::move(query)));
  if (!rows.empty()) {
    co_return rows.front().run;
  }
  if (is_id_prefix(ref.text)) {
    CO_TRY(const auto found, co_await find_by_prefix(ctx, services.store, ref.text));
    if (found) {
      co_return *found;
    }
  }
  co_return fail(no_such_run(ref.text));
}

}  // namespace tutti::engine
