// SPDX-License-Identifier: Apache-2.0
// Logs: what the attempts of a run printed. Implementations: files, memory.
//
// Per run, append-only segments of framed, compressed blocks (log_files.h). Capped: an attempt
// keeps its head and its tail, a run keeps `run_bytes_max`; what was dropped is marked where it
// was. Written at least once a second; a crash of the machine may lose that second, never more.
// Thread-safe: append and read may come from different loops.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::store {

enum class LogStream : uint8_t { out = 0, err = 1, system = 2 };

// Bytes as they were printed: any number of lines, the last one perhaps unfinished. A line is
// completed by a later entry of the same attempt and stream; an entry without bytes ends the stream
// (its unfinished line is then a line). An unfinished line waits a second at most.
struct LogEntry {
  AttemptId id;
  LogStream stream = LogStream::out;
  Instant at = {};
  std::string bytes;
};

struct LogLine {
  TaskNo task;
  AttemptNo attempt = 0;
  LogStream stream = LogStream::out;
  Instant at = {};
  std::string text;  // without the line end; at most line_bytes_max, longer lines are split
};

struct LogRead {
  RunId run;
  std::optional<TaskNo> task = std::nullopt;
  std::optional<AttemptNo> attempt = std::nullopt;
  uint64_t cursor = 0;          // 0, or what the last page gave
  Duration wait = {};           // up to this long for the first new line; 0 answers at once
  size_t bytes_max = 1u << 20;  // of text; and at most log_page_lines_max lines
};
constexpr size_t log_page_lines_max = 8192;  // short lines cost more than their text

struct LogPage {
  std::vector<LogLine> lines = {};  // oldest first
  uint64_t cursor = 0;
  bool more = false;  // read on: the page was full
};

struct LogLimits {
  uint64_t head_bytes_max = 16u << 20;  // of an attempt, kept from its start
  uint64_t tail_bytes_max = 16u << 20;  // of an attempt, kept from its end (at least half of it)
  uint64_t run_bytes_max = 1u << 30;    // of a run, before compression; beyond it only `system`
  size_t buffer_bytes_max = 8u << 20;   // of all runs, in memory; beyond it append waits
  size_t line_bytes_max = 64u << 10;
};

class Logs {
 public:
  virtual ~Logs() = default;
  // Returns when the bytes are taken over, which is before they are on disk; a full buffer makes it
  // wait. A disk that refuses them loses them, with a mark in the log, and never fails an attempt.
  virtual Task<Unit> append(rt::Context& ctx, LogEntry entry) = 0;
  // A run without a log gives an empty page.
  virtual Task<LogPage> read(rt::Context& ctx, LogRead query) = 0;
  // The run has ended: unfinished lines become lines, everything is written, memory is released,
  // and readers that wait are answered.
  virtual Task<Unit> finish(rt::Context& ctx, RunId run) = 0;
  // As finish, of all runs; nothing may be called after it.
  virtual Task<Unit> close(rt::Context& ctx) = 0;
};

std::unique_ptr<Logs> make_memory_logs(LogLimits limits = {});

}  // namespace tutti::store
