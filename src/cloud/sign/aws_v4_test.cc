// SPDX-License-Identifier: Apache-2.0
// The examples of the Amazon S3 API Reference ("Authenticating Requests").
#include "cloud/sign/aws_v4.h"

#include "base/digest.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

// The published example credentials.
AwsSigner example() {
  return {{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
           .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
          "us-east-1"};
}
const Instant day = start_of(date_of(CivilDate{2013, 5, 24}));

std::string sha256_hex(std::string_view text) { return hex(sha256(text)); }

std::string signature_of(const Request& request) {
  const std::string* authorization = find_value(request.headers, "authorization");
  REQUIRE(authorization != nullptr);
  return authorization->substr(authorization->rfind('=') + 1);
}

TEST_CASE("a GET with a range") {
  Request request{.host = "examplebucket.s3.amazonaws.com",
                  .path = path_of_key("", "test.txt"),
                  .headers = {{"range", "bytes=0-9"}}};
  AwsSigner signer = example();
  signer.sign(request, day, empty_payload_sha256);
  CHECK(*find_value(request.headers, "x-amz-date") == "20130524T000000Z");
  CHECK(*find_value(request.headers, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_CASE("a PUT of a key with a dollar sign") {
  Request request{.method = "PUT",
                  .host = "examplebucket.s3.amazonaws.com",
                  .path = path_of_key("", "test$file.text"),
                  .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  CHECK(request.path == "/test%24file.text");
  AwsSigner signer = example();
  signer.sign(request, day, sha256_hex("Welcome to Amazon S3."));
  CHECK(signature_of(request) ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_CASE("a query, with and without values") {
  AwsSigner signer = example();
  Request lifecycle{.host = "examplebucket.s3.amazonaws.com", .query = {{"lifecycle", ""}}};
  signer.sign(lifecycle, day, empty_payload_sha256);
  CHECK(target_of(lifecycle) == "/?lifecycle=");
  CHECK(signature_of(lifecycle) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  Request list{.host = "examplebucket.s3.amazonaws.com",
               .query = {{"prefix", "J"}, {"max-keys", "2"}}};
  signer.sign(list, day, empty_payload_sha256);
  CHECK(target_of(list) == "/?max-keys=2&prefix=J");
  CHECK(signature_of(list) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("a URL that is good for a day") {
  Request request{.host = "examplebucket.s3.amazonaws.com", .path = path_of_key("", "test.txt")};
  AwsSigner signer = example();
  signer.presign(request, day, days(1));
  CHECK(target_of(request) ==
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
        "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
        "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404&"
        "X-Amz-SignedHeaders=host");
  Request longer{.host = "h"};
  signer.presign(longer, day, days(30));
  CHECK(*find_value(longer.query, "X-Amz-Expires") == "604800");
}

TEST_CASE("a body in signed chunks") {
  Request request{.method = "PUT",
                  .host = "s3.amazonaws.com",
                  .path = path_of_key("/examplebucket", "chunkObject.txt"),
                  .headers = {{"content-encoding", "aws-chunked"},
                              {"content-length", "66824"},
                              {"x-amz-decoded-content-length", "66560"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  AwsSigner signer = example();
  AwsChunks chunks = signer.sign_chunked(request, day, signed_chunks);
  CHECK(signature_of(request) ==
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  CHECK(chunks.header(sha256_hex(std::string(65'536, 'a')), 65'536) ==
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
        "\r\n");
  CHECK(chunks.header(sha256_hex(std::string(1'024, 'a')), 1'024) ==
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
  CHECK(chunks.header(empty_payload_sha256, 0) ==
        "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n");
}

TEST_CASE("a body in signed chunks with a checksum behind it") {
  Request request{.method = "PUT",
                  .host = "s3.amazonaws.com",
                  .path = path_of_key("/examplebucket", "chunkObject.txt"),
                  .headers = {{"content-encoding", "aws-chunked"},
                              {"x-amz-decoded-content-length", "66560"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                              {"x-amz-trailer", "x-amz-checksum-crc32c"}}};
  AwsSigner signer = example();
  AwsChunks chunks = signer.sign_chunked(request, day, signed_chunks_trailer);
  CHECK(signature_of(request) ==
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  CHECK(chunks.header(sha256_hex(std::string(65'536, 'a')), 65'536)
            .contains("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"));
  CHECK(chunks.header(sha256_hex(std::string(1'024, 'a')), 1'024)
            .contains("1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"));
  CHECK(chunks.header(empty_payload_sha256, 0)
            .contains("2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"));
  CHECK(chunks.trailer({{"x-amz-checksum-crc32c", "sOO8/Q=="}}) ==
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
}

TEST_CASE("temporary credentials, blanks in headers, keys as they are") {
  AwsSigner signer({.access_key_id = "a", .secret_access_key = "b", .session_token = "t/ken"},
                   "eu-west-1");
  Request one{.host = "h",
              .path = path_of_key("/b", "a//b/../ü +%.txt"),
              .headers = {{"x-amz-meta-a", "  two   words "}}};
  CHECK(one.path == "/b/a//b/../%C3%BC%20%2B%25.txt");
  signer.sign(one, day, unsigned_payload);
  CHECK(*find_value(one.headers, "x-amz-security-token") == "t/ken");
  Request other{.host = "h", .path = one.path, .headers = {{"x-amz-meta-a", "two words"}}};
  signer.sign(other, day, unsigned_payload);
  CHECK(signature_of(one) == signature_of(other));
  Request later{.host = "h", .path = one.path, .headers = {{"x-amz-meta-a", "two words"}}};
  signer.sign(later, day + days(1), unsigned_payload);  // another key
  CHECK(signature_of(later) != signature_of(other));
  Request shown{.host = "h"};
  signer.presign(shown, day, hours(1));
  CHECK(*find_value(shown.query, "X-Amz-Security-Token") == "t/ken");
}

}  // namespace
}  // namespace tutti::cloud::sign
