// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_db.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/check.h"

namespace tutti::store {
namespace {

constexpr std::string_view full_remedy =
    "free some space on the disk that holds the project; runs go on by themselves";

// What the caller may do about a result code of SQLite, and what the user may.
void explain(Error& error, int code, int error_number) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      error.code = Code::unavailable;
      error.what = "the state could not be written: the disk is full";
      error.remedy = full_remedy;
      return;
    case SQLITE_IOERR:
      error.code = Code::unavailable;
      if (error_number == ENOSPC || error_number == EDQUOT || code == SQLITE_IOERR_SHMSIZE) {
        error.what = "the state could not be written: the disk or the quota is full";
        error.remedy = full_remedy;
      } else {
        error.remedy = "check the disk (dmesg, smartctl)";
      }
      return;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.code = Code::corrupt;
      error.what = "the state database is damaged";
      error.remedy =
          "put a backup in its place, or move .tutti/state.db* away to start without history";
      return;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = Code::unavailable;
      error.what = "another program has the state database open";
      error.remedy = "close it: only the project's owner opens this file";
      return;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      error.code = Code::denied;
      error.remedy = "make the project's .tutti folder writable for this user";
      return;
    case SQLITE_CANTOPEN:
      error.code = error_number == ENOSPC ? Code::unavailable : Code::denied;
      error.remedy = "check that the project's .tutti folder exists and is writable";
      return;
    default:
      error.code = Code::internal;
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept { *this = std::move(other); }

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(connection_, other.connection_);
  std::swap(next_bind_, other.next_bind_);
  std::swap(next_column_, other.next_column_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement& Statement::bind(int64_t n) {
  CHECK(sqlite3_bind_int64(handle_, next_bind_++, n) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  CHECK(sqlite3_bind_text64(handle_, next_bind_++, text.data() == nullptr ? "" : text.data(),
                            text.size(), SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_bytes(std::string_view bytes) {
  CHECK(sqlite3_bind_blob64(handle_, next_bind_++, bytes.data() == nullptr ? "" : bytes.data(),
                            bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(const RunId& run) {
  return bind_bytes({reinterpret_cast<const char*>(run.bytes.data()), run.bytes.size()});
}

Statement& Statement::bind(const std::optional<Instant>& instant) {
  return instant ? bind(instant->us) : bind_null();
}

Statement& Statement::bind_null() {
  CHECK(sqlite3_bind_null(handle_, next_bind_++) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::row() {
  const int code = sqlite3_step(handle_);
  next_column_ = 0;
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = connection_->error(code);
  reset();
  return fail(std::move(error));
}

Result<Unit> Statement::done() {
  while (true) {
    TRY(const bool more, row());
    if (!more) {
      return Unit{};
    }
  }
}

void Statement::reset() {
  sqlite3_reset(handle_);
  next_bind_ = 1;
  next_column_ = 0;
}

int64_t Statement::integer() { return sqlite3_column_int64(handle_, next_column_++); }

std::string Statement::text() {
  const int column = next_column_++;
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  return bytes == nullptr
             ? std::string()
             : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(handle_, column)));
}

RunId Statement::run() {
  RunId id;
  const std::string bytes = text();
  std::memcpy(id.bytes.data(), bytes.data(), std::min(bytes.size(), id.bytes.size()));
  return id;
}

std::optional<Instant> Statement::instant() {
  if (sqlite3_column_type(handle_, next_column_) == SQLITE_NULL) {
    ++next_column_;
    return std::nullopt;
  }
  return Instant{integer()};
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file,
                                                     Options options) {
  std::unique_ptr<Connection> connection(new Connection(file));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (options.create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(file.c_str(), &connection->handle_, flags, options.vfs.c_str());
  if (code != SQLITE_OK) {
    return fail(connection->error(code));
  }
  return connection;
}

Connection::~Connection() { sqlite3_close(handle_); }

Result<Unit> Connection::exec(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Result<Unit>(Unit{}) : Result<Unit>(fail(error(code)));
}

Result<Statement> Connection::prepare(std::string_view sql) {
  Statement statement;
  statement.connection_ = this;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement.handle_, nullptr);
  if (code != SQLITE_OK) {
    return fail(error(code));
  }
  return statement;
}

Result<int64_t> Connection::integer(std::string_view sql) {
  TRY(Statement statement, prepare(sql));
  TRY(const bool found, statement.row());
  return found ? statement.integer() : 0;
}

Error Connection::error(int code) const {
  const int extended = handle_ == nullptr ? code : sqlite3_extended_errcode(handle_);
  const int error_number = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
  Error error{
      .what = fmt::format("the state database failed: {}",
                          handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_)),
      .where = file_.string(),
      .provider_code = fmt::format("SQLITE {}", extended)};
  explain(error, extended, error_number);
  return error;
}

}  // namespace tutti::store
