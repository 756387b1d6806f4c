// SPDX-License-Identifier: Apache-2.0
// A thin face of SQLite for the store: a connection, a prepared statement, errors as values.
// Blocking; a connection and its statements belong to one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "base/ids.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tutti::store {

class Connection;

// Bind in order, step, read columns in order. A statement that is left before its last row is
// reset() first. Bound text and bytes are not copied: they outlive the steps.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  Statement& bind(int64_t n);
  Statement& bind(std::string_view text);
  Statement& bind_bytes(std::string_view bytes);
  Statement& bind(const RunId& run);
  Statement& bind(const std::optional<Instant>& instant);
  Statement& bind_null();

  Result<bool> row();   // steps: true when there is a row to read
  Result<Unit> done();  // steps to the end, then resets; for what gives no rows
  void reset();

  int64_t integer();
  std::string text();  // bytes too
  RunId run();
  std::optional<Instant> instant();

 private:
  friend class Connection;
  sqlite3_stmt* handle_ = nullptr;
  Connection* connection_ = nullptr;
  int next_bind_ = 1;
  int next_column_ = 0;
};

class Connection {
 public:
  struct Options {
    std::string vfs;
    bool create = false;
  };
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file,
                                                  Options options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();  // statements are gone before

  Result<Unit> exec(const char* sql);
  Result<Statement> prepare(std::string_view sql);  // kept for many uses
  Result<int64_t> integer(std::string_view sql);    // the one number it gives
  // The error of the last call that failed.
  Error error(int code) const;
  sqlite3* handle() { return handle_; }

 private:
  explicit Connection(std::filesystem::path file) : file_(std::move(file)) {}

  sqlite3* handle_ = nullptr;
  std::filesystem::path file_;
};

}  // namespace tutti::store
