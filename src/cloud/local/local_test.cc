// SPDX-License-Identifier: Apache-2.0
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "cloud/body.h"
#include "cloud/local/files.h"
#include "cloud/local/keys.h"
#include "cloud/local/local.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::local {
namespace {

std::string path_text(std::string_view key, Names names = Names::escaped) {
  return path_of(key, names).value().text();
}

// What the walk does: from the parts of a path back to the key.
std::string key_of(const KeyPath& path) {
  std::string key;
  std::vector<std::string> parts = path.folders;
  parts.push_back(path.name);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto segment = segment_of(parts[i], Names::escaped);
    REQUIRE(segment.has_value());
    key += segment->text;
    if (!segment->piece && i + 1 < parts.size()) {
      key += '/';
    }
  }
  return key;
}

TEST_CASE("plain keys are plain paths") {
  CHECK(path_text("sales/2024-05-01/store 1.json") == "sales/2024-05-01/store 1.json");
  CHECK(path_text("100%.txt") == "100%.txt");
  CHECK(path_text("a%20b") == "a%20b");
  CHECK(path_text(".hidden/x") == ".hidden/x");
}

TEST_CASE("keys a file system cannot have are escaped") {
  const std::pair<std::string, std::string> rows[] = {
      {"a/", "a/%-"},
      {"a//b", "a/%-/b"},
      {"/", "%-/%-"},
      {"..", "%2E."},
      {"../x", "%2E./x"},
      {"a/./b", "a/%2E/b"},
      {".tutti-staging/x", "%2Etutti-staging/x"},
      {"%-", "%25-"},
      {"%2E", "%252E"},
      {"a%25", "a%2525"},
      {"%@/x", "%25@/x"},
      {"%~", "%25~"},
  };
  for (const auto& [key, path] : rows) {
    CHECK(path_text(key) == path);
  }
  const std::string longest(400, 'x');
  CHECK(path_text(longest) ==
        "%~" + std::string(150, 'x') + "/%~" + std::string(150, 'x') + "/" + std::string(100, 'x'));
  CHECK(path_text(std::string(150, 'x')) == "%~" + std::string(150, 'x') + "/%-");
}

TEST_CASE("every key comes back from its path, and no two keys share one") {
  std::mt19937_64 random(7);
  const std::string_view letters[] = {"a", "/", ".", "%",      "2", "5",   "E",
                                      "-", "~", "@", ".tutti", "ü", "%25", "%2E"};
  std::map<std::string, std::string> by_path;
  for (int i = 0; i < 20'000; ++i) {
    std::string key;
    const size_t parts = 1 + random() % (i % 50 == 0 ? 400 : 8);
    for (size_t n = 0; n < parts; ++n) {
      key += letters[random() % std::size(letters)];
    }
    const KeyPath path = path_of(key, Names::escaped).value();
    for (const std::string& folder : path.folders) {
      CHECK(folder.size() <= 255);
    }
    CHECK(path.name.size() <= 255);
    CHECK(path.name != "%@");
    CHECK(key_of(path) == key);
    const auto [at, added] = by_path.emplace(path.text(), key);
    CHECK(at->second == key);
  }
}

TEST_CASE("names that no key gives are not objects") {
  for (const std::string_view name : {".tutti-staging", "%@", "%2Ea", "%25"}) {
    CAPTURE(name);
    CHECK_FALSE(segment_of(name, Names::escaped).has_value());
  }
  CHECK_FALSE(segment_of(std::string(150, 'x'), Names::escaped).has_value());
  CHECK(segment_of("%@", Names::natural)->text == "%@");
}

TEST_CASE("natural names refuse what a file cannot be called") {
  for (const std::string& key :
       {std::string("a/"), std::string("a//b"), std::string("../x"), std::string("a/."),
        std::string(256, 'x'), std::string("a/.tutti-staging/b")}) {
    CAPTURE(key);
    CHECK(path_of(key, Names::natural).error().code == Code::bad_input);
  }
  CHECK(path_text("a/%-/" + std::string(255, 'x'), Names::natural) ==
        "a/%-/" + std::string(255, 'x'));
}

struct World : rt::TestWorld {
  World() { std::filesystem::create_directories(folder); }
  ~World() {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(folder);
  }
  Located open(std::string_view address) {
    auto located = connections.open("local", address);
    REQUIRE_OK(located);
    return std::move(*located);
  }
  Result<ObjectMeta> put(const Located& to, std::string text, PutOptions options = {}) {
    return loop.run(to.store->put(ctx, to.key, body_of(buffers, std::move(text)), options));
  }
  std::string text(const Located& at) {
    auto got = loop.run(get_text(ctx, *at.store, at.key));
    return got.has_value() ? *got : got.error().text();
  }
  std::vector<std::string> list(const Located& at) {
    Listing listing(*at.store, {.prefix = at.key});
    std::vector<std::string> keys;
    while (true) {
      auto next = loop.run(listing.next(ctx));
      REQUIRE_OK(next);
      if (!*next) {
        return keys;
      }
      keys.push_back((*next)->key.text);
    }
  }

  static ConnectionTable table() {
    ConnectionTable table;
    table["local"]["s3"] = {.type = "local", .settings = Value::of({{"buckets", "clouds/s3"}})};
    table["local"]["landing"] = {.type = "local", .settings = Value::of({{"root", "landing"}})};
    table["local"]["bad"] = {.type = "local"};
    table["local"]["odd"] = {.type = "local", .settings = Value::of({{"root", "x"}, {"rot", "y"}})};
    return table;
  }

  std::filesystem::path folder =
      std::filesystem::canonical(std::filesystem::temp_directory_path()) /
      ("tutti_local_test." + std::to_string(getpid()));
  rt::Pool pool{2};
  BufferPool buffers;
  Connections connections{table(), openers({folder, buffers, pool.executor()})};
};

TEST_CASE("an address resolves to folder, bucket and key") {
  World w;
  const Located bucket = w.open("s3://orders/2024/a.json");
  CHECK(bucket.ref == ObjectRef{.provider = "local",
                                .account = (w.folder / "clouds/s3").string(),
                                .bucket = "orders",
                                .key = "2024/a.json"});
  CHECK(address_of(bucket, {"b"}) == "s3://orders/b");
  const Located file = w.open("file://data/x");
  CHECK(file.ref.provider == "file");
  CHECK(address_of(file, file.key) == "file://" + (w.folder / "data/x").string());
  for (const std::string path : {"data/x", "./data/x", "././data/x"}) {
    CHECK(w.open("file://" + path).ref == file.ref);
  }
  CHECK(w.open("file://" + (w.folder / "data/x").string()).ref == file.ref);
  CHECK(w.open("file://").ref == w.open("file://.").ref);
  const Located machine = w.open("file:///data/x");
  CHECK(machine.ref == ObjectRef{.provider = "file", .account = "/", .key = "data/x"});
  CHECK(address_of(machine, machine.key) == "file:///data/x");
  CHECK(w.connections.open("local", "s3://").error().text().find("names no bucket") !=
        std::string::npos);
  CHECK(w.connections.open("local", "s3://../x").error().code == Code::bad_input);
  CHECK(w.connections.open("local", "bad://x").error().text().find("needs either root") !=
        std::string::npos);
  CHECK(w.connections.open("local", "odd://x").error().text().find("'rot'") != std::string::npos);
}

TEST_CASE("a folder without permission says so") {
  World w;
  REQUIRE_OK(w.put(w.open("landing://a/b"), "x"));
  std::filesystem::permissions(w.folder / "landing/a", std::filesystem::perms::none);
  const auto got = w.loop.run(w.open("landing://").store->head(w.ctx, {"a/b"}));
  if (geteuid() != 0) {  // root may do everything
    CHECK(got.error().code == Code::denied);
  }
  std::filesystem::permissions(w.folder / "landing/a", std::filesystem::perms::owner_all);
}

TEST_CASE("objects are plain files, and files put there by hand are objects") {
  World w;
  REQUIRE_OK(w.put(w.open("s3://b/2024/a.json"), "one"));
  std::ifstream file(w.folder / "clouds/s3/b/2024/a.json");
  std::string text;
  file >> text;
  CHECK(text == "one");
  std::ofstream(w.folder / "clouds/s3/b/2024/by hand.txt") << "two";
  CHECK(w.text(w.open("s3://b/2024/by hand.txt")) == "two");
  CHECK(w.list(w.open("s3://b/")) == std::vector<std::string>{"2024/a.json", "2024/by hand.txt"});
  CHECK_FALSE(std::filesystem::exists(w.folder / "clouds/s3/b/.tutti-staging"));
}

TEST_CASE("a file store refuses a folder where a file is, and the other way round") {
  World w;
  const Located file = w.open("file://d/a");
  REQUIRE_OK(w.put(file, "one"));
  const auto below = w.put(w.open("file://d/a/b"), "two");
  CHECK(below.error().code == Code::conflict);
  CHECK(below.error().text().find("is a file, so nothing can be below it") != std::string::npos);
  CHECK(w.put(w.open("file://d"), "two").error().text().find("a folder of that name") !=
        std::string::npos);
  CHECK(w.text(w.open("file://d")).find("it is a folder") != std::string::npos);
  CHECK(w.put(w.open("file://new/x/../y"), "two").error().code == Code::bad_input);
  CHECK_FALSE(std::filesystem::exists(w.folder / "new"));
}

TEST_CASE("links are not followed, neither to objects nor on the way") {
  World w;
  std::ofstream(w.folder / "secret") << "x";
  std::filesystem::create_directories(w.folder / "landing");
  std::filesystem::create_symlink(w.folder / "secret", w.folder / "landing/link");
  std::filesystem::create_symlink(w.folder, w.folder / "landing/up");
  CHECK(w.text(w.open("landing://link")).find("links are not followed") != std::string::npos);
  CHECK(w.text(w.open("landing://up/secret")).find("links are not followed") != std::string::npos);
  CHECK_FALSE(w.put(w.open("landing://up/planted"), "x").has_value());
  CHECK_FALSE(std::filesystem::exists(w.folder / "planted"));
  CHECK(w.list(w.open("landing://")).empty());
}

TEST_CASE("a listing counts what is left out of it, each once, whatever the pages") {
  World w;
  std::filesystem::create_directories(w.folder / "landing/sub");
  for (const char* name : {"b", "d", "sub/f", "sub/h"}) {
    std::ofstream(w.folder / "landing" / name) << name;
  }
  for (const char* name : {"a", "c", "e", "sub/g", "sub/i", "z"}) {
    std::filesystem::create_symlink("b", w.folder / "landing" / name);
  }
  // An object that is a folder's, too, is no stranger.
  REQUIRE_OK(w.put(w.open("landing://k"), "1"));
  for (const uint32_t limit : {1U, 2U, 3U, 1000U}) {
    for (const char* delimiter : {"", "/"}) {
      const Located at = w.open("landing://");
      Listing listing(*at.store, {.delimiter = delimiter, .limit = limit});
      size_t found = 0;
      while (w.loop.run(listing.next(w.ctx)).value()) {
        ++found;
      }
      CAPTURE(limit);
      const bool all = *delimiter == '\0';
      CHECK(found == (all ? 5 : 4));
      CHECK(listing.left_out().count == (all ? 6 : 4));
      CHECK(listing.left_out().first == "a");
    }
  }
  const Located below = w.open("landing://sub/");
  Listing listing(*below.store, {.prefix = below.key, .start_after = {"sub/h"}});
  CHECK_FALSE(w.loop.run(listing.next(w.ctx)).value());
  CHECK(listing.left_out().count == 1);
  CHECK(listing.left_out().first == "sub/i");
}

// From here on renameat2 knows no flags in this thread and those it begins, as on NFS.
void forget_flags_of_rename() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[4])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

TEST_CASE("a file system whose rename knows no flags still writes only where nothing is") {
  std::thread([] {
    forget_flags_of_rename();
    World w;
    const Located at = w.open("landing://a");
    REQUIRE_OK(w.put(at, "one", {.only_if_absent = true}));
    CHECK(w.put(at, "two", {.only_if_absent = true}).error().code == Code::conflict);
    CHECK(w.text(at) == "one");
    REQUIRE_OK(w.put(at, "three"));
    CHECK(w.text(at) == "three");
    CHECK(w.list(w.open("landing://")) == std::vector<std::string>{"a"});
  }).join();
}

TEST_CASE("what lies on a file system without extended attributes is copied without them") {
  std::thread([] {
    const std::filesystem::path ram = std::filesystem::temp_directory_path() / "ram";
    std::filesystem::create_directories(ram);
    // Mounted for this thread and those it begins.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("ram", ram.c_str(), "ramfs", 0, nullptr) != 0) {
      MESSAGE("nobody may mount here: skipped");
      return;
    }
    {
      World w;
      for (const std::string& folder : {ram.string(), ram.string() + "/new"}) {
        const Located at = w.open("file://" + folder + "/a");
        CHECK(at.store->capabilities().metadata_bytes_max == 0);
        REQUIRE_OK(w.put(at, "one"));
        CHECK(w.text(at) == "one");
      }
      const Located beside = w.open("file://" + w.folder.string() + "/a");
      CHECK((beside.store->capabilities().metadata_bytes_max > 0) == keeps_notes(w.folder));
    }
    CHECK(umount2(ram.c_str(), MNT_DETACH) == 0);
  }).join();
}

TEST_CASE("devices and pipes are no objects and nobody waits for them") {
  World w;
  std::filesystem::create_directories(w.folder / "landing");
  REQUIRE(mkfifo((w.folder / "landing/pipe").c_str(), 0600) == 0);
  CHECK(w.text(w.open("landing://pipe")).find("not a regular file") != std::string::npos);
}

TEST_CASE("digests and metadata stay with the file until somebody else writes to it") {
  World w;
  const Located at = w.open("landing://a");
  REQUIRE_OK(w.put(at, "hello", {.content_type = "text/plain", .metadata = {{"owner", "ana"}}}));
  auto meta = w.loop.run(at.store->head(w.ctx, at.key));
  REQUIRE_OK(meta);
  if (at.store->capabilities().metadata_bytes_max == 0) {
    return;  // no extended attributes here: capabilities() says so
  }
  CHECK(meta->digest(DigestKind::crc32c) == digest_of(DigestKind::crc32c, "hello"));
  CHECK(meta->content_type == "text/plain");
  CHECK(meta->metadata.at("owner") == "ana");
  std::ofstream(w.folder / "landing/a", std::ios::app) << "!";
  auto changed = w.loop.run(at.store->head(w.ctx, at.key));
  CHECK(changed->digests.empty());
  CHECK(changed->etag != meta->etag);
}

TEST_CASE("a file changed while it is read is a conflict") {
  World w;
  const Located at = w.open("landing://a");
  REQUIRE_OK(w.put(at, std::string(3U << 20U, 'x')));
  auto opened = w.loop.run(at.store->get(w.ctx, at.key, {}));
  REQUIRE_OK(opened);
  REQUIRE_OK(w.loop.run(opened->source->next(w.ctx)));
  std::filesystem::resize_file(w.folder / "landing/a", 100);
  const auto rest = w.loop.run(read_all(w.ctx, *opened->source, 1U << 30U));
  REQUIRE_FALSE(rest.has_value());
  CHECK(rest.error().code == Code::conflict);
  CHECK(rest.error().text() ==
        "landing://a: the file was changed while it was read. try again when its writer is done");
}

TEST_CASE("staged files of a dead writer are removed, those of a living one stay") {
  World w;
  const auto staging = w.folder / "landing/.tutti-staging";
  std::filesystem::create_directories(staging / "dead.room");
  std::ofstream(staging / "dead.room/%@") << "x";
  std::ofstream(staging / "0123") << "half";
  const Located at = w.open("landing://a");
  auto upload = w.loop.run(at.store->begin_upload(w.ctx, at.key, {}));
  REQUIRE_OK(upload);
  CHECK(std::distance(std::filesystem::directory_iterator(staging), {}) == 1);
  // A second process would open the folder afresh; so does another store of the same folder.
  const auto other = open_store({w.folder, w.buffers, w.pool.executor()},
                                {.root = w.folder / "landing", .base = "landing://"});
  REQUIRE_OK(w.loop.run(other->put(w.ctx, {"b"}, body_of(w.buffers, "b"), {})));
  CHECK(std::distance(std::filesystem::directory_iterator(staging), {}) == 1);
  REQUIRE_OK(w.loop.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "whole"))));
  REQUIRE_OK(w.loop.run((*upload)->commit(w.ctx, {})));
  CHECK(w.text(at) == "whole");
  CHECK_FALSE(std::filesystem::exists(staging));
}

TEST_CASE("each durability keeps its objects") {
  World w;
  for (const auto durability : {Durability::object, Durability::batch, Durability::none}) {
    const auto store =
        open_store({w.folder, w.buffers, w.pool.executor()},
                   {.root = w.folder / "d", .durability = durability, .base = "d://"});
    REQUIRE_OK(w.loop.run(store->put(w.ctx, {"a/b"}, body_of(w.buffers, "x"), {})));
    CHECK(w.loop.run(get_text(w.ctx, *store, {"a/b"})).value() == "x");
  }
  CHECK(parse_durability("never").error().code == Code::bad_input);
}

}  // namespace
}  // namespace tutti::cloud::local
