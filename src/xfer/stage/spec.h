// SPDX-License-Identifier: Apache-2.0
// Spec: what a request says of a stage. A value; made into stages for each object.
#pragma once

#include <functional>
#include <optional>

#include "base/time.h"
#include "xfer/stage/key.h"
#include "xfer/stage/stage.h"

namespace tutti::xfer::stage {

enum class Kind : uint8_t {
  decrypt,     // fernet or aes-256-gcm, as the first bytes say
  decompress,  // zstd or gzip, likewise
  zstd,
  gzip,
  fernet,
  aes_256_gcm,
};
std::string_view kind_name(Kind kind);  // "decrypt", "zstd", "aes-256-gcm" ...

struct Spec {
  Kind kind = Kind::zstd;
  int level = 0;  // of zstd and gzip
  Key key = {};   // of decrypt, fernet and aes_256_gcm
};

// "zstd", "gzip", "zstd:19". bad_input names what is there to choose.
Result<Spec> parse_compress(std::string_view text);
// "aes-256-gcm", "fernet".
Result<Spec> parse_encrypt(std::string_view text, Key key);

// What is known where an object begins.
struct Start {
  std::optional<uint64_t> size = std::nullopt;  // of the input
  Instant now = {};
  std::function<uint64_t()> random;  // fit for secrets; asked before make() returns
};
// At least one spec, in the order of the bytes.
StagePtr make(const std::vector<Spec>& specs, const Start& start);

// The object's name after them: zstd adds .zst, gzip .gz, fernet .fernet, aes-256-gcm .tgcm;
// decompress and decrypt take one of theirs away, where it is there and something is left.
std::string name_after(const std::vector<Spec>& specs, std::string name);

// What an object of this kind is, as a Content-Type; empty: nobody knows.
std::string content_type_after(const std::vector<Spec>& specs);

}  // namespace tutti::xfer::stage
