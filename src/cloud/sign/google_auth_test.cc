// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/google_auth.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/value.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const Instant noon = *parse_instant("2026-02-28T12:00:00Z");

using Pkey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

// A key made for this run: none lies in the tree.
const Pkey& test_key() {
  static const Pkey key(EVP_RSA_gen(2048), EVP_PKEY_free);
  return key;
}
std::string pem_of(const Pkey& key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio.get(), &bytes));
  return {bytes, size};
}
bool verifies(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1;
}
std::string from_hex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}
std::string from_base64url(std::string_view text) { return base64url_decode(text).value(); }

GoogleServiceAccount test_account() {
  return {.email = "a@p.iam.gserviceaccount.com",
          .key_id = "k1",
          .private_key = pem_of(test_key()),
          .token_url = "https://oauth2.googleapis.com/token"};
}

// ---- signed URLs. Vectors: googleapis/conformance-tests, storage/v1/v4_signatures.json

constexpr std::string_view vector_account =
    "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";

Request vector_request(Pairs headers = {}, std::string path = "/test-bucket/test-object") {
  return {.host = "storage.googleapis.com", .path = std::move(path), .headers = std::move(headers)};
}

TEST_CASE("what is signed of a URL is what Google's vectors say") {
  struct Row {
    Request request;
    std::string_view digest;  // the last line
  };
  Request post = vector_request({{"x-goog-resumable", "start"}});
  post.method = "POST";
  Request payload = vector_request(
      {{"x-goog-content-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982"},
       {"x-testcasemetadata-payload-value", "hello"}});
  payload.method = "PUT";
  Request query = vector_request();
  query.query = {{"aA0é/=%-_.~", "~ ._-%=/é0Aa"}};
  const Row rows[] = {
      {vector_request(), "00e2fb794ea93d7adb703edaebdd509821fcc7d4f1a79ac5c8d2b394df109320"},
      {post, "877f8b40179d2753296f2fd6de815ab40503c7a3c446a7b44aa4e74422ff4daf"},
      {vector_request(
           {{"header/name/with/slash", "should-be-encoded"}},
           path_of_key("/test-bucket", "path/with/slashes/under_score/amper&sand/file.ext")),
       "f1d206dd8cbe1b892d4081ccddae0927d9f5fee5653fb2a2f43e7c20ed455cad"},
      {vector_request({{"collapsed", "abc    def"},
                       {"leading", "    xyz"},
                       {"trailing", "abc    "},
                       {"tabs", "\tabc\t\t\t\tdef\t"}}),
       "19153e83555808dbfeb8969043cc8ce8d5db0cce91dc11fb9df58b8130f09d42"},
      {vector_request({{"x-goog-encryption-algorithm", "AES256"},
                       {"x-goog-encryption-key", "key"},
                       {"x-goog-encryption-key-sha256", "key-hash"}}),
       "66a45104eba8bdd9748723b45cbd54c3f0f6dba337a5deb9fb6a66334223dc06"},
      {vector_request({}, "/test-bucket"),
       "51a7426c2a6c6ab80f336855fc629461ff182fb1d2cb552ac68e5ce8e25db487"},
      {query, "448f96c23dafa8210900554e138b2b5fd55bc53ef53b8637cecc3edec45a8fcf"},
      {vector_request({{"x-goog-date", "20190201T090000Z"}}),
       "4052143280d90d5f4a8c878ff7418be6fee5d34e50b1da28d8081a094b88fa61"},
      {payload, "be21a0841a897930ff5cf72e6e74ec5274efd76c3fe4cde6678f24a0a3d6dbec"},
  };
  for (Row row : rows) {
    CAPTURE(row.digest);
    const std::string text =
        google_text_to_sign(row.request, google_rsa, vector_account,
                            *parse_instant("2019-02-01T09:00:00Z"), seconds(10));
    CHECK(text == "GOOG4-RSA-SHA256\n20190201T090000Z\n20190201/auto/storage/goog4_request\n" +
                      std::string(row.digest));
  }
}

TEST_CASE("the signature of Google's vector is one of that text") {
  constexpr std::string_view signature =
      "95e6a13d43a1d1962e667f17397f2b80ac9bdd1669210d5e08e0135df9dff4e56113485dbe429ca2"
      "266487b9d1796ebdee2d7cf682a6ef3bb9fbb4c351686fba90d7b621cf1c4eb1fdf126460dd25fa0"
      "837dfdde0a9fd98662ce60844c458448fb2b352c203d9969cb74efa4bdb742287744a4f2308afa4a"
      "f0e0773f55e32e92973619249214b97283b2daa14195244444e33f938138d1e5f561088ce8011f49"
      "86dda33a556412594db7c12fc40e1ff3f1bedeb7a42f5bcda0b9567f17f65855f65071fabb88ea12"
      "371877f3f77f10e1466fff6ff6973b74a933322ff0949ce357e20abe96c3dd5cfab42c9c83e740a4"
      "d32b9e11e146f0eb3404d2e975896f74";
  constexpr std::string_view public_key = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArD8zIqyKLbX0Nq8o0Jj1
qHEhHhqO3+0OP7TEFx5Vxc6PdwBoFNrfnJRI/S+ZaDYS1avr5Pqpp8g8+UNOMvI1
VsjGM8xjTaxkVv8mmKp6pSmQstTt25pzY1exA2wv4xNWSwWNFNx2kh35+kvTQ/DF
3YA9P7pUU1sKur1PP8OoubWLFO59iy5UE5dX0O/3pjvZ2HAhSXsx2VWtB5nlrHR8
FrKJNLJMEGEDSMz9yRfQaUeYCU9oDYHuiqKQ3rCXi6C82l+3FJw5/ggJ5y7iw8ME
rCFSslcYQRbBVz6ZYKWkEcJhs8BG3/16bfaqNusNlDIJ99I7DmipUngF/HEulYhf
rQIDAQAB
-----END PUBLIC KEY-----
)";
  const Bio bio(BIO_new_mem_buf(public_key.data(), static_cast<int>(public_key.size())), BIO_free);
  const Pkey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  Request request = vector_request();
  const std::string text = google_text_to_sign(request, google_rsa, vector_account,
                                               *parse_instant("2019-02-01T09:00:00Z"), seconds(10));
  CHECK(verifies(key.get(), text, from_hex(signature)));
  CHECK(target_of(request) ==
        "/test-bucket/test-object?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=test-iam-"
        "credentials%40dummy-project-id.iam.gserviceaccount.com%2F20190201%2Fauto%2Fstorage%2F"
        "goog4_request&X-Goog-Date=20190201T090000Z&X-Goog-Expires=10&X-Goog-SignedHeaders=host");
}

TEST_CASE("a URL signed with a key of ours") {
  Request request = vector_request();
  REQUIRE_OK(google_presign(request, test_account(), noon, days(30)));
  CHECK(*find_value(request.query, "X-Goog-Expires") == "604800");
  Request again = vector_request();
  const std::string text =
      google_text_to_sign(again, google_rsa, test_account().email, noon, days(30));
  CHECK(verifies(test_key().get(), text, from_hex(*find_value(request.query, "X-Goog-Signature"))));
  Request by_hmac = vector_request();
  google_presign(by_hmac, GoogleHmacKey{.access_id = "GOOG1E", .secret = "s"}, noon, hours(1));
  CHECK(*find_value(by_hmac.query, "X-Goog-Algorithm") == "GOOG4-HMAC-SHA256");
  CHECK(*find_value(by_hmac.query, "X-Goog-Credential") ==
        "GOOG1E/20260228/auto/storage/goog4_request");
  CHECK(find_value(by_hmac.query, "X-Goog-Signature")->size() == 64);
  GoogleServiceAccount broken = test_account();
  broken.private_key = "-----BEGIN PRIVATE KEY-----\nsecret\n";
  const auto refused = google_presign(request, broken, noon, hours(1));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == Code::bad_input);
  CHECK(refused.error().text().find("secret") == std::string::npos);
}

// ---- credentials

std::string file_of(std::string_view members) { return "{" + std::string(members) + "}"; }

constexpr std::string_view external_file =
    R"({"type":"external_account","audience":"//iam.googleapis.com/projects/1/x",
"subject_token_type":"urn:ietf:params:oauth:token-type:jwt",
"token_url":"https://sts.googleapis.com/v1/token",
"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p:generateAccessToken",
"credential_source":{"url":"http://127.0.0.1:9/token","headers":{"Metadata":"true"},
"format":{"type":"json","subject_token_field_name":"access_token"}}})";

TEST_CASE("files of credentials") {
  auto file = parse_google_credentials(file_of(
      R"("type":"service_account","project_id":"p","private_key_id":"k","private_key":"PEM",
      "client_email":"a@p","token_uri":"https://t.example/token")"));
  REQUIRE_OK(file);
  CHECK(google_type(*file) == "service_account");
  CHECK(std::get<GoogleServiceAccount>(*file).email == "a@p");
  CHECK(std::get<GoogleServiceAccount>(*file).token_url == "https://t.example/token");
  file = parse_google_credentials(file_of(
      R"("type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r")"));
  REQUIRE_OK(file);
  CHECK(std::get<GoogleUser>(*file).token_url == "https://oauth2.googleapis.com/token");
  file = parse_google_credentials(external_file);
  REQUIRE_OK(file);
  CHECK(google_type(*file) == "external_account");
  file = parse_google_credentials(file_of(
      R"("type":"impersonated_service_account","delegates":["d"],
      "service_account_impersonation_url":"https://i.example/x:generateAccessToken",
      "source_credentials":{"type":"authorized_user","client_id":"i","client_secret":"s",
      "refresh_token":"r"})"));
  REQUIRE_OK(file);
  CHECK(std::get<GoogleImpersonated>(*file).delegates == std::vector<std::string>{"d"});
  CHECK(std::holds_alternative<GoogleUser>(std::get<GoogleImpersonated>(*file).source));
}

TEST_CASE("files that are none are refused without being shown") {
  const std::pair<std::string, Code> rows[] = {
      {"hidden", Code::bad_input},
      {"[]", Code::bad_input},
      {file_of(R"("client_secret":"hidden")"), Code::bad_input},
      {file_of(R"("type":"gdch","client_secret":"hidden")"), Code::bad_input},
      {file_of(R"("type":"service_account","private_key":"hidden")"), Code::bad_input},
      {file_of(R"("type":"authorized_user","client_id":"i","client_secret":"hidden",
      "refresh_token":"hidden","token_uri":"http://evil.example/t")"),
       Code::bad_input},
      {file_of(R"("type":"authorized_user","client_id":"i","client_secret":"hidden",
      "refresh_token":"hidden","token_uri":"http://localhost:1@evil.example/t")"),
       Code::bad_input},
      {file_of(R"("type":"external_account","audience":"a","subject_token_type":"t",
      "token_url":"https://t","credential_source":{"environment_id":"aws2"})"),
       Code::unsupported},
      {file_of(R"("type":"external_account","audience":"a","subject_token_type":"t",
      "token_url":"https://t","credential_source":{"file":"f","url":"u"})"),
       Code::bad_input},
      {file_of(R"("type":"impersonated_service_account",
      "service_account_impersonation_url":"https://i","source_credentials":{"type":"none"})"),
       Code::bad_input},
  };
  for (const auto& [text, code] : rows) {
    CAPTURE(text);
    const auto file = parse_google_credentials(text);
    REQUIRE(!file.has_value());
    CHECK(file.error().code == code);
    CHECK(file.error().text().find("hidden") == std::string::npos);
  }
}

TEST_CASE("a service account asks with a signed assertion") {
  const auto call = google_service_call(test_account(), google_storage_scope, noon);
  REQUIRE_OK(call);
  CHECK(call->url == "https://oauth2.googleapis.com/token");
  CHECK(call->body.ends_with("&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"));
  const std::string jwt = *google_assertion(test_account(), google_storage_scope, noon);
  CHECK(call->body.starts_with("assertion=" + jwt + "&"));
  const size_t first = jwt.find('.');
  const size_t second = jwt.rfind('.');
  CHECK(from_base64url(jwt.substr(0, first)) == R"({"alg":"RS256","typ":"JWT","kid":"k1"})");
  CHECK(from_base64url(jwt.substr(first + 1, second - first - 1)) ==
        R"({"iss":"a@p.iam.gserviceaccount.com",)"
        R"("scope":"https://www.googleapis.com/auth/devstorage.full_control",)"
        R"("aud":"https://oauth2.googleapis.com/token","iat":1772280000,"exp":1772283600})");
  CHECK(verifies(test_key().get(), jwt.substr(0, second), from_base64url(jwt.substr(second + 1))));
}

TEST_CASE("the other ways to a token") {
  CHECK(google_user_call({.client_id = "i", .client_secret = "s", .refresh_token = "1//r"}).body ==
        "client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=1%2F%2Fr");
  const auto file = parse_google_credentials(external_file);
  REQUIRE_OK(file);
  auto external = std::get<GoogleExternal>(*file);
  GoogleCall call = google_external_call(external, "sub.ject", "narrow");
  CHECK(call.url == "https://sts.googleapis.com/v1/token");
  CHECK(call.body ==
        "audience=%2F%2Fiam.googleapis.com%2Fprojects%2F1%2Fx&"
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&"
        "requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&"
        "scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform&subject_token=sub.ject&"
        "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt");
  external.impersonation_url.clear();
  CHECK(google_external_call(external, "x", "narrow").body.find("scope=narrow") !=
        std::string::npos);
  call = google_impersonation_call("https://i/x:generateAccessToken", "tok", {"d"}, "narrow");
  CHECK(*find_value(call.headers, "authorization") == "Bearer tok");
  CHECK(call.body == R"({"scope":["narrow"],"lifetime":"3600s","delegates":["d"]})");
  call = google_metadata_call("metadata.google.internal", google_cloud_scope);
  CHECK(call.method == "GET");
  CHECK(call.url ==
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/"
        "token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform");
  CHECK(*find_value(call.headers, "metadata-flavor") == "Google");
}

TEST_CASE("answers about tokens") {
  const auto token =
      parse_google_token(R"({"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"})");
  REQUIRE_OK(token);
  CHECK(token->text == "ya29.x");
  CHECK(token->valid == seconds(3599));
  for (const std::string_view bad :
       {"", "{}", R"({"access_token":""})", R"({"access_token":"a\nb","expires_in":1})"}) {
    CHECK(parse_google_token(bad).error().code == Code::unavailable);
  }
  const auto other = parse_google_impersonated(
      R"({"accessToken":"ya29.y","expireTime":"2026-02-28T12:30:00Z"})", noon);
  REQUIRE_OK(other);
  CHECK(other->valid == minutes(30));
  CHECK(!parse_google_impersonated(R"({"accessToken":"x"})", noon).has_value());
  Error error = google_token_error(
      400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})");
  CHECK(error.code == Code::denied);
  CHECK(error.provider_code == "invalid_grant");
  CHECK(error.what == "Google gave no token: Invalid JWT Signature.");
  CHECK(
      google_token_error(403, R"({"error":{"status":"PERMISSION_DENIED","message":"no"}})").what ==
      "Google gave no token: no");
  CHECK(google_token_error(503, "<html>").code == Code::unavailable);
  CHECK(google_token_error(429, "").code == Code::throttled);
  CHECK(google_token_error(404, "<html>").what == "Google gave no token: status 404");
}

}  // namespace
}  // namespace tutti::cloud::sign
