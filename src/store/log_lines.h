// SPDX-License-Identifier: Apache-2.0
// Entries, cut anywhere, become whole lines by attempt and stream. Inside of the logs.
#pragma once

#include <map>

#include "store/log.h"

namespace tutti::store {

// Whole lines of one attempt and stream, each with its line end.
struct LogRecord {
  TaskNo task;
  AttemptNo attempt = 0;
  LogStream stream = LogStream::out;
  Instant at = {};
  std::string text;
};

// Of one run. Memory: one unfinished line an attempt and stream, up to line_bytes_max.
class LineMaker {
 public:
  explicit LineMaker(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // Appends what is whole to `out`. Empty bytes end the stream.
  void take(LogEntry entry, std::vector<LogRecord>& out);
  // Unfinished lines that were there at the last call already: they have waited long enough.
  void give_waiting(std::vector<LogRecord>& out);
  // All of them.
  void give_all(std::vector<LogRecord>& out);
  bool empty() const { return unfinished_.empty(); }

 private:
  struct Key {
    TaskNo task;
    AttemptNo attempt;
    LogStream stream;
    auto operator<=>(const Key&) const = default;
  };
  struct Unfinished {
    Instant at;
    std::string text;
    bool waited = false;
  };
  using Map = std::map<Key, Unfinished>;
  Map::iterator give(Map::iterator it, std::vector<LogRecord>& out);

  size_t line_bytes_max_;
  Map unfinished_;
};

}  // namespace tutti::store
