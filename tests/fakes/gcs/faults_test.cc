// SPDX-License-Identifier: Apache-2.0
// The store of Google Cloud Storage when connections break, replies are lost, the service is busy,
// forgets or changes bytes, and tokens end: against the strict fake beside this file.
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "base/check.h"
#include "base/value.h"
#include "cloud/body.h"
#include "cloud/gcs/gcs.h"
#include "rt/file.h"
#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::cloud::gcs {
namespace {

namespace fs = std::filesystem;

constexpr size_t mib = 1U << 20U;

std::string pattern(size_t bytes, unsigned seed = 1) {
  std::string text(bytes, '\0');
  unsigned state = seed;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

std::string fault(std::string_view match, std::string_view what, std::string_view more = {}) {
  return fmt::format(R"({{"match":"{}","do":"{}"{}{}}})", match, what, more.empty() ? "" : ",",
                     more);
}

struct World {
  World() {
    const char* value = std::getenv("TUTTI_TEST_STRICT_GCS");
    REQUIRE_MESSAGE(value != nullptr, "run under tests/servers/with_servers.py");
    endpoint = value;
    control(R"({"reset":true,"buckets":["bucket"]})");
    store = open(nullptr);
  }
  ~World() {
    CHECK(faults_left() == 0);
    store.reset();
    fs::remove_all(folder);
  }

  std::shared_ptr<ObjectStore> open(std::shared_ptr<auth::GoogleAuth> auth,
                                    std::string kms_key = {}) {
    StoreOptions options{.service = {.host = endpoint.substr(7), .kms_key = std::move(kms_key)},
                         .tls = false,
                         .bucket = "bucket",
                         .base = "c://",
                         .auth = std::move(auth),
                         .chunk_bytes = mib,
                         .patience = {.attempts_max = 6, .delay = milliseconds(1)}};
    return open_store(client, buffers, std::move(options));
  }
  std::string control(std::string body) {
    auto reply = loop.run(
        client.fetch(ctx, {.method = "POST", .url = endpoint + "/_control", .body = body}));
    REQUIRE_OK(reply);
    REQUIRE(reply->head.status == 200);
    return reply->body;
  }
  size_t faults_left() { return parse_json(control("{}")).value()["faults_left"].as_list().size(); }
  void faults(std::vector<std::string> list) {
    CHECK(faults_left() == 0);  // those before did happen
    control(fmt::format(R"({{"faults":[{}]}})", fmt::join(list, ",")));
  }
  std::string fetched(const std::string& path) {
    auto reply = loop.run(client.fetch(ctx, {.url = endpoint + path}));
    REQUIRE_OK(reply);
    return reply->body;
  }
  // Requests that begin so, since the last control().
  size_t asked(std::string_view start) {
    const Value requests = parse_json(fetched("/_control/requests")).value();
    return static_cast<size_t>(std::ranges::count_if(requests.as_list(), [&](const Value& each) {
      return each.get_string("line").starts_with(start);
    }));
  }
  // All names in the bucket, also those the store hides.
  std::string names() {
    std::string out;
    for (const auto& each : sign::parse_gcs_page(fetched("/storage/v1/b/bucket/o"))->objects) {
      out += each.key + " ";
    }
    return out;
  }
  template <class T>
  Result<T> run(Task<T> task) {
    return loop.run(std::move(task));
  }
  Result<ObjectMeta> put(std::string key, std::string text, PutOptions options = {}) {
    return run(store->put(ctx, {std::move(key)},
                          held_body(std::make_shared<const std::string>(std::move(text))),
                          std::move(options)));
  }
  std::string text(std::string key) {
    auto got = run(get_text(ctx, *store, {std::move(key)}));
    return got.has_value() ? *got : std::string(code_name(got.error().code));
  }

  fs::path folder = fs::temp_directory_path() / fmt::format("tutti_gcs_faults.{}", getpid());
  std::string endpoint;
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::Context ctx{*clock, *random};
  rt::Loop loop;
  rt::Pool pool{1};
  net::HttpClient client{loop.executor(), *clock};
  BufferPool buffers{{.bytes_max = mib, .chunk_bytes = 64U << 10U}};
  std::shared_ptr<ObjectStore> store;
};

TEST_CASE("a busy service is asked again") {
  World w;
  w.faults({fault("POST /upload", "status", R"("status":503,"times":2)"),
            fault("POST /upload", "status",
                  R"("status":429,"reason":"rateLimitExceeded","headers":{"Retry-After":"0"})"),
            fault("GET /storage", "status", R"("status":503)"),
            fault("DELETE", "status", R"("status":500)")});
  REQUIRE_OK(w.put("a", "text"));
  CHECK(w.text("a") == "text");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, {"a"}, {})));
  CHECK(w.text("a") == "not_found");
}

TEST_CASE("a put whose reply is lost is not taken for somebody else's") {
  World w;
  for (const bool absent : {true, false}) {
    w.faults({fault("POST /upload", "lose_reply")});
    const auto put = w.put("a", "mine", {.only_if_absent = absent});
    REQUIRE_OK(put);
    CHECK(w.run(w.store->head(w.ctx, {"a"}))->etag == put->etag);
    CHECK(w.text("a") == "mine");
  }
  w.faults({fault("POST /upload", "status", R"("status":500)")});
  CHECK(w.put("a", "other", {.only_if_absent = true}).error().code == Code::conflict);
  CHECK(w.text("a") == "mine");
}

TEST_CASE("what may have happened is said so") {
  World w;
  w.faults({fault("POST /upload", "status", R"("status":500,"times":6)")});
  CHECK(w.put("a", "x").error().code == Code::unknown_outcome);
  w.faults({fault("POST /upload", "status", R"("status":503,"times":6)")});
  CHECK(w.put("a", "x").error().code == Code::unavailable);
  CHECK(w.text("a") == "not_found");
}

TEST_CASE("bytes that change on the way never become an object") {
  World w;
  REQUIRE_OK(w.put("a", "before"));
  w.faults({fault("POST /upload.*multipart", "corrupt")});
  CHECK(w.put("a", pattern(5000)).error().code == Code::corrupt);
  w.faults({fault("PUT .*upload_id", "corrupt", R"("skip":1)")});
  CHECK(w.put("a", pattern(2 * mib + 5)).error().code == Code::corrupt);
  CHECK(w.text("a") == "before");
}

// Whatever happens in a story, the object is there as it was meant.
void tell(World& w, const std::vector<std::vector<std::string>>& stories, bool one_shot) {
  const std::string text = pattern(4 * mib + 77);
  for (const auto& story : stories) {
    CAPTURE(fmt::format("{}", fmt::join(story, " ")));
    w.faults({});
    w.control(R"({"reset":true,"buckets":["bucket"]})");
    w.faults(story);
    Body body = held_body(std::make_shared<const std::string>(text));
    body.one_shot = one_shot;
    const auto put =
        w.run(w.store->put(w.ctx, {"a"}, body, {.only_if_absent = true, .content_type = "a/b"}));
    REQUIRE_OK(put);
    CHECK(put->size == text.size());
    CHECK(put->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, text));
    CHECK(w.text("a") == text);
  }
}

TEST_CASE("a session of chunks in memory goes on where the service is") {
  World w;
  const std::string chunk = "PUT .*upload_id";
  const std::vector<std::vector<std::string>> stories = {
      {},
      {fault(chunk, "keep", R"("bytes":524288,"skip":1)")},
      {fault(chunk, "cut_request", R"("bytes":700000,"skip":1)")},
      {fault(chunk, "status", R"("status":503,"times":3)")},
      {fault(chunk, "lose_reply", R"("skip":2)")},
      {fault(chunk, "lose_reply", R"("skip":4)")},  // of the last
      {fault(chunk, "cut_request", R"("bytes":0,"skip":4)"),
       fault(chunk, "lose_reply", R"("skip":2)")},
      {fault("POST /upload", "lose_reply")},
  };
  tell(w, stories, true);
}

TEST_CASE("a session whose bytes are not kept reads them again from where the service is") {
  World w;
  const std::string chunk = "PUT .*upload_id";
  const std::vector<std::vector<std::string>> stories = {
      {},
      {fault(chunk, "keep", R"("bytes":524288)")},
      {fault(chunk, "keep", R"("bytes":524288)"), fault(chunk, "keep", R"("bytes":262144)")},
      {fault(chunk, "cut_request", R"("bytes":700000)")},
      {fault(chunk, "cut_request", R"("bytes":700000)"),
       fault(chunk, "cut_request", R"("bytes":1000000,"skip":1)")},
      {fault(chunk, "status", R"("status":503,"times":3)")},
      {fault(chunk, "lose_reply")},
      {fault(chunk, "lose_reply", R"("skip":1)")},  // of the last
      {fault(chunk, "cut_request", R"("bytes":0,"skip":1)"), fault(chunk, "lose_reply")},
      {fault("POST /upload", "lose_reply")},
  };
  tell(w, stories, false);
}

// Bytes out of nowhere, in chunks of its own.
class Endless final : public ByteSource {
 public:
  Endless(uint64_t bytes, std::shared_ptr<size_t> held_max) : left_(bytes), held_max_(held_max) {}
  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    *held_max_ = std::max(*held_max_, allocated());
    const size_t bytes = std::min<uint64_t>(left_, 64U << 10U);
    left_ -= bytes;
    co_return bytes == 0 ? Chunk() : Chunk(std::make_shared<const std::string>(bytes, 'x'));
  }
  // By all of this process.
  static size_t allocated() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }

 private:
  uint64_t left_;
  std::shared_ptr<size_t> held_max_;
};

Task<std::unique_ptr<ByteSource>> open_endless(uint64_t bytes, std::shared_ptr<size_t> held_max) {
  co_return std::make_unique<Endless>(bytes, std::move(held_max));
}

TEST_CASE("a large object that can be read again is not held in memory") {
  World w;
  StoreOptions options{
      .service = {.host = w.endpoint.substr(7)}, .tls = false, .bucket = "bucket", .base = "c://"};
  w.store = open_store(w.client, w.buffers, std::move(options));
  constexpr uint64_t size = 24 * mib;
  const auto held_max = std::make_shared<size_t>(0);
  REQUIRE_OK(w.put("a", "x"));  // opens what stays open
  const size_t before = Endless::allocated();
  Body body{.size = size,
            .open = [held_max](rt::Context&, uint64_t) { return open_endless(size, held_max); }};
  REQUIRE_OK(w.run(w.store->put(w.ctx, {"b"}, std::move(body), {})));
  CHECK(w.run(w.store->head(w.ctx, {"b"}))->size == size);
  CHECK(*held_max < before + 2 * mib);  // a chunk in memory has 8 MiB
}

TEST_CASE("a body of unknown length, whole chunks long") {
  World w;
  for (const size_t size : {size_t{0}, mib, 2 * mib}) {
    CAPTURE(size);
    const std::string text = pattern(size);
    Body body = held_body(std::make_shared<const std::string>(text));
    body.size.reset();
    REQUIRE_OK(w.run(w.store->put(w.ctx, {"a"}, body, {})));
    CHECK(w.text("a") == text);
  }
}

TEST_CASE("an upload the service has forgotten begins anew, if its body can") {
  World w;
  const std::string text = pattern(2 * mib + 1);
  for (const char* skip : {R"("skip":0)", R"("skip":1)"}) {
    w.faults({fault("PUT .*upload_id", "forget", skip)});
    REQUIRE_OK(w.put("a", text));
    CHECK(w.text("a") == text);
  }
  w.faults({fault("PUT .*upload_id", "forget", R"("skip":1)")});
  Body body = held_body(std::make_shared<const std::string>(text));
  body.one_shot = true;
  CHECK(w.run(w.store->put(w.ctx, {"b"}, body, {})).error().code == Code::unavailable);
  CHECK(w.text("b") == "not_found");
}

TEST_CASE("a body that turns out wrong late leaves nothing") {
  World w;
  Body body = held_body(std::make_shared<const std::string>(pattern(2 * mib + 1)));
  body.digests = {digest_of(DigestKind::md5, "something else")};
  CHECK(w.run(w.store->put(w.ctx, {"a"}, body, {})).error().code == Code::corrupt);
  CHECK(w.names().empty());
  CHECK(w.asked("DELETE /upload") == 1);  // the service need not keep it for a week
}

TEST_CASE("a read goes on where its connection broke") {
  World w;
  const std::string text = pattern(mib);
  REQUIRE_OK(w.put("a", text));
  w.faults({fault("GET .*alt=media", "cut_reply", R"("bytes":300000)"),
            fault("GET .*alt=media&gen", "cut_reply", R"("bytes":200000)"),
            fault("GET .*alt=media&gen", "status", R"("status":503)")});
  CHECK(w.text("a") == text);
  CHECK(w.asked("GET /storage/v1/b/bucket/o/a?alt=media&generation=") == 3);
  auto opened = w.run(w.store->get(w.ctx, {"a"}, {.range = Range{1000, 500'000}}));
  REQUIRE_OK(opened);
  CHECK(*w.run(read_all(w.ctx, *opened->source, mib)) == text.substr(1000, 500'000));
}

TEST_CASE("a read that broke does not go on with another version") {
  World w;
  REQUIRE_OK(w.put("a", pattern(mib)));
  w.faults({fault("GET .*alt=media", "cut_reply", R"("bytes":300000)")});
  auto opened = w.run(w.store->get(w.ctx, {"a"}, {}));
  REQUIRE_OK(opened);
  REQUIRE_OK(w.put("a", pattern(mib, 2)));
  const auto rest = w.run(read_all(w.ctx, *opened->source, mib));
  REQUIRE(!rest.has_value());
  CHECK(rest.error().code == Code::conflict);
}

TEST_CASE("what is kept compressed comes as it is kept") {
  World w;
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcbH\xcd\xc9\xc9\x07\x00"
      "\x86\xa6\x10\x36\x05\x00\x00\x00",
      25);  // hello
  const sign::GcsMultipart parts =
      sign::gcs_multipart({.content_type = "text/plain", .headers = {.encoding = "gzip"}}, "xyz");
  const auto put = w.loop.run(w.client.fetch(
      w.ctx, {.method = "POST",
              .url = w.endpoint + "/upload/storage/v1/b/bucket/o?uploadType=multipart&name=z",
              .headers = {{"content-type", parts.content_type}},
              .body = parts.head + packed + parts.tail}));
  REQUIRE(put->head.status == 200);
  CHECK(w.text("z") == packed);
  REQUIRE_OK(w.run(w.store->copy_within(w.ctx, {"z"}, {"y"}, {.put = {.content_type = "a/b"}})));
  CHECK(w.text("y") == packed);
}

TEST_CASE("tokens are fetched, end, and are fetched again in the middle of a read") {
  World w;
  w.control(R"({"settings":{"tokens":[]}})");
  CHECK(w.put("a", "x").error().code == Code::denied);
  fs::create_directories(w.folder);
  REQUIRE_OK(rt::write_file(w.folder / "user.json",
                            fmt::format(R"({{"type":"authorized_user","client_id":"i",
                            "client_secret":"s","refresh_token":"r","token_uri":"{}/token"}})",
                                        w.endpoint)));
  auto auth = std::make_shared<auth::GoogleAuth>(
      w.client, w.pool.executor(), auth::GoogleAuthOptions{.credentials = w.folder / "user.json"});
  w.store = w.open(auth);
  const std::string text = pattern(2 * mib + 9);
  REQUIRE_OK(w.put("a", text));
  CHECK(w.asked("POST /token") == 1);
  w.faults({fault("GET .*alt=media", "cut_reply", R"("bytes":300000)")});
  auto opened = w.run(w.store->get(w.ctx, {"a"}, {}));
  REQUIRE_OK(opened);
  w.control(R"({"settings":{"tokens":[]}})");
  CHECK(*w.run(read_all(w.ctx, *opened->source, 3 * mib)) == text);
  CHECK(w.asked("POST /token") == 2);
  w.control(R"({"settings":{"tokens":[]}})");
  REQUIRE_OK(w.put("b", "x"));  // a POST that was refused is sent again whole
  CHECK(w.text("b") == "x");
  auto upload = w.run(w.store->begin_upload(w.ctx, {"c"}, {.part_bytes = 3 * mib}));
  REQUIRE_OK(upload);
  w.control(R"({"settings":{"tokens":[]}})");
  REQUIRE_OK(
      w.run((*upload)->part(w.ctx, 1, held_body(std::make_shared<const std::string>(text)))));
  CHECK(w.asked("POST /token") == 4);
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  CHECK((w.text("c") == text));
}

TEST_CASE("a copy takes as many steps as the service likes") {
  World w;
  const std::string text = pattern(10'000);
  REQUIRE_OK(w.put("a", text, {.content_type = "a/b", .metadata = {{"k", "v"}}}));
  w.control(R"({"settings":{"rewrite_bytes":3000}})");
  w.faults({fault("POST .*rewriteTo", "status", R"("status":503,"skip":1)"),
            fault("POST .*rewriteTo", "lose_reply", R"("skip":3)")});
  const auto copied = w.run(w.store->copy_within(w.ctx, {"a"}, {"b"}, {}));
  // The lost reply was the last one: the rewrite's token is used up, but the target is there.
  REQUIRE_OK(copied);
  CHECK(w.text("b") == text);
  CHECK(copied->metadata == Metadata{{"k", "v"}});
}

TEST_CASE("an object of many parts is composed in steps, and its parts are removed") {
  World w;
  constexpr size_t part_bytes = 1000;
  const std::string text = pattern(70 * part_bytes + 5);
  auto upload = w.run(w.store->begin_upload(
      w.ctx, {"d/big"},
      {.put = {.only_if_absent = true, .content_type = "a/b"}, .part_bytes = part_bytes}));
  REQUIRE_OK(upload);
  for (size_t i = 0; i * part_bytes < text.size(); ++i) {
    auto bytes = std::make_shared<const std::string>(text.substr(i * part_bytes, part_bytes));
    REQUIRE_OK(w.run((*upload)->part(w.ctx, static_cast<uint32_t>(i + 1), held_body(bytes))));
  }
  CHECK(w.run(w.store->list(w.ctx, {}))->objects.empty());
  CHECK(w.names().find(".tutti-upload-") != std::string::npos);
  w.faults({fault("POST .*compose", "lose_reply", R"("skip":1)"),
            fault("POST .*d%2Fbig/compose|POST .*d/big/compose", "lose_reply")});
  const auto meta = w.run((*upload)->commit(w.ctx, {digest_of(DigestKind::crc32c, text)}));
  REQUIRE_OK(meta);
  CHECK(meta->size == text.size());
  CHECK(w.text("d/big") == text);
  CHECK(w.run(w.store->head(w.ctx, {"d/big"}))->content_type == "a/b");
  CHECK(w.names() == "d/big ");
}

TEST_CASE("a part is one request, and is sent again whole") {
  World w;
  const std::string text = pattern(2 * mib + 9);
  const auto part_of = [&](Upload& upload) {
    return w.run(upload.part(w.ctx, 1, held_body(std::make_shared<const std::string>(text))));
  };
  const std::vector<std::vector<std::string>> stories{
      {},
      {fault("POST /upload", "lose_reply")},
      {fault("POST /upload", "cut_request", R"("bytes":300000)")},
      {fault("POST /upload", "status", R"("status":503,"times":2)")},
      {fault("POST /upload", "lose_reply"), fault("POST /upload", "status", R"("status":500)")}};
  for (const auto& story : stories) {
    CAPTURE(fmt::format("{}", fmt::join(story, " ")));
    w.control(R"({"reset":true,"buckets":["bucket"]})");
    auto upload = w.run(w.store->begin_upload(w.ctx, {"a"}, {.part_bytes = 3 * mib}));
    REQUIRE_OK(upload);
    w.faults(story);
    const auto sent = part_of(**upload);
    REQUIRE_OK(sent);
    CHECK(sent->crc32c == digest_of(DigestKind::crc32c, text));
    CHECK((story.empty() ? w.asked("POST /upload") == 1 : w.asked("POST /upload") > 1));
    CHECK(w.asked("PUT ") == 0);
    REQUIRE_OK(w.run((*upload)->commit(w.ctx, {digest_of(DigestKind::crc32c, text)})));
    CHECK((w.text("a") == text));
    CHECK(w.names() == "a ");
  }
  // Changed on its way: told by the reply, and removed.
  auto upload = w.run(w.store->begin_upload(w.ctx, {"b"}, {.part_bytes = 3 * mib}));
  REQUIRE_OK(upload);
  w.faults({fault("POST /upload", "corrupt")});
  CHECK(part_of(**upload).error().code == Code::corrupt);
  CHECK(w.names() == "a ");
}

// An object that goes as one stream, a part at a time.
struct Streamed {
  static constexpr size_t part_bytes = 2 * mib;

  Streamed(World& world, std::string bytes) : w(world), text(std::move(bytes)) {}
  Result<std::unique_ptr<Upload>> begin(std::string id = {}, PutOptions put = {}) {
    return w.run(w.store->begin_upload(w.ctx, {"a"},
                                       {.put = std::move(put),
                                        .part_bytes = part_bytes,
                                        .size = text.size(),
                                        .resumable = true,
                                        .id = std::move(id),
                                        .in_order = true}));
  }
  Result<SentPart> part(Upload& upload, uint32_t number) {
    auto bytes = text.substr((number - 1) * part_bytes, part_bytes);
    return w.run(upload.part(w.ctx, number,
                             held_body(std::make_shared<const std::string>(std::move(bytes)))));
  }
  Result<ObjectMeta> commit(Upload& upload) {
    return w.run(upload.commit(w.ctx, {digest_of(DigestKind::crc32c, text)}));
  }

  World& w;
  std::string text;
};

TEST_CASE("parts that come in order are one session") {
  World w;
  const std::string chunk = "PUT .*upload_id";
  const std::vector<std::vector<std::string>> stories{
      {},
      {fault("POST /upload", "status", R"("status":503)")},
      {fault(chunk, "keep", R"("bytes":524288,"skip":1)")},
      {fault(chunk, "cut_request", R"("bytes":700000)")},
      {fault(chunk, "lose_reply", R"("skip":1)")},
      {fault(chunk, "lose_reply", R"("skip":2)")},  // of the last
      {fault(chunk, "status", R"("status":503,"skip":2)")}};
  for (const size_t bytes : {size_t{1}, 2 * mib, 4 * mib, 4 * mib + 77}) {
    for (const auto& story : bytes > 4 * mib ? stories : decltype(stories){{}}) {
      CAPTURE(fmt::format("{} {}", bytes, fmt::join(story, " ")));
      w.control(R"({"reset":true,"buckets":["bucket"]})");
      Streamed to(w, pattern(bytes));
      auto upload = to.begin({}, {.only_if_absent = true, .content_type = "a/b"});
      REQUIRE_OK(upload);
      w.faults(story);
      for (uint32_t number = 1; (number - 1) * Streamed::part_bytes < bytes; ++number) {
        const auto sent = to.part(**upload, number);
        REQUIRE_OK(sent);
        CHECK(w.names().empty());
      }
      const auto meta = to.commit(**upload);
      REQUIRE_OK(meta);
      CHECK(meta->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, to.text));
      CHECK((w.text("a") == to.text));
      CHECK(w.run(w.store->head(w.ctx, {"a"}))->content_type == "a/b");
      CHECK(w.names() == "a ");
      CHECK((!story.empty() || w.asked("POST ") == 1));
    }
  }
}

TEST_CASE("a session goes on in another process with what the service has") {
  World w;
  Streamed to(w, pattern(6 * mib + 5));
  auto first = to.begin();
  REQUIRE_OK(first);
  const std::string id = (*first)->id();
  const auto sent = to.part(**first, 1);
  REQUIRE_OK(sent);
  // The second part breaks off behind what the service may keep, and the process ends.
  w.faults({fault("PUT .*upload_id", "cut_request", R"("bytes":700000)"),
            fault("PUT .*upload_id", "status", R"("status":503,"times":9)")});
  CHECK(!to.part(**first, 2).has_value());
  (*first)->keep();
  first->reset();
  w.control(R"({"faults":[]})");

  auto second = to.begin(id);
  REQUIRE_OK(second);
  SentPart other = *sent;  // said to be sent, but not there
  other.number = 2;
  const auto there = w.run((*second)->take_over(w.ctx, {*sent, other}));
  REQUIRE_OK(there);
  CHECK(*there == std::vector{*sent});
  for (const uint32_t number : {2U, 3U, 4U}) {
    REQUIRE_OK(to.part(**second, number));
  }
  REQUIRE_OK(to.commit(**second));
  CHECK((w.text("a") == to.text));
  CHECK(to.begin(id).error().code == Code::not_found);  // it is complete
}

TEST_CASE("a session is not gone on with where something else is wanted now") {
  World w;
  Streamed to(w, pattern(2 * mib + 5));
  auto upload = to.begin({}, {.only_if_absent = true});
  REQUIRE_OK(upload);
  (*upload)->keep();
  const std::string etag = w.put("a", "somebody else's").value().etag;
  CHECK(to.begin((*upload)->id(), {.if_match = etag}).error().code == Code::not_found);
  CHECK(to.part(**upload, 1).error().code == Code::unavailable);  // it was forgotten

  upload = to.begin({}, {.if_match = etag});
  REQUIRE_OK(upload);
  CHECK(to.part(**upload, 2).error().code == Code::bad_input);
  REQUIRE_OK(to.part(**upload, 1));
  CHECK(to.part(**upload, 1).error().code == Code::bad_input);
  CHECK(to.commit(**upload).error().code == Code::bad_input);  // a part is missing
  REQUIRE_OK(w.put("a", "a third one's"));
  REQUIRE_OK(to.part(**upload, 2));
  CHECK(to.commit(**upload).error().code == Code::conflict);
  REQUIRE_OK(w.run((*upload)->abort(w.ctx)));
  CHECK(w.text("a") == "a third one's");
}

TEST_CASE("a session is not gone on with where the object is described otherwise") {
  World w;
  Streamed to(w, pattern(2 * mib + 5));
  const std::string kms = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
  for (int what = 0; what < 3; ++what) {
    w.store = w.open(nullptr);
    auto upload = to.begin({}, {.content_type = "a/b"});
    REQUIRE_OK(upload);
    (*upload)->keep();
    const std::string id = (*upload)->id();
    if (what == 0) {
      REQUIRE_OK(w.run((*upload)->abort(w.ctx)));  // the service says so in a way of its own
    } else if (what == 1) {
      CHECK(to.begin(id, {.content_type = "c/d"}).error().code == Code::not_found);
    } else {
      w.store = w.open(nullptr, kms);
    }
    CHECK(to.begin(id, {.content_type = "a/b"}).error().code == Code::not_found);
  }
}

TEST_CASE("a session has all bytes, and nobody wrote down that it does") {
  World w;
  Streamed to(w, pattern(2 * Streamed::part_bytes));
  auto first = to.begin();
  REQUIRE_OK(first);
  REQUIRE_OK(to.part(**first, 1));
  (*first)->keep();
  auto second = to.begin((*first)->id());
  REQUIRE_OK(second);
  CHECK(w.run((*second)->take_over(w.ctx, {}))->empty());
  const size_t sent = w.asked("PUT ");
  REQUIRE_OK(to.part(**second, 1));
  CHECK(w.asked("PUT ") == sent + 1);  // how far it is, and no bytes
  REQUIRE_OK(to.part(**second, 2));
  REQUIRE_OK(to.commit(**second));
  CHECK((w.text("a") == to.text));
}

TEST_CASE("components of a process that died go with the upload that is ended by its id") {
  World w;
  auto upload = w.run(w.store->begin_upload(w.ctx, {"a"}, {.part_bytes = 10, .resumable = true}));
  REQUIRE_OK(upload);
  REQUIRE_OK(
      w.run((*upload)->part(w.ctx, 1, held_body(std::make_shared<const std::string>("part")))));
  const std::string id = (*upload)->id();
  (*upload)->keep();
  upload->reset();
  CHECK(!w.names().empty());
  auto found = w.run(w.store->begin_upload(w.ctx, {"a"}, {.id = id}));
  REQUIRE_OK(found);
  REQUIRE_OK(w.run((*found)->abort(w.ctx)));
  CHECK(w.names().empty());
}

TEST_CASE("a session whose bytes change on the way never becomes an object") {
  World w;
  Streamed to(w, pattern(2 * mib + 5));
  auto upload = to.begin();
  REQUIRE_OK(upload);
  w.faults({fault("PUT .*upload_id", "corrupt")});
  REQUIRE_OK(to.part(**upload, 1));
  REQUIRE_OK(to.part(**upload, 2));
  CHECK(to.commit(**upload).error().code == Code::corrupt);
  CHECK(w.names().empty());
}

TEST_CASE("all that is written is encrypted by the connection's key") {
  World w;
  const std::string key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
  REQUIRE_OK(w.put("old", "x"));
  w.store = w.open(nullptr, key);
  REQUIRE_OK(w.put("small", "x"));
  REQUIRE_OK(w.put("large", pattern(2 * mib + 9)));
  REQUIRE_OK(w.run(w.store->copy_within(w.ctx, {"old"}, {"copied"}, {})));
  auto upload = w.run(w.store->begin_upload(w.ctx, {"parts"}, {.part_bytes = 10}));
  REQUIRE_OK(upload);
  REQUIRE_OK(
      w.run((*upload)->part(w.ctx, 1, held_body(std::make_shared<const std::string>("part")))));
  const auto key_of = [&](const std::string& object) {
    return std::string(parse_json(object).value().get_string("kmsKeyName"));
  };
  const Value all = parse_json(w.fetched("/storage/v1/b/bucket/o")).value();
  CHECK(all["items"].as_list().size() == 5);
  REQUIRE_OK(w.run((*upload)->commit(w.ctx, {})));
  for (const std::string name : {"small", "large", "copied", "parts"}) {
    CHECK(key_of(w.fetched("/storage/v1/b/bucket/o/" + name)) == key + "/cryptoKeyVersions/1");
  }
  CHECK(key_of(w.fetched("/storage/v1/b/bucket/o/old")).empty());
  CHECK(w.text("large") == pattern(2 * mib + 9));
}

TEST_CASE("parts of an upload that was dropped are removed with the next one") {
  World w;
  for (int round = 0; round < 2; ++round) {
    auto upload = w.run(w.store->begin_upload(w.ctx, {"a"}, {.part_bytes = 10}));
    REQUIRE_OK(upload);
    REQUIRE_OK(
        w.run((*upload)->part(w.ctx, 1, held_body(std::make_shared<const std::string>("part")))));
    CHECK(std::ranges::count(w.names(), '/') == 1);
    if (round == 1) {
      REQUIRE_OK(w.run((*upload)->abort(w.ctx)));
    }
  }
  CHECK(w.names().empty());
}

TEST_CASE("a removal whose reply is lost has happened") {
  World w;
  const std::string etag = w.put("a", "x").value().etag;
  w.faults({fault("DELETE", "lose_reply")});
  REQUIRE_OK(w.run(w.store->remove(w.ctx, {"a"}, {.if_match = etag})));
  CHECK(w.run(w.store->remove(w.ctx, {"a"}, {.if_match = etag})).error().code == Code::conflict);
}

TEST_CASE("a listing of short pages is whole") {
  World w;
  for (int i = 0; i < 7; ++i) {
    REQUIRE_OK(w.put(fmt::format("d/{}", i), "x"));
  }
  w.control(R"({"settings":{"page_max":2}})");
  Listing listing(*w.store, {.prefix = {"d/"}});
  int count = 0;
  while (w.run(listing.next(w.ctx)).value()) {
    ++count;
  }
  CHECK(count == 7);
}

TEST_CASE("a bucket that is not there is told from an object") {
  World w;
  w.control(R"({"reset":true})");
  auto head = w.run(w.store->head(w.ctx, {"a"}));
  CHECK(head.error().what == "there is no such bucket");
  CHECK(w.put("a", "x").error().code == Code::not_found);
  CHECK(w.run(w.store->remove(w.ctx, {"a"}, {})).error().code == Code::not_found);
}

}  // namespace
}  // namespace tutti::cloud::gcs
