// SPDX-License-Identifier: Apache-2.0
#include "rt/process_wire.h"

#include <cstring>

namespace tutti::rt::wire {
namespace {

class Writer {
 public:
  template <class T>
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(const std::string& value) {
    number(static_cast<uint32_t>(value.size()));
    out_.append(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(static_cast<uint32_t>(values.size()));
    for (const std::string& value : values) {
      text(value);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class T>
  T number() {
    T value{};
    if (left_.size() < sizeof(T)) {
      bad_ = true;
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof(T));
    left_.remove_prefix(sizeof(T));
    return value;
  }
  std::string text() {
    const auto size = number<uint32_t>();
    if (size > left_.size()) {
      bad_ = true;
      return {};
    }
    std::string value(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values;
    for (auto count = number<uint32_t>(); count > 0 && !bad_; --count) {
      values.push_back(text());
    }
    return values;
  }
  bool done() const { return !bad_ && left_.empty(); }

 private:
  std::string_view left_;
  bool bad_ = false;
};

}  // namespace

std::string encode(const Message& message) {
  Writer out;
  if (message.spawn) {
    const Spawn& m = *message.spawn;
    out.number('S');
    out.number(m.id);
    out.number(m.has_input);
    out.texts(m.argv);
    out.texts(m.env);
    out.text(m.cwd);
    out.number(m.cpu_seconds);
    out.number(m.memory_bytes);
  } else if (message.signal) {
    out.number('K');
    out.number(message.signal->id);
    out.number(message.signal->number);
  } else if (message.started) {
    out.number('B');
    out.number(message.started->id);
    out.number(message.started->pid);
    out.number(message.started->error_number);
    out.number(message.started->stage);
  } else if (message.ended) {
    out.number('E');
    out.number(message.ended->id);
    out.number(message.ended->status);
    out.number(message.ended->cpu_us);
    out.number(message.ended->memory_bytes_max);
  }
  return out.take();
}

std::optional<Message> decode(std::string_view bytes) {
  Reader in(bytes);
  Message message;
  switch (in.number<char>()) {
    case 'S': {
      Spawn& m = message.spawn.emplace();
      m.id = in.number<uint64_t>();
      m.has_input = in.number<uint8_t>() != 0;
      m.argv = in.texts();
      m.env = in.texts();
      m.cwd = in.text();
      m.cpu_seconds = in.number<int64_t>();
      m.memory_bytes = in.number<int64_t>();
      break;
    }
    case 'K': {
      Signal& m = message.signal.emplace();
      m.id = in.number<uint64_t>();
      m.number = in.number<int>();
      break;
    }
    case 'B': {
      Started& m = message.started.emplace();
      m.id = in.number<uint64_t>();
      m.pid = in.number<int>();
      m.error_number = in.number<int>();
      m.stage = in.number<Stage>();
      break;
    }
    case 'E': {
      Ended& m = message.ended.emplace();
      m.id = in.number<uint64_t>();
      m.status = in.number<int>();
      m.cpu_us = in.number<int64_t>();
      m.memory_bytes_max = in.number<int64_t>();
      break;
    }
    default:
      return std::nullopt;
  }
  return in.done() ? std::optional(std::move(message)) : std::nullopt;
}

}  // namespace tutti::rt::wire
