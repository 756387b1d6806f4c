// SPDX-License-Identifier: Apache-2.0
// Hostile bytes as the stored state of a run: the first byte chooses, the rest is what was read.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "core/codec/codec.h"
#include "core/run/run.h"

namespace {

using namespace tutti;

std::shared_ptr<const run::RunPlan> plan_of(uint32_t tasks) {
  spec::Workflow workflow;
  for (uint32_t i = 0; i < tasks; ++i) {
    spec::Task task{.name = "t", .uses = "noop"};
    if (i >= 2) {
      task.needs = {{i - 2}, {i - 1}};
    }
    task.retry.attempts = 2;
    task.trigger_rule = static_cast<spec::TriggerRule>(i % spec::trigger_rule_count);
    workflow.tasks.push_back(std::move(task));
  }
  return std::make_shared<run::RunPlan>(workflow);
}

// Whatever decodes is a state that facts can be applied to.
void live_on(run::RunState state) {
  run::pending(state);
  for (uint32_t i = 0; i < state.tasks.size(); ++i) {
    run::apply(state, {.at = {1}, .what = run::Admitted{{i}}});
    run::apply(state, {.at = {2}, .what = run::Succeeded{{i}, state.tasks[i].attempt, {}}});
  }
  run::apply(state, {.at = {3}, .what = run::CancelRequested{}});
  run::apply(state, {.at = {4}, .what = run::RetryRequested{}});
  CHECK(contradiction(state).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto choice = static_cast<uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  if (choice == 0) {
    if (const auto origin = codec::decode_origin(bytes); origin.has_value()) {
      CHECK(codec::decode_origin(codec::encode_origin(*origin)).has_value());
    }
    return 0;
  }
  const auto plan = plan_of(choice % 6);
  const size_t header = bytes.empty() ? 0 : static_cast<uint8_t>(bytes.front()) % 64;
  const std::string_view rest = bytes.substr(bytes.empty() ? 0 : 1);
  std::vector<codec::PageBytes> pages{{codec::header_page, rest.substr(0, header)}};
  if (choice % 6 > 0) {
    pages.push_back({codec::first_entry_page, rest.substr(std::min(header, rest.size()))});
  }
  if (auto state = codec::decode_state({}, plan, pages); state.has_value()) {
    live_on(std::move(*state));
  }
  return 0;
}
