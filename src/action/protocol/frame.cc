// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/frame.h"

#include <fmt/format.h>

namespace tutti::action {
namespace {

constexpr size_t length_bytes = 4;

uint32_t length_at(std::string_view bytes) {
  uint32_t n = 0;
  for (size_t i = 0; i < length_bytes; ++i) {
    n |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return n;
}

}  // namespace

Result<std::string> frame_of(std::string_view json) {
  if (json.size() > frame_bytes_max) {
    return fail(Code::bad_input,
                fmt::format("a message of {} bytes is larger than the {} bytes one may have",
                            json.size(), frame_bytes_max),
                "pass large data as files or objects and only their addresses as values");
  }
  std::string out;
  out.reserve(length_bytes + json.size());
  for (size_t i = 0; i < length_bytes; ++i) {
    out.push_back(static_cast<char>(json.size() >> (8 * i) & 0xFFU));
  }
  out.append(json);
  return out;
}

void FrameReader::feed(std::string_view bytes) {
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < length_bytes) {
    return std::nullopt;
  }
  const uint32_t length = length_at(rest);
  if (length == 0 || length > frame_bytes_max) {
    return fail(Code::corrupt,
                fmt::format("the stream gives a frame length of {} bytes; 1 to {} are possible",
                            length, frame_bytes_max),
                "write only frames to the protocol's descriptor, and logs to standard output");
  }
  if (rest.size() < length_bytes + length) {
    return std::nullopt;
  }
  start_ += length_bytes + length;
  return std::optional<std::string>(rest.substr(length_bytes, length));
}

}  // namespace tutti::action
