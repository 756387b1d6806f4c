// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "rt/scope.h"
#include "rt/wait.h"
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(i * 31 + i / 251);
  }
  return text;
}

STORE_CASE("what was put comes back") {
  for (const size_t bytes : {size_t{0}, size_t{1}, test_chunk_bytes - 1, test_chunk_bytes,
                             test_chunk_bytes + 1, 7 * test_chunk_bytes + 5}) {
    CAPTURE(bytes);
    const std::string text = pattern(bytes);
    const auto put = w.put("a/b", text);
    REQUIRE_OK(put);
    CHECK(put->size == bytes);
    CHECK(put->key == w.key_of("a/b"));
    const auto& keeps = w.store->capabilities().keeps_digests;
    if (w.has(Gap::silent_digests)) {
      CHECK_FALSE(put->digest(DigestKind::crc32c).has_value());
    } else if (std::ranges::find(keeps, DigestKind::crc32c) != keeps.end()) {
      CHECK(put->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, text));
    }
    const auto head = w.run(w.store->head(w.ctx, w.key_of("a/b")));
    REQUIRE_OK(head);
    CHECK(head->size == bytes);
    CHECK(head->etag == put->etag);
    CHECK((put->modified == Instant{} || head->modified == put->modified));
    CHECK(w.text("a/b") == text);
  }
  CHECK(w.buffers.in_use() == 0);
  CHECK(w.junk() == 0);
}

STORE_CASE("what is not there is not found, and may be removed") {
  CHECK(w.head_code("a") == Code::not_found);
  CHECK(w.text("a/b/c") == "not_found");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
  REQUIRE_OK(w.put("a", "x"));
  CHECK(w.text("a/b") == "not_found");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a/b"), {})));
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
  CHECK(w.text("a") == "not_found");
}

STORE_CASE("a bucket is made and removed, but not with what is in it") {
  if (!w.absent_bucket) {
    return;
  }
  const std::shared_ptr<ObjectStore> store = w.absent_bucket();
  REQUIRE_OK(w.run(store->create_bucket(w.ctx)));
  const auto again = w.run(store->create_bucket(w.ctx));
  CHECK(again.has_value() == w.has(Gap::bucket_again));
  CHECK((again.has_value() || again.error().code == Code::conflict));
  REQUIRE_OK(w.run(store->put(w.ctx, {"d/a"}, body_of(w.buffers, "x"), {})));
  CHECK(w.run(store->remove_bucket(w.ctx)).error().code == Code::conflict);
  CHECK(w.run(get_text(w.ctx, *store, {"d/a"})).value() == "x");
  REQUIRE_OK(w.run(store->remove(w.ctx, {"d/a"}, {})));
  REQUIRE_OK(w.run(store->remove_bucket(w.ctx)));
  CHECK(w.run(store->remove_bucket(w.ctx)).error().code == Code::not_found);
}

TEST_CASE_TEMPLATE("a folder is no bucket", S, Memory, LocalRoot, Files) {
  S w;
  CHECK(w.run(w.store->create_bucket(w.ctx)).error().code == Code::unsupported);
  CHECK(w.run(w.store->remove_bucket(w.ctx)).error().code == Code::unsupported);
}

STORE_CASE("errors say where") {
  const auto head = w.run(w.store->head(w.ctx, w.key_of("no/such")));
  CHECK(head.error().where.ends_with("no/such"));
}

// A folder's name and an object's, empty segments, dots, long and unicode names, case.
const std::vector<std::string> awkward_keys = {
    "a",
    "a/b",
    "a/b/c",
    "a/",
    "a//",
    "a//b",
    "/",
    "/a",
    "//",
    ".",
    "..",
    "../x",
    "a/..",
    "a/./b",
    "A",
    "A/B",
    "a-b",
    "a0",
    "%",
    "%-",
    "%2E",
    "%25",
    "%@",
    "a/%@",
    "a/%-",
    "%~x",
    "a b",
    "a\nb",
    ".tutti-staging",
    ".tutti-staging/x",
    ".hidden",
    "\u00fc",
    "u\u0308",
    "\u2603/\U0001F600",
    "*?[]{}\\\"'<>|:",
    std::string(149, 'x'),
    std::string(150, 'x'),
    std::string(150, 'x') + "/y",
    std::string(150, 'x') + "-",
    std::string(151, 'x'),
    std::string(1000, 'x'),
    std::string(300, 'y') + "/" + std::string(300, 'z'),
    std::string(200, '%') + "25",
};

STORE_CASE("every key has its own object, side by side") {
  if (!w.any_key) {
    return;
  }
  for (const bool forwards : {true, false}) {
    std::vector<std::string> keys = awkward_keys;
    if (w.has(Gap::no_line_ends)) {
      CHECK_FALSE(w.put("a\nb", "x").has_value());
      std::erase(keys, "a\nb");
    }
    std::erase_if(keys, [&](const std::string& key) { return !w.can_have(key); });
    if (!forwards) {
      std::ranges::reverse(keys);
    }
    for (const std::string& key : keys) {
      CAPTURE(key);
      REQUIRE_OK(w.put(key, "object " + key));
    }
    std::ranges::sort(keys);
    std::string sorted;
    for (const std::string& key : keys) {
      CAPTURE(key);
      CHECK(w.text(key) == "object " + key);
      sorted += key + " ";
    }
    CHECK(w.list({}) == sorted);
    CHECK(w.list({.limit = 3}) == sorted);
    for (const std::string& key : keys) {
      CAPTURE(key);
      REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of(key), {})));
      CHECK(w.text(key) == "not_found");
    }
    CHECK(w.list({}).empty());
  }
}

STORE_CASE("keys no store can have are refused") {
  for (const std::string& key : {std::string("a\0b", 3), std::string("\xff\xfe"),
                                 std::string(w.store->capabilities().key_bytes_max + 1, 'x')}) {
    CHECK(w.put(key, "x").error().code == Code::bad_input);
    CHECK(w.head_code(key) == Code::bad_input);
  }
  CHECK(w.run(w.store->head(w.ctx, {})).error().code == Code::bad_input);
  for (const std::string& key : w.no_keys) {
    CHECK(w.put(key, "x").error().code == Code::bad_input);
  }
}

TEST_CASE("a file store refuses keys that are no file names") {
  Files w;
  for (const std::string& key : {std::string("a/"), std::string("a//b"), std::string("../x"),
                                 std::string("."), std::string(256, 'x')}) {
    CAPTURE(key);
    CHECK(w.put(key, "x").error().code == Code::bad_input);
  }
  REQUIRE_OK(w.put("a", "x"));
  CHECK(w.put("a/b", "x").error().code == Code::conflict);
}

STORE_CASE("create-only never replaces") {
  REQUIRE_OK(w.put("a", "first", {.only_if_absent = true}));
  const auto second = w.put("a", "second", {.only_if_absent = true});
  if (w.has(Gap::no_conditions)) {
    CHECK(w.text("a") == "second");
    return;
  }
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::conflict);
  CHECK(w.text("a") == "first");
  CHECK(w.junk() == 0);
}

Task<Unit> racer(rt::Context& ctx, StoreWorld& w, PutOptions options, int n, int* won) {
  auto put = co_await w.store->put(ctx, w.key_of("d/race"),
                                   body_of(w.buffers, fmt::format("{}", n)), std::move(options));
  if (put.has_value()) {
    ++*won;
    co_return Unit{};
  }
  co_return put.error().code == Code::conflict ? Result<Unit>(Unit{}) : fail(put.error());
}

Task<Unit> race(rt::Scope& scope, StoreWorld& w, PutOptions options, int* won) {
  for (int i = 0; i < 12; ++i) {
    CO_OK(co_await scope.spawn(racer(scope.context(), w, options, i, won)));
  }
  co_return Unit{};
}

STORE_CASE("of many that race under a condition exactly one wins") {
  for (int round = 0; round < (w.durable || w.has(Gap::races) ? 5 : 60); ++round) {
    const auto now = w.run(w.store->head(w.ctx, w.key_of("d/race")));
    PutOptions options;
    options.only_if_absent = !now.has_value();
    options.if_match = now.has_value() ? now->etag : std::string();
    int won = 0;
    StoreWorld& world = w;
    REQUIRE_OK(w.run(rt::scoped(w.ctx, {}, race, std::ref(world), options, &won)));
    CHECK(won >= 1);
    CHECK((won == 1 || w.has(Gap::races)));
  }
  CHECK(w.junk() == 0);
}

STORE_CASE("if_match replaces only what was looked at") {
  if (w.has(Gap::no_conditions)) {
    const std::string etag = w.put("a", "one", {.if_match = "nothing"}).value().etag;
    REQUIRE_OK(w.put("a", "two"));
    CHECK(w.run(w.store->get(w.ctx, w.key_of("a"), {.if_match = etag})).error().code ==
          Code::conflict);
    REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.if_match = etag})));
    return;
  }
  CHECK(w.put("a", "x", {.if_match = "nothing"}).error().code == Code::conflict);
  const std::string etag = w.put("a", "one").value().etag;
  const std::string newer = w.put("a", "two", {.if_match = etag}).value().etag;
  CHECK(w.put("a", "three", {.if_match = etag}).error().code == Code::conflict);
  CHECK(w.text("a") == "two");
  if (w.has(Gap::conditions_of_puts)) {
    REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.if_match = etag})));
    CHECK(w.text("a") == "not_found");
    return;
  }
  CHECK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.if_match = etag})).error().code ==
        Code::conflict);
  CHECK(w.run(w.store->get(w.ctx, w.key_of("a"), {.if_match = etag})).error().code ==
        Code::conflict);
  REQUIRE_OK(w.run(w.store->get(w.ctx, w.key_of("a"), {.if_match = newer})));
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.if_match = newer})));
  CHECK(w.text("a") == "not_found");
}

STORE_CASE("each write has an etag of its own") {
  if (w.store->capabilities().etag_of_content) {
    return;
  }
  std::set<std::string> etags;
  for (int i = 0; i < 50; ++i) {
    etags.insert(w.put("a", "same").value().etag);
  }
  CHECK(etags.size() == 50);
}

// A body whose source fails, or ends early, after `good` chunks.
class BrokenSource final : public ByteSource {
 public:
  BrokenSource(std::unique_ptr<ByteSource> inner, int good, std::optional<Error> error)
      : inner_(std::move(inner)), good_(good), error_(std::move(error)) {}
  Task<Chunk> next(rt::Context& ctx) override {
    if (good_-- > 0) {
      co_return co_await inner_->next(ctx);
    }
    if (error_) {
      co_return fail(*error_);
    }
    co_return Chunk();
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  int good_;
  std::optional<Error> error_;
};

Task<std::unique_ptr<ByteSource>> open_broken(rt::Context& ctx, Body inner, int good,
                                              std::optional<Error> error) {
  CO_TRY(auto source, co_await inner.open(ctx, 0));
  co_return std::make_unique<BrokenSource>(std::move(source), good, std::move(error));
}

Body broken_body(Body inner, int good, std::optional<Error> error) {
  Body body = inner;
  body.open = [inner, good, error](rt::Context& ctx, uint64_t) {
    return open_broken(ctx, inner, good, error);
  };
  return body;
}

STORE_CASE("a body that fails or does not match leaves what was there") {
  REQUIRE_OK(w.put("a", "before"));
  const std::string text = pattern(5000);
  const Body good = body_of(w.buffers, text);
  std::vector<std::pair<Body, Code>> rows;
  rows.emplace_back(broken_body(good, 2, Error{.code = Code::unavailable, .what = "cut"}),
                    Code::unavailable);
  rows.emplace_back(broken_body(good, 0, Error{.code = Code::denied, .what = "no"}), Code::denied);
  rows.emplace_back(broken_body(good, 3, std::nullopt), Code::corrupt);
  Body longer = good;
  longer.size = 4999;
  rows.emplace_back(longer, Code::corrupt);
  for (const DigestKind kind : {DigestKind::sha256, DigestKind::md5, DigestKind::crc32c}) {
    Body wrong = good;
    wrong.digests = {digest_of(kind, "something else")};
    rows.emplace_back(wrong, Code::corrupt);
  }
  Body wrong_after = good;
  wrong_after.digests_after = [] { return std::vector{digest_of(DigestKind::crc32c, "else")}; };
  rows.emplace_back(wrong_after, Code::corrupt);
  for (auto& [body, code] : rows) {
    for (const std::string key : {"a", "new"}) {
      const auto put = w.run(w.store->put(w.ctx, w.key_of(key), body, {}));
      REQUIRE_FALSE(put.has_value());
      CHECK(put.error().code == code);
    }
    CHECK(w.text("a") == "before");
    CHECK(w.text("new") == "not_found");
  }
  CHECK(w.list({}) == "a ");
  CHECK(w.junk() == 0);
  CHECK(w.buffers.in_use() == 0);
}

STORE_CASE("digests that match are kept and given back") {
  Body body = body_of(w.buffers, "hello");
  body.digests = {sha256("hello")};
  REQUIRE_OK(w.run(w.store->put(w.ctx, w.key_of("a"), body, {})));
  const auto head = w.run(w.store->head(w.ctx, w.key_of("a")));
  REQUIRE_OK(head);
  const auto& keeps = w.store->capabilities().keeps_digests;
  if (std::ranges::find(keeps, DigestKind::sha256) != keeps.end()) {
    CHECK(head->digest(DigestKind::sha256) == sha256("hello"));
    CHECK(head->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, "hello"));
  }
}

Task<Unit> cancel_soon(rt::Context& ctx, rt::CancelSource& source) {
  CO_OK(co_await rt::delay(ctx, microseconds(300)));
  source.cancel(rt::cancelled_error("stop"));
  co_return Unit{};
}

// Never ends: gives chunks as long as it is asked.
class EndlessSource final : public ByteSource {
 public:
  explicit EndlessSource(BufferPool& pool) : pool_(pool) {}
  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(co_await rt::delay(ctx, microseconds(20)));
    CO_TRY(Buffer buffer, co_await pool_.take(ctx));
    std::ranges::fill(buffer.space(), std::byte{7});
    co_return Chunk(std::move(buffer), pool_.chunk_bytes());
  }

 private:
  BufferPool& pool_;
};

Task<std::unique_ptr<ByteSource>> open_endless(BufferPool& pool) {
  co_return std::make_unique<EndlessSource>(pool);
}

Task<Unit> put_and_cancel(rt::Scope& scope, StoreWorld& w, rt::CancelSource& source) {
  CO_OK(co_await scope.spawn(cancel_soon(scope.context(), source)));
  rt::Context mine = scope.context().with_token(source.token());
  Body body;
  body.open = [&w](rt::Context&, uint64_t) { return open_endless(w.buffers); };
  auto put = co_await w.store->put(mine, w.key_of("a/b/c"), std::move(body), {});
  REQUIRE_FALSE(put.has_value());
  CHECK(put.error().code == Code::cancelled);
  co_return Unit{};
}

STORE_CASE("a cancelled put leaves nothing behind") {
  rt::CancelSource source;
  StoreWorld& world = w;
  REQUIRE_OK(w.run(rt::scoped(w.ctx, {}, put_and_cancel, std::ref(world), std::ref(source))));
  CHECK(w.text("a/b/c") == "not_found");
  CHECK(w.list({}).empty());
  CHECK(w.junk() == 0);
  CHECK(w.buffers.in_use() == 0);
}

STORE_CASE("ranges are cut at the end") {
  const std::string text = pattern(3000);
  REQUIRE_OK(w.put("a", text));
  const auto range = [&](uint64_t offset, std::optional<uint64_t> length) {
    auto opened = w.run(w.store->get(w.ctx, w.key_of("a"), {.range = Range{offset, length}}));
    REQUIRE_OK(opened);
    CHECK(opened->meta.size == 3000);
    return w.run(read_all(w.ctx, *opened->source, 10'000)).value();
  };
  CHECK(range(0, 10) == text.substr(0, 10));
  CHECK(range(1000, 1500) == text.substr(1000, 1500));
  CHECK(range(2990, 100) == text.substr(2990));
  CHECK(range(2990, std::nullopt) == text.substr(2990));
  CHECK(range(3000, 5).empty());
  CHECK(range(5000, std::nullopt).empty());
  CHECK(range(5, 0).empty());
  CHECK(range(1, UINT64_MAX) == text.substr(1));
}

STORE_CASE("a reader gets one version whole") {
  const std::string first(5 * test_chunk_bytes, '1');
  REQUIRE_OK(w.put("a", first));
  for (const bool removed : {false, true}) {
    REQUIRE_OK(w.put("a", first));
    auto opened = w.run(w.store->get(w.ctx, w.key_of("a"), {}));
    REQUIRE_OK(opened);
    auto chunk = w.run(opened->source->next(w.ctx));
    REQUIRE_OK(chunk);
    if (removed) {
      REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
    } else {
      REQUIRE_OK(w.put("a", std::string(5 * test_chunk_bytes, '2')));
    }
    const auto rest = w.run(read_all(w.ctx, *opened->source, 1U << 20U));
    if (rest.has_value()) {
      CHECK(std::string(chunk->text()) + *rest == first);
    } else {
      CHECK(rest.error().code == Code::conflict);
    }
  }
}

STORE_CASE("parts make an object in any order") {
  const size_t size = w.part(1000);
  const std::string text = pattern(3 * size + 500);
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("d/big"), {.part_bytes = size}));
  REQUIRE_OK(upload);
  const auto part = [&](uint32_t number, std::string bytes) {
    return w.run((*upload)->part(w.ctx, number, body_of(w.buffers, std::move(bytes))));
  };
  REQUIRE_OK(part(4, text.substr(3 * size)));
  if (!w.has(Gap::parts_once)) {
    REQUIRE_OK(part(2, std::string(size, 'x')));
  }
  REQUIRE_OK(part(1, text.substr(0, size)));
  REQUIRE_OK(part(3, text.substr(2 * size, size)));
  REQUIRE_OK(part(2, text.substr(size, size)));  // again
  if (w.has(Gap::parts_once)) {
    CHECK_FALSE(part(2, std::string(size, 'x')).has_value());
  }
  CHECK(part(0, "x").error().code == Code::bad_input);
  CHECK(part(5, std::string(size + 1, 'x')).error().code == Code::bad_input);
  CHECK(w.text("d/big") == "not_found");
  const auto meta =
      w.run((*upload)->commit(w.ctx, {digest_of(DigestKind::crc32c, text), sha256(text)}));
  REQUIRE_OK(meta);
  CHECK(meta->size == text.size());
  const auto& keeps = w.store->capabilities().keeps_digests;
  if (w.has(Gap::silent_digests)) {
    CHECK_FALSE(meta->digest(DigestKind::crc32c).has_value());
  } else if (std::ranges::find(keeps, DigestKind::crc32c) != keeps.end()) {
    CHECK(meta->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, text));
    CHECK(w.run(w.store->head(w.ctx, w.key_of("d/big")))->digest(DigestKind::crc32c) ==
          digest_of(DigestKind::crc32c, text));
  }
  CHECK((w.text("d/big") == text));  // too long to be printed
  CHECK(w.run((*upload)->commit(w.ctx, {})).error().code == Code::bad_input);
  upload->reset();
  CHECK(w.junk() == 0);
  CHECK(w.buffers.in_use() == 0);
}

STORE_CASE("an upload goes on with what another process sent") {
  const size_t size = w.part(1000);
  const std::string text = pattern(3 * size + 500);
  UploadOptions options{.part_bytes = size, .size = text.size(), .resumable = true};
  std::vector<SentPart> sent;
  {
    auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("d/big"), options));
    REQUIRE_OK(upload);
    for (const uint32_t number : {1U, 3U, 4U}) {
      const auto part = w.run((*upload)->part(
          w.ctx, number, body_of(w.buffers, text.substr((number - 1) * size, size))));
      REQUIRE_OK(part);
      CHECK(part->number == number);
      CHECK(part->bytes == std::min(size, text.size() - (number - 1) * size));
      CHECK(part->crc32c == digest_of(DigestKind::crc32c, text.substr((number - 1) * size, size)));
      sent.push_back(*part);
    }
    options.id = (*upload)->id();
    REQUIRE_FALSE(options.id.empty());
    (*upload)->keep();
  }
  CHECK(w.text("d/big") == "not_found");
  SentPart never = sent.back();  // its line was written, but it is not there
  never.number = 2;
  never.receipt += "x";
  sent.push_back(never);

  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("d/big"), options));
  REQUIRE_OK(upload);
  CHECK((*upload)->id() == options.id);
  auto there = w.run((*upload)->take_over(w.ctx, sent));
  REQUIRE_OK(there);
  std::ranges::sort(*there, {}, &SentPart::number);
  sent.pop_back();
  CHECK(*there == sent);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 2, body_of(w.buffers, text.substr(size, size)))));
  const auto meta = w.run((*upload)->commit(w.ctx, {digest_of(DigestKind::crc32c, text)}));
  REQUIRE_OK(meta);
  CHECK((w.text("d/big") == text));
  upload->reset();
  CHECK(w.junk() == 0);

  // By then it is gone: said at once, or no part is there.
  auto late = w.run(w.store->begin_upload(w.ctx, w.key_of("d/big"), options));
  if (late.has_value()) {
    const auto left = w.run((*late)->take_over(w.ctx, sent));
    CHECK((left.has_value() ? left->empty() : left.error().code == Code::not_found));
  } else {
    CHECK(late.error().code == Code::not_found);
  }
}

STORE_CASE("an upload without parts is an empty object") {
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("e"), {.part_bytes = w.part(10)}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  CHECK(w.text("e").empty());
}

STORE_CASE("an upload that cannot be whole becomes nothing") {
  const size_t size = w.part(10);
  enum class How { gap, short_middle, wrong_digest, abort, dropped };
  for (const How how : {How::gap, How::short_middle, How::wrong_digest, How::abort, How::dropped}) {
    auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("d/big"), {.part_bytes = size}));
    REQUIRE_OK(upload);
    const std::string first(how == How::short_middle ? size - 1 : size, '0');
    REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, first))));
    REQUIRE_OK(w.run((*upload)->part(w.ctx, how == How::gap ? 3 : 2, body_of(w.buffers, "ab"))));
    if (how == How::abort) {
      REQUIRE_OK(w.run((*upload)->abort(w.ctx)));
      CHECK_FALSE(w.run((*upload)->commit(w.ctx, {})).has_value());
    } else if (how != How::dropped) {
      std::vector<Digest> digests;
      if (how == How::wrong_digest) {
        digests.push_back(digest_of(DigestKind::crc32c, first + "ax"));
      }
      const auto commit = w.run((*upload)->commit(w.ctx, digests));
      REQUIRE_FALSE(commit.has_value());
      CHECK(commit.error().code == (digests.empty() ? Code::bad_input : Code::corrupt));
    }
    upload->reset();
    CHECK(w.list({}).empty());
    CHECK(w.junk() == 0);
  }
}

STORE_CASE("an upload's conditions hold when it is committed") {
  if (w.has(Gap::conditions_of_puts) || w.has(Gap::no_conditions)) {
    return;  // the case of puts shows the same
  }
  const UploadOptions options{.put = {.only_if_absent = true}, .part_bytes = w.part(10)};
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("a"), options));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "late"))));
  REQUIRE_OK(w.put("a", "early"));
  CHECK(w.run((*upload)->commit(w.ctx, {})).error().code == Code::conflict);
  CHECK(w.text("a") == "early");
  CHECK(w.run(w.store->begin_upload(w.ctx, w.key_of("a"), options)).error().code == Code::conflict);
}

STORE_CASE("content type and metadata are kept, or refused beforehand") {
  const PutOptions options{.content_type = "text/plain", .metadata = {{"owner", "ana \u00fc"}}};
  const auto put = w.put("a", "x", options);
  if (w.store->capabilities().metadata_bytes_max == 0) {
    CHECK(put.error().code == Code::unsupported);
    return;
  }
  REQUIRE_OK(put);
  const auto head = w.run(w.store->head(w.ctx, w.key_of("a")));
  CHECK(head->content_type == "text/plain");
  CHECK(head->metadata == options.metadata);
  const size_t too_much = w.store->capabilities().metadata_bytes_max;
  CHECK(w.put("b", "x", {.metadata = {{"Bad Name", "x"}}}).error().code == Code::bad_input);
  CHECK(w.put("b", "x", {.metadata = {{"big", std::string(too_much, 'x')}}}).error().code ==
        Code::bad_input);
  CHECK(w.put("b", "x", {.storage_class = "no-such"}).error().code == Code::unsupported);
  REQUIRE_OK(w.put("a", "y"));
  CHECK(w.run(w.store->head(w.ctx, w.key_of("a")))->metadata.empty());
}

STORE_CASE("a copy within has the bytes and what was noted with them") {
  const bool notes = w.store->capabilities().metadata_bytes_max > 0;
  const PutOptions noted{.content_type = "text/plain",
                         .metadata = notes ? Metadata{{"owner", "ana"}} : Metadata{}};
  const std::string text = pattern(5000);
  const auto source = w.put("a", text, noted);
  REQUIRE_OK(source);
  const auto copy = [&](std::string to, CopyOptions options) {
    return w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of(std::move(to)), options));
  };
  REQUIRE_OK(copy("d/b", {}));
  CHECK(w.text("d/b") == text);
  const auto head = w.run(w.store->head(w.ctx, w.key_of("d/b")));
  if (notes) {
    CHECK((head->metadata == noted.metadata) != w.has(Gap::plain_copies));
    CHECK(head->content_type == "text/plain");
    CHECK(head->digests == source->digests);
  }
  if (!w.has(Gap::conditions_of_puts) && !w.has(Gap::no_conditions)) {
    CHECK(copy("d/b", {.put = {.only_if_absent = true}}).error().code == Code::conflict);
  }
  CHECK(copy("d/c", {.if_match = "other"}).error().code == Code::conflict);
  CHECK(w.run(w.store->copy_within(w.ctx, w.key_of("no"), w.key_of("d/c"), {})).error().code ==
        Code::not_found);
  CHECK(w.text("d/c") == "not_found");
  CHECK(w.junk() == 0);
}

STORE_CASE("versions are refused where there are none") {
  REQUIRE_OK(w.put("a", "x"));
  if (w.store->capabilities().versions) {
    return;
  }
  CHECK(w.run(w.store->get(w.ctx, w.key_of("a"), {.version = "1"})).error().code ==
        Code::unsupported);
  CHECK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = "1"})).error().code ==
        Code::unsupported);
}

STORE_CASE("a cancelled context does nothing") {
  REQUIRE_OK(w.put("a", "x"));
  w.cancel.cancel(rt::cancelled_error("stop"));
  CHECK(w.run(w.store->head(w.ctx, w.key_of("a"))).error().code == Code::cancelled);
  CHECK(w.put("b", "x").error().code == Code::cancelled);
  CHECK(w.run(w.store->list(w.ctx, {})).error().code == Code::cancelled);
  CHECK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})).error().code == Code::cancelled);
}

}  // namespace
}  // namespace tutti::cloud
