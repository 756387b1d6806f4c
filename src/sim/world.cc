// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace tutti::sim {
namespace {

uint64_t mix(uint64_t x) { return Dice(x).next(); }

}  // namespace

World::World(uint64_t seed_, uint64_t salt, std::set<uint64_t> calm, bool keep_trace)
    : seed(seed_),
      loop(mix(mix(seed_ ^ 1U) ^ salt)),
      clock(loop, Instant{1'792'000'000'000'000}),
      dice(mix(mix(seed_ ^ 2U) ^ salt)),
      calm_(std::move(calm)),
      keep_trace_(keep_trace) {}

uint64_t World::draw(About about, uint64_t a, uint64_t b, uint64_t c) const {
  uint64_t number = mix(seed);
  for (const uint64_t part : {static_cast<uint64_t>(about), a, b, c}) {
    number = mix(number ^ part);
  }
  return number;
}

int64_t World::draw_between(int64_t from, int64_t to, About about, uint64_t a, uint64_t b,
                            uint64_t c) const {
  return from + static_cast<int64_t>(draw(about, a, b, c) % static_cast<uint64_t>(to - from + 1));
}

bool World::odd(uint32_t permille, About about, uint64_t a, uint64_t b, uint64_t c,
                std::string_view text) {
  const uint64_t key = draw(about, a, b, c);
  if (key % 1'000 >= permille || calm_.contains(key)) {
    return false;
  }
  if (odd_.insert(key).second) {
    oddities.push_back({key, std::string(text)});
  }
  return true;
}

void World::note(Event event) {
  event.at = loop.now();
  for (const auto part :
       {static_cast<uint64_t>(event.at.us), static_cast<uint64_t>(event.did),
        static_cast<uint64_t>(event.run), static_cast<uint64_t>(event.task),
        uint64_t{event.attempt}, static_cast<uint64_t>(event.a), static_cast<uint64_t>(event.b)}) {
    hash = mix(hash ^ part);
  }
  facts += event.did == Did::task || event.did == Did::phase ? 1 : 0;
  if (keep_trace_) {
    trace.push_back(event);
  }
}

void World::fail(std::string what) {
  if (failure.empty()) {
    failure = std::move(what);
  }
}

size_t World::run_index(const RunId& id) const {
  return static_cast<size_t>(std::ranges::find(runs, id, &SimRun::id) - runs.begin());
}

Behaviour World::behave(const AttemptId& id) {
  const uint64_t run = run_index(id.run);
  const uint64_t task = id.task.value;
  Behaviour out;
  out.time = milliseconds(draw_between(0, 400, About::behaviour, run, task, id.attempt + 1'000));
  if (healed) {
    return out;
  }
  const auto odd_here = [&](uint32_t permille, uint64_t which, std::string_view text) {
    return odd(permille, About::behaviour, run, task, id.attempt + which * 10'000,
               keep_trace_
                   ? fmt::format("run {} task {} attempt {} {}", run, task, id.attempt, text)
                   : std::string(text));
  };
  if (odd_here(150, 1, "takes long")) {
    out.time = seconds(draw_between(1, 90, About::behaviour, run, task, id.attempt + 2'000));
  }
  out.deaf = odd_here(100, 2, "is deaf to stops");
  out.big_output = odd_here(60, 3, "has a big output");
  if (odd(12, About::behaviour, run, task, 90'000,
          keep_trace_ ? fmt::format("run {} task {} is lost again and again", run, task)
                      : std::string())) {
    out.does = Does::lost;
  } else if (odd_here(200, 4, "fails")) {
    out.does = Does::fail;
  } else if (odd_here(30, 5, "fails for good")) {
    out.does = Does::fail_for_good;
  } else if (odd_here(30, 6, "ends unknown")) {
    out.does = Does::not_known;
  } else if (odd_here(20, 8, "dies without doing of its own")) {
    out.does = Does::lost;
  } else if (odd_here(20, 9, "ends with its worker")) {
    out.does = Does::stop;
  } else if (odd_here(25, 7, "hangs")) {
    out.does = Does::hang;
  }
  return out;
}

std::string to_text(const Event& event) {
  constexpr std::array<std::string_view, 14> names{
      "owner begins", "owner dies", "start",  "cancel", "retry",  "mark",        "commit",
      "task",         "run",        "assign", "stop",   "report", "clock jumps", "faults end"};
  std::string out = fmt::format("{:>12.3f}s {}", Duration{event.at.us}.seconds() - 1'000,
                                names[static_cast<size_t>(event.did)]);
  if (event.run >= 0) {
    out += fmt::format(" run {}", event.run);
  }
  if (event.task >= 0) {
    out += fmt::format(" t{}#{}", event.task, event.attempt);
  }
  constexpr std::array<std::string_view, 3> calls{"asked", "answered", "refused"};
  constexpr std::array<std::string_view, 6> commits{"applied",       "died before", "died after",
                                                    "store refuses", "reply lost",  "disk full"};
  constexpr std::array<std::string_view, 5> ends{"succeeded", "failed", "stopped", "unknown",
                                                 "lost"};
  const auto a = static_cast<size_t>(event.a);
  switch (event.did) {
    case Did::start:
    case Did::cancel:
    case Did::retry:
    case Did::mark:
      return out + fmt::format(" {}", calls[a % calls.size()]);
    case Did::commit:
      return out + fmt::format(" {} {}", event.b, commits[a % commits.size()]);
    case Did::task:
      return out + fmt::format(" is {}({})", task_state_name(static_cast<run::TaskState>(a)),
                               reason_name(static_cast<run::Reason>(event.b)));
    case Did::phase:
      return out + fmt::format(" is {}", phase_name(static_cast<run::Phase>(a)));
    case Did::report:
      return out + fmt::format(" {}{}", ends[a % ends.size()], event.b != 0 ? " (again)" : "");
    case Did::jump:
      return out + fmt::format(" by {} s", event.a);
    default:
      return out;
  }
}

}  // namespace tutti::sim
