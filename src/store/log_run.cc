// SPDX-License-Identifier: Apache-2.0
#include "store/log_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::store {
namespace {

constexpr uint64_t segment_bytes_max = 64u << 20;
constexpr size_t group_bytes_best = 256u << 10;
constexpr size_t groups_a_page_max = 256;  // looked at; a filter may skip most of them

// All or nothing: what was written of a refused piece is cut off again.
Result<Unit> append_to(const std::filesystem::path& path, uint64_t size, std::string_view bytes) {
  const rt::Descriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    return fail(rt::error_of_errno(errno, "opening a log", path));
  }
  uint64_t at = size;
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      const Error error = rt::error_of_errno(errno, "writing a log", path);
      [[maybe_unused]] const int cut = ftruncate(fd.get(), static_cast<off_t>(size));
      return fail(error);
    }
    at += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Unit{};
}

std::string read_at(int fd, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      break;
    }
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

LogRecord system_record(TaskNo task, AttemptNo attempt, Instant at, std::string text) {
  return {.task = task,
          .attempt = attempt,
          .stream = LogStream::system,
          .at = at,
          .text = std::move(text) + '\n'};
}

// TASK.ATTEMPT.N.tail
struct TailName {
  uint32_t task = 0;
  uint32_t attempt = 0;
  uint32_t number = 0;
};
std::optional<TailName> parse_tail_name(const std::string& name) {
  TailName tail;
  const char* at = name.data();
  const char* end = at + name.size();
  for (uint32_t* part : {&tail.task, &tail.attempt, &tail.number}) {
    const auto [rest, error] = std::from_chars(at, end, *part);
    if (error != std::errc{} || rest == end || *rest != '.') {
      return std::nullopt;
    }
    at = rest + 1;
  }
  return std::string_view(at, end) == "tail" ? std::optional(tail) : std::nullopt;
}

// Takes whole lines of a record from `offset` on into the page; the offset where it stopped.
size_t take_lines(const LogRecord& record, size_t offset, size_t bytes_max, LogPage& page,
                  size_t& bytes) {
  const std::string& text = record.text;
  while (offset < text.size() && bytes < bytes_max && page.lines.size() < log_page_lines_max) {
    const size_t newline = text.find('\n', offset);
    const size_t end = newline == std::string::npos ? text.size() : newline;
    page.lines.push_back({.task = record.task,
                          .attempt = record.attempt,
                          .stream = record.stream,
                          .at = record.at,
                          .text = text.substr(offset, end - offset)});
    bytes += end - offset + 1;
    offset = std::min(end + 1, text.size());
  }
  return offset;
}

}  // namespace

// ---- opening ------------------------------------------------------------------------------------

Result<RunLog> RunLog::open(std::filesystem::path folder, const LogLimits& limits) {
  RunLog log(std::move(folder), limits);
  TRY_OK(log.scan());
  return log;
}

Result<Unit> RunLog::scan() {
  std::error_code error;
  std::map<std::string, SegmentId> by_name;  // heads in their order
  std::map<std::pair<uint32_t, uint32_t>, std::map<uint32_t, SegmentId>> tails;
  std::filesystem::directory_iterator it(folder_, error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".log")) {
      by_name[name] = add_segment(name);
    } else if (const auto tail = parse_tail_name(name)) {
      tails[{tail->task, tail->attempt}][tail->number] = add_segment(name);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(rt::error_of_errno(error.value(), "reading the logs", folder_));
  }
  for (const auto& [name, numbered] : tails) {
    const auto& [number, first] = *numbered.begin();
    segments_.at(first).gap_before = number > 0;
    Attempt& attempt = attempts_[{{name.first}, name.second}];
    for (const auto& [n, id] : numbered) {
      attempt.tails.push_back(id);
      attempt.tails_ever = n + 1;
    }
  }
  for (const auto& [id, segment] : segments_) {
    scan_segment(id);
  }
  // A new head segment: what a crash left behind the good part of the last one is not touched.
  heads_ever_ =
      by_name.empty() ? 0 : static_cast<uint32_t>(std::atoi(by_name.rbegin()->first.c_str())) + 1;
  return Unit{};
}

void RunLog::scan_segment(SegmentId id) {
  Segment& segment = segments_.at(id);
  const rt::Descriptor fd(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!fd.is_open() || fstat(fd.get(), &info) != 0) {
    return;
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  while (segment.bytes + log_header_bytes <= size) {
    const auto header = decode_log_header(read_at(fd.get(), segment.bytes, log_header_bytes));
    const uint64_t offset = segment.bytes + log_header_bytes;
    if (!header || offset + header->stored_bytes > size) {
      return;  // cut off by a crash
    }
    groups_[header->group].push_back({.segment = id, .offset = offset, .header = *header});
    segment.bytes = offset + header->stored_bytes;
    segment.text_bytes += header->text_bytes;
    kept_bytes_ += header->text_bytes;
    end_ = std::max(end_, header->group_end);
  }
}

// ---- writing ------------------------------------------------------------------------------------

void RunLog::write(std::vector<LogRecord> records) {
  if (records.empty()) {
    return;
  }
  if (segments_.empty()) {
    mkdir(folder_.c_str(), 0700);
  }
  for (std::span<LogRecord> rest(records); !rest.empty();) {
    size_t count = 0;
    size_t bytes = 0;
    while (count < rest.size() && (count == 0 || bytes < group_bytes_best)) {
      bytes += rest[count++].text.size();
    }
    write_group(rest.first(count));
    rest = rest.subspan(count);
  }
}

void RunLog::write_group(std::span<LogRecord> records) {
  const uint64_t begin = end_;
  Group group;
  if (lost_bytes_ > 0) {
    const LogRecord& next = records.front();
    place(system_record(next.task, next.attempt, next.at,
                        fmt::format("... {} bytes of this run's log were lost: the disk refused "
                                    "them ...",
                                    lost_bytes_)),
          group);
  }
  for (LogRecord& record : records) {
    place(std::move(record), group);
  }
  LogBlockHeader header{.group = begin, .group_end = end_};
  Result<Unit> written = group.head.empty() ? Unit{} : append(head_segment(), header, group.head);
  for (const auto& [key, tail] : group.tails) {
    Attempt& attempt = attempts_[key];
    const SegmentId segment = tail_segment(key, attempt);
    header.tail_before = attempt.tail_bytes;
    const auto tail_written = append(segment, header, tail);
    for (const PlacedRecord& placed : tail) {
      attempt.tail_bytes += placed.record.text.size();
    }
    if (written.has_value()) {
      written = tail_written;
    }
  }
  lost_bytes_ = written.has_value() ? 0 : lost_bytes_ + (end_ - begin);
}

bool RunLog::has_room(const LogRecord& record) {
  // The system's own words are few: they have as much again.
  const uint64_t max = limits_.run_bytes_max * (record.stream == LogStream::system ? 2 : 1);
  return kept_bytes_ + record.text.size() <= max;
}

void RunLog::place(LogRecord record, Group& group) {
  const AttemptKey key{record.task, record.attempt};
  Attempt& attempt = attempts_[key];
  const uint64_t size = record.text.size();
  const bool to_tail = attempt.tails_ever > 0 || group.tails.contains(key) ||
                       attempt.head_bytes + size > limits_.head_bytes_max;
  if (!has_room(record)) {
    end_ += size;
    if (!attempt.said_full) {
      attempt.said_full = true;
      place(system_record(record.task, record.attempt, record.at,
                          fmt::format("... what this task prints from here on is not kept: the log "
                                      "of the run has its full {} bytes ...",
                                      limits_.run_bytes_max)),
            group);
    }
    return;
  }
  if (!to_tail) {
    attempt.head_bytes += size;
  }
  kept_bytes_ += size;
  auto& list = to_tail ? group.tails[key] : group.head;
  list.push_back({.position = end_, .record = std::move(record)});
  end_ += size;
}

Result<Unit> RunLog::append(SegmentId id, LogBlockHeader header,
                            const std::vector<PlacedRecord>& records) {
  const std::string bytes = encode_log_block(header, records);
  const LogBlockHeader complete = decode_log_header(bytes).value();
  Segment& segment = segments_.at(id);
  auto written = append_to(segment.path, segment.bytes, bytes);
  if (!written.has_value()) {
    kept_bytes_ -= complete.text_bytes;
    return written;
  }
  groups_[header.group].push_back(
      {.segment = id, .offset = segment.bytes + log_header_bytes, .header = complete});
  segment.bytes += bytes.size();
  segment.text_bytes += complete.text_bytes;
  segment.unsynced = true;
  return written;
}

RunLog::SegmentId RunLog::head_segment() {
  if (!head_ || segments_.at(*head_).bytes >= segment_bytes_max) {
    head_ = add_segment(fmt::format("{:06}.log", heads_ever_++));
  }
  return *head_;
}

RunLog::SegmentId RunLog::tail_segment(const AttemptKey& key, Attempt& attempt) {
  const bool full = !attempt.tails.empty() &&
                    segments_.at(attempt.tails.back()).text_bytes >= limits_.tail_bytes_max / 2;
  if (attempt.tails.empty() || full) {
    attempt.tails.push_back(add_segment(
        fmt::format("{}.{}.{}.tail", key.task.value, key.attempt, attempt.tails_ever++)));
  }
  if (attempt.tails.size() > 2) {
    drop_segment(attempt.tails.front());
    attempt.tails.erase(attempt.tails.begin());
    segments_.at(attempt.tails.front()).gap_before = true;
  }
  return attempt.tails.back();
}

RunLog::SegmentId RunLog::add_segment(std::string name) {
  segments_[next_segment_] = {.path = folder_ / name};
  return next_segment_++;
}

void RunLog::drop_segment(SegmentId id) {
  const Segment& segment = segments_.at(id);
  unlink(segment.path.c_str());
  kept_bytes_ -= segment.text_bytes;
  for (auto it = groups_.begin(); it != groups_.end();) {
    std::erase_if(it->second, [id](const Block& block) { return block.segment == id; });
    it = it->second.empty() ? groups_.erase(it) : std::next(it);
  }
  segments_.erase(id);
}

void RunLog::sync() {
  for (auto& [id, segment] : segments_) {
    if (std::exchange(segment.unsynced, false)) {
      const rt::Descriptor fd(::open(segment.path.c_str(), O_WRONLY | O_CLOEXEC));
      fdatasync(fd.get());
    }
  }
}

// ---- reading ------------------------------------------------------------------------------------

LogPage RunLog::read(const LogRead& query) const {
  LogPage page{.cursor = query.cursor};
  size_t bytes = 0;
  size_t looked_at = 0;
  // The last group that begins at or before the cursor may reach beyond it.
  auto it = groups_.upper_bound(query.cursor);
  it = it == groups_.begin() ? it : std::prev(it);
  for (; it != groups_.end(); ++it) {
    const uint64_t group_end = it->second.front().header.group_end;
    if (group_end <= page.cursor) {
      continue;
    }
    if (bytes >= query.bytes_max || page.lines.size() >= log_page_lines_max ||
        looked_at++ == groups_a_page_max) {
      page.more = true;
      return page;
    }
    for (const auto& [position, record, is_mark] : records_of(it->second, query)) {
      // Not counted, so that at least a line of what it stands in front of comes with it.
      size_t mark_bytes = bytes < query.bytes_max ? 0 : query.bytes_max;
      const size_t offset = !is_mark && page.cursor > position ? page.cursor - position : 0;
      const size_t stopped =
          take_lines(record, offset, query.bytes_max, page, is_mark ? mark_bytes : bytes);
      if (stopped < record.text.size()) {
        page.cursor = std::max(page.cursor, position + (is_mark ? 0 : stopped));
        page.more = true;
        return page;
      }
    }
    page.cursor = group_end;
  }
  page.cursor = std::max(page.cursor, end_);
  return page;
}

std::vector<PlacedRecord> RunLog::records_of(const std::vector<Block>& blocks,
                                             const LogRead& query) const {
  std::vector<PlacedRecord> records;
  for (const Block& block : blocks) {
    if (!query.task || (block.header.task_mask & mask_of(*query.task)) != 0) {
      load(block, query, records);
    }
  }
  std::ranges::sort(records, {}, [](const PlacedRecord& placed) {
    return std::pair(placed.position, !placed.is_mark);
  });
  return records;
}

void RunLog::load(const Block& block, const LogRead& query, std::vector<PlacedRecord>& out) const {
  const Segment& segment = segments_.at(block.segment);
  const rt::Descriptor fd(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC));
  auto records =
      decode_log_records(block.header, read_at(fd.get(), block.offset, block.header.stored_bytes));
  const auto put_mark = [&](uint64_t position, LogRecord mark) {
    if (position >= query.cursor) {
      out.push_back({.position = position, .record = std::move(mark), .is_mark = true});
    }
  };
  if (!records.has_value()) {
    put_mark(block.header.group,
             system_record(
                 {}, 0, {},
                 fmt::format("... {} bytes of the log are damaged ...", block.header.text_bytes)));
    return;
  }
  const auto wanted = [&](const PlacedRecord& placed) {
    const LogRecord& record = placed.record;
    return (!query.task || *query.task == record.task) &&
           (!query.attempt || *query.attempt == record.attempt) &&
           placed.position + record.text.size() > query.cursor;
  };
  const bool after_gap = segment.gap_before && block.offset == log_header_bytes;
  if (after_gap && !records->empty() && wanted(records->front())) {
    const auto& [position, record, is_mark] = records->front();
    put_mark(position, system_record(record.task, record.attempt, record.at,
                                     fmt::format("... {} bytes were dropped here: the log of an "
                                                 "attempt keeps its head and its tail ...",
                                                 block.header.tail_before)));
  }
  for (PlacedRecord& placed : *records) {
    if (wanted(placed)) {
      out.push_back(std::move(placed));
    }
  }
}

}  // namespace tutti::store
