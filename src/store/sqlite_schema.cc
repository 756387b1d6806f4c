// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_schema.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "rt/descriptor.h"

namespace tutti::store {
namespace {

constexpr size_t log_bytes_kept = 1u << 20;
constexpr int sqlite_version_min = 3'051'003;  // older ones can lose a write-ahead log

// Everything hangs on run_no, which rises: new rows go to the end of each tree, and those of one
// run lie together. A page's key is its run's number and its own in one integer, so that the table
// is a rowid table and a page of up to 4,000 bytes has no overflow page.
constexpr const char* schema = R"sql(
  CREATE TABLE shard (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
  INSERT INTO shard VALUES (1, 0);
  CREATE TABLE runs (
    run_no INTEGER PRIMARY KEY, run BLOB NOT NULL UNIQUE, workflow TEXT NOT NULL,
    profile TEXT NOT NULL, version TEXT NOT NULL, logical_date INTEGER, interval_start INTEGER,
    interval_end INTEGER, state TEXT NOT NULL,
    reason TEXT NOT NULL, live INTEGER NOT NULL, attention INTEGER NOT NULL,
    created INTEGER NOT NULL, started INTEGER, ended INTEGER, tasks INTEGER NOT NULL,
    succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, skipped INTEGER NOT NULL);
  CREATE INDEX runs_of_workflow ON runs (workflow, run_no);
  CREATE INDEX runs_live ON runs (run_no) WHERE live;
  CREATE TABLE pages (page INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE attempts (
    run_no INTEGER NOT NULL, task INTEGER NOT NULL, attempt INTEGER NOT NULL,
    task_name TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, started INTEGER NOT NULL,
    ended INTEGER NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (run_no, task, attempt)) WITHOUT ROWID;
  CREATE TABLE outputs (
    run_no INTEGER NOT NULL, task INTEGER NOT NULL, attempt INTEGER NOT NULL,
    json TEXT NOT NULL, blob BLOB, bytes INTEGER NOT NULL,
    PRIMARY KEY (run_no, task, attempt)) WITHOUT ROWID;
  CREATE TABLE blobs (
    digest BLOB PRIMARY KEY, put INTEGER NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID;
)sql";

constexpr int64_t application_id = 0x54555454;  // "TUTT"

Result<Unit> create_tables(Connection& connection) {
  const std::string sql = fmt::format(
      "BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", schema,
      application_id, schema_format);
  auto created = connection.exec(sql.c_str());
  if (!created.has_value() && sqlite3_get_autocommit(connection.handle()) == 0) {
    TRY_OK(connection.exec("ROLLBACK"));
  }
  return created;
}

Error not_ours_error() {
  return {.code = Code::corrupt,
          .what = "the state database is not one of Tutti's",
          .remedy = "move .tutti/state.db away to start without history"};
}

Error newer_error(int64_t format) {
  return {
      .code = Code::unsupported,
      .what = fmt::format("the state database was written by a newer Tutti (format {}, this one "
                          "knows {})",
                          format, schema_format),
      .remedy = "use that version of tutti or a later one for this project"};
}

}  // namespace

Result<Unit> prepare_connection(Connection& connection) {
  sqlite3_busy_timeout(connection.handle(), 2000);
  const int on = 1;
  int unused = 0;
  // The log is kept, and kept long, when the store closes: growing it anew costs each commit.
  sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_PERSIST_WAL,
                       const_cast<int*>(&on));
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, &unused);
  return connection.exec(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;"
      "PRAGMA cache_size = -8192; PRAGMA trusted_schema = OFF");
}

void leave_empty_log(Connection& connection, const std::filesystem::path& database) {
  sqlite3* handle = connection.handle();
  if (sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) !=
          SQLITE_OK ||
      !connection.exec("BEGIN IMMEDIATE").has_value()) {  // nobody writes to the log meanwhile
    return;
  }
  const rt::Descriptor fd(open((database.string() + "-wal").c_str(), O_WRONLY | O_CLOEXEC));
  struct stat info{};
  if (fd.is_open() && fstat(fd.get(), &info) == 0 && info.st_size == 0) {
    const std::string zeros(log_bytes_kept, '\0');
    if (write(fd.get(), zeros.data(), zeros.size()) < 0 || fdatasync(fd.get()) != 0) {
      [[maybe_unused]] const int cut = ftruncate(fd.get(), 0);
    }
  }
  (void)connection.exec("ROLLBACK");
}

Result<Unit> prepare_database(Connection& connection) {
  if (sqlite3_libversion_number() < sqlite_version_min) {
    return fail(Code::unsupported,
                fmt::format("SQLite {} can lose its write-ahead log", sqlite3_libversion()),
                "build tutti with SQLite 3.51.3 or later");
  }
  TRY_OK(prepare_connection(connection));
  TRY(const int64_t format, connection.integer("PRAGMA user_version"));
  if (format > schema_format) {
    return fail(newer_error(format));
  }
  TRY(const int64_t tables, connection.integer("SELECT count(*) FROM sqlite_schema"));
  TRY(const int64_t application, connection.integer("PRAGMA application_id"));
  if (tables > 0 && (application != application_id || format < 1)) {
    return fail(not_ours_error());
  }
  TRY_OK(connection.exec("PRAGMA journal_mode = WAL"));
  return tables > 0 ? Result<Unit>(Unit{}) : create_tables(connection);
}

}  // namespace tutti::store
