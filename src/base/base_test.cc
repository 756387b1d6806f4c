// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <limits>

#include "base/address.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/http_date.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/trim.h"
#include "base/value.h"

#include "base/doctest.h"

namespace tutti {
namespace {

TEST_CASE("an error reads as where, what, remedy") {
  const Error error{.code = Code::not_found,
                    .what = "no such file",
                    .where = "a.yaml:3:5",
                    .remedy = "create it"};
  CHECK(error.text() == "a.yaml:3:5: no such file. create it");
  CHECK(with_context(error, "reading").what == "reading: no such file");
  CHECK(code_from_name(code_name(Code::unknown_outcome)) == Code::unknown_outcome);
  CHECK_FALSE(code_from_name("nonsense").has_value());
}

TEST_CASE("dates round-trip over four centuries") {
  for (int32_t day = -150000; day < 150000; ++day) {
    const Date date{day};
    REQUIRE(date_of(civil(date)) == date);
  }
  CHECK(to_text(*parse_date("2024-02-29")) == "2024-02-29");
  CHECK_FALSE(parse_date("2023-02-29").has_value());
  CHECK_FALSE(parse_date("2023-2-9").has_value());
  CHECK_FALSE(parse_date("2023-02-09x").has_value());
}

TEST_CASE("instants read zones and fractions") {
  CHECK(to_text(*parse_instant("2026-02-28")) == "2026-02-28T00:00:00+00:00");
  CHECK(to_text(*parse_instant("2026-02-28T10:00:00+02:00")) == "2026-02-28T08:00:00+00:00");
  CHECK(to_text(*parse_instant("2026-02-28 10:00:00.5Z")) == "2026-02-28T10:00:00.500000+00:00");
  CHECK_FALSE(parse_instant("2026-02-28T25:00").has_value());
  CHECK_FALSE(parse_instant("yesterday").has_value());
}

TEST_CASE("durations are a sum of numbers with units") {
  CHECK(parse_duration("1h30m")->us == minutes(90).us);
  CHECK(parse_duration("0.5s")->us == 500000);
  CHECK(parse_duration("100ms")->us == 100000);
  CHECK(to_text(minutes(90)) == "1h30m");
  CHECK(to_text(milliseconds(1500)) == "1.5s");
  CHECK(to_text(milliseconds(20)) == "20ms");
  for (const char* bad : {"", "5", "m5", "-1s", "5 m", "5x", "1e3s", "200y", "9999999w"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
}

TEST_CASE("JSON round-trips with Python's numbers") {
  const std::string text = R"({"a":[1,2.5,-0.0,1e+16,true,null],"b":{"c":"é\n\u0001"}})";
  auto value = parse_json(text);
  REQUIRE_OK(value);
  CHECK(to_json(*value) == text);
  CHECK(float_text(1.0) == "1.0");
  CHECK(float_text(0.1) == "0.1");
  CHECK(float_text(1e22) == "1e+22");
  CHECK(float_text(1e-7) == "1e-07");
  CHECK(float_text(123456789012345680.0) == "1.2345678901234568e+17");
  CHECK(float_text(1234567890123456.0) == "1234567890123456.0");
  CHECK(float_text(0.0001) == "0.0001");
}

TEST_CASE("a double reads back as the double that was written") {
  const auto read = [](std::string text) { return parse_json(text).value().as_real(); };
  CHECK(read("12092333305382674775808") == 12092333305382674775808.0);
  CHECK(read("1.7976931348623157e308") == 1.7976931348623157e308);
  uint64_t bits = 1;
  for (int i = 0; i < 10'000; ++i) {
    bits = bits * 6364136223846793005U + 1442695040888963407U;
    const double d = std::bit_cast<double>(bits);
    if (std::isfinite(d)) {
      CHECK(read(float_text(d)) == d);
    }
  }
}

TEST_CASE("bad JSON says where") {
  auto value = parse_json("{\"a\":\n  tru}");
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().what.find("line 2") != std::string::npos);
  CHECK_FALSE(parse_json("").has_value());
  CHECK_FALSE(parse_json("{} x").has_value());
  CHECK_FALSE(parse_json("\"\xff\"").has_value());
  CHECK_FALSE(parse_json(std::string(1000, '[')).has_value());
}

TEST_CASE("maps keep their order, find their members and share until changed") {
  Value value(ValueMap{});
  for (int i = 0; i < 100; ++i) {
    value.edit_map().set(std::to_string(99 - i), i);
  }
  CHECK(value.as_map().begin()->first == "99");
  CHECK(value["42"] == Value(57));
  Value copy = value;
  copy.edit_map().erase("42");
  copy.edit_map().set("99", "changed");
  CHECK(value["42"] == Value(57));
  CHECK(copy["42"].is_null());
  CHECK(copy["41"] == Value(58));
  CHECK(copy.as_map().size() == 99);
  CHECK(Value(1) == Value(1.0));
  CHECK(Value::of({{"a", 1}, {"b", 2}}) == Value::of({{"b", 2}, {"a", 1}}));
}

TEST_CASE("run ids print as 26 characters in time order") {
  const RunId a = make_run_id(Instant{1'000'000}, 1, 2);
  const RunId b = make_run_id(Instant{2'000'000}, 0, 0);
  CHECK(to_text(a).size() == 26);
  CHECK(to_text(a) < to_text(b));
  CHECK(*parse_run_id(to_text(a)) == a);
  CHECK_FALSE(parse_run_id("short").has_value());
  CHECK_FALSE(parse_run_id(std::string(26, 'u')).has_value());
  const AttemptId attempt{.run = a, .task = {7}, .attempt = 3};
  CHECK(*parse_attempt_id(to_text(attempt)) == attempt);
  CHECK(attempt_token(attempt).size() == 32);
}

TEST_CASE("digests match published values") {
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(digest_of(DigestKind::md5, "abc")) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(hex(digest_of(DigestKind::crc32c, "123456789")) == "e3069283");
  CHECK(hex(digest_of(DigestKind::crc64nvme, "123456789")) == "ae8b14860a799888");
  CHECK(*parse_digest(to_text(sha256("abc"))) == sha256("abc"));
  CHECK_FALSE(parse_digest("sha256:zz").has_value());
  CHECK(parse_digest("crc32c:e3069283").has_value());
  for (const char* text : {"crc32c:E3069283", "crc32c:e306928", "crc32c:e306928g"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_digest(text).has_value());
  }
}

TEST_CASE("CRC32C of parts combines to that of the whole") {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += static_cast<char>(i * 7);
  }
  const Digest whole = digest_of(DigestKind::crc32c, text);
  for (size_t cut : {size_t{0}, size_t{1}, size_t{8}, size_t{4096}, text.size()}) {
    const std::string_view view = text;
    const Digest combined =
        combine_crc32c(digest_of(DigestKind::crc32c, view.substr(0, cut)),
                       digest_of(DigestKind::crc32c, view.substr(cut)), text.size() - cut);
    CHECK(combined == whole);
  }
}

TEST_CASE("CRC64-NVME of parts combines to that of the whole") {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += static_cast<char>(i * 11);
  }
  const Digest whole = digest_of(DigestKind::crc64nvme, text);
  for (size_t cut : {size_t{0}, size_t{1}, size_t{8}, size_t{4099}, text.size()}) {
    const std::string_view view = text;
    CHECK(combine_crc64nvme(digest_of(DigestKind::crc64nvme, view.substr(0, cut)),
                            digest_of(DigestKind::crc64nvme, view.substr(cut)),
                            text.size() - cut) == whole);
  }
}

TEST_CASE("base64 round-trips and refuses what is not base64") {
  for (const char* text : {"", "a", "ab", "abc", "\xff\x00z"}) {
    CHECK(*base64_decode(base64_encode(text)) == text);
  }
  CHECK_FALSE(base64_decode("ab*=").has_value());
  CHECK_FALSE(base64_decode("abc").has_value());
  CHECK_FALSE(base64_decode("ab-_").has_value());
}

TEST_CASE("base64url round-trips, with and without its padding") {
  for (const char* text : {"", "a", "ab", "abc", "\xff\xef\xfe"}) {
    const std::string url = base64url_encode(text);
    CHECK(*base64url_decode(url) == text);
    CHECK(*base64url_decode(url.substr(0, url.find('='))) == text);
    CHECK(*base64url_decode(base64_encode(text)) == text);
  }
  CHECK(base64url_encode("\xff\xef\xfe") == "_-_-");
  for (const char* text : {"a", "abcde", "ab=", "a===", "a b=", "=", "===="}) {
    CAPTURE(text);
    CHECK_FALSE(base64url_decode(text).has_value());
  }
}

TEST_CASE("hexadecimal digits come in pairs") {
  CHECK(*hex_decode("") == "");
  CHECK(*hex_decode("00ff41Ab") == std::string("\0\xff\x41\xab", 4));
  for (const char* text : {"0", "0g", "abc", "0x", " 0"}) {
    CAPTURE(text);
    CHECK_FALSE(hex_decode(text).has_value());
  }
}

TEST_CASE("trimmed text has no white space at its ends") {
  CHECK(trimmed(" \ta b\r\n") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \n").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("addresses split at the first :// and keep every byte of the key") {
  auto address = parse_address("s3://bucket/a//b/../c%20d?e#f");
  REQUIRE_OK(address);
  CHECK(address->connection == "s3");
  const BucketKey split = split_bucket(address->rest);
  CHECK(split.bucket == "bucket");
  CHECK(split.key == "a//b/../c%20d?e#f");
  CHECK_FALSE(parse_address("S3://x").has_value());
  CHECK_FALSE(parse_address("/tmp/x").has_value());
  CHECK_FALSE(parse_address(std::string("s3://a\0b", 8)).has_value());
}

TEST_CASE("percent-encoding") {
  CHECK(percent_encode("a b/ü?~-_.") == "a%20b%2F%C3%BC%3F~-_.");
  CHECK(percent_encode("a b/c", "/") == "a%20b/c");
  CHECK(*percent_decode("a%20b%2fc+d") == "a b/c+d");
  CHECK(percent_encode(std::string("\0%", 2)) == "%00%25");
  for (const std::string_view wrong : {"%", "a%2", "%zz", "%2 "}) {
    CHECK(percent_decode(wrong).error().code == Code::bad_input);
  }
}

TEST_CASE("HMAC-SHA-256, test case 2 of RFC 4231") {
  CHECK(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex_encode(hmac_sha256({}, {})) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("a date of HTTP is read as it was printed") {
  const Instant at = start_of(date_of(CivilDate{2026, 2, 28})) + hours(10) + milliseconds(1500);
  CHECK(http_date(at) == "Sat, 28 Feb 2026 10:00:01 GMT");
  CHECK(http_date(Instant{-1}) == "Wed, 31 Dec 1969 23:59:59 GMT");
  for (int32_t day = -4000; day < 60'000; day += 97) {
    const Instant start = start_of(Date{day});
    CHECK(parse_http_date(http_date(start)) == start);
  }
}

}  // namespace
}  // namespace tutti
