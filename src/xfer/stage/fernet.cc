// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/fernet.h"

#include <algorithm>

#include <openssl/crypto.h>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/encode.h"
#include "xfer/stage/cipher.h"

namespace tutti::xfer::stage {
namespace {

constexpr char version = '\x80';
constexpr size_t half_bytes = 16;     // of the key
constexpr size_t header_bytes = 25;   // version, time, IV
constexpr size_t hmac_bytes = 32;     // at the end
constexpr size_t step_bytes = 12288;  // at once; whole groups of base64

// HMAC-SHA256 of what goes by.
class Hmac {
 public:
  explicit Hmac(std::string_view key) : inner_(DigestKind::sha256) {
    std::string block(key);
    block.resize(64, '\0');
    std::ranges::transform(block, block.begin(),
                           [](char c) { return static_cast<char>(c ^ 0x36); });
    inner_.update(block);
    std::ranges::transform(block, block.begin(),
                           [](char c) { return static_cast<char>(c ^ 0x36 ^ 0x5c); });
    outer_ = std::move(block);
  }
  void update(std::string_view bytes) { inner_.update(bytes); }
  std::string finish() {
    const auto text = [](const Digest& digest) {
      return std::string(reinterpret_cast<const char*>(digest.bytes.data()), hmac_bytes);
    };
    return text(sha256(outer_ + text(inner_.finish())));
  }

 private:
  Hasher inner_;
  std::string outer_;
};

std::string_view signing(const Key& key) { return key.bytes().substr(0, half_bytes); }
std::string_view encrypting(const Key& key) { return key.bytes().substr(half_bytes); }

class FernetEncoder final : public TurnStage {
 public:
  FernetEncoder(const Key& key, const Iv& iv, Instant now)
      : hmac_(signing(key)),
        cipher_(start_cbc(Way::encrypt, encrypting(key), {iv.data(), iv.size()})) {
    std::string header(1, version);
    const auto seconds = static_cast<uint64_t>(now.us / 1'000'000);
    for (int shift = 56; shift >= 0; shift -= 8) {
      header += static_cast<char>(seconds >> static_cast<unsigned>(shift) & 0xFFU);
    }
    header.append(iv.data(), iv.size());
    hmac_.update(header);
    raw_ = header;
  }

  bool proves_late() const override { return false; }

 private:
  Result<size_t> step(std::string_view in) override {
    const std::string_view piece = in.substr(0, step_bytes);
    const size_t before = raw_.size();
    add_cbc(*cipher_, piece, raw_);
    hmac_.update(std::string_view(raw_).substr(before));
    write(raw_.size() - raw_.size() % 3);
    return piece.size();
  }

  Result<Unit> end() override {
    const size_t before = raw_.size();
    end_cbc(*cipher_, raw_);
    hmac_.update(std::string_view(raw_).substr(before));
    raw_ += hmac_.finish();
    write(raw_.size());
    return Unit{};
  }

  // The first bytes of what is to be written, as base64url.
  void write(size_t bytes) {
    std::string& text = pending_.refill();
    text = base64url_encode(std::string_view(raw_).substr(0, bytes));
    raw_.erase(0, bytes);
  }

  Hmac hmac_;
  CipherPtr cipher_;
  std::string raw_;
};

std::unexpected<Error> damaged(std::string what) {
  return fail(Code::corrupt, std::move(what), "the object is damaged, or is no Fernet token");
}

// base64url, with its padding, and perhaps a line end behind it.
class Base64Url {
 public:
  Result<Unit> add(std::string_view text, std::string& out) {
    for (const char c : text) {
      ++offset_;
      if (c == '\n' || c == '\r') {
        ended_ = true;
        continue;
      }
      if (c == '=' && !ended_ && count_ >= 2) {
        ++padding_;
        TRY_OK(pad(out));
        continue;
      }
      const int value = base64url_digit(c);
      if (value < 0 || ended_ || padding_ > 0) {
        return damaged(fmt::format("not a Fernet token: byte {} is not base64url", offset_));
      }
      bits_ = bits_ << 6U | static_cast<unsigned>(value);
      if (++count_ == 4) {
        put(out, 3);
      }
    }
    return Unit{};
  }

  Result<Unit> finish() const {
    return count_ == 0 ? Result<Unit>(Unit{})
                       : damaged(fmt::format("it is cut off behind byte {}", offset_));
  }

 private:
  Result<Unit> pad(std::string& out) {
    if (count_ + padding_ < 4) {
      return Unit{};
    }
    const int bytes = count_ - 1;
    bits_ <<= 6U * static_cast<unsigned>(padding_);
    if ((bits_ & (bytes == 1 ? 0xFFFFU : 0xFFU)) != 0) {
      return damaged("its base64url has bits behind the end");
    }
    put(out, bytes);
    ended_ = true;
    return Unit{};
  }

  void put(std::string& out, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      out += static_cast<char>(bits_ >> (16U - 8U * static_cast<unsigned>(i)) & 0xFFU);
    }
    bits_ = 0;
    count_ = 0;
  }

  unsigned bits_ = 0;
  int count_ = 0;    // digits of the group begun
  int padding_ = 0;  // of the last group
  bool ended_ = false;
  uint64_t offset_ = 0;
};

class FernetDecoder final : public TurnStage {
 public:
  explicit FernetDecoder(const Key& key) : key_(key), hmac_(signing(key)) {}

  bool proves_late() const override { return true; }

 private:
  Result<size_t> step(std::string_view in) override {
    const std::string_view piece = in.substr(0, step_bytes);
    TRY_OK(text_.add(piece, held_));
    TRY_OK(decrypt());
    return piece.size();
  }

  Result<Unit> end() override {
    TRY_OK(text_.finish());
    return prove();
  }

  // What lies before the last 32 bytes, which may be the HMAC.
  Result<Unit> decrypt() {
    if (cipher_ == nullptr) {
      if (!held_.empty() && held_.front() != version) {
        return damaged("it is not a Fernet token: its version is not 0x80");
      }
      if (held_.size() < header_bytes) {
        return Unit{};
      }
      cipher_ = start_cbc(Way::decrypt, encrypting(key_),
                          std::string_view(held_).substr(header_bytes - half_bytes, half_bytes));
      hmac_.update(std::string_view(held_).substr(0, header_bytes));
      held_.erase(0, header_bytes);
    }
    if (held_.size() > hmac_bytes) {
      const auto sealed = std::string_view(held_).substr(0, held_.size() - hmac_bytes);
      hmac_.update(sealed);
      sealed_bytes_ += sealed.size();
      add_cbc(*cipher_, sealed, pending_.refill());
      held_.erase(0, sealed.size());
    }
    return Unit{};
  }

  Result<Unit> prove() {
    if (cipher_ == nullptr || held_.size() < hmac_bytes || sealed_bytes_ == 0) {
      return damaged("it is too short for a Fernet token");
    }
    if (CRYPTO_memcmp(hmac_.finish().data(), held_.data(), hmac_bytes) != 0) {
      return fail(Code::corrupt,
                  "its signature does not hold: it was encrypted with another key, or its bytes "
                  "were changed",
                  "give the key it was encrypted with; if that is the one, the object is damaged");
    }
    if (sealed_bytes_ % half_bytes != 0 || !end_cbc(*cipher_, pending_.refill())) {
      return damaged("its signature holds, but not its padding: what wrote it was wrong");
    }
    return Unit{};
  }

  Key key_;
  Hmac hmac_;
  CipherPtr cipher_;  // once the header was read
  Base64Url text_;
  std::string held_;  // not yet decrypted: at most the HMAC, between two calls
  uint64_t sealed_bytes_ = 0;
};

}  // namespace

StagePtr fernet_encoder(const Key& key, const Iv& iv, Instant now) {
  return std::make_unique<FernetEncoder>(key, iv, now);
}
StagePtr fernet_decoder(const Key& key) { return std::make_unique<FernetDecoder>(key); }

}  // namespace tutti::xfer::stage
