// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/check.h"
#include "xfer/stage/aes_gcm.h"
#include "xfer/stage/compress.h"
#include "xfer/stage/detect.h"
#include "xfer/stage/fernet.h"

namespace tutti::xfer::stage {
namespace {

struct Names {
  std::string_view name;
  std::string_view suffix;  // empty: it takes one away
  std::string_view content_type;
};
// By Kind.
constexpr std::array<Names, 6> names{{{"decrypt", "", ""},
                                      {"decompress", "", ""},
                                      {"zstd", ".zst", "application/zstd"},
                                      {"gzip", ".gz", "application/gzip"},
                                      {"fernet", ".fernet", "application/octet-stream"},
                                      {"aes-256-gcm", ".tgcm", "application/octet-stream"}}};

const Names& names_of(Kind kind) { return names[static_cast<size_t>(kind)]; }

template <size_t n>
std::array<char, n> random_bytes(const std::function<uint64_t()>& random) {
  static_assert(n % sizeof(uint64_t) == 0);
  std::array<char, n> bytes;
  for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
    const uint64_t next = random();
    std::memcpy(bytes.data() + at, &next, sizeof(next));
  }
  return bytes;
}

StagePtr make_one(const Spec& spec, std::optional<uint64_t> size, const Start& start) {
  switch (spec.kind) {
    case Kind::decrypt:
      return decrypter(spec.key);
    case Kind::decompress:
      return decompressor();
    case Kind::zstd:
      return zstd_encoder(spec.level, size);
    case Kind::gzip:
      return gzip_encoder(spec.level);
    case Kind::fernet:
      return fernet_encoder(spec.key, random_bytes<sizeof(Iv)>(start.random), start.now);
    case Kind::aes_256_gcm:
      return aes_gcm_encoder(spec.key, random_bytes<sizeof(Salt)>(start.random));
  }
  return nullptr;
}

// A name without what stands behind its point, where it has a name before it.
void strip(std::string& name, std::string_view suffix) {
  if (name.ends_with(suffix) && name.size() > suffix.size() &&
      name[name.size() - suffix.size() - 1] != '/') {
    name.resize(name.size() - suffix.size());
  }
}

}  // namespace

std::string_view kind_name(Kind kind) { return names_of(kind).name; }

Result<Spec> parse_compress(std::string_view text) {
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  if (name != "zstd" && name != "gzip") {
    return fail(Code::bad_input, fmt::format("compress: '{}' is not known", text),
                "write zstd or gzip, or with a level: zstd:19");
  }
  const bool zstd = name == "zstd";
  Spec spec{.kind = zstd ? Kind::zstd : Kind::gzip,
            .level = zstd ? zstd_level_default : gzip_level_default};
  if (colon < text.size()) {
    const std::string_view digits = text.substr(colon + 1);
    const int most = zstd ? zstd_level_max : gzip_level_max;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), spec.level);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || spec.level < 1 ||
        spec.level > most) {
      return fail(Code::bad_input, fmt::format("compress: '{}' is no level of {}", digits, name),
                  fmt::format("write a number from 1 to {}", most));
    }
  }
  return spec;
}

Result<Spec> parse_encrypt(std::string_view text, Key key) {
  for (const Kind kind : {Kind::aes_256_gcm, Kind::fernet}) {
    if (text == kind_name(kind)) {
      return Spec{.kind = kind, .key = key};
    }
  }
  return fail(Code::bad_input, fmt::format("encrypt: '{}' is not known", text),
              "write aes-256-gcm or fernet");
}

StagePtr make(const std::vector<Spec>& specs, const Start& start) {
  CHECK(!specs.empty());
  std::vector<StagePtr> stages;
  for (const Spec& each : specs) {
    stages.push_back(make_one(each, stages.empty() ? start.size : std::nullopt, start));
  }
  return chain(std::move(stages));
}

std::string name_after(const std::vector<Spec>& specs, std::string name) {
  for (const Spec& each : specs) {
    const size_t before = name.size();
    const bool decrypts = each.kind == Kind::decrypt;
    if (!names_of(each.kind).suffix.empty()) {
      name += names_of(each.kind).suffix;
      continue;
    }
    for (const Kind kind : decrypts ? std::array{Kind::aes_256_gcm, Kind::fernet}
                                    : std::array{Kind::zstd, Kind::gzip}) {
      if (name.size() == before) {
        strip(name, names_of(kind).suffix);
      }
    }
  }
  return name;
}

std::string content_type_after(const std::vector<Spec>& specs) {
  return specs.empty() ? std::string() : std::string(names_of(specs.back().kind).content_type);
}

}  // namespace tutti::xfer::stage
