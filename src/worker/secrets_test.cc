// SPDX-License-Identifier: Apache-2.0
#include "worker/secrets.h"

#include <unistd.h>

#include <cstdlib>

#include "rt/file.h"

#include "base/doctest.h"

namespace tutti::worker {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "tutti_secrets_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& bytes, unsigned mode) const {
    REQUIRE_OK(rt::write_file(path / name, bytes, {.mode = mode, .durable = false}));
    fs::permissions(path / name, static_cast<fs::perms>(mode));
  }
};

Value from_file(const std::string& path) { return Value::of({{"s", Value::of({{"file", path}})}}); }

TEST_CASE("a secret comes from the environment") {
  const SecretSource source(Value::of({{"s", Value::of({{"env", "TUTTI_TEST_SECRET"}})}}), "/");
  Error unset = source.read("s").error();
  CHECK(unset.code == Code::not_found);
  CHECK(unset.text() ==
        "secret 's': the environment variable TUTTI_TEST_SECRET is not set. "
        "export TUTTI_TEST_SECRET=... before the command");
  setenv("TUTTI_TEST_SECRET", "pass word", 1);
  CHECK(*source.read("s") == "pass word");
  setenv("TUTTI_TEST_SECRET", "abc", 1);
  CHECK(source.read("s").error().code == Code::bad_input);
  setenv("TUTTI_TEST_SECRET",
         "ab\xff"
         "cd",
         1);
  CHECK(source.read("s").error().code == Code::bad_input);
  unsetenv("TUTTI_TEST_SECRET");
  CHECK(source.read("other").error().code == Code::not_found);
  CHECK(source.names() == std::vector<std::string>{"s"});
}

TEST_CASE("a secret comes from a file that only its owner may read") {
  const Folder folder;
  folder.write("good", "from file\r\n", 0600);
  folder.write("open", "from file\n", 0644);
  folder.write("two", "line\n\n", 0400);
  const auto read = [&](const std::string& path) {
    return SecretSource(from_file(path), folder.path).read("s");
  };
  CHECK(*read("good") == "from file");
  CHECK(*read((folder.path / "good").string()) == "from file");
  CHECK(*read("two") == "line\n");
  Error open = read("open").error();
  CHECK(open.code == Code::denied);
  CHECK(open.what.find("mode 0644") != std::string::npos);
  CHECK(open.remedy.starts_with("chmod 600 "));
  CHECK(read("none").error().code == Code::not_found);
  CHECK(read(".").error().code == Code::bad_input);
}

TEST_CASE("a source of a later version says so") {
  const Value vault = Value::of({{"s", Value::of({{"vault", "kv/x#y"}})}});
  CHECK(SecretSource(vault, "/").read("s").error().code == Code::unsupported);
}

}  // namespace
}  // namespace tutti::worker
