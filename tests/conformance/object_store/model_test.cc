// SPDX-License-Identifier: Apache-2.0
// Random operations against a model of a bucket: a sorted map of what each name has meant.
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
  std::string version = {};
  bool marker = false;  // of a removal
  Lock lock = {};
};

// What a name has meant, the oldest first; without versions what it means now.
struct Named {
  std::vector<Kept> all = {};
  bool removed = false;  // by a store that has no delete markers

  const Kept* live() const {
    return all.empty() || removed || all.back().marker ? nullptr : &all.back();
  }
};

// One story: the store under test and the map must agree after every step.
class Story {
 public:
  Story(StoreWorld& world, uint64_t seed) : w_(world), random_(seed) {}

  void step() {
    const bool locks = w_.keeps_versions && !w_.has(Gap::no_locks);
    switch (random_() % (locks ? 18 : w_.keeps_versions ? 16 : 12)) {
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
      case 10:
      case 11:
        return list();
      case 12:
        return read_version();
      case 13:
      case 14:
        return remove_version();
      case 15:
        return list_versions();
      case 16:
        return put_locked();
      default:
        return change_lock();
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
    const Kept* there = live(last_);
    return there == nullptr || random_() % 3 == 0 ? "other" : there->etag;
  }
  bool allowed(const std::string& at, const PutOptions& options) const {
    if (w_.has(Gap::no_conditions)) {
      return true;
    }
    const Kept* existing = live(at);
    const bool marker =
        w_.has(Gap::markers_are_objects) && existing == nullptr && model_.contains(at);
    return !(options.only_if_absent && (existing != nullptr || marker)) &&
           (options.if_match.empty() ||
            (existing != nullptr && existing->etag == options.if_match));
  }
  const Kept* live(const std::string& at) const {
    const auto found = model_.find(at);
    return found == model_.end() ? nullptr : found->second.live();
  }
  void add(const std::string& at, Kept kept) {
    Named& named = model_[at];
    if (!w_.keeps_versions) {
      named.all.clear();
    }
    named.removed = false;
    named.all.push_back(std::move(kept));
  }
  // Some version of some key, if there is one; its place in `named`.
  Kept* any_version(std::string& at, Named*& named) {
    if (model_.empty()) {
      return nullptr;
    }
    const auto found = std::next(model_.begin(), static_cast<int64_t>(random_() % model_.size()));
    at = found->first;
    named = &found->second;
    return &named->all[random_() % named->all.size()];
  }
  void settle(const std::string& at, const std::string& bytes, bool expected,
              const Result<ObjectMeta>& result, const Lock& lock = {}) {
    last_ = at;
    if (!expected) {
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == Code::conflict);
      return;
    }
    REQUIRE_OK(result);
    add(at, {.text = bytes, .etag = result->etag, .version = result->version, .lock = lock});
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
      model_[at].all.back().etag = w_.run(w_.store->head(w_.ctx, w_.key_of(at))).value().etag;
    }
  }

  void copy() {
    const std::string from = key();
    const std::string to = key();
    const PutOptions options{.only_if_absent = !w_.has(Gap::conditions_of_puts) &&
                                               !w_.has(Gap::no_conditions) && random_() % 2 == 0};
    CopyOptions copying{.put = options};
    const Kept* source = live(from);
    const auto kept = model_.find(from);
    if (w_.keeps_versions && kept != model_.end() && random_() % 3 == 0) {
      const Kept& one = kept->second.all[random_() % kept->second.all.size()];
      source = one.marker ? nullptr : &one;
      copying.version = one.version;
    }
    const auto result =
        w_.run(w_.store->copy_within(w_.ctx, w_.key_of(from), w_.key_of(to), copying));
    if (from == to && source != nullptr && w_.has(Gap::self_copies)) {
      REQUIRE_FALSE(result.has_value());
      return;
    }
    if (source == nullptr) {
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == Code::not_found);
      return;
    }
    settle(to, std::string(source->text), allowed(to, options), result);
  }

  void remove() {
    const std::string at = key();
    if (w_.keeps_versions && (live(at) == nullptr || w_.has(Gap::markers_get_lost))) {
      return;  // of what is not there: services disagree whether that leaves a delete marker
    }
    REQUIRE_OK(w_.run(w_.store->remove(w_.ctx, w_.key_of(at), {})));
    if (!w_.keeps_versions) {
      model_.erase(at);
    } else if (w_.store->capabilities().delete_markers) {
      const auto page =
          w_.run(w_.store->list(w_.ctx, {.prefix = w_.key_of(at), .limit = 1, .versions = true}));
      REQUIRE_OK(page);
      REQUIRE(page->objects.front().delete_marker);
      add(at, {.text = "-", .version = page->objects.front().version, .marker = true});
    } else {
      model_[at].removed = true;
    }
  }

  void read() {
    const std::string at = key();
    const Kept* expected = live(at);
    CHECK(w_.text(at) == (expected == nullptr ? "not_found" : expected->text));
    if (expected != nullptr) {
      CHECK(w_.run(w_.store->head(w_.ctx, w_.key_of(at)))->etag == expected->etag);
    }
  }

  void read_version() {
    std::string at;
    Named* named = nullptr;
    if (const Kept* kept = any_version(at, named)) {
      CHECK(w_.text_of(at, kept->version) == (kept->marker ? "not_found" : kept->text));
    }
  }

  void remove_version() {
    std::string at;
    Named* named = nullptr;
    const Kept* kept = any_version(at, named);
    if (kept == nullptr) {
      return;
    }
    const auto removed =
        w_.run(w_.store->remove(w_.ctx, w_.key_of(at), {.version = kept->version}));
    if (kept->lock != Lock{}) {
      REQUIRE_FALSE(removed.has_value());
      CHECK(removed.error().code == Code::denied);
      return;
    }
    REQUIRE_OK(removed);
    const auto index = kept - named->all.data();
    const bool latest = index + 1 == std::ssize(named->all);
    named->all.erase(named->all.begin() + index);
    named->removed = named->removed || (latest && !w_.store->capabilities().delete_markers);
    if (named->all.empty()) {
      model_.erase(at);
    }
  }

  Lock any_lock() {
    Lock lock{.legal_hold = random_() % 2 == 0};
    if (!lock.legal_hold) {
      const int64_t second = w_.clock->wall().us / 1'000'000;
      lock.retention = {.until = {(second + 3600) * 1'000'000}};
    }
    return lock;
  }

  void put_locked() {
    const std::string at = key();
    const std::string bytes = text();
    const Lock lock = any_lock();
    settle(at, bytes, true, w_.put(at, bytes, {.lock = lock}), lock);
  }

  // Locks what is not locked, and frees what is.
  void change_lock() {
    std::string at;
    Named* named = nullptr;
    Kept* kept = any_version(at, named);
    if (kept == nullptr || kept->marker || (kept->lock.retention && w_.has(Gap::retention_stays))) {
      return;
    }
    const Lock lock = kept->lock == Lock{} ? any_lock() : Lock{};
    const LockOptions options{.version = kept->version, .bypass_governance = true};
    if (lock.legal_hold != kept->lock.legal_hold) {
      REQUIRE_OK(w_.run(w_.store->set_legal_hold(w_.ctx, w_.key_of(at), lock.legal_hold, options)));
    }
    if (lock.retention != kept->lock.retention) {
      REQUIRE_OK(w_.run(w_.store->set_retention(w_.ctx, w_.key_of(at), lock.retention, options)));
    }
    kept->lock = lock;
    const auto said = w_.run(w_.store->lock(w_.ctx, w_.key_of(at), {.version = kept->version}));
    REQUIRE_OK(said);
    CHECK(*said == lock);
  }

  void list_versions() {
    ListOptions options{.limit = static_cast<uint32_t>(1 + random_() % 5)};
    options.prefix.text = random_() % 2 == 0 ? "" : key().substr(0, 1 + random_() % 3);
    if (!is_utf8(options.prefix.text) || w_.has(Gap::markers_last)) {
      return;
    }
    std::string expected;
    for (const auto& [at, named] : model_) {
      if (!at.starts_with(options.prefix.text)) {
        continue;
      }
      for (auto each = named.all.rbegin(); each != named.all.rend(); ++each) {
        const bool latest = each == named.all.rbegin() && !named.removed;
        expected += fmt::format("{}={}{} ", at, each->text, latest ? "*" : "");
      }
    }
    CHECK(w_.versions(options) == expected);
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
    for (const auto& [at, named] : model_) {
      if (!at.starts_with(options.prefix.text) || at <= options.start_after.text ||
          named.live() == nullptr) {
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
  std::map<std::string, Named> model_;
  std::string last_;
};

TEST_CASE_TEMPLATE("random operations agree with a map of versions", S, ALL_STORES) {
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
