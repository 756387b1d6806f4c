// SPDX-License-Identifier: Apache-2.0
// Hostile bytes as a segment of a log: first taken as they are, then as the records of a block
// whose proofs are right.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "store/log_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tutti;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto header = store::decode_log_header(bytes)) {
    (void)store::decode_log_records(*header, bytes.substr(store::log_header_bytes));
  }
  // Any text of any task goes through a block unchanged.
  std::vector<store::PlacedRecord> records;
  uint64_t position = 7;
  for (size_t at = 0; at < size;) {
    const size_t piece = std::min<size_t>(size - at, 1 + data[at]);
    records.push_back({.position = position,
                       .record = {.task = {data[at]},
                                  .attempt = data[at] % 3U,
                                  .stream = static_cast<store::LogStream>(data[at] % 3U),
                                  .at = {static_cast<int64_t>(at) - 5},
                                  .text = std::string(bytes.substr(at, piece))}});
    position += piece;
    at += piece;
  }
  const std::string block = store::encode_log_block({.group = 7, .group_end = position}, records);
  const auto header = store::decode_log_header(block);
  CHECK(header.has_value());
  const auto back =
      store::decode_log_records(*header, std::string_view(block).substr(store::log_header_bytes));
  CHECK(back.has_value() && back->size() == records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    CHECK((*back)[i].position == records[i].position);
    CHECK((*back)[i].record.text == records[i].record.text);
    CHECK((*back)[i].record.at == records[i].record.at);
  }
  return 0;
}
