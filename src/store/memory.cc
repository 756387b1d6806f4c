// SPDX-License-Identifier: Apache-2.0
#include "store/memory.h"

#include "base/check.h"
#include "store/errors.h"

namespace tutti::store {
namespace {

bool matches(const RunsQuery& query, const RunRow& row) {
  return (!query.run || *query.run == row.run) &&
         (!query.workflow || *query.workflow == row.workflow) &&
         (!query.state || *query.state == row.state) &&
         (!query.logical_from || (row.logical_date && *row.logical_date >= *query.logical_from)) &&
         (!query.logical_before ||
          (row.logical_date && *row.logical_date < *query.logical_before)) &&
         (!query.before_run_no || row.run_no < *query.before_run_no);
}

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryDisk& disk) : disk_(disk) {}

  Task<Claimed> claim(rt::Context& ctx, std::optional<Epoch> held) override {
    CO_OK(ctx.check());
    if (held && *held != disk_.epoch) {
      co_return fail(fenced_error(*held, disk_.epoch));
    }
    Claimed claimed{.epoch = ++disk_.epoch};
    for (const auto& [run_no, row] : disk_.runs) {
      claimed.last_run_no = run_no;
      if (row.live) {
        claimed.live.push_back(image(row));
      }
    }
    co_return claimed;
  }

  Task<Unit> commit(rt::Context& ctx, Commit commit) override {
    CO_OK(ctx.check());
    if (commit.epoch != disk_.epoch) {
      co_return fail(fenced_error(commit.epoch, disk_.epoch));
    }
    CO_OK(check(commit));
    for (RunRow& row : commit.runs) {
      disk_.run_nos[row.run] = row.run_no;
      disk_.runs[row.run_no] = std::move(row);
    }
    for (Page& page : commit.pages) {
      if (page.bytes.empty()) {
        disk_.pages.erase({page.run, page.number});
      } else {
        disk_.pages[{page.run, page.number}] = std::move(page.bytes);
      }
    }
    for (AttemptRow& row : commit.attempts) {
      disk_.attempts[{row.run, row.task, row.attempt}] = std::move(row);
    }
    for (OutputRow& row : commit.outputs) {
      disk_.outputs[row.key] = std::move(row);
    }
    co_return Unit{};
  }

  Task<RunImage> load_run(rt::Context& ctx, RunId run) override {
    CO_OK(ctx.check());
    const auto found = disk_.run_nos.find(run);
    if (found == disk_.run_nos.end()) {
      co_return fail(no_run_error(run));
    }
    co_return image(disk_.runs.at(found->second));
  }

  Task<std::vector<RunRow>> runs(rt::Context& ctx, RunsQuery query) override {
    CO_OK(ctx.check());
    std::vector<RunRow> rows;
    for (auto it = disk_.runs.rbegin(); it != disk_.runs.rend(); ++it) {
      if (rows.size() == query.rows_max) {
        break;
      }
      if (matches(query, it->second)) {
        rows.push_back(it->second);
      }
    }
    co_return rows;
  }

  Task<std::vector<AttemptRow>> attempts(rt::Context& ctx, RunId run) override {
    CO_OK(ctx.check());
    std::vector<AttemptRow> rows;
    for (auto it = disk_.attempts.lower_bound({run, TaskNo{0}, 0});
         it != disk_.attempts.end() && it->first.run == run; ++it) {
      rows.push_back(it->second);
    }
    co_return rows;
  }

  Task<std::vector<OutputRow>> outputs(rt::Context& ctx, std::vector<OutputKey> keys) override {
    CO_OK(ctx.check());
    std::vector<OutputRow> rows;
    for (const OutputKey& key : keys) {
      if (const auto found = disk_.outputs.find(key); found != disk_.outputs.end()) {
        rows.push_back(found->second);
      }
    }
    co_return rows;
  }

  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override {
    CO_OK(ctx.check());
    CO_OK(check_blob(digest, bytes));
    disk_.blobs.try_emplace(digest, std::move(bytes));
    co_return Unit{};
  }

  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override {
    CO_OK(ctx.check());
    const auto found = disk_.blobs.find(digest);
    if (found == disk_.blobs.end()) {
      co_return fail(no_blob_error(digest));
    }
    if (sha256(found->second) != digest) {
      co_return fail(spoilt_blob_error(digest));
    }
    co_return found->second;
  }

  Task<Unit> close(rt::Context&) override { co_return Unit{}; }

 private:
  RunImage image(const RunRow& row) const {
    RunImage image{.row = row, .pages = {}};
    for (auto it = disk_.pages.lower_bound({row.run, 0});
         it != disk_.pages.end() && it->first.first == row.run; ++it) {
      image.pages.push_back({row.run, it->first.second, it->second});
    }
    return image;
  }

  // All or nothing: what cannot be written is refused before anything is.
  Result<Unit> check(const Commit& commit) const {
    std::map<int64_t, RunId> added;
    std::set<RunId> runs;
    for (const RunRow& row : commit.runs) {
      const auto other = disk_.runs.find(row.run_no);
      const auto known = disk_.run_nos.find(row.run);
      const auto [it, fresh] = added.try_emplace(row.run_no, row.run);
      if ((other != disk_.runs.end() && other->second.run != row.run) ||
          (known != disk_.run_nos.end() && known->second != row.run_no) ||
          (!fresh && it->second != row.run)) {
        return fail(run_no_error(row.run, row.run_no));
      }
      runs.insert(row.run);
    }
    const auto known = [&](const RunId& run) {
      return runs.contains(run) || disk_.run_nos.contains(run);
    };
    for (const Page& page : commit.pages) {
      if (!known(page.run)) {
        return fail(no_row_error(page.run));
      }
    }
    for (const AttemptRow& row : commit.attempts) {
      if (!known(row.run)) {
        return fail(no_row_error(row.run));
      }
    }
    for (const OutputRow& row : commit.outputs) {
      if (!known(row.key.run)) {
        return fail(no_row_error(row.key.run));
      }
    }
    return Unit{};
  }

  MemoryDisk& disk_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(MemoryDisk& disk) {
  return std::make_unique<MemoryStore>(disk);
}

}  // namespace tutti::store
