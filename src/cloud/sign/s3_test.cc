// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/s3.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const S3Bucket amazon{.host = "s3.eu-west-1.amazonaws.com", .bucket = "b-1"};
const S3Bucket compatible{.host = "127.0.0.1:7070", .bucket = "b-1", .path_style = true};

TEST_CASE("a bucket stands in the host or in the path, a key is encoded once") {
  Request request = s3_object_request(amazon, "PUT", "a b//../ü#?.csv", {{"partNumber", "1"}});
  CHECK(request.host == "b-1.s3.eu-west-1.amazonaws.com");
  CHECK(target_of(request) == "/a%20b//../%C3%BC%23%3F.csv?partNumber=1");
  request = s3_object_request(compatible, "GET", "k");
  CHECK(request.host == "127.0.0.1:7070");
  CHECK(request.path == "/b-1/k");
  CHECK(s3_request(compatible, "HEAD").path == "/b-1");
  CHECK(s3_request({.host = "h", .path_style = true}, "GET").path == "/");
  CHECK(s3_copy_source("b", "a b/ü", "v 1") == "b/a%20b/%C3%BC?versionId=v%201");
  const Request list = s3_list_request(compatible, {.prefix = "a/", .limit = 7, .token = "t+="});
  CHECK(target_of(list) ==
        "/b-1?continuation-token=t%2B%3D&encoding-type=url&list-type=2&max-keys=7&prefix=a%2F");
}

TEST_CASE("a listing: keys of any bytes, folders, and where it goes on") {
  const auto page = parse_s3_page(R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J=</NextContinuationToken>
<Contents><Key>a+b/%C3%BC%0A%2B.csv</Key><LastModified>2026-02-28T10:00:00.123Z</LastModified>
<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>
<StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>z</Key><LastModified>2026-02-28T10:00:00Z</LastModified><ETag>"x"</ETag><Size>0</Size>
<StorageClass>GLACIER</StorageClass></Contents>
<CommonPrefixes><Prefix>photos%2F</Prefix></CommonPrefixes></ListBucketResult>)");
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 2);
  const S3Object& first = page->objects[0];
  CHECK(first.key == "a b/ü\n+.csv");
  CHECK(first.size == 434'234);
  CHECK(first.etag == "fba9dede5f27731c9771645a39863328");
  CHECK(to_text(first.modified) == "2026-02-28T10:00:00.123000+00:00");
  CHECK(first.storage_class.empty());
  CHECK(page->objects[1].storage_class == "GLACIER");
  CHECK(page->prefixes == std::vector<std::string>{"photos/"});
  CHECK(page->next == "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J=");

  const auto plain = parse_s3_page(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+%41</Key>"
      "<LastModified>2026-02-28T10:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size>"
      "</Contents></ListBucketResult>");
  REQUIRE_OK(plain);
  CHECK(plain->objects[0].key == "a+%41");  // this store does not encode
  CHECK(plain->next.empty());
}

TEST_CASE("a reply that is broken is asked for again") {
  const std::string_view broken[] = {
      "",
      "<html>busy</html>",
      "<ListBucketResult><Contents>",
      "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
      "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size>"
      "<LastModified>2026-02-28T10:00:00.000Z</LastModified></Contents></ListBucketResult>",
      "<ListBucketResult><Contents><Size>1</Size>"
      "<LastModified>2026-02-28T10:00:00.000Z</LastModified></Contents></ListBucketResult>"};
  for (const std::string_view xml : broken) {
    const auto page = parse_s3_page(xml);
    REQUIRE(!page.has_value());
    CHECK(page.error().code == Code::unavailable);
  }
  CHECK(!parse_s3_upload_id("<InitiateMultipartUploadResult/>").has_value());
  CHECK(!parse_s3_written("<CopyObjectResult/>").has_value());
  CHECK(
      !parse_s3_parts("<ListPartsResult><Part><PartNumber>0</PartNumber></Part></ListPartsResult>")
           .has_value());
}

TEST_CASE("an error in a reply with status 200") {
  // White space keeps the connection open while the store works.
  const auto written = parse_s3_written(
      "<?xml version=\"1.0\"?>\n   \n  <Error><Code>InternalError</Code><Message>We encountered an "
      "internal error. Please try again.</Message><RequestId>656c</RequestId></Error>");
  REQUIRE(!written.has_value());
  CHECK(written.error().code == Code::unavailable);
  CHECK(written.error().provider_code == "InternalError");
  const auto done = parse_s3_written(
      "<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
      "<ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag></"
      "CompleteMultipartUploadResult>");
  REQUIRE_OK(done);
  CHECK(done->etag == "3858f62230ac3c915f300c664312c11f-9");
}

TEST_CASE("an upload in parts") {
  CHECK(*parse_s3_upload_id("<InitiateMultipartUploadResult><UploadId>VXBsb2Fk</UploadId>"
                            "</InitiateMultipartUploadResult>") == "VXBsb2Fk");
  const Digest crc = digest_of(DigestKind::crc32c, "123456789");
  CHECK(s3_checksum(crc) ==
        std::pair<std::string, std::string>("x-amz-checksum-crc32c", "4waSgw=="));
  CHECK(s3_checksum(digest_of(DigestKind::crc64nvme, "123456789")).second == "rosUhgp5mIg=");
  CHECK(
      s3_complete_body({{.number = 1, .etag = "a<b", .crc32c = crc}, {.number = 2, .etag = "c"}}) ==
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;b&quot;</ETag>"
      "<ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>&quot;c&quot;</ETag></Part>"
      "</CompleteMultipartUpload>");
  const auto parts = parse_s3_parts(
      "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>3</"
      "NextPartNumberMarker>"
      "<Part><PartNumber>2</PartNumber><ETag>\"e2\"</ETag><ChecksumCRC32C>4waSgw==</ChecksumCRC32C>"
      "</Part><Part><PartNumber>3</PartNumber><ETag>\"e3\"</ETag></Part></ListPartsResult>");
  REQUIRE_OK(parts);
  REQUIRE(parts->parts.size() == 2);
  CHECK(parts->parts[0].crc32c == crc);
  CHECK(parts->parts[1].etag == "e3");
  CHECK(!parts->parts[1].crc32c);
  CHECK(parts->next == 3);
}

TEST_CASE("a listing of versions, in the order it came") {
  const Request request =
      s3_versions_request(compatible, {.prefix = "a/", .limit = 7}, "a/k", "v+1");
  CHECK(target_of(request) ==
        "/b-1?encoding-type=url&key-marker=a%2Fk&max-keys=7&prefix=a%2F&version-id-marker=v%2B1&"
        "versions=");
  const auto page = parse_s3_versions(R"(<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextKeyMarker>a%20b</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>
<DeleteMarker><Key>a+b</Key><VersionId>3</VersionId><IsLatest>true</IsLatest>
<LastModified>2026-02-28T10:00:00.000Z</LastModified></DeleteMarker>
<Version><Key>a+b</Key><VersionId>null</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-02-27T10:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size>
<StorageClass>DEEP_ARCHIVE</StorageClass></Version>
<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes></ListVersionsResult>)");
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 2);
  CHECK(page->objects[0].delete_marker);
  CHECK(page->objects[0].is_latest);
  CHECK(page->objects[0].key == "a b");
  CHECK(page->objects[0].version == "3");
  CHECK(page->objects[1].version == "null");  // from before the bucket kept versions
  CHECK_FALSE(page->objects[1].is_latest);
  CHECK(page->objects[1].size == 5);
  CHECK(page->objects[1].storage_class == "DEEP_ARCHIVE");
  CHECK(page->prefixes == std::vector<std::string>{"d/"});
  CHECK(page->more);
  CHECK(page->next_key == "a b");
  CHECK(page->next_id == "null");
  CHECK(parse_s3_versions("<ListVersionsResult><IsTruncated>true</IsTruncated>"
                          "</ListVersionsResult>")
            .error()
            .code == Code::unavailable);
}

TEST_CASE("locks of a version, and archived objects") {
  const S3Retention retention{.mode = "COMPLIANCE",
                              .until = parse_instant("2033-12-31T12:00:00Z").value()};
  CHECK(s3_lock_headers(retention, true) ==
        Pairs{{"x-amz-object-lock-mode", "COMPLIANCE"},
              {"x-amz-object-lock-retain-until-date", "2033-12-31T12:00:00Z"},
              {"x-amz-object-lock-legal-hold", "ON"}});
  CHECK(s3_lock_headers({}, false).empty());
  CHECK(s3_retention_body(retention) ==
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>"
        "<RetainUntilDate>2033-12-31T12:00:00Z</RetainUntilDate></Retention>");
  CHECK(s3_retention_body({}) ==
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></Retention>");
  CHECK(s3_legal_hold_body(false) ==
        "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>OFF</Status>"
        "</LegalHold>");
  CHECK(parse_s3_retention("<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>"
                           "2033-12-31T12:00:00.000Z</RetainUntilDate></Retention>") == retention);
  CHECK(parse_s3_retention("<Retention/>") == S3Retention{});
  CHECK(parse_s3_retention("<Retention><Mode>GOVERNANCE</Mode></Retention>").error().code ==
        Code::unavailable);
  CHECK(parse_s3_legal_hold("<LegalHold><Status>ON</Status></LegalHold>") == true);
  CHECK(parse_s3_legal_hold("<LegalHold><Status>OFF</Status></LegalHold>") == false);

  CHECK(s3_restore_body(3, "Bulk") ==
        "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days>"
        "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>");
  const auto state = [](std::string restore) {
    return parse_s3_object(
               {{"x-amz-storage-class", "GLACIER"}, {"x-amz-restore", std::move(restore)}})
        .value();
  };
  CHECK(state(R"(ongoing-request="true")").restoring);
  CHECK_FALSE(state(R"(ongoing-request="true")").restored_until);
  const S3Object done =
      state(R"(ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT")");
  CHECK_FALSE(done.restoring);
  CHECK(done.restored_until == parse_instant("2012-12-21T00:00:00Z").value());
  const Error archived = s3_error({.status = 403, .code = "InvalidObjectState"}, "s3://b/k");
  CHECK(archived.code == Code::denied);
  CHECK(archived.remedy.contains("tutti restore"));
  const Error marker =
      s3_error(parse_s3_failure(405, {{"x-amz-delete-marker", "true"}}, ""), "s3://b/k");
  CHECK(marker.code == Code::not_found);
  CHECK(marker.what.contains("delete marker"));
  const Error no_lock = s3_error({.status = 400,
                                  .code = "InvalidRequest",
                                  .message = "Bucket is missing Object Lock Configuration"},
                                 "s3://b/k");
  CHECK(no_lock.code == Code::unsupported);
}

TEST_CASE("tags of an object") {
  CHECK(s3_tagging({{"cost center", "a=b&c"}, {"empty", ""}}) == "cost%20center=a%3Db%26c&empty=");
  const auto tags = parse_s3_tags(
      "<Tagging><TagSet><Tag><Key>team</Key><Value>data &amp; co</Value></Tag></TagSet></Tagging>");
  REQUIRE_OK(tags);
  CHECK(*tags == std::map<std::string, std::string>{{"team", "data & co"}});
  CHECK(parse_s3_tags("<Tagging><TagSet/></Tagging>")->empty());
  CHECK(parse_s3_tags("<Tagging>").error().code == Code::unavailable);
}

TEST_CASE("names that some stores give to their replies") {
  CHECK(*parse_s3_upload_id("<InitiateMultipartUpload><UploadId>u</UploadId>"
                            "</InitiateMultipartUpload>") == "u");
  const auto parts = parse_s3_parts(
      "<ListPartsResponse><Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag></Part>"
      "</ListPartsResponse>");
  REQUIRE_OK(parts);
  CHECK(parts->parts.size() == 1);
}

TEST_CASE("uploads under way") {
  const Request request =
      s3_uploads_request({.host = "h", .bucket = "b", .path_style = true}, "d/", "d/\u00fc", "u1");
  CHECK(request.path == "/b");
  CHECK(request.query == Pairs{{"uploads", ""},
                               {"encoding-type", "url"},
                               {"max-uploads", "1000"},
                               {"prefix", "d/"},
                               {"key-marker", "d/\u00fc"},
                               {"upload-id-marker", "u1"}});
  const auto page = parse_s3_uploads(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextKeyMarker>d/%C3%BC</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker>"
      "<Upload><Key>a%20b</Key><UploadId>u1</UploadId><Initiated>2026-02-28T10:00:00.000Z"
      "</Initiated></Upload></ListMultipartUploadsResult>");
  REQUIRE_OK(page);
  REQUIRE(page->uploads.size() == 1);
  CHECK(page->uploads[0].key == "a b");
  CHECK(page->uploads[0].id == "u1");
  CHECK(to_text(page->uploads[0].started) == "2026-02-28T10:00:00+00:00");
  CHECK(page->next_key == "d/\u00fc");
  CHECK(page->next_id == "u2");
  const auto last = parse_s3_uploads("<ListMultipartUploadsResult/>");
  REQUIRE_OK(last);
  CHECK(last->uploads.empty());
  CHECK(last->next_key.empty());
  for (const std::string_view broken :
       {"<IsTruncated>true</IsTruncated>", "<Upload><Key>k</Key></Upload>",
        "<Upload><Key>k</Key><UploadId>u</UploadId><Initiated>now</Initiated></Upload>"}) {
    CHECK(!parse_s3_uploads(fmt::format("<ListMultipartUploadsResult>{}"
                                        "</ListMultipartUploadsResult>",
                                        broken))
               .has_value());
  }
}

TEST_CASE("headers of an object") {
  const auto object =
      parse_s3_object({{"etag", "\"abc\""},
                       {"content-length", "10"},
                       {"content-range", "bytes 0-9/443"},
                       {"last-modified", "Sat, 28 Feb 2026 10:00:00 GMT"},
                       {"x-amz-storage-class", "GLACIER_IR"},
                       {"x-amz-version-id", "v1"},
                       {"content-type", "text/csv"},
                       {"content-encoding", "aws-chunked, gzip"},
                       {"content-language", "de"},
                       {"x-amz-meta-owner", "=?UTF-8?B?w7w=?= =?UTF-8?Q?=C3=A4_b?="},
                       {"x-amz-meta-plain", "a =? b"},
                       {"x-amz-checksum-crc32c", "4waSgw=="},
                       {"x-amz-checksum-crc64nvme", "rosUhgp5mIg="},
                       {"x-amz-checksum-sha256", "bm8gZGlnZXN0"}});
  REQUIRE_OK(object);
  CHECK(object->etag == "abc");
  CHECK(object->size == 443);
  CHECK(to_text(object->modified) == "2026-02-28T10:00:00+00:00");
  CHECK(object->version == "v1");
  CHECK(object->headers == ContentHeaders{.encoding = "gzip", .language = "de"});
  CHECK(parse_s3_object({{"content-encoding", "aws-chunked"}})->headers.encoding.empty());
  CHECK(parse_s3_object({{"content-encoding", "gzip,br ,aws-chunked"}})->headers.encoding ==
        "gzip, br");
  CHECK(object->metadata.at("owner") == "üä b");
  CHECK(object->metadata.at("plain") == "a =? b");
  REQUIRE(object->digests.size() == 2);
  CHECK(object->digests[0] == digest_of(DigestKind::crc32c, "123456789"));
  CHECK(object->digests[1] == digest_of(DigestKind::crc64nvme, "123456789"));
  const auto composite = parse_s3_object({{"x-amz-checksum-crc32c", "4waSgw==-3"},
                                          {"x-amz-checksum-type", "COMPOSITE"},
                                          {"x-amz-version-id", "null"}});
  REQUIRE_OK(composite);
  CHECK(composite->digests.empty());
  CHECK(composite->version.empty());
  CHECK(!parse_s3_object({{"content-length", "many"}}).has_value());
}

Error failed(int status, std::string code, std::string message = {}) {
  return s3_error({.status = status, .code = std::move(code), .message = std::move(message)},
                  "s3://b/k");
}

TEST_CASE("failures say what the caller may do") {
  CHECK(failed(404, "NoSuchKey").code == Code::not_found);
  CHECK(failed(404, "NoSuchBucket").what == "there is no such bucket");
  CHECK(failed(403, "AccessDenied").code == Code::denied);
  CHECK(failed(403, "InvalidObjectState").remedy.contains("restore"));
  CHECK(failed(412, "PreconditionFailed").code == Code::conflict);
  CHECK(failed(409, "ConditionalRequestConflict").code == Code::unavailable);
  CHECK(failed(400, "BadDigest").code == Code::corrupt);
  CHECK(failed(400, "RequestTimeout").code == Code::unavailable);
  CHECK(failed(503, "SlowDown").code == Code::throttled);
  CHECK(failed(500, "InternalError").code == Code::unavailable);
  CHECK(failed(501, "NotImplemented").code == Code::unsupported);
  CHECK(failed(400, "InvalidArgument", "max-keys is wrong. ").text() ==
        "s3://b/k: the store says: max-keys is wrong");
  CHECK(failed(418, "").what == "the store answered with status 418");

  S3Failure head = parse_s3_failure(301, {{"x-amz-bucket-region", "eu-west-1"}}, "");
  CHECK(s3_error(head, "s3://b/").remedy == "set the connection's region to eu-west-1");
  S3Failure slow = parse_s3_failure(
      503,
      {{"date", "Sat, 28 Feb 2026 10:00:00 GMT"}, {"retry-after", "Sat, 28 Feb 2026 10:00:05 GMT"}},
      "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>");
  CHECK(slow.retry_after == seconds(5));
  CHECK(slow.server_time == start_of(*parse_date("2026-02-28")) + hours(10));
  CHECK(parse_s3_failure(503, {{"retry-after", "2"}}, "not xml").retry_after == seconds(2));
  CHECK(parse_s3_failure(404, {}, "<Error>").code == "NotFound");
}

}  // namespace
}  // namespace tutti::cloud::sign
