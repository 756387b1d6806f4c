// SPDX-License-Identifier: Apache-2.0
// Heads of replies and chunked bodies: what is accepted has a sound frame, and data comes out the
// same however the bytes are cut.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "net/http1.h"

namespace {

using namespace tutti::net;

void read_head(std::string_view text) {
  const auto head = parse_reply_head(text, "GET");
  if (!head.has_value() || !*head) {
    return;
  }
  CHECK((*head)->status >= 100 && (*head)->status < 1000);
  CHECK((*head)->bytes <= text.size());
  CHECK(!((*head)->chunked && (*head)->length));
  // A byte less is not yet a head.
  const auto shorter = parse_reply_head(text.substr(0, (*head)->bytes - 1), "GET");
  CHECK(shorter.has_value() && !*shorter);
}

std::string dechunk(std::string_view text, size_t step) {
  ChunkedReader reader;
  std::string held;
  std::string data;
  for (size_t at = 0; at < text.size(); at += step) {
    held += text.substr(at, step);
    while (true) {
      const auto piece = reader.next(held);
      if (!piece.has_value() || piece->end) {
        return data;
      }
      CHECK(piece->skip + piece->bytes <= held.size());
      data += held.substr(piece->skip, piece->bytes);
      held.erase(0, piece->skip + piece->bytes);
      if (piece->bytes == 0) {
        break;
      }
    }
  }
  return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_head(text);
  CHECK(dechunk(text, 1) == dechunk(text, text.size() + 1));
  if (const auto target = parse_http_target(text)) {
    CHECK(!target->host.empty() && target->path.starts_with('/'));
    CHECK(!target->path.contains('\n') && !target->header.contains('\n'));
  }
  return 0;
}
