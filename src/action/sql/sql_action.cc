// SPDX-License-Identifier: Apache-2.0
#include "action/sql/sql_action.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rt/file.h"

namespace tutti::action {
namespace {

Schema make_schema() {
  return {
      .name = "sql",
      .summary =
          "Runs SQL statements on a connection, in one transaction: what they change happens "
          "once, however often the task is attempted.",
      .params =
          {{.name = "connection",
            .kind = ParamKind::database,
            .doc = "Where they run.",
            .required = true},
           {.name = "query",
            .kind = ParamKind::sql,
            .doc = "The statements. BEGIN and COMMIT may stand around all of them, nowhere else."},
           {.name = "file",
            .kind = ParamKind::file,
            .doc = "A file of the project with the statements, or one for each engine: "
                   "{duckdb: a.sql, bigquery: b.sql}. Templates in it are not rendered: use "
                   "`params`."},
           {.name = "params",
            .kind = ParamKind::map,
            .doc = "Values by name, bound where a statement says $name; never pasted into "
                   "its text.",
            .fallback = "none"}},
      .one_of = {{"query", "file"}},
      .outputs = {{.name = "rows",
                   .kind = "list of maps",
                   .doc = "The first 1,000 rows of the last statement that has a result."},
                  {.name = "row_count", .kind = "integer", .doc = "All rows of that result."},
                  {.name = "affected",
                   .kind = "integer",
                   .doc = "Rows inserted, updated and deleted by all statements."}},
  };
}

SqlTarget target_of(const AttemptInfo& info, const Value& with) {
  return {.project = info.project,
          .profile = info.profile,
          .connection = std::string(with.get_string("connection"))};
}

bool is_unknown(std::string_view text) { return text.contains("{{") || text.contains("{%"); }

Result<std::string> path_in_project(const AttemptInfo& info, const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  if (normal.is_absolute() || normal.string().starts_with("..")) {
    return fail(Code::bad_input, fmt::format("the SQL file {} is outside the project", path),
                "give a path within the project's folder");
  }
  return (info.project / normal).string();
}

// An earlier attempt had committed, and its reply was lost: the log says so, the output is its own.
Task<Unit> note_kept(rt::Context& ctx, Attempt& attempt, Done& done) {
  const Value by = done.output["committed_by"];
  if (by.is_int()) {
    done.output.edit_map().erase("committed_by");
    // Done is done, whatever becomes of the log.
    (void)co_await attempt.log(
        ctx, Stream::system,
        fmt::format("attempt {} had committed these statements: nothing was run again, the output "
                    "is what it had\n",
                    by.as_int()));
  }
  co_return Unit{};
}

}  // namespace

Result<std::string> sql_file_for(const Value& file, std::string_view engine) {
  if (file.is_string()) {
    return file.as_string();
  }
  if (file.is_map()) {
    if (const Value* found = file.as_map().find(engine); found != nullptr && found->is_string()) {
      return found->as_string();
    }
    std::vector<std::string> engines;
    for (const auto& [name, path] : file.as_map()) {
      engines.push_back(name);
    }
    return fail(
        Code::bad_input,
        fmt::format("`file` has no SQL for {}, only for {}", engine, fmt::join(engines, ", ")),
        fmt::format("add `{}: FILE.sql` to it", engine));
  }
  return fail(Code::bad_input, "`file` is neither a path nor a map of engine to path",
              "write file: sql/name.sql");
}

SqlAction::SqlAction(SqlService& service) : service_(service), schema_(make_schema()) {}

Task<Preview> SqlAction::plan(rt::Context&, const AttemptInfo& info, Value with) {
  const SqlTarget target = target_of(info, with);
  Preview preview;
  if (is_unknown(target.connection)) {
    preview.unknown.push_back("the connection: " + target.connection);
    co_return preview;
  }
  CO_TRY(const SqlConnection connection, service_.describe(target));
  std::string label = "SQL";
  std::string text(with.get_string("query"));
  if (with["query"].is_null()) {
    CO_TRY(const std::string path, sql_file_for(with["file"], connection.engine));
    if (is_unknown(path)) {
      preview.unknown.push_back("the SQL file: " + path);
      co_return preview;
    }
    CO_TRY(const std::string full, path_in_project(info, path));
    CO_TRY(text, rt::read_file(full));
    label = path;
  }
  std::string detail = std::move(text);
  if (with["params"].is_map() && !with["params"].as_map().empty()) {
    detail += fmt::format("\n-- params: {}", to_json(with["params"]));
  }
  preview.steps.push_back(
      {.what = fmt::format("run {} on {} ({})", label, target.connection, connection.shown),
       .detail = std::move(detail)});
  co_return preview;
}

Task<Outcome> SqlAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  SqlTarget target = target_of(attempt.info(), with);
  CO_TRY(const SqlConnection connection, service_.describe(target));
  SqlQuery query{.text = std::string(with.get_string("query")),
                 .params = with["params"].is_map() ? with["params"] : Value(ValueMap{}),
                 .attempt = attempt.info().id};
  if (with["query"].is_null()) {
    CO_TRY(query.label, sql_file_for(with["file"], connection.engine));
    CO_TRY(query.text, co_await attempt.project_file(ctx, query.label));
  }
  CO_TRY(Outcome outcome, co_await service_.query(ctx, std::move(target), std::move(query)));
  if (Done* done = std::get_if<Done>(&outcome)) {
    CO_OK(co_await note_kept(ctx, attempt, *done));
  }
  co_return outcome;
}

}  // namespace tutti::action
