// SPDX-License-Identifier: Apache-2.0
// Hostile bytes on the control socket: what is accepted as a message travels on as itself.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "control/wire.h"

namespace {

using namespace tutti;

template <class T>
void comes_back(const Value& value) {
  if (const auto object = control::decode<T>(value); object.has_value()) {
    const Value once = control::encode(*object);
    const auto again = control::decode<T>(once);
    CHECK(again.has_value() && control::encode(*again) == once);
  }
}

void take(const Value& frame) {
  using namespace control;
  if (const auto hello = to_hello(frame); hello.has_value()) {
    CHECK(to_frame(*hello).has_value());
  }
  (void)to_reply(frame);
  if (const auto call = to_call(frame); call.has_value()) {
    CHECK(to_frame(*call).has_value());
    comes_back<StartRun>(call->with);
    comes_back<RunsQuery>(call->with);
    comes_back<Watch>(call->with);
    comes_back<LogQuery>(call->with);
    comes_back<CancelRun>(call->with);
    comes_back<RetryRun>(call->with);
    comes_back<Mark>(call->with);
    comes_back<RunChanges>(call->with);
    comes_back<LogPage>(call->with);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  control::FrameReader reader(1U << 16U);
  // In two pieces, so that every state of the reader is met.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string_view piece : {bytes.substr(0, size / 2), bytes.substr(size / 2)}) {
    reader.feed(piece);
    while (true) {
      const auto frame = reader.next();
      if (!frame.has_value()) {
        return 0;
      }
      if (!frame->has_value()) {
        break;
      }
      take(**frame);
    }
  }
  return 0;
}
