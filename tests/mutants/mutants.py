# SPDX-License-Identifier: Apache-2.0
"""The deliberate bugs. Each: a name, what it breaks, who must catch it, and its edits: (file, search, replace).
The searched text must stand in the file exactly once. `sim` means the simulator alone."""

MUTANTS = [
    {
        "name": "answer_before_commit",
        "breaks": "callers hear yes before it is durable",
        "caught_by": "sim",
        "edits": [("src/engine/turn.cc",
                   "    const auto committed = co_await services.store.commit(io, build_commit());",
                   "    store::Commit early = build_commit();\n    answer(std::nullopt);\n"
                   "    const auto committed = co_await services.store.commit(io, std::move(early));")],
    },
    {
        "name": "effect_before_commit",
        "breaks": "attempts are handed out before their start is durable",
        "caught_by": "sim",
        "edits": [("src/engine/turn.cc",
                   "    const auto committed = co_await services.store.commit(io, build_commit());",
                   "    CO_OK(co_await carry_out(scope));\n"
                   "    const auto committed = co_await services.store.commit(io, build_commit());")],
    },
    {
        "name": "read_before_durable",
        "breaks": "people are shown what may still be undone",
        "caught_by": "sim",
        "edits": [("src/engine/state.h", "    if (is_settled) {", "    if (true || is_settled) {")],
    },
    {
        "name": "no_attempt_check",
        "breaks": "the report of an old attempt ends the current one",
        "caught_by": "sim",
        "edits": [("src/engine/reports.cc", "      run->state.task(task).attempt != attempt || ", "      "),
                  ("src/engine/reports.cc", "const auto [id, task, attempt] = report.id;",
                   "const auto [id, task, told] = report.id;\n  LiveRun* known = find(id);\n"
                   "  const AttemptNo attempt = known == nullptr || task.value >= known->state.tasks.size()\n"
                   "                                ? told\n                                : known->state.task(task).attempt;")],
    },
    {
        "name": "timer_lost_on_restart",
        "breaks": "a task that waits for its next try waits for ever after a restart",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_run.cc", "    if (it.timer.armed()) {\n      const auto kind",
                   "    if (it.timer.armed() && i > state.tasks.size()) {\n      const auto kind")],
    },
    {
        "name": "blob_after_succeeded",
        "breaks": "an output is durable before the blob it names",
        "caught_by": "sim",
        "edits": [("src/worker/execution.cc",
                   "CO_OK(co_await coordinator.put_blob(ctx, *ref.blob, std::exchange(ref.json, {})));",
                   "ref.json.clear();")],
    },
    {
        "name": "cancel_lost",
        "breaks": "after a restart nobody stops what was asked to stop",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_run.cc",
                   "  state_.timer = {};\n  effects_.header_touched = true;\n  for",
                   "  state_.timer = {};\n  for")],
    },
    {
        "name": "stop_not_sent",
        "breaks": "a cancelled run's attempts are never asked to stop",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_run.cc", "      effects_.stop.push_back({{i}, it.attempt, now});", "")],
    },
    {
        "name": "start_after_cancel",
        "breaks": "what waits goes on although its run is being cancelled",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_run.cc", "    if (it.state == TaskState::waiting) {\n      end(",
                   "    if (it.state == TaskState::waiting && !it.is_ready()) {\n      end("),
                  ("src/core/run/facts_task.cc", "!entry(fact.task).is_ready() || state_.phase != Phase::running",
                   "!entry(fact.task).is_ready()")],
    },
    {
        "name": "memory_kept_after_failed_commit",
        "breaks": "the engine goes on from a state that was never durable",
        "caught_by": "sim",
        "edits": [("src/engine/turn.cc",
                   "  paused_until = boot + settings.pause;\n  CO_OK(co_await load(ctx));",
                   "  paused_until = boot + settings.pause;\n  const auto kept = batch.launches;\n  batch = {};\n"
                   "  batch.launches = kept;")],
    },
    {
        "name": "lost_reply_taken_for_success",
        "breaks": "a commit whose reply was lost is believed",
        "caught_by": "sim",
        "edits": [("src/engine/turn.cc", "    if (!committed.has_value()) {",
                   "    if (!committed.has_value() && committed.error().code != Code::unknown_outcome) {")],
    },
    {
        "name": "inherited_attempts_taken_over",
        "breaks": "attempts of a dead owner are taken for alive",
        "caught_by": "sim",
        "edits": [("src/engine/load.cc", "    if (!inherited.contains(id)) {", "    if (id.attempt > 0) {")],
    },
    {
        "name": "attempt_number_starts_again",
        "breaks": "a retry by hand gives out attempt numbers that were used",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_hand.cc", "      entry({i}).tries = 0;",
                   "      entry({i}).tries = 0;\n      entry({i}).attempt = 0;")],
    },
    {
        "name": "lost_for_ever",
        "breaks": "an attempt that kills its owner is started without end",
        "caught_by": "sim",
        "edits": [("src/core/run/facts_task.cc", "  if (it->lost >= lost_max) {", "  if (it->lost == 255) {")],
    },
    {
        "name": "page_not_written",
        "breaks": "a change of a task does not reach the disk",
        "caught_by": "sim",
        "edits": [("src/engine/turn.cc", "    if (!of.page_dirty[page]) {",
                   "    if (!of.page_dirty[page] && effects.history.size() < 2) {")],
    },
    {
        "name": "slot_leaks",
        "breaks": "slots are never free again",
        "caught_by": "sim",
        "edits": [("src/core/shard/shard.cc", "  slots_used_ += after.slots - before.slots;",
                   "  slots_used_ += after.slots > before.slots ? after.slots - before.slots : 0;")],
    },
    {
        "name": "skip_counts_as_success",
        "breaks": "a skipped need lets its dependants run",
        "caught_by": "sim",
        "edits": [("src/core/run/state.cc", "    case TaskState::skipped:\n    case TaskState::removed:\n      ++counts.skipped;",
                   "    case TaskState::skipped:\n    case TaskState::removed:\n      ++counts.succeeded;")],
    },
    {
        "name": "epoch_not_checked",
        "breaks": "a replaced owner goes on writing",
        "caught_by": "engine_test",
        "edits": [("src/store/memory.cc", "    if (commit.epoch != disk_.epoch) {", "    if (commit.epoch < 0) {")],
    },
    {
        "name": "jitter_not_derived",
        "breaks": "every attempt waits alike, so all come back at once",
        "caught_by": "core_run_test",
        "edits": [("src/core/run/retry_delay.cc", "return mix(mix(hash ^ id.task.value) ^ id.attempt);",
                   "return mix(hash);")],
    },
    {
        "name": "header_format_unchecked",
        "breaks": "state of a newer version is read as if it were ours",
        "caught_by": "core_codec_test",
        "edits": [("src/core/codec/codec.cc", "if (const uint8_t found = in.byte(); found != format) {\n    return corrupt(fmt::format(\"header",
                   "if (const uint8_t found = in.byte(); found == 0) {\n    return corrupt(fmt::format(\"header")],
    },
]
