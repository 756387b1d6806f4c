// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"

namespace tutti {
namespace {

constexpr std::string_view crockford = "0123456789abcdefghjkmnpqrstvwxyz";

int crockford_digit(char c) {
  c = ascii_lower(c);
  if (c == 'o') {
    return 0;
  }
  if (c == 'i' || c == 'l') {
    return 1;
  }
  const size_t at = crockford.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

RunId make_run_id(Instant at, uint64_t random_high, uint64_t random_low) {
  RunId id;
  const auto ms = static_cast<uint64_t>(at.us / 1000);
  for (size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  }
  id.bytes[6] = static_cast<uint8_t>(0x70U | (random_high & 0x0FU));
  id.bytes[7] = static_cast<uint8_t>(random_high >> 8U);
  for (size_t i = 0; i < 8; ++i) {
    id.bytes[8 + i] = static_cast<uint8_t>(random_low >> (8 * i));
  }
  id.bytes[8] = static_cast<uint8_t>(0x80U | (id.bytes[8] & 0x3FU));
  return id;
}

std::string to_text(const RunId& id) {
  // 128 bits in 26 digits of 5: the first digit carries the top 3 bits.
  std::string out(26, '0');
  for (size_t digit = 0; digit < 26; ++digit) {
    unsigned value = 0;
    for (size_t bit = 0; bit < 5; ++bit) {
      const size_t at = digit * 5 + bit;  // counted over 130 bits, the first 2 are zero
      value <<= 1U;
      if (at >= 2) {
        const size_t b = at - 2;
        value |= (id.bytes[b / 8] >> (7 - b % 8)) & 1U;
      }
    }
    out[digit] = crockford[value];
  }
  return out;
}

Result<RunId> parse_run_id(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::bad_input, fmt::format("'{}' is not a run id", text.substr(0, 64)),
                "a run id has 26 letters and digits; `tutti runs` lists them");
  };
  if (text.size() != 26) {
    return bad();
  }
  RunId id;
  for (size_t digit = 0; digit < 26; ++digit) {
    const int value = crockford_digit(text[digit]);
    if (value < 0 || (digit == 0 && value > 7)) {
      return bad();
    }
    for (size_t bit = 0; bit < 5; ++bit) {
      const size_t at = digit * 5 + bit;
      if (at >= 2 && ((static_cast<unsigned>(value) >> (4 - bit)) & 1U) != 0) {
        const size_t b = at - 2;
        id.bytes[b / 8] = static_cast<uint8_t>(id.bytes[b / 8] | (0x80U >> (b % 8)));
      }
    }
  }
  return id;
}

std::string to_text(const AttemptId& id) {
  return fmt::format("{}/{}/{}", to_text(id.run), id.task.value, id.attempt);
}

Result<AttemptId> parse_attempt_id(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::bad_input, fmt::format("'{}' is not an attempt", text.substr(0, 64)));
  };
  const size_t slash = text.find('/');
  const size_t slash2 = slash == std::string_view::npos ? slash : text.find('/', slash + 1);
  if (slash2 == std::string_view::npos) {
    return bad();
  }
  AttemptId id;
  TRY(id.run, parse_run_id(text.substr(0, slash)));
  const auto number = [](std::string_view digits, uint32_t& into) {
    auto read = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  };
  if (!number(text.substr(slash + 1, slash2 - slash - 1), id.task.value) ||
      !number(text.substr(slash2 + 1), id.attempt)) {
    return bad();
  }
  return id;
}

std::string attempt_token(const AttemptId& id) {
  const Digest digest = sha256(to_text(id));
  std::string out = "t";
  for (size_t digit = 0; digit < 31; ++digit) {
    unsigned value = 0;
    for (size_t bit = 0; bit < 5; ++bit) {
      const size_t b = digit * 5 + bit;
      value = value << 1U | ((digest.bytes[b / 8] >> (7 - b % 8)) & 1U);
    }
    out += crockford[value];
  }
  return out;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace tutti
