// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/aes_gcm.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/digest.h"
#include "xfer/stage/cipher.h"

namespace tutti::xfer::stage {
namespace {

constexpr char version = 1;
constexpr size_t key_id_bytes = 8;
constexpr size_t key_id_at = 12;  // behind magic, version, chunk size, two zeros

std::string key_id(const Key& key) {
  return hkdf_sha256(key.bytes(), {}, "tutti key id", key_id_bytes);
}

std::string header_of(const Key& key, const Salt& salt, unsigned chunk_log) {
  std::string header(aes_gcm_magic);
  header += version;
  header += static_cast<char>(chunk_log);
  header.append(2, '\0');
  header += key_id(key);
  header.append(salt.data(), salt.size());
  CHECK(header.size() == aes_gcm_header_bytes);
  return header;
}

// The chunks of one object: its own key, and nonces that count.
class Chunks {
 public:
  Chunks(const Key& key, std::string_view header)
      : cipher_(EVP_CIPHER_CTX_new()),
        key_(hkdf_sha256(key.bytes(), header.substr(key_id_at + key_id_bytes),
                         fmt::format("tutti aes-256-gcm {}", header), Key::size)) {
    CHECK(cipher_ != nullptr);
  }

  Result<Unit> seal(std::string_view plain, bool last, std::string& out) {
    TRY_OK(check_count());
    seal_gcm(*cipher_, key_, nonce(last), plain, out);
    ++number_;
    return Unit{};
  }

  Result<Unit> open(std::string_view sealed, bool last, std::string& out) {
    TRY_OK(check_count());
    if (open_gcm(*cipher_, key_, nonce(last), sealed, out)) {
      ++number_;
      return Unit{};
    }
    std::string other;
    const bool misplaced = open_gcm(*cipher_, key_, nonce(!last), sealed, other);
    return fail(Code::corrupt,
                misplaced && last ? fmt::format("it is cut off behind chunk {}", number_)
                : misplaced ? fmt::format("there are bytes behind its last chunk, {}", number_)
                            : fmt::format("chunk {} does not prove: its bytes were changed, or are "
                                          "not in their place",
                                          number_),
                "the object is damaged: encrypt it again");
  }

 private:
  Result<Unit> check_count() const {
    return number_ <= UINT32_MAX ? Result<Unit>(Unit{})
                                 : fail(Code::unsupported, "it has more than 4,294,967,296 chunks",
                                        "split the object");
  }

  // Seven zeros, the number of the chunk, and whether it is the last.
  std::string nonce(bool last) const {
    std::string nonce(7, '\0');
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      nonce += static_cast<char>(number_ >> shift & 0xFFU);
    }
    return nonce + (last ? '\x01' : '\0');
  }

  CipherPtr cipher_;
  std::string key_;
  uint64_t number_ = 0;
};

class AesGcmEncoder final : public TurnStage {
 public:
  AesGcmEncoder(const Key& key, const std::string& header, size_t chunk_bytes)
      : chunks_(key, header), chunk_bytes_(chunk_bytes) {
    pending_.refill() = header;
    plain_.reserve(chunk_bytes);
  }

  bool proves_late() const override { return false; }

 private:
  Result<size_t> step(std::string_view in) override {
    if (plain_.size() == chunk_bytes_) {  // and more comes: it is not the last
      TRY_OK(seal(false));
      return size_t{0};
    }
    const size_t n = std::min(chunk_bytes_ - plain_.size(), in.size());
    plain_ += in.substr(0, n);
    return n;
  }

  Result<Unit> end() override { return seal(true); }

  Result<Unit> seal(bool last) {
    TRY_OK(chunks_.seal(plain_, last, pending_.refill()));
    plain_.clear();
    return Unit{};
  }

  Chunks chunks_;
  size_t chunk_bytes_;
  std::string plain_;
};

class AesGcmDecoder final : public TurnStage {
 public:
  explicit AesGcmDecoder(const Key& key) : key_(key) {}

  bool proves_late() const override { return false; }

 private:
  Result<size_t> step(std::string_view in) override {
    if (chunks_ && held_.size() == wanted_) {  // and more comes
      TRY_OK(open(false));
      return size_t{0};
    }
    const size_t n = std::min(wanted_ - held_.size(), in.size());
    held_ += in.substr(0, n);
    if (!chunks_ && held_.size() == wanted_) {
      TRY_OK(begin());
    }
    return n;
  }

  Result<Unit> end() override {
    if (!chunks_) {
      TRY_OK(check_magic());
      return fail(Code::corrupt, "it is cut off within its header",
                  "the object is damaged: encrypt it again");
    }
    return open(true);
  }

  Result<Unit> check_magic() const {
    return held_.starts_with(aes_gcm_magic.substr(0, held_.size()))
               ? Result<Unit>(Unit{})
               : fail(Code::corrupt, "it is not encrypted with aes-256-gcm by Tutti",
                      "leave --decrypt out, or look at the first bytes of the object");
  }

  Result<Unit> begin() {
    TRY_OK(check_magic());
    const auto chunk_log = static_cast<unsigned char>(held_[9]);
    if (held_[8] != version || chunk_log < aes_gcm_chunk_log_min ||
        chunk_log > aes_gcm_chunk_log_max || held_[10] != 0 || held_[11] != 0) {
      return fail(Code::corrupt, "its header is damaged, or of a later version of Tutti",
                  "read it with a newer version, or encrypt the object again");
    }
    const std::string id = held_.substr(key_id_at, key_id_bytes);
    if (id != key_id(key_)) {
      return fail(Code::denied,
                  fmt::format("it was encrypted with the key of id {}, and the key given has {}",
                              hex_encode(id), key_id_text(key_)),
                  "give the key it was encrypted with");
    }
    chunks_.emplace(key_, held_);
    held_.clear();
    wanted_ = (size_t{1} << chunk_log) + gcm_tag_bytes;
    return Unit{};
  }

  Result<Unit> open(bool last) {
    if (last && held_.size() < gcm_tag_bytes) {
      return fail(Code::corrupt, "it is cut off: its last chunk is missing",
                  "the object is damaged: encrypt it again");
    }
    TRY_OK(chunks_->open(held_, last, pending_.refill()));
    held_.clear();
    return Unit{};
  }

  Key key_;
  std::string held_;  // of the header, then of one chunk
  size_t wanted_ = aes_gcm_header_bytes;
  std::optional<Chunks> chunks_;  // once the header was read
};

}  // namespace

StagePtr aes_gcm_encoder(const Key& key, const Salt& salt, unsigned chunk_log) {
  CHECK(chunk_log >= aes_gcm_chunk_log_min && chunk_log <= aes_gcm_chunk_log_max);
  return std::make_unique<AesGcmEncoder>(key, header_of(key, salt, chunk_log),
                                         size_t{1} << chunk_log);
}

StagePtr aes_gcm_decoder(const Key& key) { return std::make_unique<AesGcmDecoder>(key); }

std::string key_id_text(const Key& key) { return hex_encode(key_id(key)); }

}  // namespace tutti::xfer::stage
