// SPDX-License-Identifier: Apache-2.0
// The store against a server that answers from a script: what emulators do not do by themselves.
#include "cloud/azure/azure.h"

#include <deque>
#include <mutex>

#include "base/encode.h"
#include "cloud/body.h"
#include "net/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::azure {
namespace {

const std::string etag = "ETag: \"0x1\"\r\nLast-Modified: Sat, 28 Feb 2026 10:00:00 GMT\r\n";

std::string reply(const std::string& status, const std::string& headers = {},
                  const std::string& body = {}) {
  return net::http_reply(status, body, headers);
}
std::string failure(const std::string& status, const std::string& code,
                    const std::string& headers = {}) {
  return reply(status, "x-ms-error-code: " + code + "\r\n" + headers);
}
const std::string cut = "cut:";  // what follows is sent, then the connection is closed
const std::string lost = cut;    // the request is taken, and no reply comes

struct World : rt::TestWorld {
  rt::Pool pool{2};
  net::HttpClient client{loop.executor(), *clock};
  BufferPool buffers{{.bytes_max = 64U << 10U, .chunk_bytes = 4096}};
  // Replies, in order; then status 500. Set while no request is under way.
  struct Script {
    Script& operator=(std::initializer_list<std::string> next) {
      const std::lock_guard lock(mutex);
      replies = next;
      return *this;
    }
    void push_back(std::string reply) {
      const std::lock_guard lock(mutex);
      replies.push_back(std::move(reply));
    }
    std::string next() {
      const std::lock_guard lock(mutex);
      if (replies.empty()) {
        return reply("500 Empty Script");
      }
      std::string first = std::move(replies.front());
      replies.pop_front();
      return first;
    }
    std::mutex mutex;
    std::deque<std::string> replies;
  } script;
  net::TestServer* self = nullptr;
  net::TestServer server{[this](net::TestConnection& connection) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) {
        return;
      }
      self->note(request);
      const std::string answer = script.next();
      if (answer.starts_with(cut)) {
        connection.send(answer.substr(cut.size()));
        return;
      }
      if (!connection.send(answer)) {
        return;
      }
    }
  }};
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> secrets;

  World() { self = &server; }

  Environment environment() {
    return {.http = client,
            .buffers = buffers,
            .cpu = pool.executor(),
            .secret = [this](std::string_view name) -> Result<std::string> {
              return secrets[std::string(name)];
            },
            .machine = {.variable = [this](const std::string& name) { return variables[name]; },
                        .read_file = [](const std::filesystem::path&) -> Result<std::string> {
                          return fail(Code::not_found, "no such file");
                        },
                        .metadata_server = server.url("")},
            .retry = {.attempts_max = 3, .delay = microseconds(1)}};
  }
  Result<Located> open(Value settings, std::string_view address = "c://con/k") {
    ConnectionTable table;
    table["p"]["c"] = {.type = "azure", .settings = std::move(settings)};
    secrets["other"] = "QUJD";
    table["p"]["abfss"] = {
        .type = "azure", .settings = Value::of({{"access_key", Value::of({{"secret", "other"}})}})};
    return Connections(std::move(table), openers(environment())).open("p", address);
  }
  // Settings of which one is a secret.
  Value with_secret(const std::string& name, std::string value, Value settings = ValueMap{}) {
    secrets[name] = std::move(value);
    settings.edit_map().set(name, Value::of({{"secret", name}}));
    return settings;
  }
  Value with_key(Value settings) { return with_secret("access_key", "QUJD", std::move(settings)); }
  std::shared_ptr<ObjectStore> store(Value settings) {
    settings.edit_map().set("endpoint", server.url("/acc"));
    settings.edit_map().set("root", "az://con");
    auto located = open(std::move(settings), "c://k");
    REQUIRE_OK(located);
    return located->store;
  }
  std::shared_ptr<ObjectStore> store() { return store(with_key(ValueMap{})); }
  Result<ObjectMeta> put(ObjectStore& to, PutOptions options = {}) {
    return run(to.put(ctx, {"k"}, body_of(buffers, "hello"), std::move(options)));
  }
};

// The value of a header of a recorded request.
std::string header(const std::string& request, const std::string& name) {
  const size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) {
    return "none";
  }
  const size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

TEST_CASE("settings say where and as whom; others are refused") {
  World w;
  const Value key = w.with_key(Value::of({{"account", "acc"}}));
  auto located = w.open(key, "c://con/a/b");
  REQUIRE_OK(located);
  CHECK(located->key.text == "a/b");
  CHECK(located->base == "c://con/");
  CHECK(located->ref == ObjectRef{.provider = "azure",
                                  .endpoint = "acc.blob.core.windows.net",
                                  .account = "acc",
                                  .bucket = "con",
                                  .key = "a/b"});
  Value root = key;
  root.edit_map().set("root", "az://con/pre/fix");
  located = w.open(root, "c://a");
  REQUIRE_OK(located);
  CHECK(located->key.text == "a");
  CHECK(located->base == "c://");
  CHECK(located->ref.bucket == "con");
  CHECK(located->ref.key == "pre/fix/a");

  Value unknown = key;
  unknown.edit_map().set("region", "x");
  CHECK(w.open(unknown).error().remedy.starts_with("known are: account"));
  CHECK(w.open(key, "c://").error().code == Code::bad_input);
  CHECK(w.open(key, "c://Upper/k").error().code == Code::bad_input);
  CHECK(w.open(key, "c://ab/k").error().code == Code::bad_input);
  CHECK(w.open(w.with_key(ValueMap{})).error().code == Code::bad_input);
  REQUIRE_OK(w.open(key, "c://$web/index.html"));

  const Value plain = Value::of({{"account", "acc"}, {"access_key", "QUJD"}});
  CHECK(w.open(plain).error().remedy.contains("{secret: NAME}"));
  w.secrets["access_key"] = "!not base64!";
  const auto broken = w.open(key);
  REQUIRE(!broken.has_value());
  CHECK_FALSE(broken.error().text().contains("!not"));
}

TEST_CASE("addresses as Hadoop writes them name the account") {
  World w;
  auto located = w.open({}, "abfss://con@acc.dfs.core.windows.net/a/b");
  REQUIRE_OK(located);
  CHECK(located->ref.account == "acc");
  CHECK(located->ref.endpoint == "acc.blob.core.windows.net");
  CHECK(located->ref.bucket == "con");
  CHECK(located->base == "abfss://con@acc.dfs.core.windows.net/");
  CHECK(located->key.text == "a/b");
  const Value other = w.with_key(Value::of({{"account", "other"}}));
  // Without a connection of that name it is the one called `az`, or what stands in for it.
  ConnectionTable table;
  table["p"]["az"] = {.type = "azure", .settings = w.with_key(ValueMap{})};
  table["q"]["az"] = {.type = "odd"};
  Openers types = openers(w.environment());
  types["odd"] = {.open = [](std::string_view connection, const ConnectionConfig&,
                             std::string_view rest) -> Result<Located> {
    return Located{.store = nullptr, .key = {std::string(rest)}, .base = std::string(connection)};
  }};
  const Connections connections(std::move(table), std::move(types));
  const auto aliased = connections.open("p", "abfss://con@acc.dfs.core.windows.net/a");
  REQUIRE_OK(aliased);
  CHECK(aliased->ref.bucket == "con");
  CHECK(aliased->base == "az://con@acc.dfs.core.windows.net/");
  const auto replaced = connections.open("q", "wasbs://con@acc.blob.core.windows.net/a@b");
  REQUIRE_OK(replaced);
  CHECK(replaced->base == "az");
  CHECK(replaced->key.text == "con/a@b");
  CHECK(connections.open("p", "gcs://b/k").error().remedy.contains("gs://BUCKET/KEY"));
  CHECK(w.open(other, "c://con@acc.dfs.core.windows.net/a").error().what.contains("'other'"));
}

TEST_CASE("a put whose reply was lost is not taken for that of another") {
  World w;
  const auto store = w.store();
  // Carried out, its reply lost; tried again the condition does not hold against itself.
  w.script = {lost, failure("409 Conflict", "BlobAlreadyExists")};
  w.script.push_back(reply("200 OK", etag + "x-ms-meta-tutti_write: another\r\n"));
  auto put = w.put(*store, {.only_if_absent = true});
  REQUIRE(!put.has_value());
  CHECK(put.error().code == Code::conflict);
  const auto requests = w.server.requests();
  const std::string mark = header(requests.at(0), "x-ms-meta-tutti_write");
  CHECK(mark.size() == 16);
  REQUIRE(requests.size() == 3);
  CHECK(header(requests[1], "x-ms-meta-tutti_write") == mark);  // the same for all tries
  CHECK(header(requests[1], "if-none-match") == "*");
  CHECK(requests[2].starts_with("HEAD /acc/con/k "));
}

TEST_CASE("where nobody says whether it was carried out, the error says so") {
  World w;
  const auto store = w.store();
  w.script = {lost, lost, lost};
  auto put = w.put(*store);
  REQUIRE(!put.has_value());
  CHECK(put.error().code == Code::unknown_outcome);
  CHECK(put.error().where == "c://k");
  w.script = {failure("503 Busy", "ServerBusy"), failure("503 Busy", "ServerBusy"),
              failure("503 Busy", "ServerBusy", "x-ms-retry-after-ms: 1\r\n")};
  put = w.put(*store);
  CHECK(put.error().code == Code::throttled);  // surely not
  CHECK(put.error().retry_after == milliseconds(1));
}

TEST_CASE("a removal whose reply was lost finds nothing, and is done") {
  World w;
  const auto store = w.store();
  const std::string gone = failure("404 Not Found", "BlobNotFound");
  w.script = {lost, gone};
  REQUIRE_OK(w.run(store->remove(w.ctx, {"k"}, {.if_match = "0x1"})));
  w.script = {gone};
  CHECK(w.run(store->remove(w.ctx, {"k"}, {.if_match = "0x1"})).error().code == Code::conflict);
  w.script = {gone};
  REQUIRE_OK(w.run(store->remove(w.ctx, {"k"}, {})));
  w.script = {failure("404 Not Found", "ContainerNotFound")};
  CHECK(w.run(store->remove(w.ctx, {"k"}, {})).error().code == Code::not_found);
}

TEST_CASE("a small blob is sent with its MD5, digests and tier") {
  World w;
  auto located = w.open(w.with_key(Value::of({{"endpoint", w.server.url("/acc")},
                                              {"root", "az://con/pre"},
                                              {"tier", "Cool"},
                                              {"encryption_scope", "own"}})),
                        "c://a b");
  REQUIRE_OK(located);
  w.script = {reply("201 Created", etag), failure("400 Bad Request", "Md5Mismatch")};
  auto put = w.run(located->store->put(w.ctx, {"a b"}, body_of(w.buffers, "hello"), {}));
  REQUIRE_OK(put);
  CHECK(put->etag == "0x1");
  CHECK(put->digest(DigestKind::md5) == digest_of(DigestKind::md5, "hello"));
  const std::string request = w.server.requests().at(0);
  CHECK(request.starts_with("PUT /acc/con/pre/a%20b HTTP/1.1\r\n"));
  CHECK(request.ends_with("\r\n\r\nhello"));
  CHECK(header(request, "content-md5") == "XUFAKrxLKna5cZ2REBfFkg==");
  CHECK(header(request, "x-ms-meta-tutti_crc32c") == hex(digest_of(DigestKind::crc32c, "hello")));
  CHECK(header(request, "x-ms-meta-tutti_write") == "none");  // without conditions: not needed
  CHECK(header(request, "x-ms-access-tier") == "Cool");
  CHECK(header(request, "x-ms-encryption-scope") == "own");
  CHECK(header(request, "authorization").starts_with("SharedKey acc:"));
  CHECK(w.put(*located->store).error().code == Code::corrupt);
  CHECK(w.put(*located->store, {.storage_class = "GLACIER"}).error().code == Code::unsupported);
}

TEST_CASE("a token that was refused is replaced, once") {
  World w;
  const auto store = w.store(Value::of({{"client_id", "me"}}));  // the machine's identity
  const std::string token = R"({"access_token":"t","expires_in":3600})";
  w.script = {reply("200 OK", {}, token), reply("401 Unauthorized"), reply("200 OK", {}, token),
              reply("201 Created", etag)};
  REQUIRE_OK(w.put(*store));
  CHECK(w.server.requests().size() == 4);
  CHECK(header(w.server.requests().at(3), "authorization") == "Bearer t");
  w.script = {reply("401 Unauthorized"), reply("200 OK", {}, token), reply("401 Unauthorized")};
  CHECK(w.put(*store).error().code == Code::denied);
}

TEST_CASE("a SAS goes along, and into no error") {
  World w;
  const auto store = w.store(w.with_secret("sas", "sv=2023-11-03&sp=rw&sig=secret"));
  w.script = {failure("403 Forbidden", "AuthenticationFailed"), lost, lost, lost};
  for (const Code code : {Code::denied, Code::unknown_outcome}) {
    const auto put = w.put(*store);
    REQUIRE(!put.has_value());
    CHECK(put.error().code == code);
    CHECK_FALSE(put.error().text().contains("secret"));
  }
  CHECK(w.server.requests().at(0).starts_with("PUT /acc/con/k?sig=secret&sp=rw&sv=2023-11-03 "));
  CHECK(header(w.server.requests().at(0), "authorization") == "none");
}

TEST_CASE("a blob whose reply breaks off is read on, of the same version") {
  World w;
  const auto store = w.store();
  const std::string text(10'000, 'x');
  const auto read = [&]() -> Result<std::string> {
    TRY(Opened opened, w.run(store->get(w.ctx, {"k"}, {.range = Range{.offset = 5}})));
    CHECK(opened.meta.size == text.size() + 5);
    return w.run(read_all(w.ctx, *opened.source, 1U << 20U));
  };
  const std::string whole =
      reply("206 Partial Content", etag + "Content-Range: bytes 5-10004/10005\r\n", text);
  const std::string rest = reply(
      "206 Partial Content", etag + "Content-Range: bytes 7005-10004/10005\r\n", text.substr(7000));
  w.script = {cut + whole.substr(0, whole.size() - 3000), rest};
  const auto got = read();
  REQUIRE_OK(got);
  CHECK(*got == text);
  CHECK(header(w.server.requests().at(0), "x-ms-range") == "bytes=5-");
  CHECK(header(w.server.requests().at(1), "x-ms-range") == "bytes=7005-10004");
  CHECK(header(w.server.requests().at(1), "if-match") == "\"0x1\"");
  w.script = {cut + whole.substr(0, whole.size() - 3000),
              failure("412 Precondition Failed", "ConditionNotMet")};
  CHECK(read().error().code == Code::conflict);
  w.script = {failure("409 Conflict", "BlobArchived")};
  CHECK(read().error().remedy.contains("tutti restore"));
}

TEST_CASE("a part that arrived with other bytes does not count") {
  World w;
  const auto store = w.store();
  auto upload = w.run(store->begin_upload(w.ctx, {"k"}, {.part_bytes = 9}));
  REQUIRE_OK(upload);
  const auto part = [&](const std::string& headers) {
    w.script = {reply("201 Created", headers)};
    return w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "123456789")));
  };
  CHECK(part("x-ms-content-crc64: AAAAAAAAAAA=\r\n").error().code == Code::corrupt);
  CHECK(part("").error().code == Code::corrupt);
  REQUIRE_OK(part("x-ms-content-crc64: iJh5CoYUi64=\r\n"));
  const std::string request = w.server.requests().back();
  CHECK(request.starts_with("PUT /acc/con/k?blockid="));
  CHECK(request.contains("comp=block "));
  w.script = {failure("400 Bad Request", "InvalidBlockList")};
  const auto commit = w.run((*upload)->commit(w.ctx, {sha256("123456789")}));
  REQUIRE(!commit.has_value());
  CHECK(commit.error().code == Code::conflict);
}

// The service's text for a CRC64: its bytes from the last one on.
std::string crc64_header(std::string_view text) {
  const Digest crc = digest_of(DigestKind::crc64nvme, text);
  std::string bytes(reinterpret_cast<const char*>(crc.bytes.data()), digest_size(crc.kind));
  std::ranges::reverse(bytes);
  return "x-ms-content-crc64: " + base64_encode(bytes) + "\r\n";
}

const std::string signed_url = "https://elsewhere.example/k?sig=secret";

Task<std::string> give_url(std::string url) { co_return url; }
Task<Unit> say_unchanged(int* asked) {
  ++*asked;
  co_return Unit{};
}

struct Pulls {
  int asked = 0;
  PullSource source(uint64_t size, std::vector<Digest> digests) {
    return {.url = [](rt::Context&) { return give_url(signed_url); },
            .meta = {.key = {"k"}, .size = size, .etag = "e", .digests = std::move(digests)},
            .unchanged = [this](rt::Context&) { return say_unchanged(&asked); }};
  }
};

TEST_CASE("a blob is pulled in blocks, and proven by what the service read") {
  World w;
  Pulls pulls;
  const auto store = w.store();
  CHECK(store->capabilities().pulls_urls);
  // Two blocks alike: they are asked for side by side.
  const std::string text(32U << 20U, 'x');
  const std::string block = crc64_header(std::string_view(text).substr(0, 16U << 20U));
  const Digest whole = digest_of(DigestKind::crc64nvme, text);
  w.script = {reply("201 Created", block), reply("201 Created", block), reply("201 Created", etag)};
  const auto pulled = w.run(store->pull(
      w.ctx, {"k"}, pulls.source(text.size(), {whole, digest_of(DigestKind::crc32c, "x")}),
      {.only_if_absent = true, .content_type = "text/csv", .metadata = {{"owner", "ana"}}}));
  REQUIRE_OK(pulled);
  CHECK(pulled->size == text.size());
  CHECK(pulled->digests == std::vector{whole});
  CHECK(pulls.asked == 0);  // the digest tells
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(header(requests[0], "x-ms-copy-source") == signed_url);
  CHECK(header(requests[0], "Content-Length") == "0");
  CHECK(header(requests[0], "x-ms-source-if-match") == "none");
  CHECK(header(requests[2], "if-none-match") == "*");
  CHECK(header(requests[2], "x-ms-blob-content-type") == "text/csv");
  CHECK(header(requests[2], "x-ms-meta-owner") == "ana");
  CHECK(header(requests[2], "x-ms-meta-tutti_crc32c") != "none");
  CHECK_FALSE(requests[2].contains("elsewhere"));
}

TEST_CASE("what was pulled wrong is not committed, and what nobody can prove is asked for again") {
  World w;
  Pulls pulls;
  const auto store = w.store();
  w.script = {reply("201 Created", crc64_header("other"))};
  const auto wrong = w.run(
      store->pull(w.ctx, {"k"}, pulls.source(5, {digest_of(DigestKind::crc64nvme, "bytes")}), {}));
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code == Code::corrupt);
  CHECK(w.server.requests().size() == 1);

  // The service compares an MD5 by itself.
  const Digest md5 = digest_of(DigestKind::md5, "bytes");
  w.script = {reply("201 Created"), reply("201 Created", etag)};
  const auto compared = w.run(store->pull(w.ctx, {"k"}, pulls.source(5, {md5}), {}));
  REQUIRE_OK(compared);
  CHECK(compared->digests == std::vector{md5});
  CHECK(header(w.server.requests().at(1), "x-ms-source-content-md5") != "none");
  CHECK(pulls.asked == 0);

  // Without a digest: the source is asked, and the size is what is there.
  w.script = {reply("201 Created", crc64_header("bytes")), reply("201 Created", etag),
              reply("200 OK", etag + "x-ms-blob-type: BlockBlob\r\n")};
  const auto unknown = w.run(store->pull(w.ctx, {"k"}, pulls.source(5, {}), {}));
  REQUIRE_OK(unknown);
  CHECK(pulls.asked == 1);
  CHECK(unknown->size == 0);
  CHECK(unknown->digests == std::vector{digest_of(DigestKind::crc64nvme, "bytes")});
}

TEST_CASE("what the service cannot read is told without the URL") {
  World w;
  Pulls pulls;
  const auto store = w.store();
  for (const char* status : {"400 Bad Request", "403 Forbidden", "404 Not Found", "409 Conflict"}) {
    w.script = {reply(status, "x-ms-error-code: CannotVerifyCopySource\r\n",
                      "<Error><Code>CannotVerifyCopySource</Code><Message>cannot read " +
                          signed_url + "</Message></Error>")};
    const auto refused = w.run(store->pull(w.ctx, {"k"}, pulls.source(5, {}), {}));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::unsupported);
    CHECK(refused.error().text().contains("CannotVerifyCopySource"));
    CHECK_FALSE(refused.error().text().contains("elsewhere"));
    CHECK_FALSE(refused.error().text().contains("sig="));
  }
  w.script = {failure("412 Precondition Failed", "SourceConditionNotMet")};
  CHECK(w.run(store->pull(w.ctx, {"k"}, pulls.source(5, {}), {})).error().code == Code::conflict);
  PullSource long_url = pulls.source(5, {});
  long_url.url = [](rt::Context&) { return give_url("https://e/" + std::string(2040, 'x')); };
  CHECK(w.run(store->pull(w.ctx, {"k"}, long_url, {})).error().code == Code::unsupported);
  CHECK(w.run(store->pull(w.ctx, {"k"}, pulls.source(0, {}), {})).error().code ==
        Code::unsupported);
}

TEST_CASE("a commit whose reply was lost is known again") {
  World w;
  const auto store = w.store();
  w.script = {failure("404 Not Found", "BlobNotFound")};
  auto upload = w.run(store->begin_upload(w.ctx, {"k"}, {.put = {.only_if_absent = true}}));
  REQUIRE_OK(upload);
  w.script = {reply("201 Created", "x-ms-content-crc64: iJh5CoYUi64=\r\n")};
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "123456789"))));
  const std::string request = w.server.requests().back();
  const size_t id = request.find("blockid=") + 8;
  const auto block = percent_decode(request.substr(id, request.find('&', id) - id));
  REQUIRE_OK(block);
  const std::string mark = base64_decode(*block).value().substr(0, 16);
  w.script = {lost, failure("409 Conflict", "BlobAlreadyExists"),
              reply("200 OK", etag + "x-ms-blob-type: BlockBlob\r\nx-ms-meta-tutti_write: " + mark +
                                  "\r\nContent-Type: text/csv\r\n")};
  const auto commit = w.run((*upload)->commit(w.ctx, {}));
  REQUIRE_OK(commit);
  CHECK(commit->etag == "0x1");
  CHECK(commit->metadata.empty());
}

TEST_CASE("a copy is waited for") {
  World w;
  const auto store = w.store();
  const std::string source =
      reply("200 OK", etag + "x-ms-blob-type: BlockBlob\r\nx-ms-meta-owner: ana\r\n");
  const auto status = [](const std::string& text) {
    return reply("200 OK", etag +
                               "x-ms-blob-type: BlockBlob\r\nx-ms-copy-id: id\r\n"
                               "x-ms-copy-status: " +
                               text + "\r\n");
  };
  w.script = {source, reply("202 Accepted", etag + "x-ms-copy-status: pending\r\n"),
              status("pending"), status("success")};
  REQUIRE_OK(w.run(store->copy_within(w.ctx, {"a"}, {"b"}, {})));
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(header(requests[1], "x-ms-copy-source") == w.server.url("/acc/con/a"));
  CHECK(header(requests[1], "x-ms-source-if-match") == "\"0x1\"");
  CHECK(header(requests[1], "x-ms-meta-owner") == "ana");
  w.script = {source, reply("202 Accepted", etag), status("failed")};
  CHECK(w.run(store->copy_within(w.ctx, {"a"}, {"b"}, {})).error().code == Code::unavailable);
  w.script = {source};
  CHECK(w.run(store->copy_within(w.ctx, {"a"}, {"b"}, {.put = {.content_type = "a/b"}}))
            .error()
            .code == Code::unsupported);
  w.script = {source};
  CHECK(w.run(store->copy_within(w.ctx, {"a"}, {"b"}, {.put = {.headers = {.language = "de"}}}))
            .error()
            .code == Code::unsupported);
  // Without any metadata Azure would keep that of the source.
  w.script = {source, reply("202 Accepted", etag), status("success")};
  REQUIRE_OK(w.run(store->copy_within(w.ctx, {"a"}, {"b"}, {.metadata_anew = true})));
  const std::string anew = w.server.requests().at(w.server.requests().size() - 2);
  CHECK(header(anew, "x-ms-meta-owner") == "none");
  CHECK(header(anew, "x-ms-meta-tutti_write").size() == 16);
}

std::string page(const std::vector<std::string>& names, const std::string& next) {
  std::string xml = "<EnumerationResults><Blobs>";
  for (const std::string& name : names) {
    xml += "<Blob><Name>" + name +
           "</Name><Properties><Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified><Etag>"
           "0x1</Etag><Content-Length>1</Content-Length></Properties></Blob>";
  }
  return reply("200 OK", {},
               xml + "</Blobs><NextMarker>" + next + "</NextMarker></EnumerationResults>");
}

TEST_CASE("pages before the place to start are passed over, broken ones asked for again") {
  World w;
  const auto store = w.store();
  w.script = {page({"a", "b"}, "m1"), reply("200 OK", {}, "<EnumerationResults><Blobs>"),
              page({"c", "d"}, "m2")};
  const auto listed = w.run(store->list(w.ctx, {.start_after = {"c"}}));
  REQUIRE_OK(listed);
  REQUIRE(listed->objects.size() == 1);
  CHECK(listed->objects[0].key.text == "d");
  CHECK(listed->next == "m2");
  CHECK(w.server.requests().size() == 3);
  w.script = {page({"a-b", "a/b", "a.b"}, "")};
  const auto folders = w.run(store->list(w.ctx, {}));
  REQUIRE(!folders.has_value());
  CHECK(folders.error().remedy.contains("hierarchical"));
}

TEST_CASE("an Entra identity signs URLs with a key the service gives it") {
  World w;
  const auto store = w.store(Value::of({{"client_id", "me"}}));
  w.script = {reply("200 OK", {}, R"({"access_token":"t","expires_in":3600})"),
              reply("200 OK", {},
                    "<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>"
                    "<SignedStart>s</SignedStart><SignedExpiry>e</SignedExpiry><SignedService>b"
                    "</SignedService><SignedVersion>2023-11-03</SignedVersion><Value>QUJD</Value>"
                    "</UserDelegationKey>")};
  const auto url = w.run(store->presign(w.ctx, {"a b"}, {}));
  REQUIRE_OK(url);
  CHECK(url->starts_with(w.server.url("/acc/con/a%20b?se=")));
  CHECK(url->contains("&skoid=oid&"));
  CHECK(url->contains("&sp=r&"));
  const std::string request = w.server.requests().back();
  CHECK(request.starts_with("POST /acc/?comp=userdelegationkey&restype=service "));
  CHECK(header(request, "authorization") == "Bearer t");
  CHECK(w.run(store->presign(w.ctx, {"k"}, {.method = "DELETE"})).error().code == Code::bad_input);
  CHECK(w.run(store->presign(w.ctx, {"k"}, {.valid = days(8)})).error().code == Code::bad_input);
  const auto with_sas = w.store(w.with_secret("sas", "sv=2023-11-03&sp=rw&sig=secret"));
  CHECK(w.run(with_sas->presign(w.ctx, {"k"}, {})).error().code == Code::unsupported);
}

TEST_CASE("names Azure would change are not written") {
  World w;
  const auto store = w.store();
  for (const std::string& key :
       {std::string("a\\b"), std::string("a."), std::string("a./b"), std::string(".."),
        std::string("a\nb"), std::string("a\x7f"), std::string(254, '/') + "a"}) {
    CAPTURE(key);
    CHECK(w.run(store->put(w.ctx, {key}, body_of(w.buffers, "x"), {})).error().code ==
          Code::bad_input);
    CHECK(w.run(store->begin_upload(w.ctx, {key}, {})).error().code == Code::bad_input);
    CHECK(w.run(store->copy_within(w.ctx, {"k"}, {key}, {})).error().code == Code::bad_input);
  }
  CHECK(w.server.requests().empty());
}

// ---- versions, locks, the archive

std::string version_of(std::string_view name, std::string_view version, bool current = false) {
  return fmt::format(
      "<Blob><Name>{}</Name><VersionId>{}</VersionId>{}<Properties><Last-Modified>Sat, 28 Feb 2026 "
      "10:00:00 GMT</Last-Modified><Etag>0x{}</Etag><Content-Length>1</Content-Length>"
      "</Properties></Blob>",
      name, version, current ? "<IsCurrentVersion>true</IsCurrentVersion>" : "", version);
}
std::string page_of(std::string_view blobs, std::string_view next) {
  return reply("200 OK", {},
               fmt::format("<?xml version=\"1.0\"?><EnumerationResults><Blobs>{}</Blobs>"
                           "<NextMarker>{}</NextMarker></EnumerationResults>",
                           blobs, next));
}
// "GET /acc/con/k?comp=tags"
std::vector<std::string> lines_of(World& w) {
  std::vector<std::string> lines;
  for (const std::string& request : w.server.requests()) {
    lines.push_back(request.substr(0, request.find(" HTTP")));
  }
  return lines;
}

TEST_CASE("versions of a blob are listed from the newest on, over pages") {
  World w;
  const auto store = w.store();
  w.script = {page_of(version_of("a", "1") + version_of("a", "2"), "m1"),
              page_of(version_of("a", "3", true) + version_of("b", "1"), "m2"),
              page_of(version_of("a", "3", true) + version_of("b", "1"), "m2"),
              page_of(version_of("b", "2", true), "")};
  const auto first = w.run(store->list(w.ctx, {.versions = true}));
  REQUIRE_OK(first);
  REQUIRE(first->objects.size() == 3);
  CHECK(first->objects[0].version == "3");
  CHECK(first->objects[0].is_latest);
  CHECK(first->objects[2].version == "1");
  CHECK_FALSE(first->objects[2].is_latest);
  const auto second = w.run(store->list(w.ctx, {.cursor = first->next, .versions = true}));
  REQUIRE_OK(second);
  REQUIRE(second->objects.size() == 2);
  CHECK(second->objects[0].key.text == "b");
  CHECK(second->objects[0].version == "2");
  CHECK(second->next.empty());
  const auto lines = lines_of(w);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].contains("include=metadata%2Cversions"));
  CHECK(lines[1].contains("marker=m1"));
  CHECK(lines[2].contains("marker=m1"));
  CHECK(lines[3].contains("marker=m2"));
}

TEST_CASE("one version is asked for, and removed for ever") {
  World w;
  const auto store = w.store();
  w.script = {reply("200 OK", etag + "x-ms-version-id: v1\r\n", "hello")};
  const auto got = w.run(store->get(w.ctx, {"k"}, {.version = "v1"}));
  REQUIRE_OK(got);
  CHECK(got->meta.version == "v1");
  w.script = {reply("202 Accepted")};
  REQUIRE_OK(w.run(store->remove(w.ctx, {"k"}, {.version = "v1"})));
  w.script = {failure("404 Not Found", "BlobNotFound")};
  REQUIRE_OK(w.run(store->remove(w.ctx, {"k"}, {.version = "v1"})));
  // The current one cannot be removed by its name: it is made a previous one first.
  w.script = {failure("403 Forbidden", "OperationNotAllowedOnRootBlob"), reply("200 OK", etag),
              reply("202 Accepted"), reply("202 Accepted")};
  REQUIRE_OK(w.run(store->remove(w.ctx, {"k"}, {.version = "v2"})));
  const auto lines = lines_of(w);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] == "GET /acc/con/k?versionid=v1");
  CHECK(lines[1] == "DELETE /acc/con/k?versionid=v1");
  CHECK(lines[3] == "DELETE /acc/con/k?versionid=v2");
  CHECK(lines[4] == "HEAD /acc/con/k?versionid=v2");
  CHECK(lines[5] == "DELETE /acc/con/k");
  CHECK(header(w.server.requests()[5], "if-match") == "\"0x1\"");
  CHECK(lines[6] == "DELETE /acc/con/k?versionid=v2");
}

TEST_CASE("a locked version says until when it is locked") {
  World w;
  const auto store = w.store();
  const std::string policy =
      etag +
      "x-ms-immutability-policy-until-date: Thu, 31 Dec 2099 12:00:00 GMT\r\n"
      "x-ms-immutability-policy-mode: unlocked\r\nx-ms-legal-hold: false\r\n";
  w.script = {failure("409 Conflict", "BlobImmutableDueToPolicy"), reply("200 OK", policy)};
  const auto removed = w.run(store->remove(w.ctx, {"k"}, {.version = "v1"}));
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().code == Code::denied);
  CHECK(removed.error().what == "this version is locked: governance until 2099-12-31 12:00:00 UTC");
  // Shortening it has to be meant.
  w.script = {reply("200 OK", policy)};
  CHECK(w.run(store->set_retention(w.ctx, {"k"}, std::nullopt, {})).error().code == Code::denied);
  w.script = {reply("200 OK", policy), reply("200 OK")};
  REQUIRE_OK(w.run(store->set_retention(w.ctx, {"k"}, std::nullopt, {.bypass_governance = true})));
  w.script = {reply("200 OK")};
  REQUIRE_OK(w.run(store->set_legal_hold(w.ctx, {"k"}, true, {.version = "v1"})));
  const auto lines = lines_of(w);
  CHECK(lines[lines.size() - 2] == "DELETE /acc/con/k?comp=immutabilityPolicies");
  CHECK(lines.back() == "PUT /acc/con/k?comp=legalhold&versionid=v1");
  const Retention wanted{.mode = RetentionMode::compliance,
                         .until = parse_instant("2099-12-31T12:00:00Z").value()};
  w.script = {reply("201 Created", etag)};
  REQUIRE_OK(w.put(*store, {.lock = {.retention = wanted, .legal_hold = true}}));
  const std::string put = w.server.requests().back();
  CHECK(header(put, "x-ms-immutability-policy-mode") == "Locked");
  CHECK(header(put, "x-ms-immutability-policy-until-date") == "Thu, 31 Dec 2099 12:00:00 GMT");
  CHECK(header(put, "x-ms-legal-hold") == "true");
}

TEST_CASE("an archived blob is brought back to a tier that can be read") {
  World w;
  const auto store = w.store();
  w.script = {failure("409 Conflict", "BlobArchived")};
  const auto got = w.run(store->get(w.ctx, {"k"}, {}));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == Code::denied);
  CHECK(got.error().remedy.contains("tutti restore"));
  const std::string archived = etag + "x-ms-access-tier: Archive\r\n";
  w.script = {reply("200 OK", archived), reply("202 Accepted"),
              reply("200 OK", archived + "x-ms-archive-status: rehydrate-pending-to-hot\r\n"),
              reply("200 OK", etag + "x-ms-access-tier: Hot\r\n")};
  REQUIRE_OK(w.run(store->restore(w.ctx, {"k"}, {.tier = "expedited"})));
  const std::string request = w.server.requests().back();
  CHECK(request.starts_with("PUT /acc/con/k?comp=tier HTTP"));
  CHECK(header(request, "x-ms-access-tier") == "Hot");
  CHECK(header(request, "x-ms-rehydrate-priority") == "High");
  CHECK(w.run(store->head(w.ctx, {"k"}))->archived == Archived::restoring);
  CHECK(w.run(store->restore(w.ctx, {"k"}, {})).error().code == Code::conflict);
  CHECK(w.run(store->restore(w.ctx, {"k"}, {.tier = "soon"})).error().code == Code::bad_input);
}

}  // namespace
}  // namespace tutti::cloud::azure
