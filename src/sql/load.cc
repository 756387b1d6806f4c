// SPDX-License-Identifier: Apache-2.0
#include "sql/load.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/digest.h"

namespace tutti::sql {
namespace {

constexpr std::array mode_names = {"append", "replace", "replace_partition", "merge"};
constexpr std::array format_names = {"csv", "json", "ndjson", "parquet"};

struct Column {
  std::string name;
  std::string type;
};

class Loading {
 public:
  Loading(Connection& connection, const Load& load, const std::string& memory)
      : connection_(connection),
        load_(load),
        place_{.label = "load", .memory = memory},
        table_(quoted_name(load.schema) + "." + quoted_name(load.table)),
        ledger_(connection, load.schema, load.table, place_) {}

  std::expected<Loaded, Failure> run(const std::function<bool()>& stopped) {
    TRY_OK(statement("CREATE SCHEMA IF NOT EXISTS " + quoted_name(load_.schema)));
    TRY_OK(ledger_.open());
    TRY(table_columns_, columns_of_table());
    if (table_columns_.empty()) {  // whatever was loaded into it before is gone with it
      TRY_OK(ledger_.forget());
    }
    TRY(const std::optional<Loaded> before, loaded_before());
    if (before) {
      return *before;
    }
    if (stopped()) {
      return std::unexpected(
          Failure{.error = {.code = Code::cancelled, .what = "the load was stopped"}});
    }
    TRY(const int64_t rows, write());
    TRY_OK(ledger_.record({.id = id(),
                           .mode = std::string(load_mode_name(load_.mode)),
                           .manifest = load_.manifest,
                           .how = how(),
                           .files = static_cast<int64_t>(load_.files.size()),
                           .rows = rows,
                           .replaces = load_.mode == LoadMode::replace}));
    return Loaded{.rows = rows, .skipped = skipped()};
  }

  // DuckDB does not say which row kept it from making out the shape of CSV files. Outside of a
  // transaction: the failure has ended it.
  Failure explained(Failure failure) {
    if (!failure.error.what.contains("sniffing")) {
      return failure;
    }
    for (const std::string& file : files_) {
      if (auto read = read_strictly(file); !read.has_value()) {
        return read.error();
      }
    }
    return failure;
  }

 private:
  std::expected<Rows, Failure> statement(const std::string& sql, const ValueList& values = {}) {
    return run_statement(connection_, sql, values, place_);
  }

  std::string id() const {
    const std::string text =
        fmt::format("{}\n{}\n{}\n{}\n{}", load_.manifest, load_.table, load_mode_name(load_.mode),
                    fmt::join(load_.key, ","), format_names[static_cast<size_t>(load_.format)]);
    return hex(sha256(text));
  }

  std::expected<std::vector<Column>, Failure> columns_of_table() {
    TRY(Rows rows, statement("SELECT column_name, data_type FROM duckdb_columns() WHERE "
                             "database_name = current_database() AND schema_name = ? AND "
                             "table_name = ? ORDER BY column_index",
                             {load_.schema, load_.table}));
    std::vector<Column> columns;
    for (const Value& row : rows.rows) {
      columns.push_back({row.as_list()[0].as_string(), row.as_list()[1].as_string()});
    }
    return columns;
  }

  // How a file's rows came into the table: a merge by another key is another thing.
  std::string how() const {
    return fmt::format("{} {}", load_mode_name(load_.mode), fmt::join(load_.key, ","));
  }

  int64_t skipped() const { return static_cast<int64_t>(load_.files.size() - files_.size()); }

  // nullopt: there is something to load, files_. A load of just this source that would mend what
  // came later is left out only when nothing came later.
  std::expected<std::optional<Loaded>, Failure> loaded_before() {
    const bool repeatable =
        load_.mode == LoadMode::replace || load_.mode == LoadMode::replace_partition;
    TRY(const std::optional<int64_t> rows, ledger_.rows_of(id(), repeatable));
    if (repeatable && !rows) {
      std::ranges::transform(load_.files, std::back_inserter(files_), &LoadFile::address);
      TRY_OK(ledger_.give(load_.files));
      return std::nullopt;
    }
    if (repeatable) {
      return already(*rows);
    }
    const std::string mine = how();
    TRY(const LoadLedger::Seen seen,
        ledger_.look(load_.files, load_.mode == LoadMode::append ? nullptr : &mine));
    if (load_.mode == LoadMode::append && !seen.changed.empty()) {
      return changed(seen.changed);
    }
    files_ = seen.fresh;
    if (!files_.empty()) {
      return std::nullopt;
    }
    return already(rows.value_or(0));
  }

  Loaded already(int64_t rows) const {
    return {
        .rows = rows, .skipped = static_cast<int64_t>(load_.files.size()), .already_loaded = true};
  }

  std::unexpected<Failure> changed(const std::vector<std::string>& addresses) const {
    std::string what = fmt::format("it changed since it was loaded into {}.{}, which has its rows",
                                   load_.schema, load_.table);
    if (addresses.size() > 1) {
      what += fmt::format(" (and {} other files did)", addresses.size() - 1);
    }
    return std::unexpected(Failure{
        .error = {.code = Code::conflict,
                  .what = std::move(what),
                  .where = addresses.front(),
                  .remedy = "mode: replace loads all files anew, mode: merge with a `key` updates "
                            "the rows; or give new data a new name"},
        .reason = action::FailReason::data,
        .retryable = false});
  }

  std::string file_list() const {
    std::vector<std::string> quoted;
    for (const std::string& file : files_) {
      quoted.push_back(quoted_text(file));
    }
    return fmt::format("[{}]", fmt::join(quoted, ", "));
  }

  std::string reader(const std::string& more) const {
    const char* function = nullptr;
    switch (load_.format) {
      case LoadFormat::csv:
        function = "read_csv";
        break;
      case LoadFormat::json:
        function = "read_json";
        break;
      case LoadFormat::ndjson:
        function = "read_ndjson";
        break;
      case LoadFormat::parquet:
        function = "read_parquet";
        break;
    }
    return fmt::format("{}({}, union_by_name = true, hive_partitioning = false{})", function,
                       file_list(), more);
  }

  // Text formats are read with the types the table has: a zip code of a text column keeps its
  // leading zero whatever it looks like.
  std::expected<std::string, Failure> source() {
    if (load_.format == LoadFormat::parquet) {
      return reader("");
    }
    if (load_.format != LoadFormat::csv) {
      const std::string options = fmt::format(
          ", format = '{}'", load_.format == LoadFormat::json ? "auto" : "newline_delimited");
      return typed_json(options);
    }
    TRY(const std::string dialect, csv_dialect());
    TRY(const std::vector<Column> given, columns_of(reader(dialect + ", all_varchar = true")));
    if (table_columns_.empty()) {
      return reader(dialect);
    }
    std::vector<std::string> types;
    for (const Column& column : given) {
      if (const Column* target = find(table_columns_, column.name)) {
        types.push_back(fmt::format("{}: {}", quoted_text(column.name), quoted_text(target->type)));
      }
    }
    return reader(types.empty()
                      ? dialect
                      : dialect + fmt::format(", types = {{{}}}", fmt::join(types, ", ")));
  }

  // The first line of a file, which names its columns; nullopt: it is empty.
  std::expected<std::optional<std::string>, Failure> first_line(const std::string& file) {
    TRY(Rows rows,
        statement(fmt::format(
            "SELECT line FROM read_csv({}, delim = E'\\x01', quote = '', escape = '', "
            "header = false, auto_detect = false, max_line_size = 1000000, buffer_size = "
            "2000000, columns = {{'line': 'VARCHAR'}}) LIMIT 1",
            quoted_text(file))));
    if (rows.rows.empty() || !rows.rows[0].as_list()[0].is_string()) {
      return std::nullopt;
    }
    std::string line = rows.rows[0].as_list()[0].as_string();
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    return line.starts_with(byte_order_mark) ? line.substr(byte_order_mark.size()) : line;
  }

  // What the line of names of one file says.
  struct Head {
    std::string file;
    char delimiter = 0;  // 0: one column, so any
    std::string line;
  };

  std::expected<std::optional<Head>, Failure> head_of(const std::string& file) {
    TRY(const std::optional<std::string> line, first_line(file));
    if (!line) {
      return std::nullopt;
    }
    Head head{.file = file, .line = *line};
    ptrdiff_t most = 0;
    for (const char candidate : {',', ';', '\t', '|'}) {
      const ptrdiff_t count = count_outside_quotes(*line, candidate);
      if (count > most) {
        head.delimiter = candidate;
        most = count;
      }
    }
    return head;
  }

  static ptrdiff_t count_outside_quotes(std::string_view line, char wanted) {
    bool quoted = false;
    return std::ranges::count_if(line, [&](char c) {
      quoted = c == '"' ? !quoted : quoted;
      return c == wanted && !quoted;
    });
  }

  // Only the delimiter is guessed, from the lines of names: DuckDB's own guess takes a file with a
  // bad row for one of another shape, and loads nonsense. It must be the same in all files; where
  // they make the table, so must be the columns.
  std::expected<std::string, Failure> csv_dialect() {
    std::vector<Head> heads;
    std::optional<Head> first;  // the first with a delimiter
    for (const std::string& file : files_) {
      TRY(std::optional<Head> head, head_of(file));
      if (!head) {
        continue;
      }
      if (head->delimiter != 0 && first && head->delimiter != first->delimiter) {
        return failed(Code::bad_input,
                      fmt::format("its columns are separated by {}, those of {} by {}",
                                  delimiter_name(head->delimiter), first->file,
                                  delimiter_name(first->delimiter)),
                      "load them with two tasks, or narrow the pattern", head->file);
      }
      if (head->delimiter != 0 && !first) {
        first = head;
      }
      heads.push_back(std::move(*head));
    }
    delimiter_ = first ? first->delimiter : ',';
    if (table_columns_.empty()) {
      TRY_OK(check_heads(heads));
    }
    return fmt::format(", delim = {}, quote = '\"', escape = '\"', header = true, skip = 0",
                       delimiter_ == '\t' ? "E'\\t'" : quoted_text(std::string(1, delimiter_)));
  }

  static std::string delimiter_name(char delimiter) {
    return delimiter == '\t' ? "tabs" : fmt::format("'{}'", delimiter);
  }

  // Which columns a new table has must not depend on which file is looked at.
  std::expected<Unit, Failure> check_heads(const std::vector<Head>& heads) {
    std::vector<Column> first;
    for (const Head& head : heads) {
      std::vector<Column> columns = names_in(head.line);
      if (first.empty()) {
        first = std::move(columns);
        continue;
      }
      for (const auto& [all, some, verb] :
           {std::tuple(&first, &columns, "lacks"), std::tuple(&columns, &first, "has")}) {
        for (const Column& column : *all) {
          if (find(*some, column.name) == nullptr) {
            return failed(
                Code::bad_input,
                fmt::format("it {} the column \"{}\", which {} {}", verb, column.name,
                            heads.front().file, verb == std::string_view("has") ? "lacks" : "has"),
                "make the columns the same, or create the table before: columns that a file lacks "
                "are NULL then",
                head.file);
          }
        }
      }
    }
    return Unit{};
  }

  std::vector<Column> names_in(std::string_view line) const {
    std::vector<Column> columns(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') {
        quoted = !quoted;
      } else if (c == delimiter_ && !quoted) {
        columns.emplace_back();
      } else if (c != '\r') {
        columns.back().name += c;
      }
    }
    return columns;
  }

  // Reads the file with just the columns its first line names; a row of another shape is an error
  // with its line.
  std::expected<Unit, Failure> read_strictly(const std::string& file) {
    TRY(const std::optional<std::string> line, first_line(file));
    std::vector<std::string> columns;
    bool quoted = false;
    for (const char c : line.value_or("") + delimiter_) {
      quoted = c == '"' ? !quoted : quoted;
      if (c == delimiter_ && !quoted) {
        columns.push_back(fmt::format("'{}': 'VARCHAR'", columns.size()));
      }
    }
    TRY_OK(statement(fmt::format(
        "SELECT count(*) FROM read_csv({}, delim = {}, quote = '\"', escape = '\"', header = true, "
        "auto_detect = false, columns = {{{}}})",
        quoted_text(file), delimiter_ == '\t' ? "E'\\t'" : quoted_text(std::string(1, delimiter_)),
        fmt::join(columns, ", "))));
    return Unit{};
  }

  std::expected<std::string, Failure> typed_json(const std::string& options) {
    TRY(const std::vector<Column> given, columns_of(reader(options)));
    std::vector<std::string> columns;
    for (const Column& column : given) {
      const Column* target = find(table_columns_, column.name);
      columns.push_back(fmt::format("{}: {}", quoted_text(column.name),
                                    quoted_text(target == nullptr ? column.type : target->type)));
    }
    return reader(options + fmt::format(", columns = {{{}}}", fmt::join(columns, ", ")));
  }

  static const Column* find(const std::vector<Column>& columns, std::string_view name) {
    const auto same = [name](const Column& column) {
      return std::ranges::equal(column.name, name, [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
      });
    };
    const auto found = std::ranges::find_if(columns, same);
    return found == columns.end() ? nullptr : &*found;
  }

  std::expected<std::vector<Column>, Failure> columns_of(const std::string& from) {
    TRY(Rows rows, statement("DESCRIBE SELECT * FROM " + from));
    std::vector<Column> columns;
    for (const Value& row : rows.rows) {
      columns.push_back({row.as_list()[0].as_string(), row.as_list()[1].as_string()});
    }
    return columns;
  }

  std::expected<int64_t, Failure> write() {
    TRY(const std::string from, source());
    if (load_.mode == LoadMode::merge || load_.mode == LoadMode::replace_partition) {
      return write_by_key(from);
    }
    if (table_columns_.empty()) {
      return create_from(from);
    }
    TRY_OK(check_columns(from));
    if (load_.mode == LoadMode::replace) {
      TRY_OK(statement("DELETE FROM " + table_));
    }
    TRY(Rows inserted,
        statement(fmt::format("INSERT INTO {} BY NAME SELECT * FROM {}", table_, from)));
    return inserted.changed;
  }

  std::expected<int64_t, Failure> create_from(const std::string& from) {
    TRY_OK(statement(fmt::format("CREATE TABLE {} AS SELECT * FROM {}", table_, from)));
    TRY(Rows rows, statement("SELECT count(*) FROM " + table_));
    return rows.rows.at(0).as_list()[0].as_int();
  }

  std::expected<Unit, Failure> check_columns(const std::string& from) {
    TRY(const std::vector<Column> given, columns_of(from));
    for (const Column& column : given) {
      if (find(table_columns_, column.name) == nullptr) {
        return failed(Code::bad_input,
                      fmt::format("the files have a column \"{}\", the table {}.{} has none of "
                                  "that name",
                                  column.name, load_.schema, load_.table),
                      "add it to the table (ALTER TABLE ... ADD COLUMN), or leave it out of the "
                      "files");
      }
    }
    return Unit{};
  }

  static std::unexpected<Failure> failed(Code code, std::string what, std::string remedy,
                                         std::string where = {}) {
    return std::unexpected(Failure{.error = {.code = code,
                                             .what = std::move(what),
                                             .where = std::move(where),
                                             .remedy = std::move(remedy)},
                                   .reason = action::FailReason::data});
  }

  std::string joined(const std::string& left, const std::string& right,
                     std::string_view equals) const {
    std::vector<std::string> terms;
    for (const std::string& column : load_.key) {
      terms.push_back(fmt::format("{}.{} {} {}.{}", left, quoted_name(column), equals, right,
                                  quoted_name(column)));
    }
    return fmt::format("{}", fmt::join(terms, " AND "));
  }

  std::string key_list() const {
    std::vector<std::string> names;
    for (const std::string& column : load_.key) {
      names.push_back(quoted_name(column));
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  std::expected<int64_t, Failure> write_by_key(const std::string& from) {
    TRY_OK(statement("CREATE TEMP TABLE _tutti_in AS SELECT * FROM " + from));
    TRY(const std::vector<Column> given, columns_of("_tutti_in"));
    for (const std::string& column : load_.key) {
      if (find(given, column) == nullptr) {
        return failed(Code::bad_input, fmt::format("the files have no column \"{}\"", column),
                      "give columns of the files as `key`");
      }
    }
    if (load_.mode == LoadMode::merge) {
      TRY_OK(check_keys());
    }
    if (table_columns_.empty()) {
      TRY_OK(statement(fmt::format("CREATE TABLE {} AS SELECT * FROM _tutti_in", table_)));
    } else {
      TRY_OK(check_columns("_tutti_in"));
      TRY_OK(load_.mode == LoadMode::merge ? merge(given) : replace_partition());
    }
    TRY(Rows rows, statement("SELECT count(*) FROM _tutti_in"));
    TRY_OK(statement("DROP TABLE _tutti_in"));
    return rows.rows.at(0).as_list()[0].as_int();
  }

  std::expected<Unit, Failure> check_keys() {
    TRY(Rows twice, statement(fmt::format("SELECT {0}, count(*) FROM _tutti_in GROUP BY {0} HAVING "
                                          "count(*) > 1 ORDER BY {0} LIMIT 1",
                                          key_list())));
    if (!twice.rows.empty()) {
      ValueList row = twice.rows[0].as_list();
      const int64_t count = row.back().as_int();
      row.pop_back();
      return failed(Code::bad_input,
                    fmt::format("{} rows of the files have the same key ({}): {}", count,
                                fmt::join(load_.key, ", "), to_json(Value(row))),
                    "make the key unique in the files, or give more columns as `key`");
    }
    std::vector<std::string> nulls;
    for (const std::string& column : load_.key) {
      nulls.push_back(quoted_name(column) + " IS NULL");
    }
    TRY(Rows empty, statement(fmt::format("SELECT count(*) FROM _tutti_in WHERE {}",
                                          fmt::join(nulls, " OR "))));
    if (const int64_t count = empty.rows.at(0).as_list()[0].as_int(); count > 0) {
      return failed(Code::bad_input,
                    fmt::format("{} of the files {} no value in the key ({})",
                                count == 1 ? "1 row" : fmt::format("{} rows", count),
                                count == 1 ? "has" : "have", fmt::join(load_.key, ", ")),
                    "give columns as `key` that every row has");
    }
    return Unit{};
  }

  std::expected<Unit, Failure> merge(const std::vector<Column>& given) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    std::vector<std::string> updates;
    for (const Column& column : given) {
      const std::string name = quoted_name(column.name);
      names.push_back(name);
      values.push_back("_tutti_in." + name);
      if (find_key(column.name) == load_.key.end()) {
        updates.push_back(fmt::format("{0} = _tutti_in.{0}", name));
      }
    }
    const std::string matched =
        updates.empty() ? ""
                        : fmt::format("WHEN MATCHED THEN UPDATE SET {} ", fmt::join(updates, ", "));
    TRY_OK(statement(fmt::format(
        "MERGE INTO {} AS _tutti_to USING _tutti_in ON ({}) {}WHEN NOT MATCHED THEN INSERT ({}) "
        "VALUES ({})",
        table_, joined("_tutti_to", "_tutti_in", "="), matched, fmt::join(names, ", "),
        fmt::join(values, ", "))));
    return Unit{};
  }

  std::vector<std::string>::const_iterator find_key(std::string_view column) const {
    return std::ranges::find_if(load_.key, [column](const std::string& each) {
      return find({Column{.name = each}}, column) != nullptr;
    });
  }

  std::expected<Unit, Failure> replace_partition() {
    TRY_OK(statement(
        fmt::format("DELETE FROM {} AS _tutti_to WHERE EXISTS (SELECT 1 FROM _tutti_in WHERE {})",
                    table_, joined("_tutti_to", "_tutti_in", "IS NOT DISTINCT FROM"))));
    TRY_OK(statement(fmt::format("INSERT INTO {} BY NAME SELECT * FROM _tutti_in", table_)));
    return Unit{};
  }

  Connection& connection_;
  const Load& load_;
  ErrorPlace place_;
  std::string table_;
  LoadLedger ledger_;
  std::vector<std::string> files_;  // addresses of those to load
  std::vector<Column> table_columns_;
  char delimiter_ = ',';  // of CSV files
};

template <class E, size_t N>
std::optional<E> from_name(std::string_view name, const std::array<const char*, N>& names) {
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) {
      return static_cast<E>(i);
    }
  }
  return std::nullopt;
}

// The place within our own statements says nothing to the user.
Failure without_place(Failure failure) {
  if (failure.error.where.starts_with("load:")) {
    failure.error.where.clear();
  }
  return failure;
}

std::unexpected<Failure> broken(const Error& error) {
  return std::unexpected(
      Failure{.error = error, .reason = action::FailReason::infrastructure, .retryable = true});
}

}  // namespace

std::optional<LoadMode> load_mode_from_name(std::string_view name) {
  return from_name<LoadMode>(name, mode_names);
}
std::string_view load_mode_name(LoadMode mode) { return mode_names[static_cast<size_t>(mode)]; }
std::optional<LoadFormat> load_format_from_name(std::string_view name) {
  return from_name<LoadFormat>(name, format_names);
}

Value Loaded::to_value() const {
  return ValueMap{{"rows", rows}, {"skipped", skipped}, {"already_loaded", already_loaded}};
}

std::expected<Loaded, Failure> run_load(Connection& connection, const Load& load,
                                        const std::string& memory,
                                        const std::function<bool()>& stopped) {
  if (auto begun = connection.execute("BEGIN"); !begun.has_value()) {
    return broken(begun.error());
  }
  Loading loading(connection, load, memory);
  std::expected<Loaded, Failure> loaded = loading.run(stopped);
  if (!loaded.has_value() || loaded->already_loaded) {
    (void)connection.execute("ROLLBACK");
    return loaded.has_value() ? loaded
                              : std::unexpected(without_place(loading.explained(loaded.error())));
  }
  if (auto committed = connection.execute("COMMIT"); !committed.has_value()) {
    return broken(committed.error());
  }
  return loaded;
}

}  // namespace tutti::sql
