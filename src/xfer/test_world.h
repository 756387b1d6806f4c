// SPDX-License-Identifier: Apache-2.0
// For the tests of transfers: two buckets in memory, each call to which may be given a fault, and a
// folder for journals.
// Include before base/doctest.h; the test includes that and derives its own way to copy.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cloud/memory/memory.h"
#include "cloud/object_store.h"
#include "cloud/wrap/faulty.h"
#include "rt/testing.h"

namespace tutti::xfer {

using cloud::wrap::Fault;
using cloud::wrap::Operation;

// A folder for the journal, gone with the test.
struct JournalFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tutti-journal." + std::to_string(getpid()));
  ~JournalFolder() { std::filesystem::remove_all(path); }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
  std::filesystem::path only() const { return std::filesystem::directory_iterator(path)->path(); }
};

struct TestWorld : rt::TestWorld {
  explicit TestWorld(cloud::BufferPool::Options pool_of) : buffers(pool_of) {}

  cloud::Located located(std::string bucket, std::string key) {
    return {.store = bucket == "a" ? a : b,
            .key = {std::move(key)},
            .ref = {.provider = "memory", .bucket = bucket},
            .base = bucket + "://"};
  }
  const std::shared_ptr<cloud::ObjectStore>& inner(std::string_view bucket) const {
    return bucket == "a" ? inner_a : inner_b;
  }
  // Past the faults, as `text` is.
  Result<cloud::ObjectMeta> try_put(std::string bucket, std::string key, std::string text,
                                    cloud::PutOptions options = {}) {
    return loop.run(inner(bucket)->put(
        ctx, {std::move(key)}, cloud::body_of(buffers, std::move(text)), std::move(options)));
  }
  // What the object holds, or the name of the error.
  std::string text(std::string bucket, std::string key) {
    const auto got = loop.run(cloud::get_text(ctx, *inner(bucket), {std::move(key)}));
    return got.has_value() ? *got : std::string(code_name(got.error().code));
  }
  // The first `times` calls of this kind to bucket a or b go wrong.
  void fault(std::string bucket, Operation operation, Fault what, int times = 1) {
    faults[{bucket, operation}] = {std::move(what), times};
  }
  cloud::wrap::FaultPlan plan(std::string bucket) {
    return [this, bucket](Operation operation, const cloud::Key&) -> std::optional<Fault> {
      ++calls[{bucket, operation}];
      const auto at = faults.find({bucket, operation});
      if (at == faults.end() || at->second.second-- <= 0) {
        return std::nullopt;
      }
      return at->second.first;
    };
  }

  rt::Pool pool{2};
  cloud::BufferPool buffers;
  std::map<std::pair<std::string, Operation>, std::pair<Fault, int>> faults;
  std::map<std::pair<std::string, Operation>, int> calls;
  std::shared_ptr<cloud::ObjectStore> inner_a = cloud::memory::make_store(buffers, "a://");
  std::shared_ptr<cloud::ObjectStore> inner_b = cloud::memory::make_store(buffers, "b://");
  std::shared_ptr<cloud::ObjectStore> a = cloud::wrap::make_faulty(inner_a, plan("a"));
  std::shared_ptr<cloud::ObjectStore> b = cloud::wrap::make_faulty(inner_b, plan("b"));
};

}  // namespace tutti::xfer
