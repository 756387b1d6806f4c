// SPDX-License-Identifier: Apache-2.0
// Blocks: the form of a log on the disk. Inside of the logs.
//
// A segment is a row of blocks: a header of fixed size, then the records, compressed. Both are
// checked, so that after a crash the good part of a segment is known by reading its headers.
//
// A position counts the bytes of text that a run's log was given; it orders records and is the
// cursor of readers. What is flushed together is a group: its blocks lie in several segments but
// cover one stretch of positions, which no other group touches.
#pragma once

#include "store/log_lines.h"

namespace tutti::store {

struct LogBlockHeader {
  uint64_t group = 0;         // position at which the group begins
  uint64_t group_end = 0;     // position behind it
  uint64_t text_bytes = 0;    // in this block
  uint64_t task_mask = 0;     // bit (task % 64) of each task in it
  uint64_t tail_before = 0;   // of a tail: bytes of this attempt's tail before this block
  uint32_t stored_bytes = 0;  // that follow the header
  uint32_t raw_bytes = 0;     // of the records before compression
  uint32_t stored_crc = 0;    // CRC32C
};
constexpr size_t log_header_bytes = 60;

struct PlacedRecord {
  uint64_t position = 0;
  LogRecord record;
  bool is_mark = false;  // made by the reader: has no positions of its own
};

// Header and records as they are written. `header`: group, group_end and tail_before are given.
std::string encode_log_block(LogBlockHeader header, const std::vector<PlacedRecord>& records);
// From the first log_header_bytes of a block; nullopt when they are none.
std::optional<LogBlockHeader> decode_log_header(std::string_view bytes);
// What follows the header. `corrupt` when it fails its proof.
Result<std::vector<PlacedRecord>> decode_log_records(const LogBlockHeader& header,
                                                     std::string_view stored);

uint64_t mask_of(TaskNo task);

}  // namespace tutti::store
