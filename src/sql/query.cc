// SPDX-License-Identifier: Apache-2.0
#include "sql/query.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/ledger.h"
#include "sql/split.h"

namespace tutti::sql {
namespace {

// Results beyond this are cut off like those beyond rows_max.
constexpr size_t result_bytes_max = 16U << 20U;

struct PreparedEnd {
  void operator()(duckdb_prepared_statement p) const { duckdb_destroy_prepare(&p); }
};
using Prepared = std::unique_ptr<std::remove_pointer_t<duckdb_prepared_statement>, PreparedEnd>;

class ResultGuard {
 public:
  ResultGuard() = default;
  ResultGuard(const ResultGuard&) = delete;
  ResultGuard& operator=(const ResultGuard&) = delete;
  ~ResultGuard() { duckdb_destroy_result(&result); }
  duckdb_result result{};
};

std::unexpected<Failure> failure(Error error) {
  return std::unexpected(Failure{.error = std::move(error), .retryable = false});
}

// Our own error of a read or write, when there was one, says more than DuckDB's text.
std::unexpected<Failure> failed_statement(Connection& connection, const char* text,
                                          const ErrorPlace& place) {
  Failure failed = failure_of(text == nullptr ? "unknown error" : text, place);
  const std::optional<Error> io = connection.io().error();
  if (io && text != nullptr && std::string_view(text).contains(io->what)) {
    failed.error.code = io->code;
    failed.error.what = io->where.empty() ? io->what : fmt::format("{}: {}", io->where, io->what);
    failed.error.remedy = io->remedy;
    failed.error.provider_code = io->provider_code;
    failed.reason = io->code == Code::not_found || io->code == Code::bad_input
                        ? action::FailReason::code
                        : action::FailReason::infrastructure;
    failed.retryable = true;
  }
  return std::unexpected(std::move(failed));
}

std::vector<std::string> names_of(duckdb_prepared_statement prepared) {
  std::vector<std::string> names;
  for (idx_t i = 1; i <= duckdb_nparams(prepared); ++i) {
    const char* name = duckdb_parameter_name(prepared, i);
    names.emplace_back(name == nullptr ? "" : name);
    duckdb_free(const_cast<char*>(name));
  }
  return names;
}

std::expected<Unit, Failure> bind(duckdb_prepared_statement prepared, const Value& params,
                                  const ErrorPlace& place, std::set<std::string>& used) {
  const std::vector<std::string> names = names_of(prepared);
  for (idx_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const std::string where = fmt::format("{}:{}", place.label, place.line_before + 1);
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) {
      return failure({.code = Code::bad_input,
                      .what = "the statement has a parameter without a name",
                      .where = where,
                      .remedy = "write $name instead of ? or $1, and give `params: {name: ...}`"});
    }
    const Value* given = params.is_map() ? params.as_map().find(name) : nullptr;
    if (given == nullptr) {
      return failure(
          {.code = Code::bad_input,
           .what = fmt::format("the statement uses ${}, which `params` does not have", name),
           .where = where,
           .remedy = fmt::format("add it: params: {{{}: ...}}", name)});
    }
    used.insert(name);
    duckdb_value value = parameter_of(*given);
    const duckdb_state bound = duckdb_bind_value(prepared, i + 1, value);
    duckdb_destroy_value(&value);
    if (bound != DuckDBSuccess) {
      return failure({.code = Code::bad_input,
                      .what = fmt::format("the parameter ${} cannot be bound", name),
                      .where = where});
    }
  }
  return Unit{};
}

// Column names, each once: a, a_1, a_2.
std::vector<std::string> column_names(duckdb_result& result) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (idx_t i = 0; i < duckdb_column_count(&result); ++i) {
    const std::string base = duckdb_column_name(&result, i);
    std::string name = base;
    for (int n = 1; taken.contains(name); ++n) {
      name = fmt::format("{}_{}", base, n);
    }
    taken.insert(name);
    names.push_back(std::move(name));
  }
  return names;
}

size_t rough_bytes(const Value& value) {
  switch (value.kind()) {
    case Kind::string:
      return value.as_string().size() + 2;
    case Kind::list: {
      size_t sum = 2;
      for (const Value& item : value.as_list()) {
        sum += rough_bytes(item);
      }
      return sum;
    }
    case Kind::map: {
      size_t sum = 2;
      for (const auto& [key, item] : value.as_map()) {
        sum += key.size() + 4 + rough_bytes(item);
      }
      return sum;
    }
    default:
      return 8;
  }
}

struct Columns {
  std::vector<std::string> names;
  std::vector<duckdb_logical_type> types;
  explicit Columns(duckdb_result& result) : names(column_names(result)) {
    for (idx_t i = 0; i < names.size(); ++i) {
      types.push_back(duckdb_column_logical_type(&result, i));
    }
  }
  Columns(const Columns&) = delete;
  Columns& operator=(const Columns&) = delete;
  ~Columns() {
    for (duckdb_logical_type& type : types) {
      duckdb_destroy_logical_type(&type);
    }
  }
};

// One row as a list of cells.
Result<ValueList> row_at(const Columns& columns, duckdb_data_chunk chunk, idx_t row) {
  ValueList cells;
  cells.reserve(columns.types.size());
  for (idx_t c = 0; c < columns.types.size(); ++c) {
    Result<Value> value = cell(columns.types[c], duckdb_data_chunk_get_vector(chunk, c), row);
    if (!value.has_value()) {
      return fail(with_context(value.error(), fmt::format("column {}", columns.names[c])));
    }
    cells.push_back(std::move(*value));
  }
  return cells;
}

// What the statements of one text did.
struct Ran {
  Answer answer;
  bool changed = false;  // something, perhaps
};

using TakeRow = std::function<Result<bool>(const Columns&, ValueList)>;  // false: enough

// Takes rows while they are wanted and counts all.
std::expected<int64_t, Failure> drain(Connection& connection, duckdb_result& result,
                                      const ErrorPlace& place, const TakeRow& take) {
  const Columns columns(result);
  int64_t count = 0;
  bool wanted = true;
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    const idx_t size = duckdb_data_chunk_get_size(chunk);
    Result<bool> more = wanted;
    for (idx_t row = 0; row < size && more.has_value() && *more; ++row) {
      Result<ValueList> cells = row_at(columns, chunk, row);
      more = cells.has_value() ? take(columns, std::move(*cells)) : fail(cells.error());
    }
    duckdb_destroy_data_chunk(&chunk);
    if (!more.has_value()) {
      Error error = more.error();
      error.where = fmt::format("{}:{}", place.label, place.line_before + 1);
      return failure(std::move(error));
    }
    wanted = *more;
    count += static_cast<int64_t>(size);
  }
  if (const char* text = duckdb_result_error(&result); text != nullptr) {
    return failed_statement(connection, text, place);
  }
  return count;
}

TakeRow keep_rows(Answer& answer, int64_t rows_max) {
  answer.rows.clear();
  return [&answer, rows_max, bytes = size_t{0}](const Columns& columns,
                                                ValueList cells) mutable -> Result<bool> {
    if (std::ssize(answer.rows) >= rows_max) {
      return false;
    }
    ValueMap row;
    for (size_t i = 0; i < cells.size(); ++i) {
      row.set(columns.names[i], std::move(cells[i]));
    }
    Value value(std::move(row));
    bytes += rough_bytes(value);
    if (bytes > result_bytes_max) {
      return false;
    }
    answer.rows.push_back(std::move(value));
    return true;
  };
}

// Results of queries are streamed, so that a large one is counted without being held.
duckdb_state execute(duckdb_prepared_statement prepared, bool streamed, duckdb_result& result,
                     std::string& error) {
  if (!streamed) {
    return duckdb_execute_prepared(prepared, &result);
  }
  duckdb_pending_result pending = nullptr;
  duckdb_state state = duckdb_pending_prepared_streaming(prepared, &pending);
  if (state == DuckDBSuccess) {
    state = duckdb_execute_pending(pending, &result);
  } else if (const char* text = duckdb_pending_error(pending); text != nullptr) {
    error = text;
  }
  duckdb_destroy_pending(&pending);
  return state;
}

std::expected<Prepared, Failure> prepare(Connection& connection, const std::string& sql,
                                         const ErrorPlace& place) {
  duckdb_prepared_statement raw = nullptr;
  const duckdb_state state = duckdb_prepare(connection.handle(), sql.c_str(), &raw);
  Prepared prepared(raw);
  if (state != DuckDBSuccess) {
    return failed_statement(connection, duckdb_prepare_error(raw), place);
  }
  const duckdb_statement_type type = duckdb_prepared_statement_type(raw);
  if (type == DUCKDB_STATEMENT_TYPE_ATTACH || type == DUCKDB_STATEMENT_TYPE_DETACH) {
    return failure({.code = Code::denied,
                    .what = "SQL may not attach or detach databases: a connection is one database",
                    .where = fmt::format("{}:{}", place.label, place.line_before + 1),
                    .remedy = "make the other database a connection of its own in tutti.yaml"});
  }
  if (type == DUCKDB_STATEMENT_TYPE_TRANSACTION) {
    return failure(
        {.code = Code::bad_input,
         .what = "the SQL begins or ends a transaction, but all its statements are one: only so "
                 "they happen once",
         .where = fmt::format("{}:{}", place.label, place.line_before + 1),
         .remedy = "leave BEGIN, COMMIT and ROLLBACK out; make what is to be committed apart a "
                   "task of its own"});
  }
  return prepared;
}

// EXPLAIN is not: EXPLAIN ANALYZE runs what it explains.
bool changes_nothing(duckdb_statement_type type) {
  return type == DUCKDB_STATEMENT_TYPE_SELECT || type == DUCKDB_STATEMENT_TYPE_SET ||
         type == DUCKDB_STATEMENT_TYPE_VARIABLE_SET;
}

std::expected<Unit, Failure> run_piece(Connection& connection, const Piece& piece,
                                       const Query& query, const ErrorPlace& place,
                                       std::set<std::string>& used, Ran& ran) {
  TRY(Prepared prepared, prepare(connection, piece.text, place));
  TRY_OK(bind(prepared.get(), query.params, place, used));
  const duckdb_statement_type type = duckdb_prepared_statement_type(prepared.get());
  const bool streamed = type == DUCKDB_STATEMENT_TYPE_SELECT;
  ran.changed = ran.changed || !changes_nothing(type);
  Answer& answer = ran.answer;
  ResultGuard guard;
  std::string early;
  if (execute(prepared.get(), streamed, guard.result, early) != DuckDBSuccess) {
    return failed_statement(
        connection, early.empty() ? duckdb_result_error(&guard.result) : early.c_str(), place);
  }
  if (!streamed && duckdb_result_return_type(guard.result) == DUCKDB_RESULT_TYPE_CHANGED_ROWS) {
    answer.affected += static_cast<int64_t>(duckdb_rows_changed(&guard.result));
    return Unit{};
  }
  if (!streamed && duckdb_result_return_type(guard.result) != DUCKDB_RESULT_TYPE_QUERY_RESULT) {
    return Unit{};
  }
  TRY(answer.row_count, drain(connection, guard.result, place, keep_rows(answer, query.rows_max)));
  return Unit{};
}

// The whole text must parse before any of it runs.
std::expected<std::vector<Piece>, Failure> parse_all(Connection& connection, const Query& query,
                                                     const std::string& memory) {
  duckdb_extracted_statements extracted = nullptr;
  const idx_t count =
      duckdb_extract_statements(connection.handle(), query.text.c_str(), &extracted);
  const char* text = count == 0 ? duckdb_extract_statements_error(extracted) : nullptr;
  const std::optional<Failure> failed =
      text == nullptr ? std::nullopt
                      : std::optional(failure_of(text, {.label = query.label, .memory = memory}));
  duckdb_destroy_extracted(&extracted);
  if (failed) {
    return std::unexpected(*failed);
  }
  std::vector<Piece> pieces = split_statements(query.text);
  if (count == 0) {
    return failure({.code = Code::bad_input,
                    .what = "there is no statement in the SQL",
                    .where = query.label,
                    .remedy = "write one, or remove the task"});
  }
  if (pieces.size() != count) {  // a construct our splitter does not know: lines are lost, no more
    pieces = {{.text = query.text}};
  }
  return pieces;
}

bool starts_with_word(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) {
    return false;
  }
  for (size_t i = 0; i < word.size(); ++i) {
    if (std::toupper(static_cast<unsigned char>(text[i])) != word[i]) {
      return false;
    }
  }
  return text.size() == word.size() ||
         std::isalnum(static_cast<unsigned char>(text[word.size()])) == 0;
}

bool starts_with_any(const Piece& piece, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&piece](std::string_view word) { return starts_with_word(piece.text, word); });
}

// Without a BEGIN and a COMMIT around all of it: that is what we do ourselves.
std::vector<Piece> without_frame(std::vector<Piece> pieces) {
  if (pieces.size() > 2 && starts_with_any(pieces.front(), {"BEGIN", "START"}) &&
      starts_with_any(pieces.back(), {"COMMIT", "END"})) {
    pieces.erase(pieces.begin());
    pieces.pop_back();
  }
  return pieces;
}

// By their first words, so that a query leaves a database without a ledger as it is. A WITH may be
// an INSERT.
bool only_read(const std::vector<Piece>& pieces) {
  return std::ranges::all_of(pieces, [](const Piece& piece) {
    return starts_with_any(piece,
                           {"SELECT", "FROM", "VALUES", "TABLE", "SHOW", "DESCRIBE", "SUMMARIZE"});
  });
}

std::expected<Unit, Failure> check_used(const Query& query, const std::set<std::string>& used) {
  for (const auto& [name, value] : query.params.as_map()) {
    if (!used.contains(name)) {
      return failure(
          {.code = Code::bad_input,
           .what = fmt::format("no statement uses the parameter `{}`", name),
           .where = query.label,
           .remedy = fmt::format("write ${} where its value belongs, or remove it", name)});
    }
  }
  return Unit{};
}

std::expected<Ran, Failure> run_pieces(Connection& connection, const Query& query,
                                       const std::vector<Piece>& pieces, const std::string& memory,
                                       const std::function<bool()>& stopped) {
  Ran ran;
  std::set<std::string> used;
  for (const Piece& piece : pieces) {
    if (stopped()) {
      return failure({.code = Code::cancelled, .what = "the statements were stopped"});
    }
    const ErrorPlace place{
        .label = query.label, .line_before = piece.line_before, .memory = memory};
    TRY_OK(run_piece(connection, piece, query, place, used, ran));
  }
  TRY_OK(check_used(query, used));
  return ran;
}

Answer kept_answer(const LedgerEntry& entry) {
  return {.rows = entry.result["rows"].is_list() ? entry.result["rows"].as_list() : ValueList{},
          .row_count = entry.result.get_int("row_count"),
          .affected = entry.result.get_int("affected"),
          .committed_by = entry.attempt};
}

// Within the transaction: what an earlier attempt did, or what this one does and its row.
std::expected<Answer, Failure> run_once(Connection& connection, const Query& query,
                                        const std::vector<Piece>& pieces, const std::string& memory,
                                        const std::function<bool()>& stopped) {
  const ErrorPlace place{.label = query.label, .memory = memory};
  const bool recorded = query.attempt && !only_read(pieces);
  if (recorded) {
    TRY(const std::optional<LedgerEntry> entry, find_in_ledger(connection, *query.attempt, place));
    if (entry) {
      return kept_answer(*entry);
    }
  }
  TRY(Ran ran, run_pieces(connection, query, pieces, memory, stopped));
  if (recorded && ran.changed) {
    TRY_OK(write_to_ledger(connection, *query.attempt, ran.answer.to_value(), place));
  }
  return std::move(ran.answer);
}

// Of a BEGIN or COMMIT of ours.
std::unexpected<Failure> as_failure(Error error, const Query& query) {
  error.where = query.label;
  return std::unexpected(Failure{
      .error = std::move(error), .reason = action::FailReason::infrastructure, .retryable = true});
}

}  // namespace

Value Answer::to_value() const {
  ValueMap value{{"rows", rows}, {"row_count", row_count}, {"affected", affected}};
  if (committed_by) {
    value.set("committed_by", *committed_by);
  }
  return value;
}

std::expected<Answer, Failure> run_query(Connection& connection, const Query& query,
                                         const std::string& memory,
                                         const std::function<bool()>& stopped) {
  TRY(std::vector<Piece> pieces, parse_all(connection, query, memory));
  pieces = without_frame(std::move(pieces));
  if (query.attempt && !only_read(pieces)) {
    TRY_OK(open_ledger(connection, {.label = query.label, .memory = memory}));
  }
  if (auto begun = connection.execute("BEGIN"); !begun.has_value()) {
    return as_failure(begun.error(), query);
  }
  std::expected<Answer, Failure> answer = run_once(connection, query, pieces, memory, stopped);
  if (!answer.has_value()) {
    (void)connection.execute("ROLLBACK");  // disconnecting would do it too
  } else if (auto committed = connection.execute("COMMIT"); !committed.has_value()) {
    return as_failure(committed.error(), query);
  }
  return answer;
}

std::expected<Rows, Failure> run_statement(Connection& connection, const std::string& sql,
                                           const ValueList& values, const ErrorPlace& place) {
  TRY(Prepared prepared, prepare(connection, sql, place));
  for (size_t i = 0; i < values.size(); ++i) {
    duckdb_value value = parameter_of(values[i]);
    duckdb_bind_value(prepared.get(), i + 1, value);
    duckdb_destroy_value(&value);
  }
  ResultGuard guard;
  if (duckdb_execute_prepared(prepared.get(), &guard.result) != DuckDBSuccess) {
    return failed_statement(connection, duckdb_result_error(&guard.result), place);
  }
  Rows rows;
  rows.changed = static_cast<int64_t>(duckdb_rows_changed(&guard.result));
  const TakeRow take = [&rows](const Columns&, ValueList cells) -> Result<bool> {
    rows.rows.emplace_back(std::move(cells));
    return true;
  };
  TRY(const int64_t count, drain(connection, guard.result, place, take));
  (void)count;
  return rows;
}

}  // namespace tutti::sql
