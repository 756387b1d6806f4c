// SPDX-License-Identifier: Apache-2.0
// From the store into memory: at the start, after a failed commit, and one ended run at a time.
#include <fmt/format.h>

#include <algorithm>

#include "core/codec/codec.h"
#include "engine/state.h"

namespace tutti::engine {
namespace {

constexpr Duration again_min = milliseconds(100);
constexpr Duration again_max = seconds(5);

// The latest instant a state knows of: time goes on from there.
Instant newest_instant(const run::RunState& state) {
  Instant newest = std::max({state.created, state.started.value_or(Instant{}),
                             state.ended.value_or(Instant{}), state.timer.set_at});
  for (const run::Entry& entry : state.tasks) {
    newest = std::max({newest, entry.started, entry.ended, entry.timer.set_at});
  }
  return newest;
}

}  // namespace

Error not_there(const RunId& run) {
  return {.code = Code::not_found,
          .what = fmt::format("there is no run {}", to_text(run)),
          .where = {},
          .remedy = "`tutti runs` lists them"};
}

LiveRun* Engine::State::find(const RunId& run) const {
  const auto at = runs.find(run);
  return at == runs.end() ? nullptr : at->second.get();
}

void Engine::State::add(const std::shared_ptr<LiveRun>& run) {
  run->used = turns;
  run->revision = revision;
  std::ranges::fill(run->changed, revision);
  runs[run->id()] = run;
  by_no[run->origin.run_no] = run.get();
  shard.recount({}, run->state.counts);
}

Task<Unit> Engine::State::load(rt::Context& ctx) {
  Duration again = again_min;
  for (;;) {
    auto done = co_await claim(ctx);
    if (done.has_value() || done.error().code == Code::conflict || epoch == 0) {
      co_return done;
    }
    if (done.error().code == Code::corrupt) {
      co_return done;  // not to be trusted as long as it is open: the next owner opens it anew
    }
    PROBE("state cannot be read again at once");
    problem = done.error().text();
    CO_OK(co_await rt::delay(ctx, again));
    again = std::min(again * 2, again_max);
  }
}

Task<Unit> Engine::State::claim(rt::Context& ctx) {
  const bool first = !has_state;
  CO_TRY(store::Claimed claimed,
         co_await services.store.claim(ctx, epoch == 0 ? std::nullopt : std::optional(epoch)));
  epoch = claimed.epoch;
  std::vector<std::shared_ptr<LiveRun>> revived;
  for (store::RunImage& image : claimed.live) {
    const RunId id = image.row.run;
    auto run = co_await revive(ctx, std::move(image));
    if (run.has_value()) {
      revived.push_back(std::move(*run));
    } else if (run.error().code == Code::corrupt || run.error().code == Code::not_found ||
               run.error().code == Code::bad_input) {
      problem = fmt::format("run {}: {}", to_text(id), run.error().text());
    } else {
      co_return fail(std::move(run).error());
    }
  }
  for (const auto& [id, run] : runs) {
    run->wake_watchers();
  }
  ++generation;
  ++revision;
  last_run_no = claimed.last_run_no;
  runs.clear();
  by_no.clear();
  shard = shard::Shard(settings.limits);
  output_bytes = 0;
  batch = {};
  lost.clear();
  boot = ctx.clock().boot();
  for (const auto& run : revived) {
    last = std::max(last, newest_instant(run->state));
  }
  last = now = std::max(last, ctx.clock().wall());
  revision = std::max(revision, static_cast<uint64_t>(std::max<int64_t>(now.us, 0)));
  for (const auto& run : revived) {
    add(run);
    run::Effects owed = run::pending(run->state);
    lose_inherited(*run, first, owed);
    owe(*run, owed);
  }
  has_state = true;
  co_return Unit{};
}

// What ran when this owner began was an earlier one's, and is dead. What runs later is its own:
// also when the state is read again before anything was handed out.
void Engine::State::lose_inherited(const LiveRun& run, bool first, run::Effects& owed) {
  const auto lose = [&](const auto& each) {
    const AttemptId id{run.id(), each.task, each.attempt};
    if (first) {
      inherited.insert(id);
    }
    if (!inherited.contains(id)) {
      return false;
    }
    lost.push_back({run.id(), {each.task, each.attempt}});
    return true;
  };
  std::erase_if(owed.launch, lose);
  std::erase_if(owed.stop, lose);
}

Task<std::shared_ptr<LiveRun>> Engine::State::revive(rt::Context& ctx, store::RunImage image) {
  std::vector<codec::PageBytes> pages;
  std::string_view origin_bytes;
  for (const store::Page& page : image.pages) {
    pages.push_back({page.number, page.bytes});
    if (page.number == codec::origin_page) {
      origin_bytes = page.bytes;
    }
  }
  CO_TRY(run::Origin origin, codec::decode_origin(origin_bytes));
  CO_TRY(auto definition, co_await definition_of(ctx, origin.frozen));
  CO_TRY(run::RunState state, codec::decode_state(image.row.run, definition->plan, pages));
  co_return make_live_run(std::move(state), std::move(origin), std::move(definition));
}

Task<std::shared_ptr<const Definition>> Engine::State::definition_of(rt::Context& ctx,
                                                                     Digest frozen) {
  if (auto definition = definitions.find(frozen)) {
    co_return definition;
  }
  CO_TRY(const std::string bytes, co_await services.store.get_blob(ctx, frozen));
  CO_TRY(auto definition, define(bytes));
  definitions.add(definition);
  co_return definition;
}

// The run in memory, read from the store if it is not there. Whoever holds the pointer keeps it
// from being evicted; it is out of date once `generation` has risen.
Task<std::shared_ptr<LiveRun>> Engine::State::resident(rt::Context& ctx, RunId run) {
  for (;;) {
    if (const auto at = runs.find(run); at != runs.end()) {
      at->second->used = turns;
      co_return at->second;
    }
    const uint64_t before = generation;
    ++loads_under_way;
    auto image = co_await services.store.load_run(ctx, run);
    Result<std::shared_ptr<LiveRun>> revived =
        image.has_value() ? co_await revive(ctx, std::move(*image))
                          : Result<std::shared_ptr<LiveRun>>(fail(std::move(image).error()));
    --loads_under_way;
    if (!revived.has_value()) {
      co_return fail(revived.error().code == Code::not_found ? not_there(run)
                                                             : std::move(revived).error());
    }
    if (generation == before && !runs.contains(run)) {
      if ((*revived)->live()) {
        co_return fail(Error{.code = Code::corrupt,
                             .what = fmt::format("run {} could not be read", to_text(run)),
                             .where = {},
                             .remedy = "`tutti doctor` says why"});
      }
      add(*revived);
    }
  }
}

}  // namespace tutti::engine
