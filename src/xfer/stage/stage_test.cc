// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/stage.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/digest.h"
#include "xfer/stage/aes_gcm.h"
#include "xfer/stage/compress.h"
#include "xfer/stage/detect.h"
#include "xfer/stage/fernet.h"
#include "xfer/stage/spec.h"

#include "base/doctest.h"

namespace tutti::xfer::stage {
namespace {

using Make = std::function<StagePtr()>;

// Numbers that repeat.
struct Numbers {
  uint64_t state;
  uint64_t next() {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return state;
  }
  size_t below(size_t limit) { return next() % limit; }
};

std::string plain(size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) {
    text += static_cast<char>(i * 7 + i / 251);
  }
  return text;
}

std::string noise(size_t bytes, uint64_t seed) {
  Numbers numbers{seed};
  std::string text;
  while (text.size() < bytes) {
    text += static_cast<char>(numbers.next() >> 11U);
  }
  return text;
}

Key counting_key(char first = 0) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) {
    bytes += static_cast<char>(first + i);
  }
  auto key = Key::parse(hex_encode(bytes));
  REQUIRE_OK(key);
  return *key;
}

Salt salt() {
  Salt out;
  std::ranges::generate(out, [next = char(100)]() mutable { return next++; });
  return out;
}

Iv iv() {
  Iv out;
  std::ranges::generate(out, [next = char(0)]() mutable { return next++; });
  return out;
}

const std::string spec_key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
constexpr Instant spec_time{499'162'800'000'000};  // 1985-10-26T01:20:00-07:00

Key fernet_key() {
  auto key = Key::parse(spec_key);
  REQUIRE_OK(key);
  return *key;
}

std::string run_whole(const Make& make, std::string_view text) {
  const StagePtr stage = make();
  auto out = run_over(*stage, text);
  return out.has_value() ? std::move(*out) : out.error().text();
}

Error error_of(const Make& make, std::string_view text) {
  const StagePtr stage = make();
  auto out = run_over(*stage, text);
  return out.has_value() ? Error{.what = "no error"} : out.error();
}

// In pieces of random sizes, into space of random sizes.
Result<std::string> run_in_pieces(Stage& stage, std::string_view text, Numbers numbers) {
  const size_t most = 1 + numbers.below(text.size() < 1000 ? 40 : 70'000);
  std::string space(most, '\0');
  std::string out;
  const auto room = [&] { return std::span(space).first(1 + numbers.below(most)); };
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, 1 + numbers.below(most));
    const std::span<char> to = room();
    TRY(const Moved moved, stage.update(piece, to));
    CHECK((moved.taken == piece.size() || moved.given == to.size()));
    out.append(to.data(), moved.given);
    text.remove_prefix(moved.taken);
  }
  while (true) {
    const std::span<char> to = room();
    TRY(const Ended ended, stage.finish(to));
    CHECK((ended.done || ended.given == to.size()));
    out.append(to.data(), ended.given);
    if (ended.done) {
      return out;
    }
  }
}

struct Pair {
  std::string name;
  Make encode;
  Make decode;
};

std::vector<Pair> pairs() {
  const auto key = counting_key();
  return {
      {"zstd", [] { return zstd_encoder(); }, zstd_decoder},
      {"zstd 19", [] { return zstd_encoder(19); }, zstd_decoder},
      {"gzip", [] { return gzip_encoder(); }, gzip_decoder},
      {"gzip 1", [] { return gzip_encoder(1); }, gzip_decoder},
      {"fernet", [key] { return fernet_encoder(key, iv(), spec_time); },
       [key] { return fernet_decoder(key); }},
      {"aes-256-gcm", [key] { return aes_gcm_encoder(key, salt()); },
       [key] { return aes_gcm_decoder(key); }},
      {"zstd and aes-256-gcm",
       [key] {
         return make({{.kind = Kind::zstd, .level = 3}, {.kind = Kind::aes_256_gcm, .key = key}},
                     {.random = [] { return 7; }});
       },
       [key] {
         return make({{.kind = Kind::decrypt, .key = key}, {.kind = Kind::decompress}}, {});
       }},
      {"gzip and fernet",
       [key] {
         return make({{.kind = Kind::gzip, .level = 6}, {.kind = Kind::fernet, .key = key}},
                     {.random = [] { return 7; }});
       },
       [key] {
         return make({{.kind = Kind::decrypt, .key = key}, {.kind = Kind::decompress}}, {});
       }},
  };
}

constexpr size_t chunk = size_t{1} << aes_gcm_chunk_log_min;
const std::vector<size_t> sizes{0,     1,         2,         15,     16,
                                17,    12'287,    12'288,    12'289, chunk - 1,
                                chunk, chunk + 1, 2 * chunk, 99'999, 3 * chunk + 7};

TEST_CASE("what was encoded decodes, however both are cut into pieces") {
  Numbers numbers{42};
  for (const Pair& pair : pairs()) {
    CAPTURE(pair.name);
    for (const size_t size : sizes) {
      CAPTURE(size);
      for (const std::string& text : {plain(size), noise(size, size + 1)}) {
        const std::string whole = run_whole(pair.encode, text);
        CHECK((run_whole(pair.decode, whole) == text));
        const auto encoded = run_in_pieces(*pair.encode(), text, {numbers.next()});
        REQUIRE_OK(encoded);
        CHECK((*encoded == whole));
        const auto decoded = run_in_pieces(*pair.decode(), whole, {numbers.next()});
        REQUIRE_OK(decoded);
        CHECK((*decoded == text));
      }
    }
  }
}

TEST_CASE("cut off at any byte is found") {
  for (const Pair& pair : pairs()) {
    CAPTURE(pair.name);
    for (const std::string& text : {std::string(), plain(1), plain(300)}) {
      const std::string whole = run_whole(pair.encode, text);
      for (size_t size = 0; size < whole.size(); ++size) {
        const auto cut = run_over(*pair.decode(), whole.substr(0, size));
        CHECK_FALSE(cut.has_value());
      }
    }
  }
}

TEST_CASE("every changed bit of what is encrypted is found, before it counts") {
  for (const Pair& pair : pairs()) {
    if (pair.name != "fernet" && pair.name.find("aes") == std::string::npos) {
      continue;
    }
    CAPTURE(pair.name);
    std::string whole = run_whole(pair.encode, plain(100));
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ 1 << bit % 8);
      const auto changed = run_over(*pair.decode(), whole);
      CHECK_FALSE(changed.has_value());
      whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ 1 << bit % 8);
    }
    CHECK((run_whole(pair.decode, whole) == plain(100)));
  }
}

TEST_CASE("aes-256-gcm writes the bytes of its format") {
  // Computed with the AESGCM and HKDF of Python's cryptography 48.
  const Make encode = [] { return aes_gcm_encoder(counting_key(), salt()); };
  const std::string head =
      "545554544947434d01100000c6bea2d8a6c46c13"
      "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283";
  CHECK(key_id_text(counting_key()) == "c6bea2d8a6c46c13");
  CHECK(hex_encode(run_whole(encode, "")) == head + "39620ad7b069b1e1cf10ed27014dc3cb");
  CHECK(hex_encode(run_whole(encode, "hello")) ==
        head + "df2a8e840af79c64378cdeecac376d808bbb10cc7f");
  const std::string large = run_whole(encode, plain(200'000));
  CHECK(large.size() == 200'116);
  CHECK(hex(sha256(large)) == "b48ac629bb072a250a8b4bbc627cfc3b2c132d6469939066788deb64ae13d8a4");
  CHECK(hex(sha256(run_whole([] { return aes_gcm_encoder(counting_key(), salt(), 17); },
                             plain(200'000)))) ==
        "e14fd343b23bfb72b79fe05296de1fb107592ab25e969f98b1e5b5632db2ee4c");
}

TEST_CASE("chunks that are missing, doubled, in another order or too many are told") {
  const Make decode = [] { return aes_gcm_decoder(counting_key()); };
  const std::string text = plain(3 * chunk + 5);
  const std::string whole = run_whole([] { return aes_gcm_encoder(counting_key(), salt()); }, text);
  const auto part = [&](size_t i) {
    return whole.substr(aes_gcm_header_bytes + i * (chunk + 16), chunk + 16);
  };
  const std::string head = whole.substr(0, aes_gcm_header_bytes);
  CHECK((run_whole(decode, head + part(0) + part(1) + part(2) + part(3)) == text));
  const std::pair<std::string, std::string> rows[] = {
      {head, "its last chunk is missing"},
      {head + part(0), "it is cut off behind chunk 0"},
      {head + part(0) + part(1) + part(2), "it is cut off behind chunk 2"},
      {head + part(1) + part(0) + part(2) + part(3), "chunk 0 does not prove"},
      {head + part(0) + part(0) + part(1) + part(2) + part(3), "chunk 1 does not prove"},
      {head + part(0) + part(2) + part(3), "chunk 1 does not prove"},
      {whole + "x", "chunk 3 does not prove"},
      {whole + part(3), "chunk 3 does not prove"},
  };
  for (const auto& [bytes, says] : rows) {
    const Error error = error_of(decode, bytes);
    CHECK(error.code == Code::corrupt);
    CHECK_MESSAGE(error.what.find(says) != std::string::npos, error.what, " for ", says);
  }
  // A last chunk that is full: what follows is told as such.
  const std::string full =
      run_whole([] { return aes_gcm_encoder(counting_key(), salt()); }, plain(chunk));
  CHECK(error_of(decode, full + "x").what == "there are bytes behind its last chunk, 0");
}

TEST_CASE("another key is told as such") {
  const std::string sealed =
      run_whole([] { return aes_gcm_encoder(counting_key(), salt()); }, "hello");
  const Error gcm = error_of([] { return aes_gcm_decoder(counting_key(1)); }, sealed);
  CHECK(gcm.code == Code::denied);
  CHECK(gcm.what.starts_with("it was encrypted with the key of id c6bea2d8a6c46c13, and the key "));
  const std::string token =
      run_whole([] { return fernet_encoder(counting_key(), iv(), spec_time); }, "hello");
  const Error fernet = error_of([] { return fernet_decoder(counting_key(1)); }, token);
  CHECK(fernet.code == Code::corrupt);
  CHECK(fernet.what.find("it was encrypted with another key") != std::string::npos);
}

TEST_CASE("the error of what proves late comes before that of what reads it") {
  const auto key = counting_key();
  for (const size_t size : {size_t{10}, 5 * chunk}) {
    const std::string token = run_whole(
        [&] {
          return make({{.kind = Kind::gzip, .level = 6}, {.kind = Kind::fernet, .key = key}},
                      {.random = [] { return 7; }});
        },
        noise(size, 5));
    const Make wrong = [] {
      return make({{.kind = Kind::decrypt, .key = counting_key(1)},
                   {.kind = Kind::decompress},
                   {.kind = Kind::zstd, .level = 1}},
                  {});
    };
    CHECK(error_of(wrong, token).what.starts_with("its signature does not hold"));
    // The token is good, and what is in it is no gzip.
    const std::string other = run_whole([&] { return fernet_encoder(key, iv(), spec_time); },
                                        "\x1f\x8b" + noise(size, 6));
    const Make right = [&] {
      return make({{.kind = Kind::decrypt, .key = key}, {.kind = Kind::decompress}}, {});
    };
    CHECK(error_of(right, other).what.starts_with("not whole gzip"));
  }
}

TEST_CASE("fernet: the specification's example, and tokens that are wrong in its ways") {
  const std::string token =
      "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU"
      "4IwqDA==";
  CHECK(run_whole([] { return fernet_encoder(fernet_key(), iv(), spec_time); }, "hello") == token);
  const Make decode = [] { return fernet_decoder(fernet_key()); };
  CHECK(run_whole(decode, token) == "hello");
  CHECK(run_whole(decode, token + "\r\n") == "hello");
  const std::pair<std::string, std::string> rows[] = {
      {"gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_"
       "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU"
       "4IwqDA==",
       "its signature does not hold"},
      {"gAAAAAAdwJ6wAAECAwQFBgcICQoLMDAw", "too short"},
      {"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0OD2IXeW0FYyXiuAJk_zX-E-FTBOpoVs4HED35KbDYabN0", "too short"},
      {"%%%%%%%%%%%j-"
       "ztUarjDIfllJBmLiBMjfcmZesHVIhcAAAAAHcCesAABAgMEBQYHCAkKCwwNDg8tNtXKRlVimf3hMAhjO"
       "ASy",
       "byte 1 is not base64url"},
      {"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_"
       "eEwCGM4BMeTZDT7Rwa9JDJ2Oji9qpn0b4Yy5GwlkJZVdqiF"
       "G-Ul",
       "not its padding"},
      {"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0OD3BF0C8m07H9vhOEAnW54dD1SSFlDFwE0jl8DRXjSobTcvkO7NlZjyBHXA0"
       "F"
       "bH8MJg==",
       "not its padding"},
      {"gAAAAAAdwJ6wd3R3dnFwc3J9fH9-eXh7ei021cpGVWKZ_eEwCGM4BLIWsSf-xHzHLwOg-"
       "k125qUWIuIceWV8irwFqq4R"
       "dr9OIA==",
       "not its padding"},
      {"gQAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLKY7covSkDHw9ma-418Z5yfJ0bAi-R_"
       "TUVpW6VS"
       "XlO8JA==",
       "its version is not 0x80"},
      {token + "AAAA", "is not base64url"},
      {token.substr(0, 20) + "\n" + token.substr(20), "is not base64url"},
      {token.substr(0, token.size() - 3) + "B==", "bits behind the end"},
  };
  for (const auto& [wrong, says] : rows) {
    const Error error = error_of(decode, wrong);
    CHECK(error.code == Code::corrupt);
    CHECK_MESSAGE(error.what.find(says) != std::string::npos, error.what, " for ", says);
  }
}

TEST_CASE("frames and members one after the other are one text; anything else behind is told") {
  for (const Pair& pair : pairs()) {
    if (pair.name != "zstd" && pair.name != "gzip") {
      continue;
    }
    CAPTURE(pair.name);
    const std::string one = run_whole(pair.encode, "one ");
    const std::string two = run_whole(pair.encode, "two");
    const std::string none = run_whole(pair.encode, "");
    CHECK(run_whole(pair.decode, one + none + two) == "one two");
    Numbers numbers{7};
    for (int i = 0; i < 20; ++i) {
      CHECK(run_in_pieces(*pair.decode(), one + two, {numbers.next()}).value() == "one two");
    }
    for (const std::string& behind : {std::string("x"), std::string("garbage"), one.substr(0, 5)}) {
      const Error error = error_of(pair.decode, one + behind);
      CHECK(error.code == Code::corrupt);
      const size_t offset = std::stoul(error.what.substr(error.what.find_first_of("0123456789")));
      CHECK(offset >= one.size());
      CHECK(offset <= one.size() + behind.size());
    }
  }
  CHECK(error_of(gzip_decoder, run_whole([] { return gzip_encoder(); }, "x") + "garbage").what ==
        "something else than gzip begins at byte 21");
}

TEST_CASE("a changed bit in what is compressed is found by its checksum") {
  for (const Pair& pair : pairs()) {
    if (pair.name != "zstd" && pair.name != "gzip") {
      continue;
    }
    std::string whole = run_whole(pair.encode, noise(200, 3));
    const size_t header = 12;  // names, times and flags that decoders need not mind
    for (size_t bit = header * 8; bit < whole.size() * 8; ++bit) {
      whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ 1 << bit % 8);
      CHECK((run_over(*pair.decode(), whole) != noise(200, 3)));
      whole[bit / 8] = static_cast<char>(whole[bit / 8] ^ 1 << bit % 8);
    }
  }
}

TEST_CASE("an announced size that is not kept is an error") {
  CHECK(run_whole([] { return zstd_encoder(3, 5); }, "hello").size() > 5);
  CHECK(error_of([] { return zstd_encoder(3, 4); }, "hello").code == Code::corrupt);
  CHECK(error_of([] { return zstd_encoder(3, 6); }, "hello").code == Code::corrupt);
}

TEST_CASE("the first bytes tell the format") {
  const Make decompress = [] { return decompressor(); };
  const Make decrypt = [] { return decrypter(counting_key()); };
  CHECK(run_whole(decompress, std::string("\x50\x2a\x4d\x18\x01\0\0\0x", 9) +
                                  run_whole([] { return zstd_encoder(); }, "a")) == "a");
  for (const std::string& text : {std::string(), std::string("a"), std::string("plain text")}) {
    CHECK(error_of(decompress, text).code == Code::bad_input);
    CHECK(error_of(decrypt, text).code == Code::bad_input);
  }
}

TEST_CASE("a key is 32 bytes in base64 or hexadecimal digits") {
  const std::string bytes(counting_key().bytes());
  for (const std::string& text :
       {hex_encode(bytes), base64_encode(bytes), base64_encode(bytes) + "\n",
        " " + base64_encode(bytes).substr(0, 43)}) {
    const auto key = Key::parse(text);
    REQUIRE_OK(key);
    CHECK(key->bytes() == bytes);
  }
  CHECK(fernet_key().bytes().starts_with("s\x0f\xf4\xc7"));
  for (const std::string& text :
       {std::string(), bytes, hex_encode(bytes).substr(2), base64_encode(bytes) + "AAAA",
        std::string(64, 'g'), std::string("correct horse battery staple")}) {
    const auto key = Key::parse(text);
    REQUIRE_FALSE(key.has_value());
    CHECK(key.error().code == Code::bad_input);
    CHECK((text.empty() || key.error().text().find(text) == std::string::npos));
  }
}

TEST_CASE("what is written of a stage is read, or told what there is") {
  CHECK(parse_compress("zstd")->level == 3);
  CHECK(parse_compress("zstd:19")->level == 19);
  CHECK(parse_compress("gzip:1")->kind == Kind::gzip);
  for (const std::string_view wrong :
       {"", "brotli", "zstd:", "zstd:0", "zstd:20", "gzip:10", "zstd:3x", "gzip:-1"}) {
    CAPTURE(wrong);
    CHECK(parse_compress(wrong).error().code == Code::bad_input);
  }
  CHECK(parse_encrypt("fernet", {})->kind == Kind::fernet);
  CHECK(parse_encrypt("aes-256-gcm", {})->kind == Kind::aes_256_gcm);
  CHECK(parse_encrypt("aes", {}).error().remedy == "write aes-256-gcm or fernet");
}

TEST_CASE("names say what was done to the bytes") {
  const Spec zstd{.kind = Kind::zstd};
  const Spec gzip{.kind = Kind::gzip};
  const Spec gcm{.kind = Kind::aes_256_gcm};
  const Spec fernet{.kind = Kind::fernet};
  const Spec decompress{.kind = Kind::decompress};
  const Spec decrypt{.kind = Kind::decrypt};
  CHECK(name_after({zstd, gcm}, "d/a.csv") == "d/a.csv.zst.tgcm");
  CHECK(name_after({decrypt, decompress}, "d/a.csv.zst.tgcm") == "d/a.csv");
  CHECK(name_after({gzip, fernet}, "a") == "a.gz.fernet");
  CHECK(name_after({decrypt, decompress}, "a.gz.fernet") == "a");
  CHECK(name_after({decompress, zstd}, "a.gz") == "a.zst");
  CHECK(name_after({decompress}, "a.gz.zst") == "a.gz");
  CHECK(name_after({decompress}, "a.zst.gz") == "a.zst");
  CHECK(name_after({decompress}, "d/.gz") == "d/.gz");
  CHECK(name_after({decompress}, ".gz") == ".gz");
  CHECK(name_after({decompress}, "a.csv") == "a.csv");
  CHECK(content_type_after({zstd}) == "application/zstd");
  CHECK(content_type_after({decompress}).empty());
}

}  // namespace
}  // namespace tutti::xfer::stage
