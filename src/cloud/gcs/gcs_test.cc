// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/gcs.h"

#include "cloud/gcs/store.h"
#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::cloud::gcs {
namespace {

// Opens connections; nothing is sent.
struct World {
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

  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  rt::Loop loop;
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
