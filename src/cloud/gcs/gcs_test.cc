// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/gcs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "cloud/gcs/store.h"
#include "net/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::gcs {
namespace {

// Opens connections; nothing is sent.
struct World : rt::TestWorld {
  Result<Located> open(Value settings, std::string_view address) {
    ConnectionTable table;
    table["p"]["c"] = {.type = "gcs", .settings = std::move(settings)};
    const Connections connections(std::move(table), openers);
    return connections.open("p", address);
  }
  Error refused(Value settings, std::string_view address = "c://bucket/k") {
    auto located = open(std::move(settings), address);
    REQUIRE(!located.has_value());
    CHECK(located.error().code == Code::bad_input);
    CHECK(!located.error().remedy.empty());
    return located.error();
  }

  rt::Pool pool{1};
  net::HttpClient client{loop.executor(), *clock};
  BufferPool buffers;
  Openers openers = gcs::openers({.http = client,
                                  .buffers = buffers,
                                  .files = pool.executor(),
                                  .project = "/project",
                                  .secret =
                                      [](std::string_view name) {
                                        return name == "key"
                                                   ? Result<std::string>("{}")
                                                   : fail(Code::not_found, "no such secret");
                                      },
                                  .google = {}});
};

TEST_CASE("an account has buckets, a root is one, or a folder of one") {
  World w;
  auto located = w.open(ValueMap{}, "c://bucket/a//b");
  REQUIRE_OK(located);
  CHECK(located->key.text == "a//b");
  CHECK(located->base == "c://bucket/");
  CHECK(located->ref ==
        ObjectRef{
            .provider = "gcs", .endpoint = "", .account = "", .bucket = "bucket", .key = "a//b"});
  CHECK(located->store == w.open(ValueMap{}, "c://bucket/other")->store);
  CHECK(located->store != w.open(ValueMap{}, "c://bucket2/other")->store);
  located = w.open(Value::of({{"root", "gs://bucket"}}), "c://a/b");
  REQUIRE_OK(located);
  CHECK(located->key.text == "a/b");
  CHECK(located->base == "c://");
  CHECK(located->ref.bucket == "bucket");
  located = w.open(Value::of({{"root", "gs://bucket/d/e"}}), "c://a");
  REQUIRE_OK(located);
  CHECK(located->ref.bucket == "bucket");
  CHECK(located->ref.key == "d/e/a");
  CHECK(located->store->capabilities().key_bytes_max == 1020);
}

TEST_CASE("settings that cannot be meant are refused") {
  World w;
  CHECK(w.refused(Value::of({{"rot", "gs://bucket"}})).remedy.starts_with("known are: root,"));
  w.refused(Value::of({{"root", "s3://bucket"}}));
  w.refused(Value::of({{"root", "gs://"}}));
  w.refused(Value::of({{"user_project", 7}}));
  w.refused(Value::of({{"auth", "yes"}}));
  w.refused(Value::of({{"auth", Value::of({{"file", "a"}, {"secret", "b"}})}}));
  w.refused(ValueMap{}, "c://");
  w.refused(ValueMap{}, "c://Bucket/k");
  for (const char* endpoint :
       {"127.0.0.1:1", "ftp://h", "http://", "http://h/path", "http://u@127.0.0.1:1"}) {
    CAPTURE(endpoint);
    w.refused(Value::of({{"endpoint", endpoint}, {"auth", "none"}}));
  }
}

TEST_CASE("credentials are the machine's, a file, a secret or none") {
  World w;
  REQUIRE_OK(w.open(Value::of({{"auth", "none"}}), "c://abc/k"));
  REQUIRE_OK(w.open(Value::of({{"auth", Value::of({{"file", "key.json"}})}}), "c://abc/k"));
  REQUIRE_OK(w.open(Value::of({{"auth", Value::of({{"secret", "key"}})}}), "c://abc/k"));
  CHECK(w.open(Value::of({{"auth", Value::of({{"secret", "no"}})}}), "c://abc/k").error().code ==
        Code::not_found);
}

TEST_CASE("tokens go over TLS, or stay on this machine") {
  World w;
  w.refused(Value::of({{"endpoint", "http://storage.example"}}));
  w.refused(Value::of({{"endpoint", "http://127.0.0.1.example:80"}}));
  REQUIRE_OK(
      w.open(Value::of({{"endpoint", "http://storage.example"}, {"auth", "none"}}), "c://abc/"));
  REQUIRE_OK(w.open(Value::of({{"endpoint", "http://127.0.0.1:4443/"}}), "c://abc/"));
  REQUIRE_OK(w.open(Value::of({{"endpoint", "https://storage.example"}}), "c://abc/"));
}

// ---- buckets and URLs

std::string new_private_key() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(2048), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio.get(), &bytes));
  return {bytes, size};
}

struct Bucketed : World {
  std::shared_ptr<ObjectStore> with(Value auth, std::string project = "") {
    return open(Value::of({{"auth", std::move(auth)},
                           {"project", std::move(project)},
                           {"endpoint", server.url("")}}),
                "c://bucket/")
        .value()
        .store;
  }
  // Of a connection whose secret is `text`.
  std::shared_ptr<ObjectStore> with_secret(const Value& text) {
    openers = gcs::openers(
        {.http = client,
         .buffers = buffers,
         .files = pool.executor(),
         .project = "/project",
         .secret = [text = to_json(text)](std::string_view) { return Result<std::string>(text); },
         .google = {}});
    return with(Value::of({{"secret", "key"}}));
  }

  std::vector<std::string> replies;  // set before the first request
  size_t answered = 0;
  net::TestServer* self = nullptr;
  net::TestServer server{net::TestServer::answering(
      self, [this](const std::string&) { return replies.at(answered++); })};
  Bucketed() { self = &server; }
};

TEST_CASE("a bucket is made in a project, and removed") {
  Bucketed w;
  w.replies = {net::http_reply("200 OK", "{}"),
               net::http_reply("409 Conflict", R"({"error":{"errors":[{"reason":"conflict"}]}})"),
               net::http_reply("409 Conflict", R"({"error":{"errors":[{"reason":"conflict"}]}})"),
               "HTTP/1.1 204 No Content\r\n\r\n"};
  const auto store = w.with("none", "shop");
  REQUIRE_OK(w.loop.run(store->create_bucket(w.ctx)));
  CHECK(w.loop.run(store->create_bucket(w.ctx)).error().code == Code::conflict);
  CHECK(w.loop.run(store->remove_bucket(w.ctx)).error().code == Code::conflict);
  REQUIRE_OK(w.loop.run(store->remove_bucket(w.ctx)));
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[0].starts_with("POST /storage/v1/b?project=shop HTTP"));
  CHECK(requests[0].ends_with(R"({"name":"bucket"})"));
  CHECK(requests[3].starts_with("DELETE /storage/v1/b/bucket HTTP"));
}

TEST_CASE("a URL is signed with a service account's key, and with nothing else") {
  Bucketed w;
  const auto store = w.with_secret(Value::of({{"type", "service_account"},
                                              {"client_email", "a@p.iam.gserviceaccount.com"},
                                              {"private_key_id", "k"},
                                              {"private_key", new_private_key()},
                                              {"token_uri", "https://oauth2.googleapis.com/token"},
                                              {"project_id", "p"}}));
  const auto url = w.loop.run(store->presign(w.ctx, {"d/a b"}, {.valid = minutes(5)}));
  REQUIRE_OK(url);
  CHECK(url->starts_with(w.server.url("/bucket/d/a%20b?")));
  CHECK(url->contains("X-Goog-Algorithm=GOOG4-RSA-SHA256"));
  CHECK(url->contains("X-Goog-Expires=300"));
  CHECK(url->contains("X-Goog-Signature="));
  const auto user = w.with_secret(Value::of({{"type", "authorized_user"},
                                             {"client_id", "i"},
                                             {"client_secret", "hidden"},
                                             {"refresh_token", "hidden"}}));
  const auto refused = w.loop.run(user->presign(w.ctx, {"a"}, {}));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::unsupported);
  CHECK(refused.error().what.contains("authorized_user"));
  CHECK(refused.error().remedy.contains("{file: PATH}"));
  CHECK(refused.error().where == "c://bucket/a");
  const auto nowhere = w.loop.run(user->create_bucket(w.ctx));
  REQUIRE_FALSE(nowhere.has_value());
  CHECK(nowhere.error().code == Code::bad_input);
  CHECK(nowhere.error().remedy.contains("project"));
  CHECK(w.loop.run(w.with("none")->presign(w.ctx, {"a"}, {})).value() == w.server.url("/bucket/a"));
  CHECK(w.server.requests().empty());
}

TEST_CASE("names of components are told from those of people") {
  const std::string id = "0123456789abcdef0123456789abcdef";
  CHECK(is_component_name(".tutti-upload-" + id + "/000001"));
  CHECK(is_component_name(".tutti-upload-" + id + "/"));  // a common prefix
  CHECK_FALSE(is_component_name(".tutti-upload-" + id));
  CHECK_FALSE(is_component_name(".tutti-upload-" + id + "/x"));
  CHECK_FALSE(is_component_name(".tutti-upload-" + id + "0/1"));
  CHECK_FALSE(is_component_name(".tutti-upload-x/1"));
  CHECK_FALSE(is_component_name("a/.tutti-upload-" + id + "/1"));
}

TEST_CASE("an etag is a generation") {
  CHECK(is_generation("1760000000000001"));
  CHECK_FALSE(is_generation("0"));
  CHECK_FALSE(is_generation(""));
  CHECK_FALSE(is_generation("1a"));
}

}  // namespace
}  // namespace tutti::cloud::gcs
