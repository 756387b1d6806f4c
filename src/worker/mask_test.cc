// SPDX-License-Identifier: Apache-2.0
#include "worker/mask.h"

#include <random>

#include "base/digest.h"
#include "worker/mask_patterns.h"

#include "base/doctest.h"

namespace tutti::worker {
namespace {

using Secrets = std::vector<std::pair<std::string, std::string>>;

std::string in_pieces(const std::shared_ptr<const Masker>& masker, std::string_view text,
                      std::vector<size_t> cuts) {
  MaskStream stream(masker);
  std::string out;
  size_t at = 0;
  cuts.push_back(text.size());
  for (const size_t cut : cuts) {
    out += stream.feed(text.substr(at, cut - at));
    at = cut;
  }
  return out + stream.finish();
}

std::string without_stand_ins(std::string text) {
  for (size_t at = text.find("‹"); at != std::string::npos; at = text.find("‹")) {
    text.erase(at, text.find("›") + std::string_view("›").size() - at);
  }
  return text;
}

TEST_CASE("a secret is hidden however it is written") {
  const std::string secret = "p\"w/é +\\=Z\n9";
  const Masker masker(Secrets{{"db", secret}});
  const std::string hidden = "<‹secret:db›>";
  CHECK(masker.mask_text("<" + secret + ">") == hidden);
  CHECK(masker.mask_text(R"(<p\"w/é +\\=Z\n9>)") == hidden);
  CHECK(masker.mask_text(R"(<p\"w/\u00e9 +\\=Z\n9>)") == hidden);
  CHECK(masker.mask_text("<p%22w%2F%C3%A9%20%2B%5C%3DZ%0A9>") == hidden);
  CHECK(masker.mask_text("<p%22w/%c3%a9+%2b%5c%3dZ%0a9>") == hidden);
  CHECK(masker.mask_text("<" + hex_encode(secret) + ">") == hidden);
  CHECK(masker.mask_text("<" + base64_encode(secret) + ">") == hidden);
}

TEST_CASE("base64 of a text with the secret in it shows nothing of it, wherever it stands") {
  const std::string secret = "hunter2-hunter2";
  const Masker masker(Secrets{{"s", secret}});
  for (size_t before = 0; before < 7; ++before) {
    for (size_t after = 0; after < 4; ++after) {
      const std::string encoded =
          base64_encode(std::string(before, 'a') + secret + std::string(after, 'b'));
      const std::string masked = masker.mask_text(encoded);
      CHECK(masked.find("‹secret:s›") != std::string::npos);
      CHECK(without_stand_ins(masked).size() <= encoded.size() - 19);  // of its 20
    }
  }
}

TEST_CASE("chunk borders change nothing: every two and three pieces") {
  const auto masker = std::make_shared<const Masker>(
      Secrets{{"a", "alpha-secret"}, {"b", "secret-beta"}, {"c", "alpha"}});
  for (const std::string text : {"x alpha-secret y", "alpha-secret-beta", "alphalpha-secretalpha",
                                 "alpha-secre", "pre secret-betalpha-secret-bet end"}) {
    const std::string whole = masker->mask_text(std::string(text));
    for (size_t i = 0; i <= text.size(); ++i) {
      CHECK(in_pieces(masker, text, {i}) == whole);
      for (size_t k = i; k <= text.size(); ++k) {
        CHECK(in_pieces(masker, text, {i, k}) == whole);
      }
    }
  }
}

TEST_CASE("overlapping secrets hide all either of them covers") {
  const Masker masker(Secrets{{"a", "alpha-secret"}, {"b", "secret-beta"}, {"c", "alpha"}});
  CHECK(masker.mask_text("<alpha-secret-beta>") == "<‹secret:a›‹secret:b›>");
  CHECK(masker.mask_text("<alpha-secre>") == "<‹secret:c›-secre>");
  CHECK(masker.mask_text("<alpha-secret>") == "<‹secret:a›>");  // the longest
  CHECK(masker.mask_text("alphaalpha") == "‹secret:c›‹secret:c›");
  const Masker itself(Secrets{{"x", "abab"}});
  CHECK(itself.mask_text("ababab!") == "‹secret:x›!");
}

TEST_CASE("nothing is held back that cannot become a secret") {
  const auto masker = std::make_shared<const Masker>(Secrets{{"a", "secret-word"}});
  MaskStream stream(masker);
  CHECK(stream.feed("hello world\n") == "hello world\n");
  CHECK(stream.feed("a sec") == "a ");
  CHECK(stream.feed("urity\n") == "security\n");
  CHECK(stream.feed("secret-wor").empty());
  CHECK(stream.finish() == "secret-wor");
  CHECK(stream.feed("again\n") == "again\n");
}

// The same answer by another way: try every pattern at every place.
std::string masked_slowly(const Secrets& secrets, const std::string& text) {
  std::vector<bool> covered(text.size());
  for (const auto& [name, value] : secrets) {
    for (const std::string& pattern : patterns_of(value)) {
      for (size_t at = text.find(pattern); at != std::string::npos;
           at = text.find(pattern, at + 1)) {
        std::fill_n(covered.begin() + static_cast<long>(at), pattern.size(), true);
      }
    }
  }
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!covered[i]) {
      out += text[i];
    }
  }
  return out;
}

TEST_CASE("random secrets and texts over a small alphabet agree with a naive search") {
  std::mt19937 random(7);
  const auto word = [&](size_t least, size_t most) {
    std::string out;
    for (size_t n = least + random() % (most - least + 1); n > 0; --n) {
      out += static_cast<char>('a' + random() % 2);
    }
    return out;
  };
  for (int round = 0; round < 2000; ++round) {
    Secrets secrets;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      secrets.emplace_back("n", word(4, 9));
    }
    const auto masker = std::make_shared<const Masker>(secrets);
    const std::string text = word(0, 60);
    const size_t cut = text.empty() ? 0 : random() % text.size();
    CAPTURE(text);
    CHECK(without_stand_ins(in_pieces(masker, text, {cut})) == masked_slowly(secrets, text));
  }
}

TEST_CASE("a hundred secrets in a long text, in chunks of any size") {
  std::mt19937 random(11);
  Secrets secrets;
  for (int i = 0; i < 100; ++i) {
    std::string value;
    for (size_t n = 8 + random() % 40; n > 0; --n) {
      value += static_cast<char>('!' + random() % 90);
    }
    secrets.emplace_back("s" + std::to_string(i), value);
  }
  const auto masker = std::make_shared<const Masker>(secrets);
  std::string text;
  for (int i = 0; i < 500; ++i) {
    const std::string& value = secrets[random() % secrets.size()].second;
    switch (random() % 4) {
      case 0:
        text += value;
        break;
      case 1:
        text += base64_encode("user:" + value);
        break;
      case 2:
        text += to_json(Value(value));
        break;
      default:
        text += value.substr(0, value.size() / 2);
    }
    text += " plain ";
  }
  const std::string whole = masker->mask_text(text);
  for (const auto& [name, value] : secrets) {
    CHECK(whole.find(value) == std::string::npos);
    CHECK(whole.find(base64_encode(value)) == std::string::npos);
  }
  std::vector<size_t> cuts;
  for (size_t at = 0; at < text.size(); at += 1 + random() % 50) {
    cuts.push_back(at);
  }
  CHECK(in_pieces(masker, text, cuts) == whole);
}

TEST_CASE("a secret of several lines is hidden line by line too") {
  const std::string key = "-----BEGIN KEY-----\nMIIabcdefgh\n}\nqwertyuiop\n-----END KEY-----";
  const Masker masker(Secrets{{"k", key}});
  CHECK(masker.mask_text(key) == "‹secret:k›");
  CHECK(masker.mask_text("1: MIIabcdefgh\n2: }\n3: qwertyuiop\n") ==
        "1: ‹secret:k›\n2: }\n3: ‹secret:k›\n");
}

TEST_CASE("values and errors are masked in all their parts") {
  const Masker masker(Secrets{{"pin", "12345678"}, {"t", "token!"}});
  const Value value = Value::of(
      {{"a token!", ValueList{Value("xtoken!x"), Value(12345678)}}, {"n", 17}, {"ok", true}});
  CHECK(to_json(masker.mask(value)) ==
        R"({"a ‹secret:t›":["x‹secret:t›x","‹secret:pin›"],"n":17,"ok":true})");
  const Error error = masker.mask(Error{.code = Code::denied,
                                        .what = "token! refused",
                                        .where = "http://h/?t=token%21",
                                        .remedy = "use another than token!"});
  CHECK(error.text() == "http://h/?t=‹secret:t›: ‹secret:t› refused. use another than ‹secret:t›");
}

TEST_CASE("without secrets text passes as it is") {
  const auto none = std::make_shared<const Masker>();
  MaskStream stream(none);
  CHECK(stream.feed("abc") == "abc");
  CHECK(stream.finish().empty());
  CHECK(none->mask_text(std::string("abc")) == "abc");
}

TEST_CASE("masking keeps up with a disk") {
  std::string text;
  std::mt19937 random(3);
  while (text.size() < 8u << 20U) {
    text += "2026-02-28 10:00:00 INFO row " + std::to_string(random()) + " of sales was read\n";
  }
  Secrets secrets;
  for (int i = 0; i < 5; ++i) {
    secrets.emplace_back("s", "Sup3r-" + std::to_string(random()) + "-value");
  }
  const auto masker = std::make_shared<const Masker>(secrets);
  MaskStream stream(masker);
  size_t bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (size_t at = 0; at < text.size(); at += 65536) {
    bytes += stream.feed(std::string_view(text).substr(at, 65536)).size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(bytes + stream.finish().size() == text.size());
  MESSAGE("masked at ", static_cast<double>(text.size()) / took.count() / 1e6, " MB/s");
}

}  // namespace
}  // namespace tutti::worker
