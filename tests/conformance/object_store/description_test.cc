// SPDX-License-Identifier: Apache-2.0
// What an object says of its bytes: headers, metadata, tags.
#include "base/encode.h"
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

const ContentHeaders all_headers{.encoding = "gzip",
                                 .language = "de, en",
                                 .disposition = "attachment; filename=\"a b.csv\"",
                                 .cache_control = "public, max-age=60"};
// 800 bytes, compressed to 65.
constexpr std::string_view gzip_base64 =
    "H4sIAAAAAAACAysuyS9KTVFIzs8tKEotLk5N0VEoSk1MUUgsVsgsUcgsVigGK+AqHlU3qm4EqgMAILYcFyADAAA=";

PutOptions described(const StoreWorld& w) {
  const bool keeps = w.store->capabilities().metadata_bytes_max > 0;
  return {.content_type = "text/csv",
          .headers = all_headers,
          .metadata = keeps ? Metadata{{"owner", "ana"}} : Metadata{}};
}

// What head gives, and get where that describes.
void check_described(StoreWorld& w, const std::string& key, const PutOptions& expected) {
  CAPTURE(key);
  const Capabilities& can = w.store->capabilities();
  const auto head = w.run(w.store->head(w.ctx, w.key_of(key)));
  REQUIRE_OK(head);
  if (can.metadata_bytes_max == 0) {
    CHECK(head->headers == ContentHeaders{});
    return;
  }
  CHECK(head->content_type == expected.content_type);
  CHECK(head->metadata == expected.metadata);
  for (const ContentHeader& each : content_headers) {
    CAPTURE(each.name);
    CHECK(head->headers.*each.value == expected.headers.*each.value);
  }
  const auto opened = w.run(w.store->get(w.ctx, w.key_of(key), {}));
  REQUIRE_OK(opened);
  CHECK(opened->meta.size == head->size);
  if (can.get_describes) {
    CHECK(opened->meta.headers == expected.headers);
    CHECK(opened->meta.metadata == expected.metadata);
  }
}

STORE_CASE("content headers are kept by a put, and its bytes come as they are stored") {
  const std::string bytes = base64_decode(gzip_base64).value();
  const PutOptions options = described(w);
  const auto put = w.put("a", bytes, options);
  REQUIRE_OK(put);
  CHECK(put->size == bytes.size());
  if (w.store->capabilities().metadata_bytes_max > 0) {
    CHECK(put->headers == options.headers);
  }
  check_described(w, "a", options);
  CHECK(w.text("a") == bytes);
  const auto part = w.run(w.store->get(w.ctx, w.key_of("a"), {.range = Range{3, 10}}));
  REQUIRE_OK(part);
  CHECK(part->meta.size == bytes.size());
  CHECK(w.run(part->source->next(w.ctx)).value().text() == bytes.substr(3, 10));
  REQUIRE_OK(w.put("a", "plain"));
  check_described(w, "a",
                  {.content_type = w.run(w.store->head(w.ctx, w.key_of("a")))->content_type});
}

// Other ways of the bytes: behind a checksum, in a session, in blocks.
STORE_CASE("content headers are kept by puts of all sizes") {
  if (!w.store->capabilities().far) {
    return;
  }
  for (const size_t bytes : {size_t{300'000}, (size_t{9} << 20U) + 1}) {
    CAPTURE(bytes);
    const std::string text(bytes, 'x');
    REQUIRE_OK(w.put("a", text, described(w)));
    check_described(w, "a", described(w));
    CHECK(w.text("a") == text);
  }
}

STORE_CASE("content headers are kept by uploads in parts") {
  const PutOptions options = described(w);
  auto upload = w.run(
      w.store->begin_upload(w.ctx, w.key_of("a"), {.put = options, .part_bytes = w.part(10)}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "0123456789"))));
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  check_described(w, "a", options);
  CHECK(w.text("a") == "0123456789");
}

STORE_CASE("a copy within keeps them, also where it says other metadata") {
  const Capabilities& can = w.store->capabilities();
  PutOptions expected = described(w);
  REQUIRE_OK(w.put("a", base64_decode(gzip_base64).value(), expected));
  const auto copy = [&](std::string to, CopyOptions options) {
    return w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of(std::move(to)), options));
  };
  REQUIRE_OK(copy("d/b", {}));
  if (w.has(Gap::plain_copies)) {
    CHECK(w.run(w.store->head(w.ctx, w.key_of("d/b")))->metadata != expected.metadata);
    return;
  }
  check_described(w, "d/b", expected);
  if (!w.has(Gap::conditions_of_puts) && !w.has(Gap::no_conditions)) {
    REQUIRE_OK(copy("d/c", {.put = {.only_if_absent = true}}));
    check_described(w, "d/c", expected);
  }
  if (!w.has(Gap::metadata_stays)) {
    REQUIRE_OK(copy("d/e", {.metadata_anew = true}));
    expected.metadata.clear();
    check_described(w, "d/e", expected);
  }
  if (can.metadata_bytes_max > 0) {
    expected.metadata = {{"team", "data"}};
    REQUIRE_OK(copy("d/f", {.put = {.metadata = expected.metadata}, .metadata_anew = true}));
    check_described(w, "d/f", expected);
  }
}

STORE_CASE("headers and names that cannot be kept are refused beforehand") {
  const auto code = [&](PutOptions options) { return w.put("b", "x", options).error().code; };
  CHECK(code({.headers = {.language = "d\ne"}}) == Code::bad_input);
  CHECK(code({.headers = {.disposition = "filename=\u00fc"}}) == Code::bad_input);
  CHECK(code({.headers = {.cache_control = std::string(content_header_bytes_max + 1, 'x')}}) ==
        Code::bad_input);
  CHECK(code({.content_type = "text/\nplain"}) == Code::bad_input);
  CHECK(w.head_code("b") == Code::not_found);
  if (w.store->capabilities().metadata_bytes_max == 0) {
    return;
  }
  const Metadata signs{{"my_key.v2", "1"}};
  if (!w.store->capabilities().metadata_signs) {
    CHECK(code({.metadata = signs}) == Code::bad_input);
    return;
  }
  REQUIRE_OK(w.put("b", "x", {.metadata = signs}));
  CHECK(w.run(w.store->head(w.ctx, w.key_of("b")))->metadata == signs);
}

STORE_CASE("tags are kept, or refused beforehand") {
  const TagLimits& limits = w.store->capabilities().tags;
  const Tags tags{{"cost center", "4711/a=b"}, {"empty", ""}};
  const auto code = [&](Tags wanted) {
    return w.put("no", "x", {.tags = std::move(wanted)}).error().code;
  };
  const auto tags_of = [&](std::string key) {
    return w.run(w.store->tags(w.ctx, w.key_of(std::move(key))));
  };
  if (limits.count_max == 0) {
    CHECK(code(tags) == Code::unsupported);
    CHECK(tags_of("no").error().code == Code::unsupported);
    return;
  }
  CHECK(code({{"", "x"}}) == Code::bad_input);
  CHECK(code({{"a&b", "x"}}) == Code::bad_input);
  CHECK(code({{"a", std::string(limits.value_letters_max + 1, 'x')}}) == Code::bad_input);
  Tags many;
  for (uint32_t i = 0; i <= limits.count_max; ++i) {
    many["tag" + std::to_string(i)] = "x";
  }
  CHECK(code(many) == Code::bad_input);
  CHECK(tags_of("no").error().code == Code::not_found);

  REQUIRE_OK(w.put("plain", "x"));
  if (w.has(Gap::no_tags)) {
    CHECK_FALSE(tags_of("plain").has_value());
    return;
  }
  CHECK(tags_of("plain").value() == Tags{});
  REQUIRE_OK(w.put("put", "x", {.tags = tags}));
  CHECK(tags_of("put").value() == tags);
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("upload"),
                                            {.put = {.tags = tags}, .part_bytes = w.part(10)}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "0123"))));
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  CHECK(tags_of("upload").value() == tags);
  const Tags other{{"team", "data"}};
  REQUIRE_OK(w.run(
      w.store->copy_within(w.ctx, w.key_of("put"), w.key_of("copy"), {.put = {.tags = other}})));
  CHECK(tags_of("copy").value() == other);
}

}  // namespace
}  // namespace tutti::cloud
