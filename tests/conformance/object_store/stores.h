// SPDX-License-Identifier: Apache-2.0
// The implementations under test. Include before base/doctest.h; STORE_CASE("...") { ... } is a
// case for each of them, whose StoreWorld is `w`. Those that need a server take its URL from the
// environment (tests/servers/with_servers.py); ctest runs each kind for itself.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/check.h"
#include "cloud/azure/azure.h"
#include "cloud/body.h"
#include "cloud/connections.h"
#include "cloud/gcs/gcs.h"
#include "cloud/http/send.h"
#include "cloud/local/local.h"
#include "cloud/memory/memory.h"
#include "cloud/s3/s3.h"
#include "cloud/sign/azure.h"
#include "cloud/wrap/faulty.h"
#include "rt/loop.h"
#include "tests/conformance/object_store/gaps.h"

namespace tutti::cloud {

inline constexpr size_t test_chunk_bytes = 1024;

// A fresh, empty store and what it takes to call it.
struct StoreWorld {
  StoreWorld() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~StoreWorld() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
  StoreWorld(const StoreWorld&) = delete;
  StoreWorld& operator=(const StoreWorld&) = delete;

  std::shared_ptr<ObjectStore> open(std::string type, Value settings, std::string address) {
    ConnectionTable table;
    table["p"]["c"] = {.type = std::move(type), .settings = std::move(settings)};
    const Connections connections(std::move(table),
                                  local::openers({folder, buffers, pool.executor()}));
    return connections.open("p", std::string_view(address)).value().store;
  }

  template <class T>
  Result<T> run(Task<T> task) {
    return loop.run(std::move(task));
  }
  Result<ObjectMeta> put(std::string key, std::string text, PutOptions options = {}) {
    return run(store->put(ctx, key_of(std::move(key)), body_of(buffers, std::move(text)),
                          std::move(options)));
  }
  // The object's bytes, or the name of the error's code.
  std::string text(std::string key) {
    auto got = run(get_text(ctx, *store, key_of(std::move(key))));
    return got.has_value() ? *got : std::string(code_name(got.error().code));
  }
  Code head_code(std::string key) {
    return run(store->head(ctx, key_of(std::move(key)))).error().code;
  }
  Key key_of(std::string key) const { return {base + key}; }

  // Every key below `prefix`, joined by spaces, over pages of `limit`.
  std::string list(ListOptions options) {
    options.prefix.text = base + options.prefix.text;
    if (!options.start_after.text.empty()) {
      options.start_after.text = base + options.start_after.text;
    }
    std::string out;
    do {
      auto page = run(store->list(ctx, options));
      if (!page.has_value()) {
        return page.error().text();
      }
      std::vector<std::string> keys;
      for (const ObjectMeta& each : page->objects) {
        keys.push_back(each.key.text);
      }
      for (const Key& each : page->prefixes) {
        keys.push_back(each.text);
      }
      std::ranges::sort(keys);
      for (const std::string& each : keys) {
        out += each.substr(base.size()) + " ";
      }
      options.cursor = page->next;
    } while (!options.cursor.empty());
    return out;
  }
  // The same of a version.
  std::string text_of(std::string key, std::string version,
                      std::optional<Range> range = std::nullopt) {
    auto opened = run(
        store->get(ctx, key_of(std::move(key)), {.range = range, .version = std::move(version)}));
    if (!opened.has_value()) {
      return std::string(code_name(opened.error().code));
    }
    return run(read_all(ctx, *opened->source, 1U << 20U)).value();
  }
  // "a=two* a=one " of the newest "two" and the one before; "a=-" is a delete marker, * the latest.
  std::string versions(ListOptions options) {
    options.prefix = key_of(options.prefix.text);
    options.start_after.text =
        options.start_after.text.empty() ? "" : base + options.start_after.text;
    options.versions = true;
    Listing listing(*store, std::move(options));
    std::string out;
    while (true) {
      auto meta = run(listing.next(ctx));
      if (!meta.has_value()) {
        return meta.error().text();
      }
      if (!*meta) {
        return out;
      }
      const std::string key = (*meta)->key.text.substr(base.size());
      const bool cut = (*meta)->etag.empty() && !(*meta)->delete_marker;
      const std::string shown = (*meta)->delete_marker ? "-" : text_of(key, (*meta)->version);
      out += cut ? key + " " : fmt::format("{}={}{} ", key, shown, (*meta)->is_latest ? "*" : "");
    }
  }
  // A size of parts that this store takes, as near to `wanted` as it gets.
  uint64_t part(uint64_t wanted) const {
    return std::max(wanted, store->capabilities().part_bytes_min);
  }
  // Staging folders that were left behind.
  size_t junk() const {
    size_t count = 0;
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
      count += each.path().filename().string().starts_with(".tutti") ? 1 : 0;
    }
    return count;
  }

  std::filesystem::path folder =
      std::filesystem::canonical(std::filesystem::temp_directory_path()) /
      fmt::format("tutti_object_store.{}", getpid());
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::CancelSource cancel;
  rt::Context ctx{*clock, *random, cancel.token()};
  rt::Loop loop;
  rt::Pool pool{4};
  BufferPool buffers{{.bytes_max = 16 * test_chunk_bytes, .chunk_bytes = test_chunk_bytes}};
  std::shared_ptr<ObjectStore> store;
  // A store of a bucket that is not there yet; unset: this one has no buckets.
  std::function<std::shared_ptr<ObjectStore>()> absent_bucket = {};
  std::string base;     // in front of every key: where a file store keeps its test
  bool any_key = true;  // all that check_key allows, side by side
  // Where it cannot have all of them: those it can.
  std::function<bool(const std::string&)> can_have = [this](const std::string& key) {
    return std::ranges::find(no_keys, key) == no_keys.end();
  };
  bool durable = false;          // syncs each group: slow
  std::string_view server = {};  // of the real world; its gaps are in gaps.h
  bool has(Gap gap) const { return has_gap(server, gap); }
  std::vector<std::string> no_keys = {};  // that check_key allows, and this service has not
  uint64_t rounds = 20;                   // random stories
  bool keeps_versions = false;            // of what is replaced or removed; they can be locked
};

struct Memory : StoreWorld {
  Memory() { store = memory::make_store(buffers), rounds = 200; }
};
struct MemoryVersions : StoreWorld {
  MemoryVersions() {
    store = memory::make_store(buffers, "memory://", {.versions = true, .locks = true});
    keeps_versions = true, rounds = 200;
  }
};
struct LocalRoot : StoreWorld {
  LocalRoot() {
    store = open("local", Value::of({{"root", "bucket"}}), "c://"), durable = true, rounds = 3;
  }
};
struct LocalBuckets : StoreWorld {
  LocalBuckets() {
    const Value settings = Value::of({{"buckets", "account"}, {"durability", "none"}});
    store = open("local", settings, "c://b/");
    absent_bucket = [this, settings] { return open("local", settings, "c://absent/"); };
  }
};
struct Files : StoreWorld {
  Files() {
    store = open("file", Value::of({{"durability", "none"}}), "c:///");
    base = folder.string().substr(1) + "/";
    any_key = false;
  }
};
struct Wrapped : StoreWorld {
  Wrapped() { store = wrap::make_faulty(memory::make_store(buffers), nullptr); }
};

// A store behind HTTP. Each world has a bucket of its own.
struct HttpWorld : StoreWorld {
  ~HttpWorld() { store.reset(); }
  static std::string url(const char* variable) {
    const char* value = std::getenv(variable);
    if (value == nullptr) {
      fmt::print(stderr, "{} is not set: run this under tests/servers/with_servers.py\n", variable);
      std::abort();
    }
    return value;
  }
  static std::string new_name() {
    static int count = 0;
    return fmt::format("bucket-{}-{}", getpid(), ++count);
  }

  net::HttpClient http{loop.executor(), *clock};
};

struct S3World : HttpWorld {
  S3World(const char* variable, s3::Settings settings, bool versions = false) {
    keeps_versions = versions;
    settings.endpoint = url(variable).substr(std::string_view("http://").size());
    settings.tls = false;
    settings.path_style = true;
    const auto credentials = auth::fixed_aws(
        sign::AwsCredentials{.access_key_id = "testkey", .secret_access_key = "testsecret"});
    const std::string bucket = new_name();
    s3::Client client(http, credentials, settings, bucket);
    sign::Request making = sign::s3_request(client.bucket(), "PUT");
    if (versions) {  // which object lock brings along
      making.headers.emplace_back("x-amz-bucket-object-lock-enabled", "true");
    }
    run(client.fetch(ctx, std::move(making), bucket)).value();
    store = s3::make_store(http, buffers, credentials, settings, bucket, "c://" + bucket + "/");
    absent_bucket = [this, credentials, settings] {
      const std::string name = new_name();
      return s3::make_store(http, buffers, credentials, settings, name, "c://" + name + "/");
    };
    rounds = 3;
  }
};
// versitygw keeps objects as files: a name cannot be a folder's as well.
struct Versity : S3World {
  explicit Versity(s3::Settings settings, bool versions = false)
      : S3World("TUTTI_TEST_S3", std::move(settings), versions) {
    any_key = false;
    server = "versitygw";
  }
};
struct S3 : Versity {
  S3() : Versity({}) {}
};
struct S3Versions : Versity {
  S3Versions() : Versity({}, true) {}
};
struct S3Signed : Versity {
  S3Signed() : Versity({.sign_payload = true}) {}
};
struct S3Header : Versity {
  S3Header() : Versity({.checksum = s3::Checksum::header}) {}
};
struct S3Md5 : Versity {
  S3Md5() : Versity({.checksum = s3::Checksum::md5}) {}
};

// moto checks little: what must hold all the same is what this side checks.
struct Moto : S3World {
  explicit Moto(s3::Settings settings = {}, bool versions = false)
      : S3World("TUTTI_TEST_MOTO", std::move(settings), versions) {
    server = "moto";
  }
};
struct MotoVersions : Moto {
  MotoVersions() : Moto({}, true) {}
};
struct MotoMd5 : Moto {
  MotoMd5() : Moto({.checksum = s3::Checksum::md5}) {}
};
// `rclone serve s3` of a folder: objects are files, checksums other than MD5 are unknown to it.
struct Rclone : S3World {
  Rclone() : S3World("TUTTI_TEST_RCLONE", {.checksum = s3::Checksum::md5}) {
    any_key = false;
    server = "rclone";
  }
};

// The emulator of Azure. Tests may ask as somebody else.
struct Azure : HttpWorld {
  // Of the emulators' account, published with them.
  static constexpr std::string_view key =
      "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

  Azure() {
    at.container = new_name();
    CHECK(send(sign::azure_container_request(at, "PUT")).status == 201);
    store = open({{"access_key", key}}).value().store;
    absent_bucket = [this] {
      return open({{"access_key", key}, {"root", "az://" + new_name()}}).value().store;
    };
    server = "azurite", rounds = 3;
    // Those it would take for others are refused.
    can_have = [](const std::string& name) {
      return !name.ends_with('.') && !name.contains("./") &&
             name.find_first_of("\\\n") == std::string::npos;
    };
  }

  // The container as somebody else, or another one (root). Settings that are secrets become ones.
  Result<Located> open(std::initializer_list<std::pair<std::string, Value>> as) {
    ValueMap settings{{"endpoint", url("TUTTI_TEST_AZURE")}, {"root", "az://" + at.container}};
    for (const auto& [name, value] : as) {
      const bool secret = name != "root" && value.is_string();
      settings.set(name, secret ? Value::of({{"secret", name}}) : value);
      secrets[name] = secret ? value.as_string() : "";
    }
    ConnectionTable table;
    table["p"]["c"] = {.type = "azure", .settings = Value(std::move(settings))};
    return Connections(std::move(table), azure::openers(environment())).open("p", "c://");
  }
  // One request with the account's key.
  http::Reply send(sign::Request request, std::string body = {}) {
    sign::azure_sign(request, account, clock->wall(), body.size());
    http::Outgoing out{.tls = false, .request = std::move(request)};
    if (out.request.method != "GET" && out.request.method != "HEAD") {
      out.body = std::move(body);
    }
    auto incoming = run(http::start(ctx, http, std::move(out)));
    return run(http::read_reply(ctx, std::move(incoming).value())).value();
  }
  azure::Environment environment() {
    return {.http = http,
            .buffers = buffers,
            .cpu = pool.executor(),
            .secret = [this](std::string_view name) -> Result<std::string> {
              return secrets[std::string(name)];
            },
            .machine = {.variable = [](const std::string&) { return std::string(); }}};
  }

  std::map<std::string, std::string> secrets;
  sign::AzureEndpoint endpoint = sign::parse_azure_endpoint(url("TUTTI_TEST_AZURE")).value();
  sign::AzureContainer at{.host = endpoint.host, .folder = endpoint.folder, .container = {}};
  sign::AzureKey account = sign::azure_key(endpoint.folder.substr(1), key).value();
};

struct GcsWorld : HttpWorld {
  GcsWorld(const char* variable, std::string folder_of_bucket, bool versions = false) {
    const std::string bucket = new_name();
    const std::string kept =
        fmt::format(R"({{"name":"{}","versioning":{{"enabled":true}}}})", bucket);
    run(http.fetch(ctx, {.method = "POST",
                         .url = url(variable) + "/storage/v1/b?project=p" +
                                (versions ? "&enableObjectRetention=true" : ""),
                         .headers = {{"content-type", "application/json"}},
                         .body = versions ? kept : sign::gcs_bucket_resource(bucket, "", "")}))
        .value();
    keeps_versions = versions;
    store = open(variable, bucket + folder_of_bucket);
    no_keys = {"a\nb"};
    rounds = 3;
  }
  std::shared_ptr<ObjectStore> open(const char* variable, const std::string& root) {
    ConnectionTable table;
    table["p"]["c"] = {.type = "gcs",
                       .settings = Value::of({{"root", "gs://" + root},
                                              {"endpoint", url(variable)},
                                              {"project", "p"},
                                              {"auth", "none"}})};
    const Connections connections(
        std::move(table),
        gcs::openers(
            {.http = http, .buffers = buffers, .files = pool.executor(), .project = folder}));
    return connections.open("p", std::string_view("c://")).value().store;
  }
};
// fake-gcs-server.
struct Gcs : GcsWorld {
  Gcs() : GcsWorld("TUTTI_TEST_GCS", "") {
    no_keys = {".", "..", "a\nb"}, server = "fake-gcs-server";
  }
};
// tests/fakes/gcs.
struct GcsStrict : GcsWorld {
  GcsStrict() : GcsWorld("TUTTI_TEST_STRICT_GCS", "") {
    no_keys = {".", "..", "a\nb"};
    absent_bucket = [this] { return open("TUTTI_TEST_STRICT_GCS", new_name()); };
  }
};
struct GcsVersions : GcsWorld {
  GcsVersions() : GcsWorld("TUTTI_TEST_STRICT_GCS", "", true) { no_keys = {".", "..", "a\nb"}; }
};
struct GcsFolder : GcsWorld {
  GcsFolder() : GcsWorld("TUTTI_TEST_STRICT_GCS", "/below/here") {}
};

}  // namespace tutti::cloud

#define ALL_STORES                                                                           \
  Memory, MemoryVersions, LocalRoot, LocalBuckets, Files, Wrapped, S3, S3Versions, S3Signed, \
      S3Header, S3Md5, Moto, MotoVersions, MotoMd5, Rclone, Gcs, GcsStrict, GcsVersions,     \
      GcsFolder, Azure

// The body is compiled once, not once for each store.
#define STORE_CASE(name) STORE_CASE_OF(name, __LINE__)
#define STORE_CASE_OF(name, line) STORE_CASE_IN(name, line)
#define STORE_CASE_IN(name, line)               \
  static void store_case_##line(StoreWorld& w); \
  TEST_CASE_TEMPLATE(name, S, ALL_STORES) {     \
    S world;                                    \
    store_case_##line(world);                   \
  }                                             \
  static void store_case_##line(StoreWorld& w)
