// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/codec/bytes.h"

namespace tutti::codec {
namespace {

using run::Entry;
using run::RunState;

constexpr uint8_t format = 1;

std::unexpected<Error> corrupt(std::string what) {
  return fail(Error{.code = Code::corrupt,
                    .what = "stored state of a run: " + std::move(what),
                    .where = {},
                    .remedy = "restore the project's state from a backup"});
}

// ---- header, format 1: format, tasks, phase, reason, flags (1 cancel_now, 2 started, 4 ended,
// 8 timer), created, then what the flags announce in that order, openings.
enum HeaderFlag : uint8_t { cancel_now = 1, has_started = 2, has_ended = 4, has_timer = 8 };

// ---- entries, format 1: format, first task, count; for each: state, reason, flags (1 evaluating,
// 2 started, 4 ended, 8 timer), lost, attempt, tries, then what the flags announce; instants after
// the first as differences from the run's first instant in the page.
enum EntryFlag : uint8_t { evaluating = 1, entry_started = 2, entry_ended = 4, entry_timer = 8 };

void write(Writer& out, const Entry& entry, Instant& last) {
  const auto instant = [&](Instant at) {
    out.integer(at.us - last.us);
    last = at;
  };
  out.byte(static_cast<uint8_t>(entry.state));
  out.byte(static_cast<uint8_t>(entry.reason));
  out.byte(static_cast<uint8_t>(
      (entry.evaluating ? evaluating : 0) | (entry.started.us != 0 ? entry_started : 0) |
      (entry.ended.us != 0 ? entry_ended : 0) | (entry.timer.armed() ? entry_timer : 0)));
  out.byte(entry.lost);
  out.number(entry.attempt);
  out.number(entry.tries);
  if (entry.started.us != 0) {
    instant(entry.started);
  }
  if (entry.ended.us != 0) {
    instant(entry.ended);
  }
  if (entry.timer.armed()) {
    instant(entry.timer.set_at);
    out.integer(entry.timer.duration.us);
  }
}

bool read(Reader& in, Entry& entry, Instant& last) {
  const auto instant = [&] {
    // Unsigned, so that hostile differences wrap instead of overflowing.
    last.us =
        static_cast<int64_t>(static_cast<uint64_t>(last.us) + static_cast<uint64_t>(in.integer()));
    return last;
  };
  const uint8_t state = in.byte();
  const uint8_t reason = in.byte();
  const uint8_t flags = in.byte();
  entry.lost = in.byte();
  entry.attempt = in.small<AttemptNo>();
  entry.tries = in.small<uint32_t>();
  if (state >= run::task_state_count || reason >= run::reason_count || flags > 15 ||
      entry.attempt > std::numeric_limits<AttemptNo>::max() / 2) {
    return false;
  }
  entry.state = static_cast<run::TaskState>(state);
  entry.reason = static_cast<run::Reason>(reason);
  entry.evaluating = (flags & evaluating) != 0;
  if ((flags & entry_started) != 0) {
    entry.started = instant();
  }
  if ((flags & entry_ended) != 0) {
    entry.ended = instant();
  }
  if ((flags & entry_timer) != 0) {
    entry.timer.set_at = instant();
    entry.timer.duration.us = in.integer();
  }
  return !in.failed();
}

}  // namespace

std::string encode_header(const RunState& state) {
  Writer out;
  out.byte(format);
  out.number(state.tasks.size());
  out.byte(static_cast<uint8_t>(state.phase));
  out.byte(static_cast<uint8_t>(state.reason));
  out.byte(static_cast<uint8_t>((state.cancel_now ? cancel_now : 0) |
                                (state.started ? has_started : 0) | (state.ended ? has_ended : 0) |
                                (state.timer.armed() ? has_timer : 0)));
  out.integer(state.created.us);
  if (state.started) {
    out.integer(state.started->us);
  }
  if (state.ended) {
    out.integer(state.ended->us);
  }
  if (state.timer.armed()) {
    out.integer(state.timer.set_at.us);
    out.integer(state.timer.duration.us);
  }
  out.number(state.openings);
  return out.take();
}

std::string encode_entries(const RunState& state, uint32_t page) {
  const size_t first = size_t{page - first_entry_page} * entries_per_page;
  const size_t end = std::min(first + entries_per_page, state.tasks.size());
  Writer out;
  out.byte(format);
  out.number(first);
  out.number(end - first);
  Instant last = state.created;
  for (size_t i = first; i < end; ++i) {
    write(out, state.tasks[i], last);
  }
  return out.take();
}

namespace {

Result<Unit> decode_header(RunState& state, std::string_view bytes) {
  Reader in(bytes);
  if (const uint8_t found = in.byte(); found != format) {
    return corrupt(fmt::format("header of format {}, this version reads {}", found, format));
  }
  const uint64_t tasks = in.number();
  const uint8_t phase = in.byte();
  const uint8_t reason = in.byte();
  const uint8_t flags = in.byte();
  state.created.us = in.integer();
  if (in.failed() || phase >= run::phase_count || reason >= run::reason_count || flags > 15) {
    return corrupt("its header is spoilt");
  }
  if (tasks != state.tasks.size()) {
    return corrupt(fmt::format("it has {} tasks, its workflow {}", tasks, state.tasks.size()));
  }
  state.phase = static_cast<run::Phase>(phase);
  state.reason = static_cast<run::Reason>(reason);
  state.cancel_now = (flags & cancel_now) != 0;
  if ((flags & has_started) != 0) {
    state.started = Instant{in.integer()};
  }
  if ((flags & has_ended) != 0) {
    state.ended = Instant{in.integer()};
  }
  if ((flags & has_timer) != 0) {
    state.timer.set_at.us = in.integer();
    state.timer.duration.us = in.integer();
  }
  state.openings = in.small<uint32_t>();
  if (!in.at_end()) {
    return corrupt("its header is spoilt");
  }
  return Unit{};
}

Result<Unit> decode_entries(RunState& state, uint32_t page, std::string_view bytes) {
  Reader in(bytes);
  if (const uint8_t found = in.byte(); found != format) {
    return corrupt(fmt::format("page {} of format {}, this version reads {}", page, found, format));
  }
  const size_t first = size_t{page - first_entry_page} * entries_per_page;
  const size_t end = std::min(first + entries_per_page, state.tasks.size());
  const bool right_place = in.number() == first && in.number() == end - first;
  Instant last = state.created;
  for (size_t i = first; right_place && i < end; ++i) {
    if (!read(in, state.tasks[i], last)) {
      return corrupt(fmt::format("page {} is spoilt", page));
    }
  }
  if (!right_place || !in.at_end()) {
    return corrupt(fmt::format("page {} is spoilt", page));
  }
  return Unit{};
}

}  // namespace

Result<RunState> decode_state(RunId id, std::shared_ptr<const run::RunPlan> plan,
                              const std::vector<PageBytes>& pages) {
  RunState state;
  state.id = id;
  state.tasks.resize(plan->size());
  state.plan = std::move(plan);
  std::vector<bool> seen(page_count(state.tasks.size()));
  seen[origin_page] = true;
  // The header first: instants of the other pages count from it.
  for (const bool header : {true, false}) {
    for (const PageBytes& page : pages) {
      if (page.number == origin_page || (page.number == header_page) != header) {
        continue;
      }
      if (page.number >= seen.size() || seen[page.number]) {
        return corrupt(fmt::format("it has a page {} too many", page.number));
      }
      seen[page.number] = true;
      TRY_OK(header ? decode_header(state, page.bytes)
                    : decode_entries(state, page.number, page.bytes));
    }
  }
  if (const auto missing = std::ranges::find(seen, false); missing != seen.end()) {
    return corrupt(fmt::format("page {} is missing", missing - seen.begin()));
  }
  rebuild(state);
  if (const std::string_view found = contradiction(state); !found.empty()) {
    return corrupt(std::string(found));
  }
  return state;
}

}  // namespace tutti::codec
