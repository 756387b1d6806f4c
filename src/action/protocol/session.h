// SPDX-License-Identifier: Apache-2.0
// Session: which message may come when. One side notes every message it sends or receives, in the
// order in which it does; the first that must not come is an error, and the connection is over.
// Pure; bounded memory.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "action/protocol/message.h"

namespace tutti::action {

enum class Side : uint8_t { host, program };

class Session {
 public:
  static constexpr size_t open_max = 1024;    // runs and plans at once
  static constexpr size_t requests_max = 64;  // unanswered, of one run

  // corrupt: a breach of the protocol. unsupported: the other side speaks another version.
  Result<Unit> note(Side from, const Message& message);

  bool greeted() const { return host_greeted_ && program_greeted_; }
  bool open(int64_t id) const { return open_.contains(id); }
  size_t open_count() const { return open_.size(); }
  bool ending() const { return ending_; }  // the host has said bye

 private:
  struct Work {
    bool is_plan = false;
    int64_t last_request = 0;
    std::set<int64_t> unanswered = {};
  };
  Result<Unit> note_hello(Side from, const Hello& hello);
  Result<Unit> note_start(int64_t id, bool is_plan);
  Result<Unit> note_request(const Request& request);
  Result<Unit> note_answer(const Answer& answer);
  Result<Unit> note_end(int64_t id, bool fits_run, bool fits_plan);
  Result<Unit> check_open(int64_t id, std::string_view what) const;
  Result<Unit> check_known(int64_t id, std::string_view what) const;

  bool host_greeted_ = false;
  bool program_greeted_ = false;
  bool ending_ = false;
  int64_t last_id_ = 0;
  std::map<int64_t, Work> open_;
};

}  // namespace tutti::action
