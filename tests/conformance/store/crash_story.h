// SPDX-License-Identifier: Apache-2.0
// A story of commits of which any prefix can be told from the state: commit n writes n everywhere.
#pragma once

#include <fmt/format.h>

#include "store/store.h"
#include "tests/conformance/store/fixtures.h"

namespace tutti::store {

inline std::string story_page(uint32_t n) {
  return fmt::format("{} ", n) + std::string(100 + n * 977 % 6000, static_cast<char>('a' + n % 26));
}

inline std::string story_blob(uint32_t n) {
  return fmt::format("blob {} ", n) + std::string(n % 50 == 0 ? 100'000 : 100, 'b');
}

inline Commit story_commit(Epoch epoch, uint32_t n) {
  RunRow row = run_row(1);
  row.tasks = n;
  const RunId run = row.run;
  return {.epoch = epoch,
          .pages = {{run, 0, story_page(n)}, {run, 1 + n % 20, story_page(n)}},
          .runs = {row},
          .attempts = {{.run = run,
                        .task = {n},
                        .attempt = 1,
                        .task_name = fmt::format("t{}", n),
                        .state = "success"}},
          .outputs = {{.key = {run, {n}, 1}, .blob = sha256(story_blob(n)), .bytes = 1}}};
}

// How far the story came; an error when what is there is no prefix of it.
inline Result<uint32_t> story_length(Harness& f, Store& store) {
  auto image = f.wait(store.load_run(f.ctx, run_id(1)));
  if (!image.has_value()) {
    return image.error().code == Code::not_found ? Result<uint32_t>(0)
                                                 : Result<uint32_t>(fail(image.error()));
  }
  const auto broken = [](std::string what) { return fail(Code::corrupt, std::move(what)); };
  const uint32_t n = image->row.tasks;
  std::map<uint32_t, std::string> pages;
  for (uint32_t i = n < 20 ? 1 : n - 19; i <= n; ++i) {
    pages[1 + i % 20] = story_page(i);
  }
  pages[0] = story_page(n);
  if (image->pages.size() != pages.size()) {
    return broken(fmt::format("{} pages after commit {}", image->pages.size(), n));
  }
  for (const Page& page : image->pages) {
    if (pages[page.number] != page.bytes) {
      return broken(fmt::format("page {} is not that of commit {}", page.number, n));
    }
  }
  TRY(const auto attempts, f.wait(store.attempts(f.ctx, run_id(1))));
  if (attempts.size() != n || (n > 0 && attempts.back().task.value != n)) {
    return broken(fmt::format("{} attempts after commit {}", attempts.size(), n));
  }
  TRY(const auto outputs,
      f.wait(store.outputs(f.ctx, {{run_id(1), {n}, 1}, {run_id(1), {n + 1}, 1}})));
  if (outputs.size() != 1) {
    return broken(fmt::format("{} outputs after commit {}", outputs.size(), n));
  }
  TRY(const auto blob, f.wait(store.get_blob(f.ctx, *outputs[0].blob)));
  return blob == story_blob(n) ? Result<uint32_t>(n)
                               : Result<uint32_t>(broken("another commit's blob"));
}

// Opens the store of the folder and takes it over.
struct StoryTeller {
  std::unique_ptr<SqliteStore> store;
  Epoch epoch = 0;
  uint32_t told = 0;

  static Result<StoryTeller> open(Harness& f, SqliteOptions options) {
    options.clock = f.clock.get();
    StoryTeller teller;
    TRY(teller.store, open_sqlite_store(std::move(options)));
    TRY(const Claimed claimed, f.wait(teller.store->claim(f.ctx, {})));
    teller.epoch = claimed.epoch;
    TRY(teller.told, story_length(f, *teller.store));
    return teller;
  }
  Result<Unit> tell(Harness& f) {
    const std::string blob = story_blob(told + 1);
    TRY_OK(f.wait(store->put_blob(f.ctx, sha256(blob), blob)));
    TRY_OK(f.wait(store->commit(f.ctx, story_commit(epoch, told + 1))));
    ++told;
    return Unit{};
  }
};

}  // namespace tutti::store
