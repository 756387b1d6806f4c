// SPDX-License-Identifier: Apache-2.0
// What a program that speaks tutti.action/1 may write: the first byte says in which pieces the
// bytes arrive. A message that is accepted is written and read back, and noted by a session in
// which a run and a plan are open.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "action/protocol/frame.h"
#include "action/protocol/message.h"
#include "action/protocol/session.h"
#include "base/check.h"

namespace {

using namespace tutti;

action::Session open_session() {
  action::Session session;
  CHECK(session.note(action::Side::host, action::Hello{.name = "tutti"}).has_value());
  CHECK(session.note(action::Side::program, action::Hello{.name = "p"}).has_value());
  CHECK(session.note(action::Side::host, action::Run{.id = 1}).has_value());
  CHECK(session.note(action::Side::host, action::Plan{.id = 2}).has_value());
  return session;
}

// One frame after the other, until bytes are missing or the stream is broken.
bool read_frames(action::FrameReader& reader, action::Session& session) {
  while (true) {
    auto frame = reader.next();
    if (!frame.has_value() || !frame->has_value()) {
      return frame.has_value();
    }
    if (const auto message = action::parse_message(**frame); message.has_value()) {
      const auto written = action::to_value(*message);
      const auto again = action::parse_message(to_json(written));
      CHECK(again.has_value());
      CHECK(to_json(action::to_value(*again)) == to_json(written));
      if (!session.note(action::Side::program, *message).has_value()) {
        (void)session.note(action::Side::host, *message);
      }
      CHECK(session.open_count() <= action::Session::open_max);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t piece = 1 + static_cast<uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  action::Session session = open_session();
  // Once as the bare JSON of a message, which new input reaches far more easily than a framed one.
  if (const auto framed = action::frame_of(bytes); !bytes.empty() && framed.has_value()) {
    action::FrameReader reader;
    reader.feed(*framed);
    CHECK(read_frames(reader, session));
    CHECK(reader.at_border());
  }
  action::FrameReader reader;
  while (!bytes.empty()) {
    const size_t n = std::min(piece, bytes.size());
    reader.feed(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (!read_frames(reader, session)) {
      break;
    }
  }
  return 0;
}
