// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "store/errors.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_values.h"

namespace tutti::store {
namespace {

constexpr std::string_view run_columns =
    "SELECT run, run_no, workflow, profile, version, logical_date, interval_start, interval_end, "
    "state, reason, live, attention,"
    " created, started, ended, tasks, succeeded, failed, skipped FROM runs ";

uint32_t count(Statement& statement) { return static_cast<uint32_t>(statement.integer()); }

// Braced initialisers are evaluated in order, which is the order of the columns.
RunRow run_row(Statement& s) {
  return {.run = s.run(),
          .run_no = s.integer(),
          .workflow = s.text(),
          .profile = s.text(),
          .version = s.text(),
          .logical_date = s.instant(),
          .interval_start = s.instant(),
          .interval_end = s.instant(),
          .state = s.text(),
          .reason = s.text(),
          .live = s.integer() != 0,
          .attention = s.integer() != 0,
          .created = {s.integer()},
          .started = s.instant(),
          .ended = s.instant(),
          .tasks = count(s),
          .succeeded = count(s),
          .failed = count(s),
          .skipped = count(s)};
}

Result<std::vector<RunRow>> all_runs(Statement& statement) {
  std::vector<RunRow> rows;
  while (true) {
    TRY(const bool more, statement.row());
    if (!more) {
      return rows;
    }
    rows.push_back(run_row(statement));
  }
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::make(Connection& connection) {
  std::unique_ptr<Reader> reader(new Reader(connection));
  const std::pair<Statement*, std::string_view> all[] = {
      {&reader->begin_, "BEGIN"},
      {&reader->end_, "COMMIT"},
      {&reader->pages_, "SELECT page, bytes FROM pages WHERE page >= ? AND page < ? ORDER BY page"},
      {&reader->attempts_,
       "SELECT task, attempt, task_name, state, reason, started, ended, error FROM attempts"
       " WHERE run_no = (SELECT run_no FROM runs WHERE run = ?) ORDER BY task, attempt"},
      {&reader->output_,
       "SELECT json, blob, bytes FROM outputs"
       " WHERE run_no = (SELECT run_no FROM runs WHERE run = ?) AND task = ? AND attempt = ?"},
      {&reader->blob_, "SELECT bytes FROM blobs WHERE digest = ?"},
  };
  for (const auto& [statement, sql] : all) {
    TRY(*statement, connection.prepare(sql));
  }
  return reader;
}

template <class F>
auto Reader::snapshot(F read) -> decltype(read()) {
  TRY_OK(begin_.done());
  auto result = read();
  auto ended = end_.done();
  if (result.has_value() && !ended.has_value()) {
    return fail(std::move(ended).error());
  }
  return result;
}

Result<Claimed> Reader::live(Epoch epoch) {
  return snapshot([&]() -> Result<Claimed> {
    Claimed claimed{.epoch = epoch};
    TRY(claimed.last_run_no, connection_.integer("SELECT max(run_no) FROM runs"));
    TRY(Statement live,
        connection_.prepare(std::string(run_columns) + "WHERE live ORDER BY run_no"));
    TRY(std::vector<RunRow> rows, all_runs(live));
    for (RunRow& row : rows) {
      TRY(std::vector<Page> pages, this->pages(row));
      claimed.live.push_back({.row = std::move(row), .pages = std::move(pages)});
    }
    return claimed;
  });
}

Result<RunImage> Reader::image(const RunId& run) {
  return snapshot([&]() -> Result<RunImage> {
    TRY(Statement find, connection_.prepare(std::string(run_columns) + "WHERE run = ?"));
    find.bind(run);
    TRY(std::vector<RunRow> rows, all_runs(find));
    if (rows.empty()) {
      return fail(no_run_error(run));
    }
    TRY(std::vector<Page> pages, this->pages(rows.front()));
    return RunImage{.row = std::move(rows.front()), .pages = std::move(pages)};
  });
}

Result<std::vector<Page>> Reader::pages(const RunRow& row) {
  std::vector<Page> pages;
  pages_.bind(page_key(row.run_no, 0)).bind(page_key(row.run_no + 1, 0));
  while (true) {
    TRY(const bool more, pages_.row());
    if (!more) {
      return pages;
    }
    const auto number = static_cast<uint32_t>(pages_.integer()) % page_number_end;
    pages.push_back({.run = row.run, .number = number, .bytes = pages_.text()});
  }
}

Result<std::vector<RunRow>> Reader::runs(const RunsQuery& query) {
  std::string sql = std::string(run_columns) + "WHERE 1";
  sql += query.run ? " AND run = ?" : "";
  sql += query.workflow ? " AND workflow = ?" : "";
  sql += query.state ? " AND state = ?" : "";
  sql += query.logical_from ? " AND logical_date >= ?" : "";
  sql += query.logical_before ? " AND logical_date < ?" : "";
  sql += query.before_run_no ? " AND run_no < ?" : "";
  sql += fmt::format(" ORDER BY run_no DESC LIMIT {}", query.rows_max);
  TRY(Statement select, connection_.prepare(sql));
  if (query.run) {
    select.bind(*query.run);
  }
  if (query.workflow) {
    select.bind(*query.workflow);
  }
  if (query.state) {
    select.bind(*query.state);
  }
  if (query.logical_from) {
    select.bind(query.logical_from);
  }
  if (query.logical_before) {
    select.bind(query.logical_before);
  }
  if (query.before_run_no) {
    select.bind(*query.before_run_no);
  }
  return all_runs(select);
}

Result<std::vector<AttemptRow>> Reader::attempts(const RunId& run) {
  std::vector<AttemptRow> rows;
  attempts_.bind(run);
  while (true) {
    Statement& s = attempts_;
    TRY(const bool more, s.row());
    if (!more) {
      return rows;
    }
    rows.push_back({.run = run,
                    .task = {count(s)},
                    .attempt = count(s),
                    .task_name = s.text(),
                    .state = s.text(),
                    .reason = s.text(),
                    .started = {s.integer()},
                    .ended = {s.integer()},
                    .error = s.text()});
  }
}

Result<std::vector<OutputRow>> Reader::outputs(const std::vector<OutputKey>& keys) {
  return snapshot([&]() -> Result<std::vector<OutputRow>> {
    std::vector<OutputRow> rows;
    for (const OutputKey& key : keys) {
      TRY(const bool found, output_.bind(key.run).bind(key.task.value).bind(key.attempt).row());
      if (found) {
        OutputRow row{.key = key, .json = output_.text()};
        const std::string blob = output_.text();
        row.blob = blob.empty() ? std::nullopt : std::optional(digest_of_key(blob));
        row.bytes = output_.integer();
        output_.reset();
        rows.push_back(std::move(row));
      }
    }
    return rows;
  });
}

Result<std::optional<std::string>> Reader::blob(const Digest& digest) {
  const std::string key = blob_key(digest);
  TRY(const bool found, blob_.bind_bytes(key).row());
  std::optional<std::string> bytes;
  if (found) {
    bytes = blob_.text();
    blob_.reset();
  }
  return bytes;
}

}  // namespace tutti::store
