// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/detect.h"

#include <algorithm>
#include <functional>

#include "xfer/stage/aes_gcm.h"
#include "xfer/stage/compress.h"
#include "xfer/stage/fernet.h"

namespace tutti::xfer::stage {
namespace {

using Choose = std::function<Result<StagePtr>(std::string_view first)>;

class Detecting final : public Stage {
 public:
  // `late`: whether one of the choices proves late.
  Detecting(size_t bytes, bool late, Choose choose)
      : bytes_(bytes), late_(late), choose_(std::move(choose)) {}

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    Moved all;
    if (inner_ == nullptr) {
      all.taken = std::min(bytes_ - first_.size(), in.size());
      first_ += in.substr(0, all.taken);
      if (first_.size() < bytes_) {
        return all;
      }
      TRY(inner_, choose_(first_));
    }
    TRY(all.given, give_first(out));
    if (!first_.empty() || all.taken == in.size() || all.given == out.size()) {
      return all;
    }
    TRY(const Moved moved, inner_->update(in.substr(all.taken), out.subspan(all.given)));
    return Moved{.taken = all.taken + moved.taken, .given = all.given + moved.given};
  }

  Result<Ended> finish(std::span<char> out) override {
    if (inner_ == nullptr) {
      TRY(inner_, choose_(first_));
    }
    TRY(const size_t given, give_first(out));
    if (given == out.size()) {
      return Ended{.given = given};
    }
    TRY(const Ended ended, inner_->finish(out.subspan(given)));
    return Ended{.given = given + ended.given, .done = ended.done};
  }

  bool proves_late() const override { return inner_ == nullptr ? late_ : inner_->proves_late(); }

 private:
  // What was looked at goes to the choice as well.
  Result<size_t> give_first(std::span<char> out) {
    size_t given = 0;
    while (!first_.empty() && given < out.size()) {
      TRY(const Moved moved, inner_->update(first_, out.subspan(given)));
      first_.erase(0, moved.taken);
      given += moved.given;
    }
    return given;
  }

  size_t bytes_;
  bool late_;
  Choose choose_;
  std::string first_;
  StagePtr inner_;
};

Result<StagePtr> choose_decompressor(std::string_view first) {
  if (first.starts_with("\x1f\x8b")) {
    return gzip_decoder();
  }
  const bool frame = first == "\x28\xb5\x2f\xfd";
  const bool skippable = first.size() == 4 && first.substr(1) == "\x2a\x4d\x18" &&
                         (static_cast<unsigned char>(first[0]) & 0xF0U) == 0x50U;
  if (frame || skippable) {
    return zstd_decoder();
  }
  return fail(Code::bad_input, "it is neither zstd nor gzip by its first bytes",
              "leave such objects out (--exclude), or copy them without --decompress");
}

Result<StagePtr> choose_decrypter(const Key& key, std::string_view first) {
  if (first == aes_gcm_magic) {
    return aes_gcm_decoder(key);
  }
  if (first.starts_with("gA")) {  // 0x80 and a time before the year 36812
    return fernet_decoder(key);
  }
  return fail(Code::bad_input, "it is encrypted neither with aes-256-gcm by Tutti nor with fernet",
              "leave such objects out (--exclude), or copy them without --decrypt");
}

}  // namespace

StagePtr decompressor() { return std::make_unique<Detecting>(4, false, choose_decompressor); }

StagePtr decrypter(const Key& key) {
  return std::make_unique<Detecting>(aes_gcm_magic.size(), true, [key](std::string_view first) {
    return choose_decrypter(key, first);
  });
}

}  // namespace tutti::xfer::stage
