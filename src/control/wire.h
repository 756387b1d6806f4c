// SPDX-License-Identifier: Apache-2.0
// The control plane as bytes: every struct of control.h as JSON, and the frames in which calls and
// replies travel between a client and the owner of a project.
//
// A frame is its length (4 bytes, big-endian), then a JSON object. Both ends begin with a Hello,
// whose form never changes; a client then sends Calls (numbered as it likes, many at once), the
// owner answers each once, in any order.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "control/control.h"

namespace tutti::control {

constexpr int64_t protocol_version = 1;
constexpr size_t frame_bytes_max = 128u << 20;

// For each struct of control.h, and vectors of RunView and AttemptView. Text that is not UTF-8
// travels as base64. decode: bad_input naming the member; members it does not know are ignored.
template <class T>
Value encode(const T& object);
template <class T>
Result<T> decode(const Value& value);
// What `-o json` prints: as encode, but instants are ISO 8601 text in UTC and durations text
// ("1m30s").
template <class T>
Value readable(const T& object);

struct Hello {
  int64_t protocol = protocol_version;
  std::string version;  // of the program
  int64_t pid = 0;
  // Of an owner: the digest of the project's settings it works with.
  std::optional<std::string> settings = std::nullopt;
};

enum class Verb : uint8_t {
  start,
  runs,
  watch,
  attempts,
  logs,
  cancel,
  retry,
  mark,
  owner,
  drop,    // give up the call {"call": ID}; not answered itself
  retire,  // end as soon as no run is busy and no other client is there: what a newer program asks
};
std::string_view verb_name(Verb verb);

struct Call {
  uint64_t id = 0;
  Verb verb = Verb::owner;
  std::optional<Duration> within = std::nullopt;  // the caller's deadline
  Value with = {};                                // the request
};

struct Reply {
  uint64_t id = 0;
  Result<Value> result = Value();
};

// What `cancel`, `retry` and `attempts` take beside a RunRef.
struct CancelRun {
  RunRef run;
  bool now = false;
};
struct RetryRun {
  RunRef run;
  RetryWhat what = RetryWhat::failed;
};

// Frames, complete with their length. An object too large gives `bad_input`.
Result<std::string> to_frame(const Hello& hello);
Result<std::string> to_frame(const Call& call);
Result<std::string> to_frame(const Reply& reply);
Result<Hello> to_hello(const Value& frame);
Result<Call> to_call(const Value& frame);
Result<Reply> to_reply(const Value& frame);

// Cuts a stream of bytes into frames. Bounded: what a peer sends beyond a frame's limit is an error
// before it is kept.
class FrameReader {
 public:
  // For the first frame of a stranger, before it said who it is.
  static constexpr size_t hello_bytes_max = 4096;

  explicit FrameReader(size_t bytes_max = frame_bytes_max) : bytes_max_(bytes_max) {}
  void allow(size_t bytes_max) { bytes_max_ = bytes_max; }
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole frame, or nullopt when more bytes are needed.
  Result<std::optional<Value>> next();

 private:
  size_t bytes_max_;
  size_t start_ = 0;  // of the next frame in the buffer
  std::string buffer_;
};

}  // namespace tutti::control
