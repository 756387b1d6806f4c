// SPDX-License-Identifier: Apache-2.0
// The messages of tutti.action/1 (docs/action-protocol.md): plain values and their JSON. Pure.
//
// The host (Tutti) starts a program and speaks first. Members a side does not know are ignored, so
// that they can be added; a type it does not know is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "action/api/action.h"
#include "base/error.h"
#include "base/value.h"

namespace tutti::action {

constexpr std::string_view protocol_name = "tutti.action/1";

// Both sides, first. The host's `setup` is what the program is told once, for all its runs.
struct Hello {
  std::string protocol = std::string(protocol_name);
  std::string name;     // "tutti", or the program's
  std::string version;  // for messages to people
  Value setup = {};
  // The program's alone: why it cannot work with this setup. It ends after that.
  std::optional<Error> error = std::nullopt;
};
// ---- from the host
struct Run {
  int64_t id = 0;  // chosen by the host, rising
  Value info = {};
  Value with = {};
};
struct Plan {
  int64_t id = 0;
  Value info = {};
  Value with = {};
};
struct Cancel {
  int64_t id = 0;
  std::string reason;
};
struct Answer {
  int64_t id = 0;
  int64_t request = 0;
  Value value = {};
  std::optional<Error> error = std::nullopt;  // then there is no value
};
struct Bye {};  // end when the open runs have ended; closing the stream means the same, at once
// ---- from the program
struct Log {
  int64_t id = 0;
  Stream stream = Stream::out;
  std::string text;
};
struct ProgressNote {
  int64_t id = 0;
  Progress progress;
};
struct Request {
  int64_t id = 0;
  int64_t request = 0;  // rising within a run
  std::string what;     // "project_file" {path} -> text, "project_file_base64" {path} -> base64
  Value args = {};
};
struct Finished {  // done or failed
  int64_t id = 0;
  Outcome outcome;
};
struct Planned {
  int64_t id = 0;
  Preview preview;
};

using Message = std::variant<Hello, Run, Plan, Cancel, Answer, Bye, Log, ProgressNote, Request,
                             Finished, Planned>;

// corrupt, with the member that is missing or of the wrong kind.
Result<Message> parse_message(std::string_view json);
Value to_value(const Message& message);
// bad_input: larger than a frame may be.
Result<std::string> to_frame(const Message& message);

Value to_value(const Error& error);
Error error_from_value(const Value& value);  // what is missing or senseless becomes `internal`

// AttemptInfo as programs see it: {attempt, workflow, task, profile, project, scratch, env,
// runtime}.
Value to_value(const AttemptInfo& info);

}  // namespace tutti::action
