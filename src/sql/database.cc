// SPDX-License-Identifier: Apache-2.0
#include "sql/database.h"

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "rt/file.h"

namespace tutti::sql {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) {
      out += c;
    }
  }
  return out + quote;
}

uint64_t half_of_memory() {
  const auto pages = static_cast<uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  const auto page_bytes = static_cast<uint64_t>(std::max(sysconf(_SC_PAGESIZE), 0L));
  return std::max<uint64_t>(pages * page_bytes / 2, 64U << 20U);
}

Error open_error(const std::string& text, const std::filesystem::path& path) {
  Error error{.code = Code::unavailable,
              .what = fmt::format("the database cannot be opened: {}", text),
              .where = path.string()};
  if (text.contains("Conflicting lock")) {
    error.code = Code::conflict;
    error.what = "another program has the database open";
    if (const size_t at = text.find("(PID "); at != std::string::npos) {
      error.what += " " + text.substr(at, text.find(')', at) - at + 1);
    }
    error.remedy = "close that program (a DuckDB shell, a notebook), or give it a copy";
  } else if (text.contains("not a valid DuckDB database") || text.contains("Serialization")) {
    error.code = Code::corrupt;
    error.remedy = "give `path` of the connection a database that DuckDB wrote, or a new file";
  } else if (text.contains("Permission denied")) {
    error.code = Code::denied;
    error.remedy = "check the permissions of the file and its folder";
  } else if (text.contains("No space left")) {
    error.remedy = "free some space and run it again";
  }
  return error;
}

// What a killed program left in it is worthless.
Result<Unit> make_empty(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return fail(rt::error_of_errno(failed.value(), "making the folder", folder));
  }
  return Unit{};
}

// Files `.NAME.PID.new` of programs that died while they made the database NAME.
void remove_unfinished(const std::filesystem::path& path) {
  const std::string begin = fmt::format(".{}.", path.filename().string());
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin) || !name.ends_with(".new")) {
      continue;
    }
    const std::string pid = name.substr(begin.size(), name.size() - begin.size() - 4);
    if (!std::filesystem::exists("/proc/" + pid)) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

Result<duckdb_database> open_file(const std::filesystem::path& path, duckdb_config config) {
  duckdb_database database = nullptr;
  char* text = nullptr;
  if (duckdb_open_ext(path.empty() ? nullptr : path.c_str(), &database, config, &text) !=
      DuckDBSuccess) {
    const std::string why = text == nullptr ? "no reason given" : text;
    duckdb_free(text);
    return fail(open_error(why, path));
  }
  return database;
}

// DuckDB killed while it makes a file leaves one that nobody can open: so it is made under another
// name, and gets its own when it is whole. Somebody else's, made meanwhile, is left.
Result<Unit> make_file(const std::filesystem::path& path, duckdb_config config) {
  remove_unfinished(path);
  const auto unfinished =
      path.parent_path() / fmt::format(".{}.{}.new", path.filename().string(), getpid());
  TRY(duckdb_database database, open_file(unfinished, config));
  duckdb_close(&database);
  const int linked = link(unfinished.c_str(), path.c_str()) == 0 ? 0 : errno;
  unlink(unfinished.c_str());
  if (linked != 0 && linked != EEXIST) {
    return fail(rt::error_of_errno(linked, "making the database", path));
  }
  return rt::sync_folder(path.parent_path());
}

Result<duckdb_database> open_or_make(const std::filesystem::path& path) {
  duckdb_config config = nullptr;
  CHECK(duckdb_create_config(&config) == DuckDBSuccess);
  const auto destroy = [](duckdb_config it) { duckdb_destroy_config(&it); };
  const std::unique_ptr<std::remove_pointer_t<duckdb_config>, decltype(destroy)> owned(config);
  CHECK(duckdb_set_config(config, "autoinstall_known_extensions", "false") == DuckDBSuccess);
  CHECK(duckdb_set_config(config, "autoload_known_extensions", "false") == DuckDBSuccess);
  if (std::error_code failed; !path.empty() && !std::filesystem::exists(path, failed)) {
    std::filesystem::create_directories(path.parent_path(), failed);
    if (failed) {
      return fail(rt::error_of_errno(failed.value(), "making the folder", path.parent_path()));
    }
    TRY_OK(make_file(path, config));
  }
  return open_file(path, config);
}

}  // namespace

std::string quoted_name(std::string_view name) { return quoted(name, '"'); }
std::string quoted_text(std::string_view text) { return quoted(text, '\''); }

Database::Database(DatabaseOptions options, StatementTable& statements)
    : options_(std::move(options)), statements_(statements) {
  if (!options_.path.empty()) {
    options_.path = std::filesystem::absolute(options_.path);
  }
}

Database::~Database() {
  if (database_ != nullptr) {
    duckdb_close(&database_);
  }
}

Result<std::unique_ptr<Database>> Database::open(DatabaseOptions options, Objects& objects,
                                                 StatementTable& statements,
                                                 std::set<std::string> connections) {
  if (duckdb_library_version() != header_version()) {
    return fail(Code::internal,
                fmt::format("libduckdb.so is {}, tutti-sql was built for {}",
                            duckdb_library_version(), header_version()),
                "install Tutti anew: its parts belong together");
  }
  if (options.memory_bytes == 0) {
    options.memory_bytes = half_of_memory();
  }
  std::unique_ptr<Database> database(new Database(std::move(options), statements));
  TRY_OK(database->start(objects, std::move(connections)));
  return database;
}

Result<Unit> Database::start(Objects& objects, std::set<std::string> connections) {
  TRY_OK(make_empty(options_.temp));
  TRY(database_, open_or_make(options_.path));
  TRY_OK(register_file_system(database_, objects, statements_, connections));

  std::vector<std::string> folders;
  for (const std::string& name : connections) {
    folders.push_back(quoted_text(name + "://"));
  }
  std::vector<std::string> settings = {
      fmt::format("SET threads={}", options_.threads),
      fmt::format("SET memory_limit='{}B'", options_.memory_bytes),
      fmt::format("SET temp_directory={}", quoted_text(options_.temp.string())),
      "SET GLOBAL TimeZone='UTC'",
      fmt::format("SET allowed_directories=[{}]", fmt::join(folders, ", ")),
      "SET enable_external_access=false",  // from here on only the addresses above
      "SET allowed_configs=['TimeZone', 'schema', 'search_path', 'preserve_insertion_order']",
      "SET lock_configuration=true",
  };
  if (options_.temp_bytes_max > 0) {
    settings.insert(settings.begin() + 3,
                    fmt::format("SET max_temp_directory_size='{}B'", options_.temp_bytes_max));
  }
  Connection connection(*this, nullptr);
  for (const std::string& setting : settings) {
    TRY_OK(connection.execute(setting));
  }
  return Unit{};
}

Connection::Connection(Database& database, std::shared_ptr<StatementIo> io)
    : database_(database), io_(std::move(io)) {
  CHECK(duckdb_connect(database.handle(), &connection_) == DuckDBSuccess);
  if (io_ != nullptr) {
    database_.statements().begin(client_of(connection_), io_);
  }
}

Connection::~Connection() {
  if (io_ != nullptr) {
    database_.statements().end(client_of(connection_));  // before its address may be another's
  }
  duckdb_disconnect(&connection_);
}

Result<Unit> Connection::execute(const std::string& sql) {
  duckdb_result result;
  const duckdb_state state = duckdb_query(connection_, sql.c_str(), &result);
  Result<Unit> done = Unit{};
  if (state != DuckDBSuccess) {
    const char* text = duckdb_result_error(&result);
    done = fail(failure_of(text == nullptr ? "" : text,
                           {.label = "tutti-sql", .memory = bytes_text(database_.memory_bytes())})
                    .error);
  }
  duckdb_destroy_result(&result);
  return done;
}

}  // namespace tutti::sql
