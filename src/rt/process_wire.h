// SPDX-License-Identifier: Apache-2.0
// What owner and process helper say to each other, one message a packet. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::rt::wire {

// A packet longer than this travels as a memory file, whose descriptor is then the first.
constexpr size_t packet_bytes_max = 64u << 10;
constexpr size_t message_bytes_max = 16u << 20;
constexpr size_t descriptors_max = 16;

struct Spawn {
  uint64_t id = 0;
  bool has_input = false;  // the descriptors: [input] output errors extra...
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=VALUE
  std::string cwd;               // empty: /
  int64_t cpu_seconds = 0;       // 0: no limit
  int64_t memory_bytes = 0;
};
struct Signal {
  uint64_t id = 0;
  int number = 0;
};

enum class Stage : uint8_t { none, folder, limits, setup, exec };

struct Started {  // or not: error_number
  uint64_t id = 0;
  int pid = 0;
  int error_number = 0;
  Stage stage = Stage::none;
};
struct Ended {
  uint64_t id = 0;
  int status = 0;  // as of wait(2)
  int64_t cpu_us = 0;
  int64_t memory_bytes_max = 0;
};

struct Message {  // exactly one of them
  std::optional<Spawn> spawn = std::nullopt;
  std::optional<Signal> signal = std::nullopt;
  std::optional<Started> started = std::nullopt;
  std::optional<Ended> ended = std::nullopt;
};

std::string encode(const Message& message);
std::optional<Message> decode(std::string_view bytes);  // nullopt: not a message

}  // namespace tutti::rt::wire
