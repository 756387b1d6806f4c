// SPDX-License-Identifier: Apache-2.0
// Random operations against a model of a bucket: a sorted map of bytes.
#include <cstdlib>
#include <map>
#include <random>

#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

struct Kept {
  std::string text;
  std::string etag;
};

// One story: the store under test and the map must agree after every step.
class Story {
 public:
  Story(StoreWorld& world, uint64_t seed) : w_(world), random_(seed) {}

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
        return put({});
      case 3:
        return put({.only_if_absent = true});
      case 4:
        return put({.if_match = some_etag()});
      case 5:
        return upload();
      case 6:
        return copy();
      case 7:
        return remove();
      case 8:
      case 9:
        return read();
      default:
        return list();
    }
  }

 private:
  // Few names that get in each other's way.
  std::string key() {
    static const std::vector<std::string> any = {"a",
                                                 "a/",
                                                 "a/b",
                                                 "a//b",
                                                 "a/b/c",
                                                 "a-b",
                                                 "a0",
                                                 "b",
                                                 "b/..",
                                                 "..",
                                                 "%@",
                                                 "%2E/x",
                                                 std::string(150, 'l'),
                                                 std::string(150, 'l') + "/m",
                                                 std::string(160, 'l'),
                                                 "\u00fc/x"};
    static const std::vector<std::string> natural = {"a",   "b/b", "b/c/d", "b-b",     "b0",
                                                     "c/d", "d",   "%@",    "\u00fc/x"};
    const auto& keys = w_.any_key ? any : natural;
    while (true) {
      const std::string& key = keys[random_() % keys.size()];
      if (w_.can_have(key)) {
        return key;
      }
    }
  }
  std::string text() {
    return std::string(random_() % 3 == 0 ? random_() % 4000 : random_() % 20,
                       static_cast<char>('a' + random_() % 26));
  }
  std::string some_etag() {
    const auto at = model_.find(last_);
    return at == model_.end() || random_() % 3 == 0 ? "other" : at->second.etag;
  }
  bool allowed(const std::string& at, const PutOptions& options) const {
    if (w_.has(Gap::no_conditions)) {
      return true;
    }
    const auto existing = model_.find(at);
    return !(options.only_if_absent && existing != model_.end()) &&
           (options.if_match.empty() ||
            (existing != model_.end() && existing->second.etag == options.if_match));
  }
  void settle(const std::string& at, const std::string& bytes, bool expected,
              const Result<ObjectMeta>& result) {
    last_ = at;
    if (!expected) {
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == Code::conflict);
      return;
    }
    REQUIRE_OK(result);
    model_[at] = {.text = bytes, .etag = result->etag};
  }

  void put(PutOptions options) {
    const std::string at = key();
    const std::string bytes = text();
    const bool expected = allowed(at, options);
    settle(at, bytes, expected, w_.put(at, bytes, options));
  }

  void upload() {
    const std::string at = key();
    const std::string bytes = text();
    const uint64_t size = w_.part(700);
    auto upload = w_.run(w_.store->begin_upload(w_.ctx, w_.key_of(at), {.part_bytes = size}));
    REQUIRE_OK(upload);
    for (size_t from = 0; from < bytes.size(); from += size) {
      REQUIRE_OK(w_.run((*upload)->part(w_.ctx, static_cast<uint32_t>(from / size + 1),
                                        body_of(w_.buffers, bytes.substr(from, size)))));
    }
    if (random_() % 4 == 0 && !w_.has(Gap::uploads_stay)) {
      REQUIRE_OK(w_.run((*upload)->abort(w_.ctx)));
      return;
    }
    settle(at, bytes, true, w_.run((*upload)->commit(w_.ctx, {})));
    if (w_.has(Gap::passing_etags)) {
      model_[at].etag = w_.run(w_.store->head(w_.ctx, w_.key_of(at))).value().etag;
    }
  }

  void copy() {
    const std::string from = key();
    const std::string to = key();
    const PutOptions options{.only_if_absent = !w_.has(Gap::conditions_of_puts) &&
                                               !w_.has(Gap::no_conditions) && random_() % 2 == 0};
    const auto result =
        w_.run(w_.store->copy_within(w_.ctx, w_.key_of(from), w_.key_of(to), {.put = options}));
    const auto source = model_.find(from);
    if (from == to && source != model_.end() && w_.has(Gap::self_copies)) {
      REQUIRE_FALSE(result.has_value());
      return;
    }
    if (source == model_.end()) {
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == Code::not_found);
      return;
    }
    settle(to, std::string(source->second.text), allowed(to, options), result);
  }

  void remove() {
    const std::string at = key();
    REQUIRE_OK(w_.run(w_.store->remove(w_.ctx, w_.key_of(at), {})));
    model_.erase(at);
  }

  void read() {
    const std::string at = key();
    const auto expected = model_.find(at);
    CHECK(w_.text(at) == (expected == model_.end() ? "not_found" : expected->second.text));
    if (expected != model_.end()) {
      CHECK(w_.run(w_.store->head(w_.ctx, w_.key_of(at)))->etag == expected->second.etag);
    }
  }

  void list() {
    ListOptions options{.limit = static_cast<uint32_t>(1 + random_() % 5)};
    options.prefix.text = random_() % 2 == 0 ? "" : key().substr(0, 1 + random_() % 3);
    options.start_after.text = random_() % 3 == 0 ? key() : "";
    options.delimiter = random_() % 2 == 0 ? "" : "/";
    if (!options.delimiter.empty()) {
      options.start_after = {};  // inside of a common prefix services disagree
      options.limit =
          w_.has(Gap::one_page_of_folders) || w_.has(Gap::circles) ? 1000 : options.limit;
    }
    if (!is_utf8(options.prefix.text) ||
        (!w_.any_key && options.prefix.text.find("//") != std::string::npos)) {
      return;
    }
    std::string expected;
    std::string last;
    for (const auto& [at, kept] : model_) {
      if (!at.starts_with(options.prefix.text) || at <= options.start_after.text) {
        continue;
      }
      const size_t cut = options.delimiter.empty()
                             ? std::string::npos
                             : at.find(options.delimiter, options.prefix.text.size());
      const std::string shown = cut == std::string::npos ? at : at.substr(0, cut + 1);
      if (cut == std::string::npos || shown != last) {
        expected += shown + " ";
      }
      last = cut == std::string::npos ? "" : shown;
    }
    CHECK(w_.list(options) == expected);
  }

  StoreWorld& w_;
  std::mt19937_64 random_;
  std::map<std::string, Kept> model_;
  std::string last_;
};

TEST_CASE_TEMPLATE("random operations agree with a map", S, ALL_STORES) {
  const char* only = std::getenv("TUTTI_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const uint64_t seeds = only != nullptr ? 1 : S().rounds;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    CAPTURE(seed);
    S w;
    Story story(w, seed);
    for (int i = 0; i < (w.durable ? 40 : 120); ++i) {
      story.step();
    }
    CHECK(w.junk() == 0);
    CHECK(w.buffers.in_use() == 0);
  }
}

}  // namespace
}  // namespace tutti::cloud
