// SPDX-License-Identifier: Apache-2.0
// World: what is true outside the engine in one story, and stays so when an owner dies: the disk,
// the attempts that are alive, what was reported and answered. Everything odd is asked of it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/run/run.h"
#include "core/spec/spec.h"
#include "rt/wait.h"
#include "sim/loop.h"
#include "store/memory.h"
#include "worker/api/worker.h"

namespace tutti::sim {

// What a choice is about: with the seed and the numbers beside it, it decides the choice.
enum class About : uint64_t {
  story,
  run_exists,
  task_exists,
  need_exists,
  task_shape,
  behaviour,
  commit_fault,
  store_fault,
  crash,
  landing,
  latency,
  replay,
  person,
  stop_answer,
  clock,
};

struct Oddity {
  uint64_t key = 0;
  std::string text;
};

// One thing that happened, for the trace and its hash.
enum class Did : uint8_t {
  begin,  // an owner begins (a = which)
  crash,  // it dies
  start,  // a run: asked (a = 0), answered (a = 1), refused (a = 2)
  cancel,
  retry,
  mark,
  commit,  // a = how it went
  task,    // a task's state in a commit: a = state, b = reason
  phase,   // a run's phase in a commit
  assign,  // to the worker
  stop,
  report,  // a = end
  jump,    // of the clock, a = seconds
  heal,    // no more faults
};
struct Event {
  BootInstant at;
  Did did = Did::begin;
  int32_t run = -1;
  int32_t task = -1;
  uint32_t attempt = 0;
  int64_t a = 0;
  int64_t b = 0;
};

// A run of the story: what it was made of.
struct SimRun {
  RunId id;
  spec::Workflow workflow;
  std::string frozen;
  std::shared_ptr<const run::RunPlan> plan;
  std::optional<run::RunState> durable;  // as the newest commit has it
  int hands = 0;                         // calls about it that are under way
  uint64_t calls = 0;                    // about it, ever begun
  bool touched = false;                  // by hand, ever
  bool acknowledged = false;
  bool big_outputs = false;
};

// An attempt, from its assignment to the proof that it is over.
struct SimAttempt {
  bool alive = false;  // its work may still act
  bool lost = false;   // it died with its owner
  bool stop_asked = false;
  std::set<worker::End> reported;
};

enum class Does : uint8_t { succeed, fail, fail_for_good, not_known, lost, stop, hang };
struct Behaviour {
  Does does = Does::succeed;
  Duration time;
  bool big_output = false;
  bool deaf = false;  // goes on for a while after it was asked to stop
};

class World {
 public:
  World(uint64_t seed, uint64_t salt, std::set<uint64_t> calm, bool keep_trace);

  // A number decided by the seed and these keys alone.
  uint64_t draw(About about, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) const;
  int64_t draw_between(int64_t from, int64_t to, About about, uint64_t a = 0, uint64_t b = 0,
                       uint64_t c = 0) const;
  // The same as a choice, unless the story is to be told without it. `text` says what it is.
  bool odd(uint32_t permille, About about, uint64_t a, uint64_t b, uint64_t c,
           std::string_view text);

  void note(Event event);
  // The first failure stays; the story ends.
  void fail(std::string what);

  size_t run_index(const RunId& id) const;  // runs.size(): not of this story
  SimAttempt& attempt(const AttemptId& id) { return attempts[id]; }
  Behaviour behave(const AttemptId& id);
  bool faults() const { return !healed; }

  const uint64_t seed;
  SimLoop loop;
  SimClock clock;
  Dice dice;  // for what does not matter: latencies within a run
  store::MemoryDisk disk;
  std::vector<SimRun> runs;
  std::map<AttemptId, SimAttempt> attempts;
  uint64_t owners = 0;
  uint64_t commits = 0;
  BootInstant disk_full_until;
  bool healed = false;
  std::vector<std::shared_ptr<rt::Waiter>> hanging;  // attempts that end when the faults do

  std::vector<Oddity> oddities;
  std::string failure;
  uint64_t hash = 0;
  uint64_t facts = 0;
  uint64_t crashes = 0;
  std::vector<Event> trace;

 private:
  std::set<uint64_t> calm_;
  std::set<uint64_t> odd_;
  bool keep_trace_;
};

std::string to_text(const Event& event);

}  // namespace tutti::sim
