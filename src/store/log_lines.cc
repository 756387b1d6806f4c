// SPDX-License-Identifier: Apache-2.0
#include "store/log_lines.h"

namespace tutti::store {

void LineMaker::take(LogEntry entry, std::vector<LogRecord>& out) {
  const Key key{entry.id.task, entry.id.attempt, entry.stream};
  auto it = unfinished_.find(key);
  if (entry.bytes.empty()) {
    if (it != unfinished_.end()) {
      give(it, out);
    }
    return;
  }
  LogRecord record{.task = key.task, .attempt = key.attempt, .stream = key.stream, .at = entry.at};
  size_t line_bytes = 0;  // of the line being made
  if (it != unfinished_.end()) {
    record.at = it->second.at;
    record.text = std::move(it->second.text);
    line_bytes = record.text.size();
    unfinished_.erase(it);
  }
  std::string_view rest = entry.bytes;
  size_t whole = 0;  // bytes of record.text up to the last line end
  while (!rest.empty()) {
    const size_t newline = rest.find('\n');
    const size_t piece = std::min(std::min(newline, rest.size()), line_bytes_max_ - line_bytes);
    record.text += rest.substr(0, piece);
    rest.remove_prefix(piece);
    line_bytes += piece;
    const bool ended = !rest.empty() && rest.front() == '\n';
    if (ended || line_bytes == line_bytes_max_) {
      record.text += '\n';
      rest.remove_prefix(ended ? 1 : 0);
      line_bytes = 0;
      whole = record.text.size();
    }
  }
  if (line_bytes > 0) {
    unfinished_[key] = {.at = entry.at, .text = record.text.substr(whole)};
    record.text.resize(whole);
  }
  if (!record.text.empty()) {
    out.push_back(std::move(record));
  }
}

LineMaker::Map::iterator LineMaker::give(Map::iterator it, std::vector<LogRecord>& out) {
  auto& [key, unfinished] = *it;
  out.push_back({.task = key.task,
                 .attempt = key.attempt,
                 .stream = key.stream,
                 .at = unfinished.at,
                 .text = std::move(unfinished.text) + '\n'});
  return unfinished_.erase(it);
}

void LineMaker::give_waiting(std::vector<LogRecord>& out) {
  for (auto it = unfinished_.begin(); it != unfinished_.end();) {
    if (it->second.waited) {
      it = give(it, out);
    } else {
      it->second.waited = true;
      ++it;
    }
  }
}

void LineMaker::give_all(std::vector<LogRecord>& out) {
  for (auto it = unfinished_.begin(); it != unfinished_.end();) {
    it = give(it, out);
  }
}

}  // namespace tutti::store
