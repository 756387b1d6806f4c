// SPDX-License-Identifier: Apache-2.0
#include "action/load/load_action.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "action/api/outcome.h"
#include "action/load/sources.h"

namespace tutti::action {
namespace {

const std::vector<std::string> formats = {"auto", "csv", "json", "ndjson", "parquet"};
const std::vector<std::string> modes = {"append", "replace", "replace_partition", "merge"};

Schema make_schema() {
  return {
      .name = "load",
      .summary = "Loads files into a table, in one transaction, each file once.",
      .params =
          {{.name = "from",
            .kind = ParamKind::address,
            .doc = "The files: an address, a prefix that ends with /, a pattern, a list of them, "
                   "the manifest of a copy, or the objects of a list.",
            .required = true,
            .many = true},
           {.name = "into",
            .kind = ParamKind::table,
            .doc = "CONNECTION.SCHEMA.TABLE; schema and table are made when they are missing.",
            .required = true},
           {.name = "format",
            .kind = ParamKind::text,
            .doc = "Of the files; .gz and .zst are unpacked.",
            .choices = formats,
            .fallback = "auto: by the names of the files"},
           {.name = "mode",
            .kind = ParamKind::text,
            .doc = "append adds the rows of files that are not in the table yet (one that changed "
                   "since it was loaded is an error); replace removes all others first; merge "
                   "updates rows of "
                   "the same `key` and adds the rest; replace_partition first removes the rows "
                   "whose `key` the files have.",
            .choices = modes,
            .fallback = "append"},
           {.name = "key",
            .kind = ParamKind::text,
            .doc = "Columns: of merge and replace_partition.",
            .many = true}},
      .goes_with = {{.param = "key", .other = "mode", .values = {"merge", "replace_partition"}}},
      .outputs = {{.name = "rows",
                   .kind = "integer",
                   .doc = "Rows this load brought; where just these files had been loaded before, "
                          "the rows of then."},
                  {.name = "files", .kind = "integer", .doc = "Files of `from`."},
                  {.name = "bytes", .kind = "integer", .doc = "Their size."},
                  {.name = "skipped",
                   .kind = "integer",
                   .doc = "Those of them that were in the table already."},
                  {.name = "already_loaded",
                   .kind = "boolean",
                   .doc = "All of them were in the table: nothing was changed."},
                  {.name = "manifest",
                   .kind = "map {digest, objects}",
                   .doc = "What makes the files the same the next time."}},
  };
}

bool is_unknown(const Value& value) {
  if (value.is_string()) {
    return value.as_string().contains("{{") || value.as_string().contains("{%");
  }
  return value.is_list() && std::ranges::any_of(value.as_list(), is_unknown);
}

struct Inputs {
  TableName table;
  std::string mode;
  std::string format;  // or auto
  std::vector<std::string> key;
};

Result<std::string> choice(const Value& with, std::string_view name,
                           const std::vector<std::string>& choices, std::string_view fallback) {
  const std::string given(with.get_string(name, fallback));
  if (std::ranges::find(choices, given) == choices.end()) {
    return fail(Code::bad_input, fmt::format("`{}` is '{}'", name, given),
                fmt::format("write one of: {}", fmt::join(choices, ", ")));
  }
  return given;
}

Result<Inputs> inputs_of(const Value& with) {
  Inputs inputs;
  TRY(inputs.table, parse_table(with.get_string("into")));
  TRY(inputs.mode, choice(with, "mode", modes, "append"));
  TRY(inputs.format, choice(with, "format", formats, "auto"));
  if (with["key"].is_string()) {
    inputs.key = {with["key"].as_string()};
  } else if (with["key"].is_list()) {
    for (const Value& column : with["key"].as_list()) {
      if (!column.is_string()) {
        return fail(Code::bad_input, "`key` holds something that is no name of a column");
      }
      inputs.key.push_back(column.as_string());
    }
  }
  const bool by_key = inputs.mode == "merge" || inputs.mode == "replace_partition";
  if (by_key && inputs.key.empty()) {
    return fail(Code::bad_input, fmt::format("mode: {} needs `key`", inputs.mode),
                inputs.mode == "merge" ? "give the columns that tell one row from another: key: id"
                                       : "give the columns that name a partition: key: day");
  }
  if (!by_key && !inputs.key.empty()) {
    return fail(Code::bad_input, fmt::format("mode: {} has no use for `key`", inputs.mode),
                "remove it, or write mode: merge");
  }
  return inputs;
}

std::string shown_sql(const Inputs& inputs, const std::string& format, const Sources& sources) {
  const std::string files =
      sources.files.size() == 1
          ? fmt::format("'{}'", sources.files[0].address)
          : fmt::format("['{}', ... {} files]", sources.files[0].address, sources.files.size());
  const std::string table = inputs.table.schema + "." + inputs.table.table;
  const std::string read = fmt::format("SELECT * FROM read_{}({})", format, files);
  const std::string key = fmt::format("{}", fmt::join(inputs.key, ", "));
  if (inputs.mode == "replace") {
    return fmt::format("DELETE FROM {0};\nINSERT INTO {0} BY NAME {1}", table, read);
  }
  if (inputs.mode == "replace_partition") {
    return fmt::format(
        "DELETE FROM {0} WHERE ({2}) IN (SELECT {2} FROM files);\nINSERT INTO {0} BY NAME {1}",
        table, read, key);
  }
  if (inputs.mode == "merge") {
    return fmt::format("MERGE INTO {} USING ({}) ON ({}) ...", table, read, key);
  }
  return fmt::format("INSERT INTO {} BY NAME {}", table, read);
}

std::string loaded_text(const Done& done, int64_t files, std::string_view into) {
  const int64_t skipped = done.output.get_int("skipped");
  return fmt::format("{} rows of {} files loaded into {}{}\n", done.output.get_int("rows"),
                     files - skipped, into,
                     skipped > 0 ? fmt::format("; {} files were there already", skipped) : "");
}

}  // namespace

LoadAction::LoadAction(SqlService& service, const cloud::Connections& connections)
    : service_(service), connections_(connections), schema_(make_schema()) {}

Task<Preview> LoadAction::plan(rt::Context& ctx, const AttemptInfo& info, Value with) {
  Preview preview;
  for (const std::string_view name : {"from", "into", "mode", "format", "key"}) {
    if (is_unknown(with[name])) {
      preview.unknown.push_back(fmt::format("`{}`: {}", name, to_json(with[name])));
    }
  }
  if (!preview.unknown.empty()) {
    co_return preview;
  }
  CO_TRY(const Inputs inputs, inputs_of(with));
  CO_TRY(const SqlConnection connection,
         service_.describe({info.project, info.profile, inputs.table.connection}));
  Result<Sources> sources = co_await find_sources(ctx, connections_, info.profile, with["from"]);
  if (!sources.has_value()) {
    if (sources.error().code != Code::not_found) {
      co_return fail(sources.error());
    }
    preview.unknown.push_back("the files: " + sources.error().text());
    co_return preview;
  }
  std::string format = inputs.format;
  if (format == "auto") {
    CO_TRY(format, format_of(*sources));
  }
  preview.steps.push_back(
      {.what = fmt::format(
           "{} {} of {} into {} ({}){}", inputs.mode,
           sources->files.size() == 1 ? "1 file" : fmt::format("{} files", sources->files.size()),
           format, with.get_string("into"), connection.shown,
           inputs.mode == "append" ? "; files that were loaded before are left out" : ""),
       .objects = static_cast<int64_t>(sources->files.size()),
       .bytes = static_cast<int64_t>(sources->bytes),
       .detail = shown_sql(inputs, format, *sources)});
  co_return preview;
}

Task<Outcome> LoadAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  const AttemptInfo& info = attempt.info();
  CO_TRY(const Inputs inputs, inputs_of(with));
  SqlTarget target{info.project, info.profile, inputs.table.connection};
  CO_OK(service_.describe(target));
  Result<Sources> sources = co_await find_sources(ctx, connections_, info.profile, with["from"]);
  if (!sources.has_value()) {
    co_return outcome_of(ctx, std::move(sources).error());
  }
  SqlLoad load{.schema = inputs.table.schema,
               .table = inputs.table.table,
               .format = inputs.format,
               .mode = inputs.mode,
               .key = inputs.key,
               .manifest = manifest_digest(*sources)};
  if (load.format == "auto") {
    CO_TRY(load.format, format_of(*sources));
  }
  for (const SourceFile& file : sources->files) {
    if (file.size > 0) {  // an empty file has no rows, and no columns to compare
      const ObjectRef& ref = file.ref;
      load.files.push_back({.address = file.address,
                            .object = to_json(Value(ValueList{ref.provider, ref.endpoint,
                                                              ref.account, ref.bucket, ref.key})),
                            .bytes = file.size,
                            .proof = file.proof});
    }
  }
  if (load.files.empty()) {
    co_return Failed{.error = {.code = Code::bad_input,
                               .what = "the files are empty: there is not even a line of names",
                               .where = sources->files[0].address,
                               .remedy = "write at least the names of the columns"},
                     .reason = FailReason::data};
  }
  const auto files = static_cast<int64_t>(sources->files.size());
  const auto bytes = static_cast<int64_t>(sources->bytes);
  attempt.progress({.bytes_total = bytes, .items_total = files});
  const std::string digest = load.manifest;
  CO_TRY(Outcome outcome, co_await service_.load(ctx, std::move(target), std::move(load)));
  if (Done* done = std::get_if<Done>(&outcome)) {
    ValueMap& output = done->output.edit_map();
    output.set("files", files);
    output.set("bytes", bytes);
    output.set("manifest", ValueMap{{"digest", digest}, {"objects", files}});
    attempt.progress(
        {.bytes_done = bytes, .bytes_total = bytes, .items_done = files, .items_total = files});
    // Loaded is loaded, whatever becomes of the log.
    (void)co_await attempt.log(
        ctx, Stream::system,
        done->output.get_bool("already_loaded")
            ? fmt::format("these {} files are in {} already: nothing was changed\n", files,
                          with.get_string("into"))
            : loaded_text(*done, files, with.get_string("into")));
  }
  co_return outcome;
}

}  // namespace tutti::action
