// SPDX-License-Identifier: Apache-2.0
#include "store/log_block.h"

#include <zstd.h>

#include <cstring>

#include "base/digest.h"

namespace tutti::store {
namespace {

constexpr std::string_view magic = "TLG1";
constexpr int compression_level = 1;
constexpr uint32_t block_bytes_max = 1u << 28;

template <class N>
void put(std::string& out, N n) {
  for (size_t i = 0; i < sizeof(N); ++i) {
    out.push_back(static_cast<char>(n >> (8 * i) & 0xff));
  }
}

// Reads little-endian numbers and counted bytes; bad() once there was too little.
class Cutter {
 public:
  explicit Cutter(std::string_view bytes) : left_(bytes) {}
  bool bad() const { return bad_; }
  bool empty() const { return left_.empty(); }

  template <class N>
  N number() {
    N n = 0;
    const std::string_view bytes = cut(sizeof(N));
    for (size_t i = 0; i < bytes.size(); ++i) {
      n |= static_cast<N>(static_cast<N>(static_cast<unsigned char>(bytes[i])) << (8 * i));
    }
    return n;
  }
  std::string_view cut(size_t size) {
    if (size > left_.size()) {
      bad_ = true;
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }

 private:
  std::string_view left_;
  bool bad_ = false;
};

uint32_t crc_of(std::string_view bytes) {
  const Digest digest = digest_of(DigestKind::crc32c, bytes);
  uint32_t crc = 0;
  std::memcpy(&crc, digest.bytes.data(), sizeof(crc));
  return crc;
}

std::string encode_records(uint64_t group, const std::vector<PlacedRecord>& records) {
  std::string raw;
  for (const auto& [position, record, is_mark] : records) {
    put(raw, static_cast<uint32_t>(position - group));
    put(raw, record.task.value);
    put(raw, record.attempt);
    put(raw, static_cast<uint8_t>(record.stream));
    put(raw, static_cast<uint64_t>(record.at.us));
    put(raw, static_cast<uint32_t>(record.text.size()));
    raw += record.text;
  }
  return raw;
}

std::string compress(const std::string& raw) {
  std::string out(ZSTD_compressBound(raw.size()), '\0');
  const size_t size =
      ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), compression_level);
  if (ZSTD_isError(size) != 0 || size >= raw.size()) {
    return raw;  // which decode knows by its size
  }
  out.resize(size);
  return out;
}

Error damaged_error() {
  return {
      .code = Code::corrupt, .what = "a part of the log is damaged", .remedy = "check the disk"};
}

}  // namespace

uint64_t mask_of(TaskNo task) { return uint64_t{1} << (task.value % 64); }

std::string encode_log_block(LogBlockHeader header, const std::vector<PlacedRecord>& records) {
  for (const PlacedRecord& placed : records) {
    header.text_bytes += placed.record.text.size();
    header.task_mask |= mask_of(placed.record.task);
  }
  const std::string raw = encode_records(header.group, records);
  const std::string stored = compress(raw);
  std::string out(magic);
  put(out, header.group);
  put(out, header.group_end);
  put(out, header.text_bytes);
  put(out, header.task_mask);
  put(out, header.tail_before);
  put(out, static_cast<uint32_t>(stored.size()));
  put(out, static_cast<uint32_t>(raw.size()));
  put(out, crc_of(stored));
  put(out, crc_of(out));
  return out + stored;
}

std::optional<LogBlockHeader> decode_log_header(std::string_view bytes) {
  Cutter cutter(bytes);
  if (cutter.cut(magic.size()) != magic) {
    return std::nullopt;
  }
  LogBlockHeader header;
  header.group = cutter.number<uint64_t>();
  header.group_end = cutter.number<uint64_t>();
  header.text_bytes = cutter.number<uint64_t>();
  header.task_mask = cutter.number<uint64_t>();
  header.tail_before = cutter.number<uint64_t>();
  header.stored_bytes = cutter.number<uint32_t>();
  header.raw_bytes = cutter.number<uint32_t>();
  header.stored_crc = cutter.number<uint32_t>();
  const auto crc = cutter.number<uint32_t>();
  if (cutter.bad() || crc != crc_of(bytes.substr(0, log_header_bytes - sizeof(crc))) ||
      header.raw_bytes > block_bytes_max || header.stored_bytes > header.raw_bytes) {
    return std::nullopt;
  }
  return header;
}

Result<std::vector<PlacedRecord>> decode_log_records(const LogBlockHeader& header,
                                                     std::string_view stored) {
  if (stored.size() != header.stored_bytes || crc_of(stored) != header.stored_crc) {
    return fail(damaged_error());
  }
  std::string raw(stored);
  if (header.stored_bytes != header.raw_bytes) {
    raw.resize(header.raw_bytes);
    const size_t size = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0 || size != raw.size()) {
      return fail(damaged_error());
    }
  }
  std::vector<PlacedRecord> records;
  Cutter cutter(raw);
  while (!cutter.empty()) {
    PlacedRecord placed;
    placed.position = header.group + cutter.number<uint32_t>();
    placed.record.task = {cutter.number<uint32_t>()};
    placed.record.attempt = cutter.number<uint32_t>();
    placed.record.stream = static_cast<LogStream>(std::min<int>(cutter.number<uint8_t>(), 2));
    placed.record.at = {static_cast<int64_t>(cutter.number<uint64_t>())};
    placed.record.text = cutter.cut(cutter.number<uint32_t>());
    if (cutter.bad()) {
      return fail(damaged_error());
    }
    records.push_back(std::move(placed));
  }
  return records;
}

}  // namespace tutti::store
