// SPDX-License-Identifier: Apache-2.0
// Uploads under way: found by others than who began them.
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

// What was begun, sent one part and left by its process.
SentPart leave_upload(StoreWorld& w, std::string key, UploadOptions& options, std::string text) {
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of(std::move(key)), options));
  REQUIRE_OK(upload);
  const auto part = w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, std::move(text))));
  REQUIRE_OK(part);
  options.id = (*upload)->id();
  (*upload)->keep();
  return *part;
}

STORE_CASE("uploads nobody came back for are found, and ended") {
  const auto names = [&](std::string prefix) {
    std::string out;
    const auto found = w.run(w.store->uploads(w.ctx, w.key_of(std::move(prefix))));
    REQUIRE_OK(found);
    for (const PendingUpload& each : *found) {
      CHECK_FALSE(each.id.empty());
      const Duration age = w.clock->wall() - each.started;
      CHECK((age > minutes(-1) && age < hours(1)) != w.has(Gap::times_unknown));
      out += each.key.text.substr(w.base.size()) + " ";
    }
    return out;
  };
  const auto none = w.run(w.store->uploads(w.ctx, w.key_of("")));
  if (!none.has_value()) {
    CHECK(none.error().code == Code::unsupported);
    CHECK(w.run(w.store->abort_upload(w.ctx, w.key_of("a"), "1")).error().code ==
          Code::unsupported);
    return;
  }
  CHECK(none->empty());
  const uint64_t size = w.part(1000);
  UploadOptions options{.part_bytes = size, .size = size, .resumable = true};
  UploadOptions other = options;
  UploadOptions third = options;
  const std::string text = std::string(size, 'u');
  const SentPart part = leave_upload(w, "d/a b", options, text);
  leave_upload(w, "d/\u00fc", other, text);
  leave_upload(w, "e", third, "x");
  CHECK(names("d/") == "d/a b d/\u00fc ");
  CHECK(names("") == "d/a b d/\u00fc e ");
  CHECK(names("x").empty());
  CHECK(w.list({}).empty());

  const auto found = w.run(w.store->uploads(w.ctx, w.key_of("d/\u00fc")));
  REQUIRE_OK(found);
  REQUIRE(found->size() == 1);
  REQUIRE_OK(w.run(w.store->abort_upload(w.ctx, (*found)[0].key, (*found)[0].id)));
  CHECK(names("") == "d/a b e ");
  REQUIRE_OK(w.run(w.store->abort_upload(w.ctx, (*found)[0].key, (*found)[0].id)));

  // Whoever comes back for another finds it.
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("d/a b"), options));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->take_over(w.ctx, {part})));
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  upload->reset();
  CHECK((w.text("d/a b") == text));
  CHECK(names("") == "e ");
  REQUIRE_OK(w.run(w.store->abort_upload(w.ctx, w.key_of("e"), third.id)));
  CHECK(names("").empty());
  CHECK(w.junk() == 0);
}

}  // namespace
}  // namespace tutti::cloud
