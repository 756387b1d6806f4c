// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/gcs.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const GcsService google;
const GcsService payer{.host = "127.0.0.1:4443", .user_project = "p 1"};

const Digest crc = digest_of(DigestKind::crc32c, "123456789");
const Digest md5 = digest_of(DigestKind::md5, "123456789");

TEST_CASE("versions of an object, and what locks them") {
  const GcsService service;
  CHECK(target_of(gcs_list_request(service, "b", {.limit = 7, .versions = true}))
            .contains("versions=true"));
  CHECK_FALSE(target_of(gcs_list_request(service, "b", {.limit = 7})).contains("versions"));
  CHECK(target_of(gcs_rewrite_request(service, {.from_bucket = "b",
                                                .from_key = "k",
                                                .from_generation = "7",
                                                .if_from_generation = "7",
                                                .to_bucket = "c",
                                                .to_key = "l"})) ==
        "/storage/v1/b/b/o/k/rewriteTo/b/c/o/l?ifSourceGenerationMatch=7&sourceGeneration=7");
  const GcsRetention retention{.mode = "Locked",
                               .until = parse_instant("2033-12-31T12:00:00Z").value()};
  CHECK(gcs_retention_body(retention) ==
        R"({"retention":{"mode":"Locked","retainUntilTime":"2033-12-31T12:00:00Z"}})");
  CHECK(gcs_retention_body({}) == R"({"retention":null})");
  CHECK(gcs_hold_body(true) == R"({"temporaryHold":true})");
  CHECK(gcs_hold_body(false) == R"({"temporaryHold":false,"eventBasedHold":false})");
  CHECK(to_json(gcs_resource({.retention = retention, .held = true})) ==
        R"({"retention":{"mode":"Locked","retainUntilTime":"2033-12-31T12:00:00Z"},)"
        R"("temporaryHold":true})");
  const auto object = parse_gcs_object(
      R"({"name":"k","generation":"7","size":"1","updated":"2026-02-28T10:00:00.000Z",)"
      R"("timeDeleted":"2026-03-01T00:00:00.000Z","eventBasedHold":true,)"
      R"("retention":{"mode":"Locked","retainUntilTime":"2033-12-31T12:00:00.000Z"}})");
  REQUIRE_OK(object);
  CHECK_FALSE(object->live);
  CHECK(object->held);
  CHECK(object->retention == retention);
}

TEST_CASE("an object's name is encoded with its slashes") {
  const Request head = gcs_object_request(google, "GET", "b-1", "a b//../ü#?%.csv");
  CHECK(head.host == "storage.googleapis.com");
  CHECK(target_of(head) == "/storage/v1/b/b-1/o/a%20b%2F%2F..%2F%C3%BC%23%3F%25.csv");
  CHECK(target_of(gcs_object_request(payer, "DELETE", "b", "k", {{"ifGenerationMatch", "7"}})) ==
        "/storage/v1/b/b/o/k?ifGenerationMatch=7&userProject=p%201");
}

TEST_CASE("a read asks for the stored bytes of one generation") {
  Request read = gcs_read_request(google, "b", "k", {});
  CHECK(target_of(read) == "/storage/v1/b/b/o/k?alt=media");
  CHECK(*find_value(read.headers, "accept-encoding") == "gzip");
  CHECK(find_value(read.headers, "range") == nullptr);
  read = gcs_read_request(google, "b", "k", {.generation = "7", .offset = 5});
  CHECK(target_of(read) == "/storage/v1/b/b/o/k?alt=media&generation=7");
  CHECK(*find_value(read.headers, "range") == "bytes=5-");
  read = gcs_read_request(google, "b", "k", {.if_generation = "7", .offset = 5, .length = 10});
  CHECK(target_of(read) == "/storage/v1/b/b/o/k?alt=media&ifGenerationMatch=7");
  CHECK(*find_value(read.headers, "range") == "bytes=5-14");
}

TEST_CASE("a listing begins behind a key") {
  const Request list = gcs_list_request(
      google, "b",
      {.prefix = "a/", .start_after = "a/b", .delimiter = "/", .limit = 7, .token = "t+="});
  CHECK(list.path == "/storage/v1/b/b/o");
  CHECK(*find_value(list.query, "startOffset") == "a/b\x01");
  CHECK(*find_value(list.query, "prefix") == "a/");
  CHECK(*find_value(list.query, "delimiter") == "/");
  CHECK(*find_value(list.query, "maxResults") == "7");
  CHECK(*find_value(list.query, "pageToken") == "t+=");
  CHECK(find_value(gcs_list_request(google, "b", {}).query, "prefix") == nullptr);
}

TEST_CASE("uploads: in one request, or in a session") {
  CHECK(target_of(gcs_upload_request(google, "b", "a/k", "multipart", "0")) ==
        "/upload/storage/v1/b/b/o?ifGenerationMatch=0&name=a%2Fk&uploadType=multipart");
  CHECK(target_of(gcs_upload_request(google, "b", "k", "resumable", "")) ==
        "/upload/storage/v1/b/b/o?name=k&uploadType=resumable");
  const GcsWrite write{.content_type = "text/plain",
                       .metadata = {{"owner", "ana ü"}},
                       .storage_class = "NEARLINE",
                       .digests = {crc, sha256("123456789"), md5}};
  const GcsMultipart parts = gcs_multipart(write, "xyz");
  CHECK(parts.content_type == "multipart/related; boundary=xyz");
  CHECK(parts.head ==
        "--xyz\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        R"({"contentType":"text/plain","metadata":{"owner":"ana ü"},"storageClass":"NEARLINE",)"
        R"("crc32c":"4waSgw==","md5Hash":"JfnnlDI7RTiF9RgfG2JNCw=="})"
        "\r\n--xyz\r\nContent-Type: text/plain\r\n\r\n");
  CHECK(parts.tail == "\r\n--xyz--\r\n");
  CHECK(
      gcs_multipart({}, "b").head.ends_with("\r\n\r\n{}\r\n--b\r\nContent-Type: "
                                            "application/octet-stream\r\n\r\n"));
  CHECK(gcs_chunk_range(0, gcs_chunk_unit, std::nullopt) == "bytes 0-262143/*");
  CHECK(gcs_chunk_range(262144, 1, 262145) == "bytes 262144-262144/262145");
  CHECK(gcs_status_range(std::nullopt) == "bytes */*");
  CHECK(gcs_status_range(0) == "bytes */0");
  CHECK(gcs_hash_header({crc, sha256("x"), md5}) == "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==");
  CHECK(gcs_hash_header({sha256("x")}).empty());
}

TEST_CASE("how far a session is") {
  CHECK(parse_gcs_persisted({}) == 0U);
  CHECK(parse_gcs_persisted({{"range", "bytes=0-0"}}) == 1U);
  CHECK(parse_gcs_persisted({{"range", "bytes=0-524287"}}) == 524'288U);
  for (const std::string_view bad :
       {"bytes=5-9", "bytes=0-", "bytes=0--1", "0-9", "bytes=0-18446744073709551615"}) {
    CAPTURE(bad);
    CHECK(parse_gcs_persisted({{"range", std::string(bad)}}).error().code == Code::unavailable);
  }
}

TEST_CASE("what is written is encrypted by a key of one's own, where there is one") {
  const GcsService keyed{.kms_key = "projects/p/k"};
  const std::string asked = "kmsKeyName=projects%2Fp%2Fk";
  CHECK(target_of(gcs_upload_request(keyed, "b", "k", "multipart", "")).contains(asked));
  CHECK(target_of(gcs_compose_request(keyed, "b", "k", "")).contains(asked));
  CHECK(
      target_of(gcs_rewrite_request(keyed, {.from_bucket = "b", .from_key = "k", .to_bucket = "c"}))
          .contains("destinationKmsKeyName=projects%2Fp%2Fk"));
  CHECK_FALSE(target_of(gcs_object_request(keyed, "GET", "b", "k")).contains("kms"));
  CHECK_FALSE(target_of(gcs_upload_request(google, "b", "k", "multipart", "")).contains("kms"));
}

TEST_CASE("copies and compositions inside of the service") {
  CHECK(target_of(gcs_rewrite_request(google, {.from_bucket = "b",
                                               .from_key = "a/x",
                                               .if_from_generation = "5",
                                               .to_bucket = "c",
                                               .to_key = "y/z",
                                               .if_generation = "0",
                                               .token = "t="})) ==
        "/storage/v1/b/b/o/a%2Fx/rewriteTo/b/c/o/y%2Fz?ifGenerationMatch=0&"
        "ifSourceGenerationMatch=5&rewriteToken=t%3D");
  CHECK(target_of(gcs_compose_request(google, "b", "a/x", "3")) ==
        "/storage/v1/b/b/o/a%2Fx/compose?ifGenerationMatch=3");
  CHECK(gcs_compose_body({{.key = "p/1", .generation = "11"}, {.key = "p/2", .generation = "12"}},
                         {.content_type = "a/b"}) ==
        R"({"kind":"storage#composeRequest","sourceObjects":[{"name":"p/1","generation":"11"},)"
        R"({"name":"p/2","generation":"12"}],"destination":{"contentType":"a/b"}})");
  const auto going =
      parse_gcs_rewritten(R"({"kind":"storage#rewriteResponse","totalBytesRewritten":"1048576",)"
                          R"("objectSize":"10485760","done":false,"rewriteToken":"tok"})");
  REQUIRE_OK(going);
  CHECK(!going->done);
  CHECK(going->token == "tok");
  CHECK(going->bytes_done == 1'048'576);
  const auto done = parse_gcs_rewritten(
      R"({"done":true,"totalBytesRewritten":"3","resource":{"name":"y","size":"3",)"
      R"("generation":"9","updated":"2026-02-28T10:00:00.123Z"}})");
  REQUIRE_OK(done);
  CHECK(done->written->generation == "9");
  CHECK(!parse_gcs_rewritten(R"({"done":false})").has_value());
  CHECK(!parse_gcs_rewritten(R"({"done":true})").has_value());
}

TEST_CASE("buckets") {
  CHECK(target_of(gcs_bucket_request(google, "DELETE", "b")) == "/storage/v1/b/b");
  CHECK(gcs_buckets_request(google, "p", "t").path == "/storage/v1/b");
  CHECK(*find_value(gcs_buckets_request(google, "p", "t").query, "pageToken") == "t");
  CHECK(target_of(gcs_create_bucket_request(google, "p")) == "/storage/v1/b?project=p");
  CHECK(gcs_bucket_resource("b", "EU", "") == R"({"name":"b","location":"EU"})");
  const auto buckets =
      parse_gcs_buckets(R"({"items":[{"name":"a"},{"name":"b"}],"nextPageToken":"n"})");
  REQUIRE_OK(buckets);
  CHECK(buckets->names == std::vector<std::string>{"a", "b"});
  CHECK(buckets->next == "n");
}

TEST_CASE("an object resource") {
  const auto object = parse_gcs_object(R"({"kind":"storage#object","name":"a/ü\n.csv",
"bucket":"b","generation":"1760000000000001","metageneration":"2","contentType":"text/csv",
"contentEncoding":"gzip","cacheControl":"no-cache","storageClass":"COLDLINE","size":"434234",
"md5Hash":"JfnnlDI7RTiF9RgfG2JNCw==","crc32c":"4waSgw==","etag":"CJ",
"updated":"2026-02-28T10:00:00.123Z","metadata":{"owner":"ana"}})");
  REQUIRE_OK(object);
  CHECK(object->key == "a/ü\n.csv");
  CHECK(object->size == 434'234);
  CHECK(object->generation == "1760000000000001");
  CHECK(object->metageneration == "2");
  CHECK(to_text(object->updated) == "2026-02-28T10:00:00.123000+00:00");
  CHECK(object->content_type == "text/csv");
  CHECK(object->headers == ContentHeaders{.encoding = "gzip", .cache_control = "no-cache"});
  CHECK(object->storage_class == "COLDLINE");
  CHECK(object->metadata == std::map<std::string, std::string>{{"owner", "ana"}});
  CHECK(object->digests == std::vector<Digest>{crc, md5});
  for (const std::string_view broken :
       {"", "[]", "{}", "<html>", R"({"name":"a","size":"x","generation":"1"})",
        R"({"name":"a","size":"1","generation":"1","updated":"2026"})",
        R"({"name":"a","size":"1","updated":"2026-02-28T10:00:00Z"})"}) {
    CAPTURE(broken);
    CHECK(parse_gcs_object(broken).error().code == Code::unavailable);
  }
}

TEST_CASE("the headers of a read") {
  Pairs headers = {{"x-goog-generation", "17"},
                   {"x-goog-metageneration", "1"},
                   {"x-goog-hash", "crc32c=4waSgw==, md5=JfnnlDI7RTiF9RgfG2JNCw=="},
                   {"x-goog-stored-content-encoding", "identity"},
                   {"x-goog-stored-content-length", "443"},
                   {"x-goog-storage-class", "STANDARD"},
                   {"x-goog-meta-owner", "ana"},
                   {"content-length", "10"},
                   {"content-range", "bytes 0-9/443"},
                   {"content-type", "text/plain"},
                   {"last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  const auto object = parse_gcs_read("k", headers);
  REQUIRE_OK(object);
  CHECK(object->key == "k");
  CHECK(object->size == 443);
  CHECK(object->generation == "17");
  CHECK(object->headers.encoding.empty());
  CHECK(object->digests == std::vector<Digest>{crc, md5});
  CHECK(object->metadata.at("owner") == "ana");
  headers.emplace_back("cache-control", "private, max-age=0");
  CHECK(parse_gcs_read("k", headers)->headers == ContentHeaders{});  // the service's own
  headers.emplace_back("x-guploader-response-body-transformations", "gunzipped");
  CHECK(parse_gcs_read("k", headers).error().what ==
        "the store gives the bytes gunzipped, not as they are stored");
  CHECK(to_text(object->updated) == "1994-11-06T08:49:37+00:00");
  const auto split = parse_gcs_read("k", {{"x-goog-generation", "1"},
                                          {"x-goog-hash", "crc32c=4waSgw=="},
                                          {"x-goog-hash", "md5=JfnnlDI7RTiF9RgfG2JNCw=="},
                                          {"content-range", "bytes 5-9/10"},
                                          {"content-length", "5"}});
  REQUIRE_OK(split);
  CHECK(split->digests.size() == 2);
  CHECK(split->size == 10);
  CHECK(!parse_gcs_read("k", {{"content-length", "5"}}).has_value());
  CHECK(!parse_gcs_read("k", {{"x-goog-generation", "1"}}).has_value());
}

TEST_CASE("a page of a listing") {
  const auto page = parse_gcs_page(R"({"kind":"storage#objects","nextPageToken":"CgJh",
"prefixes":["photos/"],"items":[{"name":"z","size":"0","generation":"1",
"updated":"2026-02-28T10:00:00Z"}]})");
  REQUIRE_OK(page);
  CHECK(page->objects.size() == 1);
  CHECK(page->prefixes == std::vector<std::string>{"photos/"});
  CHECK(page->next == "CgJh");
  const auto empty = parse_gcs_page(R"({"kind":"storage#objects"})");
  REQUIRE_OK(empty);
  CHECK(empty->objects.empty());
  CHECK(empty->next.empty());
  CHECK(!parse_gcs_page(R"({"items":[{"name":"z"}]})").has_value());
  CHECK(!parse_gcs_page(R"({"prefixes":[1]})").has_value());
}

Error error_of(int status, std::string_view body, const Pairs& headers = {}) {
  return gcs_error(parse_gcs_failure(status, headers, body), "gs://b/k");
}

TEST_CASE("what failures mean") {
  struct Row {
    int status;
    std::string_view body;
    Code code;
    std::string_view word;
  };
  const Row rows[] = {
      {404,
       R"({"error":{"code":404,"message":"No such object: b/k","errors":[{"message":"No such object: b/k","domain":"global","reason":"notFound"}]}})",
       Code::not_found, "notFound"},
      {404, "Not Found", Code::not_found, "notFound"},
      {412,
       R"({"error":{"code":412,"message":"At least one of the pre-conditions you specified did not hold.","errors":[{"reason":"conditionNotMet"}]}})",
       Code::conflict, "conditionNotMet"},
      {304, "", Code::conflict, "304"},
      {401, R"({"error":{"code":401,"message":"Invalid Credentials","status":"UNAUTHENTICATED"}})",
       Code::denied, "UNAUTHENTICATED"},
      {403, R"({"error":{"errors":[{"reason":"forbidden","message":"no access"}]}})", Code::denied,
       "forbidden"},
      {403, R"({"error":{"errors":[{"reason":"rateLimitExceeded"}]}})", Code::throttled,
       "rateLimitExceeded"},
      {400, R"({"error":{"errors":[{"reason":"userProjectMissing"}]}})", Code::denied,
       "userProjectMissing"},
      {400,
       R"({"error":{"code":400,"message":"Provided CRC32C \"AAAAAA==\" doesn't match calculated CRC32C \"4waSgw==\".","errors":[{"reason":"invalid"}]}})",
       Code::corrupt, "invalid"},
      {400,
       "<?xml version='1.0'?><Error><Code>BadDigest</Code><Message>no</Message><Details>The MD5 "
       "you specified</Details></Error>",
       Code::corrupt, "BadDigest"},
      {400, R"({"error":{"errors":[{"reason":"invalid","message":"x"}]}})", Code::bad_input,
       "invalid"},
      {408, "", Code::unavailable, "408"},
      {410, "", Code::not_found, "notFound"},
      {416, "<Error><Code>InvalidRange</Code></Error>", Code::bad_input,
       "requestedRangeNotSatisfiable"},
      {429, R"({"error":{"message":"slow down"}})", Code::throttled, "429"},
      {500, "<html>oops</html>", Code::unavailable, "500"},
      {503, R"({"error":{"errors":[{"reason":"backendError"}]}})", Code::unavailable,
       "backendError"},
      {400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})",
       Code::bad_input, "invalid_grant"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(row.body);
    const Error error = error_of(row.status, row.body);
    CHECK(error.code == row.code);
    CHECK(error.provider_code == row.word);
    CHECK(error.where == "gs://b/k");
  }
  CHECK(error_of(429, "", {{"retry-after", "7"}}).retry_after == seconds(7));
  CHECK(error_of(404, R"({"error":{"message":"The specified bucket does not exist."}})").what ==
        "there is no such bucket");
  CHECK(error_of(404, R"({"error":{"message":"The specified bucket does not exist."}})")
            .provider_code == "NoSuchBucket");
  CHECK(error_of(404, rows[0].body).what == "there is no such object");
  CHECK(error_of(400, "too odd.").what == "the store says: too odd");
  CHECK(error_of(500, "<html>oops</html>").what == "the store answered with status 500");
}

}  // namespace
}  // namespace tutti::cloud::sign
