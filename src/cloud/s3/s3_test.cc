// SPDX-License-Identifier: Apache-2.0
#include "cloud/s3/s3.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include <fmt/format.h>

#include "base/ascii.h"
#include "cloud/body.h"
#include "net/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::s3 {
namespace {

// What the server does with one request.
struct Answer {
  std::string bytes;  // empty: the connection ends without a reply
  bool close = false;
  bool early = false;  // as soon as a request begins, whatever it is
};

// Gives K1/S1, and after each end of these the next ones.
class Keys final : public auth::AwsSource {
 public:
  Task<std::optional<sign::AwsCredentials>> get(rt::Context&) override {
    co_return sign::AwsCredentials{.access_key_id = fmt::format("K{}", number_),
                                   .secret_access_key = fmt::format("S{}", number_)};
  }
  void expired(const sign::AwsCredentials& credentials) override {
    if (credentials.access_key_id == fmt::format("K{}", number_)) {
      ++number_;
    }
  }

 private:
  int number_ = 1;
};

// A store whose server answers as `script` says, one answer for each request.
struct World : rt::TestWorld {
  net::HttpClient client{loop.executor(), *clock};
  BufferPool buffers;
  std::mutex mutex;
  std::deque<Answer> script;
  net::TestServer* self = nullptr;
  net::TestServer server{[this](net::TestConnection& connection) { serve(connection); }};
  Settings settings{
      .endpoint = fmt::format("127.0.0.1:{}", server.port()),
      .tls = false,
      .path_style = true,
      .retry = {.attempts_max = 3, .delay = milliseconds(1), .delay_max = milliseconds(2)}};

  World() { self = &server; }

  void serve(net::TestConnection& connection) {
    while (true) {
      if (const auto early = early_answer()) {
        pollfd begun{connection.fd(), POLLIN, 0};
        poll(&begun, 1, 10'000);
        connection.send(early->bytes);
        connection.wait_for_close();
        return;
      }
      const std::string request = connection.read_request();
      if (request.empty()) {
        return;
      }
      self->note(request);
      Answer answer;
      {
        const std::lock_guard lock(mutex);
        if (script.empty()) {
          return;
        }
        answer = std::move(script.front());
        script.pop_front();
      }
      if (answer.bytes.empty() || !connection.send(answer.bytes) || answer.close) {
        return;
      }
    }
  }
  std::optional<Answer> early_answer() {
    const std::lock_guard lock(mutex);
    if (script.empty() || !script.front().early) {
      return std::nullopt;
    }
    Answer answer = std::move(script.front());
    script.pop_front();
    return answer;
  }
  void answer(std::deque<Answer> answers) {
    const std::lock_guard lock(mutex);
    script = std::move(answers);
  }
  bool all_answered() {
    const std::lock_guard lock(mutex);
    return script.empty();
  }

  std::shared_ptr<ObjectStore> store(
      std::shared_ptr<auth::AwsSource> credentials = std::make_shared<Keys>()) {
    return make_store(client, buffers, std::move(credentials), settings, "bucket", "c://bucket/");
  }
  Result<std::string> get(ObjectStore& from) { return run(get_text(ctx, from, {"k"})); }
  Result<ObjectMeta> put(ObjectStore& to, PutOptions options = {}) {
    return run(to.put(ctx, {"k"}, body_of(buffers, "hello"), std::move(options)));
  }
};

std::string header_of(const std::string& request, const std::string& name) {
  std::string text = request.substr(0, request.find("\r\n\r\n") + 2);
  const std::string lower = ascii_lower(text);
  const size_t at = lower.find("\r\n" + name + ": ");
  if (at == std::string::npos) {
    return {};
  }
  const size_t begin = at + name.size() + 4;
  return text.substr(begin, text.find("\r\n", begin) - begin);
}
// "GET /bucket/k"
std::string line_of(const std::string& request) { return request.substr(0, request.find(" HTTP")); }
std::vector<std::string> lines_of(World& w) {
  std::vector<std::string> lines;
  for (const std::string& request : w.server.requests()) {
    lines.push_back(line_of(request));
  }
  return lines;
}

std::string crc_header(std::string_view text) {
  const auto [name, value] = sign::s3_checksum(digest_of(DigestKind::crc32c, text));
  return fmt::format("{}: {}\r\n", name, value);
}
Answer object(std::string_view text) {
  return {net::http_reply("200 OK", std::string(text), "ETag: \"e\"\r\n" + crc_header(text))};
}
// The reply to a HEAD of `text`.
Answer head(std::string_view text) {
  return {fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"e\"\r\n{}\r\n", text.size(),
                      crc_header(text))};
}
// To a put of `text`.
Answer written(std::string_view text) {
  return {net::http_reply("200 OK", "", "ETag: \"e\"\r\n" + crc_header(text))};
}
Answer refusal(const std::string& status, std::string_view code, const std::string& headers = {},
               std::string_view more = {}) {
  return {net::http_reply(
      status, fmt::format("<Error><Code>{}</Code><Message>no</Message>{}</Error>", code, more),
      headers)};
}
const Answer lost;

// ---- what the service corrects

TEST_CASE("the region a service names is used, and remembered") {
  World w;
  const auto store = w.store();
  w.answer(
      {refusal("400 Bad Request", "AuthorizationHeaderMalformed", "", "<Region>eu-west-3</Region>"),
       object("hello"), object("again")});
  CHECK(w.get(*store).value() == "hello");
  CHECK(w.get(*store).value() == "again");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(header_of(requests[0], "authorization").contains("/us-east-1/s3/aws4_request"));
  CHECK(header_of(requests[1], "authorization").contains("/eu-west-3/s3/aws4_request"));
  CHECK(header_of(requests[2], "authorization").contains("/eu-west-3/s3/aws4_request"));
}

TEST_CASE("a reply without a body names the region in its header") {
  World w;
  const auto store = w.store();
  w.answer({{"HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-3\r\n"
             "Content-Length: 0\r\n\r\n"},
            head("hello")});
  const auto meta = w.run(store->head(w.ctx, {"k"}));
  REQUIRE_OK(meta);
  CHECK(meta->size == 5);
  CHECK(meta->etag == "e");
  CHECK(meta->digests == std::vector{digest_of(DigestKind::crc32c, "hello")});
  CHECK(header_of(w.server.requests().at(1), "authorization").contains("/eu-west-3/s3/"));
}

TEST_CASE("a service that names another region each time is not followed for ever") {
  World w;
  const auto store = w.store();
  std::deque<Answer> answers;
  for (int i = 0; i < 10; ++i) {
    answers.push_back(refusal("400 Bad Request", "AuthorizationHeaderMalformed", "",
                              fmt::format("<Region>r-{}</Region>", i)));
  }
  w.answer(answers);
  CHECK_FALSE(w.get(*store).has_value());
  CHECK(w.server.requests().size() == 4);
}

TEST_CASE("a clock that is wrong is corrected from the service's, once") {
  World w;
  const auto store = w.store();
  const Answer skewed =
      refusal("403 Forbidden", "RequestTimeTooSkewed", "Date: Wed, 01 Jan 2031 00:00:00 GMT\r\n");
  w.answer({skewed, object("hello"), object("hello")});
  CHECK(w.get(*store).value() == "hello");
  CHECK(w.get(*store).value() == "hello");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 3);
  CHECK_FALSE(header_of(requests[0], "x-amz-date").starts_with("20310101T0000"));
  CHECK(header_of(requests[1], "x-amz-date").starts_with("20310101T0000"));
  CHECK(header_of(requests[2], "x-amz-date").starts_with("20310101T0000"));
  // The clock is as the service says, and it refuses it all the same.
  w.answer({skewed, skewed});
  CHECK(w.get(*store).error().provider_code == "RequestTimeTooSkewed");
  CHECK(w.server.requests().size() == 4);
}

TEST_CASE("credentials that have expired are fetched again") {
  World w;
  const auto store = w.store();
  w.answer({refusal("400 Bad Request", "ExpiredToken"), object("hello")});
  CHECK(w.get(*store).value() == "hello");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(header_of(requests[0], "authorization").contains("Credential=K1/"));
  CHECK(header_of(requests[1], "authorization").contains("Credential=K2/"));
}

// A reply to HEAD has no body that could hold a code.
TEST_CASE("a HEAD that is refused for credentials or the clock is made again, once") {
  const auto silent = [](std::string_view status, std::string_view headers = {}) {
    return Answer{fmt::format("HTTP/1.1 {}\r\n{}\r\n", status, headers)};
  };
  World w;
  const auto store = w.store();
  w.answer({silent("400 Bad Request"), head("hello")});
  CHECK(w.run(store->head(w.ctx, {"k"}))->size == 5);
  CHECK(header_of(w.server.requests().back(), "authorization").contains("Credential=K2/"));
  w.answer({silent("403 Forbidden", "Date: Wed, 01 Jan 2031 00:00:00 GMT\r\n"), head("hello")});
  CHECK(w.run(store->head(w.ctx, {"k"}))->size == 5);
  CHECK(header_of(w.server.requests().back(), "x-amz-date").starts_with("20310101T0000"));
  // Neither was it.
  const size_t before = w.server.requests().size();
  w.answer({silent("400 Bad Request"), silent("400 Bad Request")});
  const Error error = w.run(store->head(w.ctx, {"k"})).error();
  CHECK(error.remedy.contains("temporary credentials"));
  w.answer({silent("403 Forbidden", "Date: Wed, 01 Jan 2031 00:00:00 GMT\r\n")});
  CHECK(w.run(store->head(w.ctx, {"k"})).error().code == Code::denied);
  CHECK(w.server.requests().size() == before + 3);
}

// ---- what is tried again

TEST_CASE("SlowDown is tried again, and in the end says how often") {
  World w;
  const auto store = w.store();
  const Answer slow = refusal("503 Slow Down", "SlowDown");
  w.answer({slow, slow, object("hello")});
  CHECK(w.get(*store).value() == "hello");
  CHECK(w.server.requests().size() == 3);
  w.answer({slow, slow, slow, object("hello")});
  const auto refused = w.get(*store);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::throttled);
  CHECK(refused.error().what.contains("(after 3 attempts)"));
  CHECK(refused.error().where == "c://bucket/k");
  CHECK(w.server.requests().size() == 6);
}

TEST_CASE("what is not allowed is asked once") {
  World w;
  const auto store = w.store();
  w.answer({refusal("403 Forbidden", "AccessDenied")});
  const auto refused = w.get(*store);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::denied);
  CHECK_FALSE(refused.error().remedy.empty());
  CHECK(w.server.requests().size() == 1);
}

TEST_CASE("a listing that breaks off is asked for again") {
  World w;
  const auto store = w.store();
  w.answer({{net::http_reply("200 OK", "<ListBucketResult><Contents><Key>a")},
            {net::http_reply("200 OK",
                             "<ListBucketResult><Contents><Key>a</Key><Size>1</Size>"
                             "<ETag>\"e\"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified>"
                             "</Contents></ListBucketResult>")}});
  const auto page = w.run(store->list(w.ctx, {}));
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 1);
  CHECK(page->objects[0].key.text == "a");
  CHECK(w.server.requests().size() == 2);
}

std::string listing_reply(std::initializer_list<const char*> keys, std::string_view next) {
  std::string text = "<ListBucketResult>";
  for (const char* key : keys) {
    text += fmt::format(
        "<Contents><Key>{}</Key><Size>1</Size><ETag>\"e\"</ETag>"
        "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>",
        key);
  }
  if (!next.empty()) {
    text += fmt::format(
        "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", next);
  }
  return net::http_reply("200 OK", text + "</ListBucketResult>");
}

TEST_CASE("a store that begins before the place that was asked gives nothing twice") {
  World w;
  const auto store = w.store();
  w.answer({{listing_reply({"a", "c"}, "")}});
  const auto page = w.run(store->list(w.ctx, {.start_after = {"b"}}));
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 1);
  CHECK(page->objects[0].key.text == "c");
}

TEST_CASE("a listing that goes in circles ends") {
  for (const std::string& again : {listing_reply({"b"}, "t3"), listing_reply({}, "t2")}) {
    World w;
    const auto store = w.store();
    w.answer({{listing_reply({"a", "c"}, "t1")}, {listing_reply({"d"}, "t2")}, {again}});
    ListOptions options;
    for (int i = 0; i < 2; ++i) {
      const auto page = w.run(store->list(w.ctx, options));
      REQUIRE_OK(page);
      options.cursor = page->next;
    }
    CHECK(lines_of(w).back() ==
          "GET /bucket?continuation-token=t1&encoding-type=url&list-type=2&max-keys=1000");
    const auto circle = w.run(store->list(w.ctx, options));
    REQUIRE_FALSE(circle.has_value());
    CHECK(circle.error().code == Code::unsupported);
  }
}

std::string uploads_reply(const std::string& rest) {
  return net::http_reply("200 OK", fmt::format("<ListMultipartUploadsResult>{}"
                                               "</ListMultipartUploadsResult>",
                                               rest));
}

TEST_CASE("uploads under way are listed over pages, and ended") {
  World w;
  const auto store = w.store();
  const auto upload = [](const char* key, const char* id, int hour) {
    return fmt::format(
        "<Upload><Key>{}</Key><UploadId>{}</UploadId><Initiated>2026-01-01T{:02}:00:00Z"
        "</Initiated></Upload>",
        key, id, hour);
  };
  const std::string more =
      "<IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker>"
      "<NextUploadIdMarker>u1</NextUploadIdMarker>";
  w.answer({{uploads_reply(upload("b", "u2", 2) + upload("b", "u1", 1) + more)},
            {uploads_reply(upload("a", "u3", 3))}});
  const auto all = w.run(store->uploads(w.ctx, {}));
  REQUIRE_OK(all);
  REQUIRE(all->size() == 3);
  CHECK((*all)[0].key.text == "a");
  CHECK((*all)[1].id == "u1");
  CHECK((*all)[2].id == "u2");
  CHECK(lines_of(w).back() ==
        "GET /bucket?encoding-type=url&key-marker=b&max-uploads=1000&upload-id-marker=u1&uploads=");
  w.answer({{uploads_reply(more)}, {uploads_reply(more)}});
  CHECK(w.run(store->uploads(w.ctx, {})).error().code == Code::unsupported);

  w.answer({refusal("404 Not Found", "NoSuchUpload")});
  CHECK(w.run(store->uploads(w.ctx, {})).value().empty());

  w.answer({{net::http_reply("204 No Content", "")}, refusal("404 Not Found", "NoSuchUpload")});
  REQUIRE_OK(w.run(store->abort_upload(w.ctx, {"b"}, "u1")));
  CHECK(lines_of(w).back() == "DELETE /bucket/b?uploadId=u1");
  REQUIRE_OK(w.run(store->abort_upload(w.ctx, {"b"}, "u1")));
  w.answer({refusal("404 Not Found", "NoSuchBucket")});
  CHECK(w.run(store->abort_upload(w.ctx, {"b"}, "u1")).error().code == Code::not_found);
}

// ---- puts

TEST_CASE("a small body goes with its checksum before it") {
  World w;
  const auto store = w.store();
  w.answer({written("hello")});
  const auto meta = w.put(*store, {.content_type = "text/plain", .metadata = {{"a", "b"}}});
  REQUIRE_OK(meta);
  CHECK(meta->size == 5);
  CHECK(meta->etag == "e");
  const std::string request = w.server.requests().at(0);
  CHECK(line_of(request) == "PUT /bucket/k");
  CHECK(request.ends_with("\r\n\r\nhello"));
  CHECK(header_of(request, "x-amz-meta-a") == "b");
  CHECK(header_of(request, "x-amz-checksum-crc32c") ==
        sign::s3_checksum(digest_of(DigestKind::crc32c, "hello")).second);
}

TEST_CASE("a large body goes in chunks with its checksum behind it, and again when it is lost") {
  World w;
  const auto store = w.store();
  const std::string text(300'000, 'x');
  w.answer({lost, written(text)});
  REQUIRE_OK(w.run(store->put(w.ctx, {"k"}, body_of(w.buffers, text), {})));
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 2);
  for (const std::string& request : requests) {
    CHECK(header_of(request, "content-encoding") == "aws-chunked");
    CHECK(header_of(request, "x-amz-decoded-content-length") == "300000");
    CHECK(header_of(request, "x-amz-content-sha256") == sign::unsigned_chunks);
    const std::string end =
        fmt::format("x\r\n0\r\nx-amz-checksum-crc32c:{}\r\n\r\n",
                    sign::s3_checksum(digest_of(DigestKind::crc32c, text)).second);
    CHECK(request.ends_with(end));
    CHECK(request.contains("\r\n\r\n493e0\r\nxxx"));
  }
}

TEST_CASE("the encoding of the bytes stands beside that of the request") {
  World w;
  const auto store = w.store();
  const std::string text(300'000, 'x');
  w.answer({written(text)});
  REQUIRE_OK(w.run(
      store->put(w.ctx, {"k"}, body_of(w.buffers, text),
                 {.headers = {.encoding = "gzip", .language = "de"}, .tags = {{"team", "data"}}})));
  const std::string request = w.server.requests().at(0);
  CHECK(header_of(request, "content-encoding") == "aws-chunked,gzip");
  CHECK(header_of(request, "content-language") == "de");
  CHECK(header_of(request, "x-amz-tagging") == "team=data");
}

TEST_CASE("a body that can be read once is not sent twice") {
  World w;
  const auto store = w.store();
  Body body = body_of(w.buffers, std::string(300'000, 'x'));
  body.one_shot = true;
  w.answer({lost});
  CHECK(w.run(store->put(w.ctx, {"k"}, body, {})).error().code == Code::conflict);
  CHECK(w.server.requests().size() == 1);
}

TEST_CASE("a store that wrote other bytes is found out") {
  World w;
  const auto store = w.store();
  w.answer({written("other")});
  const auto put = w.put(*store);
  REQUIRE_FALSE(put.has_value());
  CHECK(put.error().code == Code::corrupt);
  CHECK(put.error().where == "c://bucket/k");
  CHECK(put.error().what.contains(to_text(digest_of(DigestKind::crc32c, "hello"))));
}

TEST_CASE("a conditional put whose reply was lost looks whether it was its own") {
  const Answer exists = refusal("412 Precondition Failed", "PreconditionFailed");
  World w;
  const auto store = w.store();
  w.answer({lost, exists, head("hello")});
  const auto mine = w.put(*store, {.only_if_absent = true});
  REQUIRE_OK(mine);
  CHECK(mine->etag == "e");
  CHECK(lines_of(w) ==
        std::vector<std::string>{"PUT /bucket/k", "PUT /bucket/k", "HEAD /bucket/k"});
  CHECK(header_of(w.server.requests()[1], "if-none-match") == "*");
  w.answer({lost, exists, head("other")});
  CHECK(w.put(*store, {.only_if_absent = true}).error().code == Code::conflict);
  CHECK(w.all_answered());
  w.answer({lost, lost, lost});
  CHECK(w.put(*store, {.only_if_absent = true}).error().code == Code::unknown_outcome);
  CHECK(w.all_answered());
  // Nothing was lost: the same bytes are another's.
  w.answer({exists});
  CHECK(w.put(*store, {.only_if_absent = true}).error().code == Code::conflict);
  CHECK(w.all_answered());
  w.answer({refusal("404 Not Found", "NoSuchKey")});
  CHECK(w.put(*store, {.if_match = "old"}).error().code == Code::conflict);
  CHECK(header_of(w.server.requests().back(), "if-match") == "\"old\"");
}

TEST_CASE("a refusal before the body was read is judged by the whole body") {
  Answer exists = refusal("412 Precondition Failed", "PreconditionFailed");
  exists.early = true;
  World w;
  const auto store = w.store();
  const std::string text(32U << 20U, 'x');
  for (const bool own : {true, false}) {
    w.answer({lost, exists, own ? head(text) : head(std::string(text.size(), 'y'))});
    const auto put =
        w.run(store->put(w.ctx, {"k"}, body_of(w.buffers, text), {.only_if_absent = true}));
    CHECK(put.has_value() == own);
    CHECK((own || put.error().code == Code::conflict));
    CHECK(w.all_answered());
  }
  // A body that cannot be read again is nobody's.
  Body once = body_of(w.buffers, text);
  once.one_shot = true;
  w.answer({exists});
  CHECK(w.run(store->put(w.ctx, {"k"}, once, {.only_if_absent = true})).error().code ==
        Code::conflict);
}

// ---- gets

// The first of `text`, and then nothing.
Answer broken(std::string_view text, size_t sent) {
  return {fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"e\"\r\n\r\n{}", text.size(),
                      text.substr(0, sent)),
          true};
}

TEST_CASE("a reply that breaks off is read on, of the same object") {
  World w;
  const auto store = w.store();
  w.answer({broken("0123456789", 4),
            {net::http_reply("206 Partial Content", "456789",
                             "ETag: \"e\"\r\nContent-Range: bytes 4-9/10\r\n")}});
  CHECK(w.get(*store).value() == "0123456789");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(header_of(requests[0], "range").empty());
  CHECK(header_of(requests[1], "range") == "bytes=4-9");
  CHECK(header_of(requests[1], "if-match") == "\"e\"");
}

TEST_CASE("what replaced an object while it was read is no rest of it") {
  World w;
  const auto store = w.store();
  w.answer({broken("0123456789", 4), refusal("412 Precondition Failed", "PreconditionFailed")});
  CHECK(w.get(*store).error().code == Code::conflict);
  // Nor is the whole, where a rest was asked for.
  w.answer({broken("0123456789", 4), object("0123456789")});
  CHECK(w.get(*store).error().code == Code::unsupported);
}

TEST_CASE("a store that does not know conditions gives nothing else for what was asked") {
  World w;
  const auto store = w.store();
  w.answer({object("hello"), head("hello")});
  CHECK(w.run(store->get(w.ctx, {"k"}, {.if_match = "other"})).error().code == Code::conflict);
  CHECK(w.run(store->copy_within(w.ctx, {"k"}, {"l"}, {.if_match = "other"})).error().code ==
        Code::conflict);
  CHECK(w.all_answered());
}

TEST_CASE("a part is one whose range says so, whatever the status") {
  World w;
  const auto store = w.store();
  const auto part = [](const char* range) {
    return Answer{net::http_reply("200 OK", "ell",
                                  fmt::format("ETag: \"e\"\r\nContent-Range: {}\r\n", range))};
  };
  const GetOptions options{.range = Range{.offset = 1, .length = 3}};
  w.answer({part("bytes 1-3/5"), part("bytes 0-2/5")});
  auto opened = w.run(store->get(w.ctx, {"k"}, options));
  REQUIRE_OK(opened);
  CHECK(opened->meta.size == 5);
  CHECK(w.run(read_all(w.ctx, *opened->source, 10)).value() == "ell");
  CHECK(w.run(store->get(w.ctx, {"k"}, options)).error().code == Code::unsupported);
}

TEST_CASE("a range beyond the end is empty") {
  World w;
  const auto store = w.store();
  w.answer({refusal("416 Requested Range Not Satisfiable", "InvalidRange"), head("hello")});
  const auto opened = w.run(store->get(w.ctx, {"k"}, {.range = Range{.offset = 9}}));
  REQUIRE_OK(opened);
  CHECK(opened->meta.size == 5);
  CHECK(w.run(read_all(w.ctx, *opened->source, 10)).value().empty());
}

// ---- uploads in parts

const Answer begun{net::http_reply("200 OK",
                                   "<InitiateMultipartUploadResult><UploadId>u1</UploadId>"
                                   "</InitiateMultipartUploadResult>")};
const Answer completed{net::http_reply(
    "200 OK",
    "<CompleteMultipartUploadResult><ETag>\"whole-1\"</ETag></CompleteMultipartUploadResult>")};
const Answer no_upload = refusal("404 Not Found", "NoSuchUpload");

// One part of "hello", and how the commit ends after `answers`.
Result<ObjectMeta> upload(World& w, ObjectStore& store, std::deque<Answer> answers) {
  w.answer({begun, written("hello")});
  auto upload = w.run(store.begin_upload(w.ctx, {"k"}, {.part_bytes = 5U << 20U}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "hello"))));
  w.answer(std::move(answers));
  auto meta = w.run((*upload)->commit(w.ctx, {}));
  CHECK(w.all_answered());
  return meta;
}

TEST_CASE("parts are committed with the checksum of the whole") {
  World w;
  const auto store = w.store();
  const auto meta = upload(w, *store, {completed});
  REQUIRE_OK(meta);
  CHECK(meta->size == 5);
  CHECK(meta->etag == "whole-1");
  CHECK(lines_of(w) == std::vector<std::string>{
                           "POST /bucket/k?uploads=", "PUT /bucket/k?partNumber=1&uploadId=u1",
                           "POST /bucket/k?uploadId=u1"});
  const std::string commit = w.server.requests().back();
  CHECK(header_of(commit, "x-amz-checksum-type") == "FULL_OBJECT");
  CHECK(header_of(commit, "x-amz-mp-object-size") == "5");
  CHECK(header_of(commit, "x-amz-checksum-crc32c") ==
        sign::s3_checksum(digest_of(DigestKind::crc32c, "hello")).second);
}

TEST_CASE("a failure behind status 200 is one") {
  World w;
  const auto store = w.store();
  const Answer failure{net::http_reply(
      "200 OK", "<Error><Code>InternalError</Code><Message>try again</Message></Error>")};
  const auto meta = upload(w, *store, {failure, completed});
  REQUIRE_OK(meta);
  CHECK(meta->etag == "whole-1");
  // For good: the caller may commit once more.
  const auto failed = upload(w, *store, {failure, failure, failure});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == Code::unavailable);
}

TEST_CASE("a beginning whose reply was lost is made again") {
  World w;
  const auto store = w.store();
  w.answer({lost, begun});
  REQUIRE_OK(w.run(store->begin_upload(w.ctx, {"k"}, {})));
  CHECK(w.server.requests().size() == 2);
}

TEST_CASE("a commit whose reply was lost finds its object") {
  World w;
  const auto store = w.store();
  const auto meta = upload(w, *store, {lost, no_upload, head("hello")});
  REQUIRE_OK(meta);
  CHECK(meta->etag == "e");
  CHECK(lines_of(w).back() == "HEAD /bucket/k");
  // It had not arrived: it is sent again.
  REQUIRE_OK(upload(w, *store, {lost, completed}));
}

TEST_CASE("a commit whose upload is gone, and whose object is another, has failed") {
  World w;
  const auto store = w.store();
  for (const std::string_view there : {"other", "hello, longer"}) {
    const auto meta = upload(w, *store, {lost, no_upload, head(there), no_upload});
    REQUIRE_FALSE(meta.has_value());
    CHECK(meta.error().provider_code == "NoSuchUpload");
    CHECK(lines_of(w).back() == "DELETE /bucket/k?uploadId=u1");
  }
}

TEST_CASE("a write that met another one is tried again, an upload from its beginning") {
  const Answer met = refusal("409 Conflict", "ConditionalRequestConflict");
  World w;
  const auto store = w.store();
  w.answer({met, written("hello")});
  REQUIRE_OK(w.put(*store, {.only_if_absent = true}));
  CHECK(w.server.requests().size() == 2);
  w.answer({met, refusal("412 Precondition Failed", "PreconditionFailed"), head("other")});
  CHECK(w.put(*store, {.only_if_absent = true}).error().code == Code::conflict);
  const auto ended = upload(w, *store, {met, met, met, {"HTTP/1.1 204 No Content\r\n\r\n"}});
  REQUIRE_FALSE(ended.has_value());
  CHECK(is_retryable(ended.error().code));
  CHECK(lines_of(w).back() == "DELETE /bucket/k?uploadId=u1");
}

TEST_CASE("an upload whose bytes are not those announced is not committed") {
  World w;
  const auto store = w.store();
  w.answer({begun, written("hello")});
  auto upload = w.run(store->begin_upload(w.ctx, {"k"}, {}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "hello"))));
  const std::vector other{digest_of(DigestKind::crc32c, "other")};
  CHECK(w.run((*upload)->commit(w.ctx, other)).error().code == Code::corrupt);
  CHECK(w.server.requests().size() == 2);
}

// ---- buckets and URLs

TEST_CASE("buckets are made and removed, and signed URLs need no request") {
  World w;
  const auto store = w.store();
  w.answer({{net::http_reply("200 OK", "")},
            refusal("409 Conflict", "BucketAlreadyOwnedByYou"),
            refusal("409 Conflict", "BucketNotEmpty"),
            {"HTTP/1.1 204 No Content\r\n\r\n"}});
  REQUIRE_OK(w.run(store->create_bucket(w.ctx)));
  CHECK(w.run(store->create_bucket(w.ctx)).error().code == Code::conflict);
  CHECK(w.run(store->remove_bucket(w.ctx)).error().code == Code::conflict);
  REQUIRE_OK(w.run(store->remove_bucket(w.ctx)));
  CHECK(lines_of(w) ==
        std::vector<std::string>{"PUT /bucket", "PUT /bucket", "DELETE /bucket", "DELETE /bucket"});
  const auto url = w.run(store->presign(w.ctx, {"a b"}, {}));
  REQUIRE_OK(url);
  CHECK(url->starts_with(fmt::format("http://127.0.0.1:{}/bucket/a%20b?", w.server.port())));
  CHECK(url->contains("X-Amz-Signature="));
  CHECK(url->contains("X-Amz-Expires=3600"));
  CHECK(w.server.requests().size() == 4);
}

TEST_CASE("a URL for others is signed for the bucket's region, and says who pays") {
  World w;
  w.settings.region_given = false;
  w.settings.every_request = {{"x-amz-request-payer", "requester"}};
  const auto store = w.store();
  w.answer({{.bytes = "HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-west-3\r\n\r\n",
             .close = true},
            refusal("403 Forbidden", "AccessDenied")});
  for (int i = 0; i < 2; ++i) {  // it is asked for once
    const auto url = w.run(store->presign(w.ctx, {"k"}, {}));
    REQUIRE_OK(url);
    CHECK(url->contains("%2Feu-west-3%2Fs3%2Faws4_request"));
    CHECK(url->contains("x-amz-request-payer=requester"));
    CHECK(url->contains("X-Amz-SignedHeaders=host&"));
  }
  CHECK(lines_of(w) == std::vector<std::string>{"HEAD /bucket", "HEAD /bucket"});
}

TEST_CASE("nobody signs nothing") {
  World w;
  const auto store = w.store(auth::fixed_aws(std::nullopt));
  w.answer({object("hello"), written("hello")});
  CHECK(w.get(*store).value() == "hello");
  REQUIRE_OK(w.put(*store));
  for (const std::string& request : w.server.requests()) {
    CHECK(header_of(request, "authorization").empty());
    CHECK(header_of(request, "x-amz-date").empty());
  }
}

// ---- the opener

Result<std::string> secret_of(std::string_view name) {
  if (name == "keys") {
    return "AKIA:hidden/+:token\n";
  }
  if (name == "customer") {
    return base64_encode(std::string(32, 'k'));
  }
  if (name == "short") {
    return base64_encode("short");
  }
  return fail(Code::not_found, "no such secret");
}

Result<Located> open(World& w, Value settings, std::string_view address = "c://bucket/k") {
  ConnectionTable table;
  table["p"]["c"] = {.type = "s3", .settings = std::move(settings)};
  const Connections connections(
      std::move(table), openers({.http = w.client, .buffers = w.buffers, .secret = secret_of}));
  return connections.open("p", address);
}
Error refused(World& w, Value settings, std::string_view address = "c://bucket/k") {
  auto located = open(w, std::move(settings), address);
  REQUIRE_FALSE(located.has_value());
  CHECK(located.error().code == Code::bad_input);
  CHECK_FALSE(located.error().remedy.empty());
  return located.error();
}
Value secret(std::string_view name) { return Value::of({{"secret", std::string(name)}}); }

TEST_CASE("a customer's key goes with whatever touches bytes") {
  World w;
  auto located = open(w, Value::of({{"endpoint", w.server.url("")},
                                    {"auth", secret("keys")},
                                    {"requester_pays", true},
                                    {"encryption", Value::of({{"customer_key", "customer"}})}}));
  REQUIRE_OK(located);
  w.answer({object("hello"), written("hello"), head("hello")});
  CHECK(w.get(*located->store).value() == "hello");
  REQUIRE_OK(w.put(*located->store));
  REQUIRE_OK(w.run(located->store->head(w.ctx, {"k"})));
  const std::string key = base64_encode(std::string(32, 'k'));
  for (const std::string& request : w.server.requests()) {
    CHECK(header_of(request, "x-amz-server-side-encryption-customer-algorithm") == "AES256");
    CHECK(header_of(request, "x-amz-server-side-encryption-customer-key") == key);
    CHECK_FALSE(header_of(request, "x-amz-server-side-encryption-customer-key-md5").empty());
    CHECK(header_of(request, "authorization").contains("Credential=AKIA/"));
    CHECK(header_of(request, "x-amz-security-token") == "token");
    CHECK(header_of(request, "x-amz-request-payer") == "requester");
  }
}

TEST_CASE("a copy inside of a bucket has the customer's key twice: the source's, too") {
  World w;
  auto located = open(w, Value::of({{"endpoint", w.server.url("")},
                                    {"auth", secret("keys")},
                                    {"encryption", Value::of({{"customer_key", "customer"}})}}));
  REQUIRE_OK(located);
  const Answer copied{
      net::http_reply("200 OK", "<CopyObjectResult><ETag>&quot;c&quot;</ETag></CopyObjectResult>")};
  w.answer({head("hello"), copied});
  REQUIRE_OK(w.run(located->store->copy_within(w.ctx, {"k"}, {"l"}, {})));
  // Only in parts can a copy be bound to what is there.
  w.answer({head("hello"),
            {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
            begun,
            {net::http_reply("200 OK", "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>")},
            completed});
  REQUIRE_OK(
      w.run(located->store->copy_within(w.ctx, {"k"}, {"l"}, {.put = {.only_if_absent = true}})));
  size_t copies = 0;
  for (const std::string& request : w.server.requests()) {
    if (!header_of(request, "x-amz-copy-source").empty()) {
      ++copies;
      for (const char* rest : {"algorithm", "key", "key-md5"}) {
        const std::string name = fmt::format("server-side-encryption-customer-{}", rest);
        const std::string value = header_of(request, "x-amz-" + name);
        CHECK_FALSE(value.empty());
        CHECK(header_of(request, "x-amz-copy-source-" + name) == value);
      }
    }
  }
  CHECK(copies == 2);
  // Of another bucket nobody knows the key here: the bytes pass through instead.
  CHECK(w.run(located->store->copy_within(w.ctx, {"k"}, {"l"}, {.bucket = "other"})).error().code ==
        Code::unsupported);
}

TEST_CASE("what is written says how it is encrypted, whose bucket it is, and its class") {
  struct Row {
    Value encryption;
    std::string kind;
    std::string key;
  };
  const Row rows[] = {{"sse-s3", "AES256", ""},
                      {Value::of({{"kms", "arn:aws:kms:eu-west-1:1:key/k"}}), "aws:kms",
                       "arn:aws:kms:eu-west-1:1:key/k"}};
  for (const auto& [encryption, kind, key] : rows) {
    World w;
    auto located = open(w, Value::of({{"endpoint", w.server.url("")},
                                      {"auth", secret("keys")},
                                      {"expected_owner", "123456789012"},
                                      {"encryption", encryption}}));
    REQUIRE_OK(located);
    w.answer({written("hello"), begun, head("hello")});
    REQUIRE_OK(w.put(*located->store, {.storage_class = "standard_ia"}));
    REQUIRE_OK(w.run(located->store->begin_upload(w.ctx, {"k"}, {})));
    REQUIRE_OK(w.run(located->store->head(w.ctx, {"k"})));
    const auto requests = w.server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(header_of(requests[0], "x-amz-storage-class") == "STANDARD_IA");
    for (size_t i = 0; i < 3; ++i) {
      const bool writes = i < 2;  // a head with these is refused
      CHECK(header_of(requests[i], "x-amz-server-side-encryption") == (writes ? kind : ""));
      CHECK(header_of(requests[i], "x-amz-server-side-encryption-aws-kms-key-id") ==
            (writes ? key : ""));
      CHECK(header_of(requests[i], "x-amz-expected-bucket-owner") == "123456789012");
    }
  }
}

TEST_CASE("without checksums a body is sent bare, and nothing counts as checked") {
  World w;
  auto located = open(
      w,
      Value::of({{"endpoint", w.server.url("")}, {"auth", secret("keys")}, {"checksum", "off"}}));
  REQUIRE_OK(located);
  CHECK(located->store->capabilities().checks_digests.empty());
  w.answer({{net::http_reply("200 OK", "", "ETag: \"e\"\r\n")}});
  REQUIRE_OK(w.put(*located->store));
  const std::string request = w.server.requests().at(0);
  CHECK(ascii_lower(request).find("x-amz-checksum") == std::string::npos);
  CHECK(header_of(request, "x-amz-trailer").empty());
  CHECK(header_of(request, "content-md5").empty());
  CHECK(request.ends_with("\r\n\r\nhello"));
}

TEST_CASE("an account has buckets, a root is one, or a folder of one") {
  World w;
  auto located = open(w, ValueMap{}, "c://bucket/a//b");
  REQUIRE_OK(located);
  CHECK(located->key.text == "a//b");
  CHECK(located->base == "c://bucket/");
  CHECK(located->ref.bucket == "bucket");
  located = open(w, Value::of({{"root", "s3://bucket/d/e"}}), "c://a");
  REQUIRE_OK(located);
  CHECK(located->base == "c://");
  CHECK(located->key.text == "a");
  CHECK(located->ref.bucket == "bucket");
  CHECK(located->ref.key == "d/e/a");
}

TEST_CASE("the usual port is not part of the host that is signed") {
  World w;
  const std::pair<const char*, const char*> rows[] = {
      {"https://h.example:443", "https://h.example/bucket/k?"},
      {"http://h.example:80/", "http://h.example/bucket/k?"},
      {"https://h.example:80", "https://h.example:80/bucket/k?"}};
  for (const auto& [endpoint, url] : rows) {
    auto located = open(w, Value::of({{"endpoint", endpoint}, {"auth", secret("keys")}}));
    REQUIRE_OK(located);
    CHECK(w.run(located->store->presign(w.ctx, {"k"}, {})).value().starts_with(url));
  }
}

TEST_CASE("settings that cannot be meant are refused") {
  World w;
  CHECK(refused(w, Value::of({{"rot", "s3://bucket"}})).remedy.starts_with("known are: root,"));
  for (const char* endpoint :
       {"127.0.0.1:1", "ftp://h", "http://", "https://h/path", "http://u@h", "http://h?x"}) {
    CAPTURE(endpoint);
    refused(w, Value::of({{"endpoint", endpoint}}));
  }
  for (const char* root : {"s3://", "s3:///key", "/"}) {
    CAPTURE(root);
    refused(w, Value::of({{"root", root}}));
  }
  for (const char* address : {"c://", "c://ab/k", "c://buck et/k", "c://bücket/k"}) {
    CAPTURE(address);
    refused(w, ValueMap{}, address);
  }
  refused(w, Value::of({{"checksum", "crc"}}));
  refused(w, Value::of({{"attempts", 0}}));
  refused(w, Value::of({{"auth", "yes"}}));
  refused(w, Value::of({{"encryption", "aes"}}));
  refused(w, Value::of({{"encryption", Value::of({{"customer_key", "short"}})}}));
  CHECK(open(w, Value::of({{"auth", secret("no")}})).error().code == Code::not_found);
}

// A root names its bucket as an address does.
TEST_CASE("a root of another cloud, or of no bucket's name, is refused") {
  World w;
  refused(w, Value::of({{"root", "gs://bucket"}}));
  refused(w, Value::of({{"root", "s3://a b/c"}}));
}

// Settings of a wrong type are not taken for their absence.
TEST_CASE("settings of a wrong type are refused") {
  World w;
  refused(w, Value::of({{"region", 7}}));
  refused(w, Value::of({{"path_style", "yes"}}));
  refused(w, Value::of({{"checksum", 1}}));
  refused(w, Value::of({{"attempts", "many"}}));
  refused(w, Value::of({{"root", 7}}));
}

TEST_CASE("a secret of another form is refused without being shown") {
  World w;
  const std::vector<std::string> forms{"hidden", ":hidden", "hidden:", "hidden::token", ""};
  for (const std::string& form : forms) {
    CAPTURE(form);
    ConnectionTable table;
    table["p"]["c"] = {.type = "s3", .settings = Value::of({{"auth", secret("x")}})};
    const Connections connections(
        std::move(table),
        openers({.http = w.client, .buffers = w.buffers, .secret = [form](std::string_view) {
                   return Result<std::string>(form);
                 }}));
    const auto located = connections.open("p", "c://bucket/k");
    REQUIRE_FALSE(located.has_value());
    CHECK(located.error().code == Code::bad_input);
    CHECK(located.error().remedy.contains("KEY_ID:SECRET_KEY"));
    CHECK_FALSE(located.error().text().contains("hidden"));
  }
}

// ---- versions, locks, archives

TEST_CASE("a listing of versions that begins with what was given goes on all the same") {
  World w;
  const auto store = w.store();
  const auto version = [](std::string_view key, std::string_view id, bool latest) {
    return fmt::format(
        "<Version><Key>{}</Key><VersionId>{}</VersionId><IsLatest>{}</IsLatest><LastModified>"
        "2026-02-28T10:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size></Version>",
        key, id, latest);
  };
  const auto page = [](const std::string& entries, const std::string& next) {
    return Answer{net::http_reply(
        "200 OK", "<ListVersionsResult>" + entries + next + "</ListVersionsResult>")};
  };
  w.answer({page(version("a", "2", true) + version("a", "1", false),
                 "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
                 "<NextVersionIdMarker>1</NextVersionIdMarker>"),
            page(version("a", "1", false) + version("b", "1", true), "")});
  const auto first = w.run(store->list(w.ctx, {.limit = 1, .versions = true}));
  REQUIRE_OK(first);
  CHECK(first->objects.size() == 2);
  const auto second =
      w.run(store->list(w.ctx, {.limit = 1, .cursor = first->next, .versions = true}));
  REQUIRE_OK(second);
  REQUIRE(second->objects.size() == 1);
  CHECK(second->objects[0].key.text == "b");
  CHECK(second->next.empty());
  CHECK(lines_of(w).back().contains("key-marker=a"));
  CHECK(lines_of(w).back().contains("version-id-marker=1"));
  // A store that goes in circles is left.
  w.answer({page(version("a", "2", true),
                 "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
                 "<NextVersionIdMarker>1</NextVersionIdMarker>")});
  CHECK(w.run(store->list(w.ctx, {.cursor = first->next, .versions = true})).error().code ==
        Code::unsupported);
}

TEST_CASE("a refused removal says what locks the version") {
  World w;
  const auto store = w.store();
  const Answer retention{net::http_reply(
      "200 OK",
      "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2099-12-31T12:00:00Z</RetainUntilDate>"
      "</Retention>")};
  const Answer no_hold = refusal("404 Not Found", "NoSuchObjectLockConfiguration");
  w.answer({refusal("403 Forbidden", "AccessDenied"), retention, no_hold});
  auto removed = w.run(store->remove(w.ctx, {"k"}, {.version = "v1"}));
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().code == Code::denied);
  CHECK(removed.error().what == "this version is locked: compliance until 2099-12-31 12:00:00 UTC");
  const auto lines = lines_of(w);
  CHECK(lines[0] == "DELETE /bucket/k?versionId=v1");
  CHECK(lines[1] == "GET /bucket/k?retention=&versionId=v1");
  CHECK(lines[2] == "GET /bucket/k?legal-hold=&versionId=v1");
  // Without a lock it is what the service says.
  w.answer({refusal("403 Forbidden", "AccessDenied"), no_hold, no_hold});
  removed = w.run(store->remove(w.ctx, {"k"}, {.version = "v1"}));
  CHECK(removed.error().what == "the store denied access");
}

TEST_CASE("archived objects are asked for, as their class wants it") {
  World w;
  const auto store = w.store();
  const auto in_class = [](const std::string& more) {
    return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n" + more + "\r\n"};
  };
  const Answer accepted{net::http_reply("202 Accepted", "")};
  w.answer({in_class("x-amz-storage-class: DEEP_ARCHIVE\r\n"), accepted});
  REQUIRE_OK(w.run(store->restore(w.ctx, {"k"}, {.version = "v1", .days = 3, .tier = "bulk"})));
  std::string request = w.server.requests().back();
  CHECK(line_of(request) == "POST /bucket/k?restore=&versionId=v1");
  CHECK(request.contains("<Days>3</Days>"));
  CHECK(request.contains("<Tier>Bulk</Tier>"));
  CHECK_FALSE(header_of(request, "content-md5").empty());
  w.answer({in_class("x-amz-storage-class: INTELLIGENT_TIERING\r\n"
                     "x-amz-archive-status: ARCHIVE_ACCESS\r\n"),
            accepted});
  REQUIRE_OK(w.run(store->restore(w.ctx, {"k"}, {})));
  request = w.server.requests().back();
  CHECK_FALSE(request.contains("<Days>"));
  CHECK(request.contains("<Tier>Standard</Tier>"));
  w.answer({in_class("x-amz-storage-class: GLACIER\r\n"),
            refusal("409 Conflict", "RestoreAlreadyInProgress")});
  REQUIRE_OK(w.run(store->restore(w.ctx, {"k"}, {})));
  w.answer({in_class("")});
  CHECK(w.run(store->restore(w.ctx, {"k"}, {})).error().code == Code::conflict);
  CHECK(w.run(store->restore(w.ctx, {"k"}, {.tier = "soon"})).error().code == Code::bad_input);
  w.answer(
      {in_class("x-amz-storage-class: GLACIER\r\nx-amz-restore: ongoing-request=\"false\", "
                "expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"\r\n")});
  const auto meta = w.run(store->head(w.ctx, {"k"}));
  REQUIRE_OK(meta);
  CHECK(meta->archived == Archived::restored);
  CHECK(meta->restored_until == parse_instant("2012-12-21T00:00:00Z").value());
}

}  // namespace
}  // namespace tutti::cloud::s3
