// SPDX-License-Identifier: Apache-2.0
// What crash_test.cc kills or starves.
//
//   store_crash_child tell FOLDER       goes on with the story; prints each number once it is
//   durable store_crash_child full FOLDER       in a file system of 12 MiB mounted there, fills it
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/conformance/store/crash_story.h"

namespace tutti::store {
namespace {

int report(const Error& error) {
  fmt::print(stderr, "{}\n", error.text());
  return 1;
}

int tell(const std::filesystem::path& folder) {
  Harness f;
  auto teller =
      StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0, .checkpoint_bytes = 200'000});
  if (!teller.has_value()) {
    return report(teller.error());
  }
  while (true) {
    if (const auto told = teller->tell(f); !told.has_value()) {
      return report(told.error());
    }
    const std::string line = fmt::format("{}\n", teller->told);
    if (write(1, line.data(), line.size()) < 0) {
      return 1;
    }
  }
}

// 77: this machine does not let us.
int mount_small(const std::filesystem::path& folder) {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=12m") != 0) {
    fmt::print("no small file system here: {}\n", std::strerror(errno));
    return 77;
  }
  return 0;
}

void fill(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  const std::string chunk(64 << 10, 'x');
  while (out.write(chunk.data(), static_cast<std::streamsize>(chunk.size())) && out.flush()) {
  }
}

Result<Unit> go_through_full_disk(const std::filesystem::path& folder) {
  Harness f;
  const SqliteOptions options{.folder = folder / ".tutti", .reserve_bytes = 2u << 20};
  TRY(StoryTeller teller, StoryTeller::open(f, options));
  for (int i = 0; i < 10; ++i) {
    TRY_OK(teller.tell(f));
  }
  fill(folder / "filler");
  Result<Unit> told = Unit{};
  for (int i = 0; i < 10'000 && told.has_value(); ++i) {
    told = teller.tell(f);
  }
  if (told.has_value()) {
    return fail(Code::internal, "the disk never was full");
  }
  if (told.error().code != Code::unavailable || told.error().remedy.empty() ||
      told.error().text().find("full") == std::string::npos) {
    return fail(Code::internal, "a full disk was reported as: " + told.error().text());
  }
  fmt::print("full at commit {}: {}\n", teller.told + 1, told.error().text());
  TRY(const uint32_t length, story_length(f, *teller.store));
  if (length != teller.told) {
    return fail(Code::internal, "something was written");
  }
  // The reserve was given free: what runs can be ended.
  const uint32_t before = teller.told;
  for (int i = 0; i < 200 && teller.told < before + 20; ++i) {
    (void)teller.tell(f);
    TRY_OK(f.wait(rt::delay(f.ctx, milliseconds(5))));
  }
  if (teller.told < before + 20) {
    return fail(Code::internal, "the reserve did not help");
  }
  std::filesystem::remove(folder / "filler");
  for (int i = 0; i < 50; ++i) {
    TRY_OK(teller.tell(f));
  }
  TRY_OK(f.wait(teller.store->close(f.ctx)));
  TRY(const StoryTeller again, StoryTeller::open(f, options));
  return again.told == teller.told ? Result<Unit>(Unit{})
                                   : Result<Unit>(fail(Code::internal, "a commit was lost"));
}

}  // namespace
}  // namespace tutti::store

int main(int argc, char** argv) {
  using namespace tutti::store;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "tell") {
    return tell(words[1]);
  }
  if (words.size() == 2 && words[0] == "full") {
    if (const int status = mount_small(words[1]); status != 0) {
      return status;
    }
    const auto done = go_through_full_disk(words[1]);
    return done.has_value() ? 0 : report(done.error());
  }
  return 2;
}
