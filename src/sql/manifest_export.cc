// SPDX-License-Identifier: Apache-2.0
#include "sql/manifest_export.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::sql {
namespace {

// The members of a line, as docs/transfers.md has them.
constexpr std::array<std::string_view, 8> side_members{
    "address", "provider", "endpoint", "account", "bucket", "key", "etag", "version"};
constexpr std::array<std::string_view, 4> digest_members{"sha256", "md5", "crc32c", "crc64nvme"};

struct Member {
  std::string_view name;
  std::string_view type;    // in JSON
  std::string_view column;  // how it becomes a column of the same name; empty: as it is
};
constexpr Member plain_members[] = {
    {"bytes", "BIGINT", ""},
    {"computed_by", "VARCHAR", ""},
    {"proof", "VARCHAR", ""},
    {"done", "VARCHAR", ""},
    {"route", "VARCHAR", ""},
    {"attempts", "INTEGER", ""},
    {"sent_bytes", "BIGINT", ""},
    {"read_back_bytes", "BIGINT", ""},
    {"began", "VARCHAR", "CAST(began AS TIMESTAMPTZ)"},
    {"at", "VARCHAR", "CAST(\"at\" AS TIMESTAMPTZ)"},
    {"lost", "VARCHAR[]", ""},
    {"stages", "VARCHAR[]", ""},
    {"source_bytes", "BIGINT", ""},
    {"class", "VARCHAR", ""},
    {"class_kept", "BOOLEAN", ""},
};

std::string struct_type(std::span<const std::string_view> members) {
  std::vector<std::string> fields;
  for (const std::string_view each : members) {
    fields.push_back(fmt::format("{} VARCHAR", quoted_name(each)));
  }
  return fmt::format("STRUCT({})", fmt::join(fields, ", "));
}

// What read_json is told of a line.
std::string json_columns() {
  std::vector<std::string> columns;
  const auto add = [&columns](std::string_view name, const std::string& type) {
    columns.push_back(fmt::format("{}: {}", quoted_text(name), quoted_text(type)));
  };
  add("format", "VARCHAR");
  for (const std::string_view side : {"from", "to"}) {
    add(side, struct_type(side_members));
  }
  for (const std::string_view digests : {"digests", "source_digests"}) {
    add(digests, struct_type(digest_members));
  }
  constexpr std::string_view error_members[] = {"code", "what"};
  add("error", struct_type(error_members));
  for (const Member& each : plain_members) {
    add(each.name, std::string(each.type));
  }
  return fmt::format("{{{}}}", fmt::join(columns, ", "));
}

std::string field(std::string_view holder, std::string_view member) {
  return fmt::format("{}.{}", quoted_name(holder), quoted_name(member));
}

// Flat, so that every reader of Parquet can filter by it.
std::string parquet_columns() {
  std::vector<std::string> columns;
  for (const std::string_view side : {"from", "to"}) {
    for (const std::string_view each : side_members) {
      columns.push_back(fmt::format("{} AS {}_{}", field(side, each), side, each));
    }
  }
  // Every line says what it is; another one is an error, not a row of nulls.
  columns.front() = fmt::format(
      "CASE WHEN format = 'tutti.manifest/1' AND {0} IS NOT NULL AND {1} IS NOT NULL THEN {0} "
      "ELSE error('it has a line that is none of a manifest') END AS from_address",
      field("from", "address"), field("to", "address"));
  for (const std::string_view each : digest_members) {
    columns.push_back(fmt::format("{} AS {}", field("digests", each), each));
  }
  for (const Member& each : plain_members) {
    columns.push_back(fmt::format(
        "{} AS {}", each.column.empty() ? quoted_name(each.name) : std::string(each.column),
        quoted_name(each.name)));
  }
  for (const std::string_view each : digest_members) {
    columns.push_back(fmt::format("{} AS source_{}", field("source_digests", each), each));
  }
  columns.emplace_back("error.code AS error_code");
  columns.emplace_back("error.what AS error_what");
  return fmt::format("{}", fmt::join(columns, ", "));
}

// DuckDB's words name the line behind the one that cannot be read; `where` has the right one.
Failure explained(Failure failure) {
  std::string& what = failure.error.what;
  if (what.starts_with("Malformed JSON")) {
    what = "the line is cut off, or is no JSON" + what.substr(what.rfind(": "));
  }
  return failure;
}

}  // namespace

std::expected<int64_t, Failure> run_export(Connection& connection, const ManifestExport& what,
                                           const std::string& memory) {
  const std::string sql = fmt::format(
      "COPY (SELECT {} FROM read_json({}, format = 'newline_delimited', columns = {})) TO {} "
      "(FORMAT parquet, COMPRESSION zstd)",
      parquet_columns(), quoted_text(what.from), json_columns(), quoted_text(what.to));
  const auto rows = run_statement(connection, sql, {}, {.label = what.from, .memory = memory});
  return rows.has_value() ? std::expected<int64_t, Failure>(rows->changed)
                          : std::unexpected(explained(rows.error()));
}

}  // namespace tutti::sql
