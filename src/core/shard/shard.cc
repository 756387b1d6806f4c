// SPDX-License-Identifier: Apache-2.0
#include "core/shard/shard.h"

#include <algorithm>

namespace tutti::shard {

void Shard::add_ready(int64_t run_no, TaskNo task, bool light) {
  (light ? light_ready_ : ready_)[run_no].push_back(task);
}

std::optional<RunTask> Shard::take(Queues& queues) {
  const auto first = queues.begin();
  const RunTask next{first->first, first->second.front()};
  first->second.pop_front();
  if (first->second.empty()) {
    queues.erase(first);
  }
  return next;
}

std::optional<RunTask> Shard::take_ready() {
  if (!light_ready_.empty() && light_used_ < limits_.light_max) {
    return take(light_ready_);
  }
  if (!ready_.empty() && slots_used_ < limits_.slots) {
    return take(ready_);
  }
  return std::nullopt;
}

void Shard::recount(const run::Counts& before, const run::Counts& after) {
  slots_used_ += after.slots - before.slots;
  light_used_ += after.light - before.light;
}

bool Shard::later(const Entry& a, const Entry& b) {
  return a.due.at != b.due.at ? a.due.at > b.due.at : a.order > b.order;
}

void Shard::arm(Due due) {
  timers_.push_back({due, ++order_});
  std::ranges::push_heap(timers_, later);
}

std::optional<BootInstant> Shard::next_due() const {
  return timers_.empty() ? std::nullopt : std::optional(timers_.front().due.at);
}

std::optional<Due> Shard::take_due(BootInstant now) {
  if (timers_.empty() || timers_.front().due.at > now) {
    return std::nullopt;
  }
  std::ranges::pop_heap(timers_, later);
  const Due due = timers_.back().due;
  timers_.pop_back();
  return due;
}

void Shard::rebuild_heap() {
  std::ranges::make_heap(timers_, later);
  timers_max_ = std::max<size_t>(1'024, 2 * timers_.size());
}

void Shard::forget(int64_t run_no) {
  ready_.erase(run_no);
  light_ready_.erase(run_no);
}

}  // namespace tutti::shard
