// SPDX-License-Identifier: Apache-2.0
// The implementations under test. Include before base/doctest.h; use with
// TEST_CASE_TEMPLATE("...", S, ALL_STORES).
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/connections.h"
#include "cloud/local/local.h"
#include "cloud/memory/memory.h"
#include "cloud/wrap/faulty.h"
#include "rt/loop.h"

namespace tutti::cloud {

inline constexpr size_t test_chunk_bytes = 1024;

// A fresh, empty store and what it takes to call it.
struct StoreWorld {
  StoreWorld() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~StoreWorld() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
  StoreWorld(const StoreWorld&) = delete;
  StoreWorld& operator=(const StoreWorld&) = delete;

  std::shared_ptr<ObjectStore> open(std::string type, Value settings, std::string address) {
    ConnectionTable table;
    table["p"]["c"] = {.type = std::move(type), .settings = std::move(settings)};
    const Connections connections(std::move(table),
                                  local::openers({folder, buffers, pool.executor()}));
    return connections.open("p", std::string_view(address)).value().store;
  }

  template <class T>
  Result<T> run(Task<T> task) {
    return loop.run(std::move(task));
  }
  Result<ObjectMeta> put(std::string key, std::string text, PutOptions options = {}) {
    return run(store->put(ctx, key_of(std::move(key)), body_of(buffers, std::move(text)),
                          std::move(options)));
  }
  // The object's bytes, or the name of the error's code.
  std::string text(std::string key) {
    auto got = run(get_text(ctx, *store, key_of(std::move(key))));
    return got.has_value() ? *got : std::string(code_name(got.error().code));
  }
  Code head_code(std::string key) {
    return run(store->head(ctx, key_of(std::move(key)))).error().code;
  }
  Key key_of(std::string key) const { return {base + key}; }

  // Every key below `prefix`, joined by spaces, over pages of `limit`.
  std::string list(ListOptions options) {
    options.prefix.text = base + options.prefix.text;
    if (!options.start_after.text.empty()) {
      options.start_after.text = base + options.start_after.text;
    }
    std::string out;
    do {
      auto page = run(store->list(ctx, options));
      if (!page.has_value()) {
        return page.error().text();
      }
      std::vector<std::string> keys;
      for (const ObjectMeta& each : page->objects) {
        keys.push_back(each.key.text);
      }
      for (const Key& each : page->prefixes) {
        keys.push_back(each.text);
      }
      std::ranges::sort(keys);
      for (const std::string& each : keys) {
        out += each.substr(base.size()) + " ";
      }
      options.cursor = page->next;
    } while (!options.cursor.empty());
    return out;
  }
  // Staging folders that were left behind.
  size_t junk() const {
    size_t count = 0;
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
      count += each.path().filename().string().starts_with(".tutti") ? 1 : 0;
    }
    return count;
  }

  std::filesystem::path folder =
      std::filesystem::canonical(std::filesystem::temp_directory_path()) /
      fmt::format("tutti_object_store.{}", getpid());
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::CancelSource cancel;
  rt::Context ctx{*clock, *random, cancel.token()};
  rt::Loop loop;
  rt::Pool pool{4};
  BufferPool buffers{{.bytes_max = 16 * test_chunk_bytes, .chunk_bytes = test_chunk_bytes}};
  std::shared_ptr<ObjectStore> store;
  std::string base;      // in front of every key: where a file store keeps its test
  bool any_key = true;   // all that check_key allows, side by side
  bool durable = false;  // syncs each group: slow
  uint64_t rounds = 20;  // random stories
};

struct Memory : StoreWorld {
  Memory() { store = memory::make_store(buffers), rounds = 200; }
};
struct LocalRoot : StoreWorld {
  LocalRoot() {
    store = open("local", Value::of({{"root", "bucket"}}), "c://"), durable = true, rounds = 3;
  }
};
struct LocalBuckets : StoreWorld {
  LocalBuckets() {
    store = open("local", Value::of({{"buckets", "account"}, {"durability", "none"}}), "c://b/");
  }
};
struct Files : StoreWorld {
  Files() {
    store = open("file", Value::of({{"durability", "none"}}), "c:///");
    base = folder.string().substr(1) + "/";
    any_key = false;
  }
};
struct Wrapped : StoreWorld {
  Wrapped() { store = wrap::make_faulty(memory::make_store(buffers), nullptr); }
};

}  // namespace tutti::cloud

#define ALL_STORES Memory, LocalRoot, LocalBuckets, Files, Wrapped
