// SPDX-License-Identifier: Apache-2.0
// The log of one run on the disk. Inside of the logs; blocking, one thread.
//
// Segments NNNNNN.log hold everything until an attempt has filled its head; from then on that
// attempt writes segments of its own, TASK.ATTEMPT.N.tail, of which the last two are kept. The
// index (where each group's blocks lie) is made from the headers when the log is opened.
#pragma once

#include <filesystem>
#include <map>
#include <span>

#include "rt/descriptor.h"
#include "store/log_block.h"

namespace tutti::store {

class RunLog {
 public:
  // Reads the headers of what is there; a folder that is missing is an empty log.
  static Result<RunLog> open(std::filesystem::path folder, const LogLimits& limits);

  // Appends groups of no more text than a reader should decode for one page of it. What the disk
  // refuses is lost; the next group that it takes says how much.
  void write(std::vector<LogRecord> records);
  // What has been written from the cursor on; `wait` is not for here.
  LogPage read(const LogRead& query) const;
  uint64_t end() const { return end_; }  // the position behind the last byte
  // The run has ended: what is counted for each attempt goes, but for the few with a tail, which
  // must not write the same file twice.
  void forget_attempts() {
    std::erase_if(attempts_, [](const auto& attempt) { return attempt.second.tails_ever == 0; });
  }
  // Asks the disk to keep what was written since the last call.
  void sync();

 private:
  struct Segment {
    std::filesystem::path path;
    uint64_t bytes = 0;       // that are good
    uint64_t text_bytes = 0;  // in its blocks
    bool gap_before = false;  // the segments of this tail before it were dropped
    bool unsynced = false;
  };
  using SegmentId = uint32_t;
  struct Block {
    SegmentId segment;
    uint64_t offset;  // of what follows the header
    LogBlockHeader header;
  };
  struct AttemptKey {
    TaskNo task;
    AttemptNo attempt;
    auto operator<=>(const AttemptKey&) const = default;
  };
  struct Attempt {
    uint64_t head_bytes = 0;
    std::vector<SegmentId> tails = {};  // the last two
    uint32_t tails_ever = 0;
    uint64_t tail_bytes = 0;  // ever
    bool said_full = false;
  };
  struct Group {
    std::vector<PlacedRecord> head;
    std::map<AttemptKey, std::vector<PlacedRecord>> tails;
  };

  explicit RunLog(std::filesystem::path folder, const LogLimits& limits)
      : folder_(std::move(folder)), limits_(limits) {}
  Result<Unit> scan();
  void scan_segment(SegmentId id);
  void write_group(std::span<LogRecord> records);
  void place(LogRecord record, Group& group);
  bool has_room(const LogRecord& record);
  Result<Unit> append(SegmentId id, LogBlockHeader header,
                      const std::vector<PlacedRecord>& records);
  SegmentId head_segment();
  SegmentId tail_segment(const AttemptKey& key, Attempt& attempt);
  SegmentId add_segment(std::string name);
  void drop_segment(SegmentId id);
  std::vector<PlacedRecord> records_of(const std::vector<Block>& blocks,
                                       const LogRead& query) const;
  void load(const Block& block, const LogRead& query, std::vector<PlacedRecord>& out) const;

  std::filesystem::path folder_;
  LogLimits limits_;
  std::map<SegmentId, Segment> segments_;
  SegmentId next_segment_ = 0;
  std::optional<SegmentId> head_;  // the segment that is appended to
  uint32_t heads_ever_ = 0;
  std::map<uint64_t, std::vector<Block>> groups_;
  std::map<AttemptKey, Attempt> attempts_;
  uint64_t end_ = 0;
  uint64_t kept_bytes_ = 0;  // of text, in all segments
  uint64_t lost_bytes_ = 0;  // that the disk refused, not yet said
};

}  // namespace tutti::store
