// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "store/errors.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_values.h"

namespace tutti::store {
namespace {

constexpr size_t run_nos_max = 10'000;

Error broken_error(const Error& cause) {
  return {.code = Code::corrupt,
          .what = "the state database takes nothing more since the disk failed: " + cause.what,
          .where = cause.where,
          .remedy = "check the disk; the next tutti command opens the database anew"};
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::make(Connection& connection) {
  std::unique_ptr<Writer> writer(new Writer(connection));
  TRY_OK(writer->prepare());
  return writer;
}

Result<Unit> Writer::prepare() {
  const std::pair<Statement*, std::string_view> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&epoch_, "SELECT epoch FROM shard WHERE one = 1"},
      {&claim_, "UPDATE shard SET epoch = ? WHERE one = 1"},
      {&find_run_, "SELECT run_no FROM runs WHERE run = ?"},
      {&find_number_, "SELECT run FROM runs WHERE run_no = ?"},
      {&put_run_,
       "INSERT INTO runs (run_no, run, workflow, profile, version, logical_date,"
       " interval_start, interval_end, state, reason,"
       " live, attention, created, started, ended, tasks, succeeded, failed, skipped)"
       " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (run_no) DO UPDATE SET"
       " workflow = excluded.workflow, profile = excluded.profile, version = excluded.version,"
       " logical_date = excluded.logical_date,"
       " interval_start = excluded.interval_start, interval_end = excluded.interval_end,"
       " state = excluded.state, reason = excluded.reason,"
       " live = excluded.live, attention = excluded.attention, created = excluded.created,"
       " started = excluded.started, ended = excluded.ended, tasks = excluded.tasks,"
       " succeeded = excluded.succeeded, failed = excluded.failed, skipped = excluded.skipped"},
      {&put_page_, "REPLACE INTO pages (page, bytes) VALUES (?, ?)"},
      {&drop_page_, "DELETE FROM pages WHERE page = ?"},
      {&put_attempt_, "REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?,?)"},
      {&put_output_, "REPLACE INTO outputs VALUES (?,?,?,?,?,?)"},
      {&touch_blob_, "UPDATE blobs SET put = ? WHERE digest = ? RETURNING 1"},
      {&put_blob_, "INSERT INTO blobs VALUES (?, ?, ?)"},
  };
  for (const auto& [statement, sql] : all) {
    TRY(*statement, connection_.prepare(sql));
  }
  return Unit{};
}

template <class F>
Result<Unit> Writer::transaction(F write) {
  if (broken_) {
    return fail(broken_error(*broken_));
  }
  TRY_OK(begin_.done());
  Result<Unit> result = write();
  if (result.has_value()) {
    result = commit_.done();
    if (!result.has_value() &&
        sqlite3_extended_errcode(connection_.handle()) == SQLITE_IOERR_FSYNC) {
      result.error().code = Code::unknown_outcome;
      broken_ = result.error();
    }
  }
  if (!result.has_value()) {
    run_nos_.clear();
    if (sqlite3_get_autocommit(connection_.handle()) == 0 && !rollback_.done().has_value()) {
      broken_ = result.error();
    }
  }
  return result;
}

Result<Epoch> Writer::claim(std::optional<Epoch> held) {
  Epoch epoch = 0;
  TRY_OK(transaction([&]() -> Result<Unit> {
    TRY(const Epoch current, current_epoch());
    if (held && *held != current) {
      return fail(fenced_error(*held, current));
    }
    epoch = current + 1;
    return claim_.bind(epoch).done();
  }));
  return epoch;
}

Result<Epoch> Writer::current_epoch() {
  TRY(const bool found, epoch_.row());
  const Epoch epoch = found ? epoch_.integer() : 0;
  epoch_.reset();
  return epoch;
}

Result<Unit> Writer::commit(const Commit& commit) {
  return transaction([&]() -> Result<Unit> {
    TRY(const Epoch current, current_epoch());
    if (commit.epoch != current) {
      return fail(fenced_error(commit.epoch, current));
    }
    return write(commit);
  });
}

Result<Unit> Writer::write(const Commit& commit) {
  for (const RunRow& row : commit.runs) {
    TRY_OK(write(row));
  }
  for (const Page& page : commit.pages) {
    TRY_OK(write(page));
  }
  for (const AttemptRow& row : commit.attempts) {
    TRY_OK(write(row));
  }
  for (const OutputRow& row : commit.outputs) {
    TRY_OK(write(row));
  }
  return Unit{};
}

Result<Unit> Writer::write(const RunRow& row) {
  TRY_OK(check_number(row));
  TRY_OK(put_run_.bind(row.run_no)
             .bind(row.run)
             .bind(row.workflow)
             .bind(row.profile)
             .bind(row.version)
             .bind(row.logical_date)
             .bind(row.interval_start)
             .bind(row.interval_end)
             .bind(row.state)
             .bind(row.reason)
             .bind(int64_t{row.live})
             .bind(int64_t{row.attention})
             .bind(row.created.us)
             .bind(row.started)
             .bind(row.ended)
             .bind(row.tasks)
             .bind(row.succeeded)
             .bind(row.failed)
             .bind(row.skipped)
             .done());
  return Unit{};
}

// A run keeps its number, and a number its run.
Result<Unit> Writer::check_number(const RunRow& row) {
  TRY(const std::optional<int64_t> known, find_run_no(row.run));
  if (known) {
    return *known == row.run_no ? Result<Unit>(Unit{})
                                : Result<Unit>(fail(run_no_error(row.run, row.run_no)));
  }
  TRY(const bool taken, find_number_.bind(row.run_no).row());
  if (taken || row.run_no < 0 || row.run_no >= run_no_end) {
    find_number_.reset();
    return fail(run_no_error(row.run, row.run_no));
  }
  run_nos_[row.run] = row.run_no;
  return Unit{};
}

Result<std::optional<int64_t>> Writer::find_run_no(const RunId& run) {
  if (const auto known = run_nos_.find(run); known != run_nos_.end()) {
    return known->second;
  }
  TRY(const bool found, find_run_.bind(run).row());
  if (!found) {
    return std::nullopt;
  }
  const int64_t run_no = find_run_.integer();
  find_run_.reset();
  if (run_nos_.size() >= run_nos_max) {
    run_nos_.clear();
  }
  run_nos_[run] = run_no;
  return run_no;
}

Result<int64_t> Writer::run_no_of(const RunId& run) {
  TRY(const std::optional<int64_t> known, find_run_no(run));
  return known ? Result<int64_t>(*known) : Result<int64_t>(fail(no_row_error(run)));
}

Result<Unit> Writer::write(const Page& page) {
  TRY(const int64_t run_no, run_no_of(page.run));
  if (page.number >= page_number_end) {
    return fail(Code::internal, fmt::format("page number {} is too large", page.number));
  }
  const int64_t key = page_key(run_no, page.number);
  return page.bytes.empty() ? drop_page_.bind(key).done()
                            : put_page_.bind(key).bind_bytes(page.bytes).done();
}

Result<Unit> Writer::write(const AttemptRow& row) {
  TRY(const int64_t run_no, run_no_of(row.run));
  return put_attempt_.bind(run_no)
      .bind(row.task.value)
      .bind(row.attempt)
      .bind(row.task_name)
      .bind(row.state)
      .bind(row.reason)
      .bind(row.started.us)
      .bind(row.ended.us)
      .bind(row.error)
      .done();
}

Result<Unit> Writer::write(const OutputRow& row) {
  TRY(const int64_t run_no, run_no_of(row.key.run));
  const std::string blob = row.blob ? blob_key(*row.blob) : std::string();
  put_output_.bind(run_no).bind(row.key.task.value).bind(row.key.attempt).bind(row.json);
  if (row.blob) {
    put_output_.bind_bytes(blob);
  } else {
    put_output_.bind_null();
  }
  return put_output_.bind(row.bytes).done();
}

Result<Unit> Writer::put_blob(const Digest& digest, std::string_view bytes, Instant now) {
  return transaction([&]() -> Result<Unit> {
    const std::string key = blob_key(digest);
    TRY(const bool known, touch_blob_.bind(now.us).bind_bytes(key).row());
    touch_blob_.reset();
    return known ? Result<Unit>(Unit{})
                 : put_blob_.bind_bytes(key).bind(now.us).bind_bytes(bytes).done();
  });
}

Result<uint64_t> Writer::collect_blobs(const std::vector<Digest>& live, Instant put_before) {
  std::vector<std::string> dead;
  {
    TRY(Statement old, connection_.prepare("SELECT digest FROM blobs WHERE put < ?"));
    old.bind(put_before.us);
    while (true) {
      TRY(const bool more, old.row());
      if (!more) {
        break;
      }
      std::string key = old.text();
      const bool wanted = std::ranges::any_of(std::ranges::equal_range(live, digest_of_key(key)),
                                              [](const Digest&) { return true; });
      if (!wanted) {
        dead.push_back(std::move(key));
      }
    }
  }
  TRY(Statement drop, connection_.prepare("DELETE FROM blobs WHERE digest = ?"));
  TRY_OK(transaction([&]() -> Result<Unit> {
    for (const std::string& key : dead) {
      TRY_OK(drop.bind_bytes(key).done());
    }
    return Unit{};
  }));
  return dead.size();
}

}  // namespace tutti::store
