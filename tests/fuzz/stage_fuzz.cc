// SPDX-License-Identifier: Apache-2.0
// Compressed and encrypted objects that others wrote: the pieces they come in change nothing,
// memory is bounded, and what was decoded can be encoded and decoded again. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "xfer/stage/aes_gcm.h"
#include "xfer/stage/compress.h"
#include "xfer/stage/detect.h"
#include "xfer/stage/fernet.h"

namespace {

using namespace tutti;
using namespace tutti::xfer::stage;

constexpr size_t given_max = 4U << 20U;  // of what expands without end

Key key() {
  auto parsed = Key::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
  CHECK(parsed.has_value());
  return *parsed;
}

StagePtr decoder(unsigned which) {
  switch (which % 6) {
    case 0:
      return zstd_decoder();
    case 1:
      return gzip_decoder();
    case 2:
      return fernet_decoder(key());
    case 3:
      return aes_gcm_decoder(key());
    case 4:
      return decompressor();
    default: {
      std::vector<StagePtr> both;
      both.push_back(decrypter(key()));
      both.push_back(decompressor());
      return chain(std::move(both));
    }
  }
}

// In pieces of `piece` bytes. An empty text too where it was given too much.
Result<std::string> decode(StagePtr stage, std::string_view text, size_t piece) {
  std::string space(4096, '\0');
  std::string out;
  while (!text.empty()) {
    TRY(const Moved moved, stage->update(text.substr(0, piece), space));
    CHECK(moved.taken + moved.given > 0);
    text.remove_prefix(moved.taken);
    out.append(space, 0, moved.given);
    if (out.size() > given_max) {
      return std::string();
    }
  }
  while (true) {
    TRY(const Ended ended, stage->finish(space));
    out.append(space, 0, ended.given);
    if (ended.done || out.size() > given_max) {
      return ended.done ? out : std::string();
    }
    CHECK(ended.given == space.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = decode(decoder(data[0]), text, SIZE_MAX);
  const auto pieces = decode(decoder(data[0]), text, 7);
  CHECK(whole.has_value() == pieces.has_value());
  if (whole.has_value()) {
    CHECK(*whole == *pieces);
    const StagePtr encoder = aes_gcm_encoder(key(), Salt{});
    const auto sealed = run_over(*encoder, *whole);
    CHECK(sealed.has_value());
    const auto back = decode(aes_gcm_decoder(key()), *sealed, SIZE_MAX);
    CHECK(back.has_value() && *back == *whole);
  }
  return 0;
}
