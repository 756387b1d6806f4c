// SPDX-License-Identifier: Apache-2.0
// Masker: finds secrets in whatever leaves a worker and puts ‹secret:NAME› in their place. Pure.
//
// A secret is looked for as it is, as JSON writes it, URL-encoded, in hex and in base64 (both
// alphabets, at all three alignments); a secret of several lines also line by line. Where two
// secrets overlap in the text everything either of them covers is hidden.
//
// What a program did to a secret beyond that (reversed it, printed it character by character) is
// not found.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace tutti::worker {

// Immutable, so shared by all attempts. Memory: some 200 bytes for each byte of the secrets.
class Masker {
 public:
  Masker() = default;  // hides nothing
  // (name, value); values of at least secret_bytes_min bytes (secrets.h), others are not looked
  // for.
  explicit Masker(const std::vector<std::pair<std::string, std::string>>& secrets);

  bool empty() const { return names_.empty(); }
  std::string mask_text(std::string text) const;
  // Strings within, keys of maps too; a number that is a secret becomes a string.
  Value mask(Value value) const;
  Error mask(Error error) const;

 private:
  friend class MaskStream;
  // Aho-Corasick: a trie of all patterns, where `fail` is the longest proper suffix that is also
  // in the trie.
  struct Edge {
    uint8_t byte;
    uint32_t to;
  };
  struct State {
    uint32_t fail = 0;
    uint32_t edges = 0;  // where they begin; they end where those of the next state begin
    uint32_t depth = 0;
    uint32_t match_bytes = 0;  // of the longest pattern that ends here
    uint32_t secret = 0;       // its secret
  };

  uint32_t step(uint32_t state, uint8_t byte) const;
  size_t skip(std::string_view text, size_t at) const;

  std::vector<std::string> names_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<uint32_t> root_;    // by byte: the root's edges
  std::vector<uint64_t> starts_;  // bit (second << 8 | first): two bytes that begin a pattern
};

// The same over a stream of chunks. Holds back only what may be the beginning of a secret.
class MaskStream {
 public:
  explicit MaskStream(std::shared_ptr<const Masker> masker);
  // The masked text that is certain by now.
  std::string feed(std::string_view chunk);
  // The rest; afterwards it can be used for another stream.
  std::string finish();

 private:
  struct Hidden {
    size_t begin;
    size_t end;
    std::string text;
    uint32_t last_secret;
  };
  void hide(size_t begin, size_t end, uint32_t secret);
  std::string take(size_t certain);

  std::shared_ptr<const Masker> masker_;
  std::string held_;
  std::vector<Hidden> hidden_;  // within held_, in order, apart from each other
  uint32_t state_ = 0;
};

}  // namespace tutti::worker
