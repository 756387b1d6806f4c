// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/doctest.h"

namespace tutti::spec {

namespace {

ParamSchema need(std::string name, ParamKind kind) {
  return {.name = std::move(name), .kind = kind, .doc = {}, .required = true};
}

ParamSchema may(std::string name, ParamKind kind) {
  return {.name = std::move(name), .kind = kind, .doc = {}};
}

ParamSchema one_of_words(std::string name, std::vector<std::string> words) {
  return {
      .name = std::move(name), .kind = ParamKind::string, .doc = {}, .choices = std::move(words)};
}

ParamSchema secret(ParamSchema param) {
  param.secret_allowed = true;
  return param;
}

ParamSchema many(ParamSchema param) {
  param.many = true;
  return param;
}

ParamSchema at_least(ParamSchema param, std::string least) {
  param.least = std::move(least);
  return param;
}

ParamSchema map_of(std::string name, std::vector<ParamSchema> members) {
  return {
      .name = std::move(name), .kind = ParamKind::map, .doc = {}, .members = std::move(members)};
}

std::vector<OutputSchema> gives(std::initializer_list<const char*> names) {
  std::vector<OutputSchema> outputs;
  for (const char* name : names) {
    outputs.push_back({.name = name, .type = {}, .doc = {}});
  }
  return outputs;
}

ActionSchema process_action() {
  return {.name = "process",
          .summary = "runs a program",
          .params = {may("run", ParamKind::script), may("argv", ParamKind::command),
                     secret(may("stdin", ParamKind::string)), may("cwd", ParamKind::string)},
          .one_of = {{{{"run"}, {"argv"}}}},
          .outputs = gives({"exit_code"}),
          .outputs_open = true,
          .takes_files = true,
          .takes_env = true};
}

ActionSchema http_action() {
  ParamSchema method =
      one_of_words("method", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"});
  method.default_value = "GET";
  ParamSchema check = may("check", ParamKind::expression);
  check.names = {"status", "headers", "body"};
  return {.name = "http",
          .summary = "one request",
          .params = {secret(may("url", ParamKind::url)), may("connection", ParamKind::web_service),
                     may("path", ParamKind::string), method, secret(may("headers", ParamKind::map)),
                     secret(may("json", ParamKind::any)), secret(may("body", ParamKind::string)),
                     secret(may("form", ParamKind::map)), secret(may("auth", ParamKind::map)),
                     check, may("save", ParamKind::address), may("paginate", ParamKind::map),
                     may("idempotency_key", ParamKind::string)},
          .one_of = {{{{"url"}, {"connection", "path"}}}},
          .outputs = gives({"status", "headers", "body"}),
          .write_param = "method",
          .safe_values = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"},
          .key_param = "idempotency_key"};
}

}  // namespace

Catalogue test_catalogue() {
  return {{
      {.name = "noop", .summary = "nothing", .light = true},
      {.name = "branch",
       .summary = "chooses",
       .params = {need("cases", ParamKind::branch_cases), many(may("else", ParamKind::task))},
       .outputs = gives({"chosen"}),
       .is_branch = true,
       .light = true},
      process_action(),
      {.name = "python",
       .summary = "calls a function",
       .params = {need("call", ParamKind::python_call), secret(may("args", ParamKind::map))},
       .outputs = gives({"value"}),
       .outputs_open = true,
       .takes_files = true,
       .takes_env = true,
       .takes_runtime = true},
      {.name = "copy",
       .summary = "copies objects",
       .params = {need("from", ParamKind::address), many(need("to", ParamKind::address)),
                  one_of_words("if_exists", {"fail", "skip", "replace", "verify"}),
                  may("verify", ParamKind::boolean), may("class", ParamKind::string),
                  may("part_size", ParamKind::size), one_of_words("proof", {"full", "sample:N%"}),
                  may("compress", ParamKind::string), may("keep_names", ParamKind::boolean),
                  one_of_words("order", {"name", "newest"}),
                  map_of("encrypt", {one_of_words("with", {"aes-256-gcm"}),
                                     need("secret", ParamKind::secret)})},
       .outputs = gives({"objects", "bytes", "skipped", "manifest"}),
       .idempotent = true,
       .clashes = {{.together = {{.params = {"compress", "encrypt"}},
                                 {.params = {"if_exists"}, .values = {"verify"}}},
                    .why = "the bytes cannot be compared",
                    .remedy = "replace it"},
                   {.together = {{.params = {"order"}, .values = {"name"}, .but = true},
                                 {.params = {"compress"}}},
                    .unless = {"keep_names"},
                    .why = "names may become the same",
                    .remedy = "keep the names"},
                   {.together = {{.params = {"keep_names"}}},
                    .unless = {"compress", "encrypt"},
                    .why = "nothing changes names",
                    .remedy = "leave it out"}}},
      {.name = "list",
       .summary = "lists objects",
       .params = {need("from", ParamKind::address), may("limit", ParamKind::integer)},
       .outputs = gives({"objects", "count", "bytes"}),
       .idempotent = true,
       .only_outputs = true},
      {.name = "delete",
       .summary = "deletes objects",
       .params = {need("target", ParamKind::address), may("max", ParamKind::integer)},
       .outputs = gives({"count", "bytes"}),
       .idempotent = true},
      {.name = "wait.object",
       .summary = "waits",
       .params = {need("uri", ParamKind::address), may("count", ParamKind::integer),
                  at_least(may("poll", ParamKind::duration), "100ms")},
       .outputs = gives({"objects"}),
       .idempotent = true},
      {.name = "load",
       .summary = "files to table",
       .params = {many(need("from", ParamKind::address)), need("into", ParamKind::table),
                  one_of_words("format", {"csv", "json", "ndjson", "parquet"}),
                  one_of_words("mode", {"append", "replace", "replace_partition", "merge"}),
                  many(may("key", ParamKind::string))},
       .outputs = gives({"rows", "files", "manifest"}),
       .goes_with = {{.param = "key", .other = "mode", .values = {"merge", "replace_partition"}}}},
      {.name = "sql",
       .summary = "statements",
       .params = {need("connection", ParamKind::database), may("query", ParamKind::sql),
                  may("file", ParamKind::file), may("params", ParamKind::any)},
       .one_of = {{{{"query"}, {"file"}}}},
       .outputs = gives({"rows", "row_count", "affected"})},
      http_action(),
      {.name = "check",
       .summary = "fails unless true",
       .params = {may("expr", ParamKind::expression), may("value", ParamKind::any),
                  may("schema", ParamKind::json_schema), may("connection", ParamKind::database),
                  may("query", ParamKind::sql)},
       .one_of = {{{{"expr"}, {"value", "schema"}, {"connection", "query"}}}},
       .outputs = gives({"seen"}),
       .idempotent = true},
  }};
}

bool updating() { return std::getenv("TUTTI_UPDATE") != nullptr; }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool matches_file(const std::string& path, const std::string& text) {
  if (updating()) {
    std::ofstream(path, std::ios::binary) << text;
    return true;
  }
  const std::string there = read_file(path);
  if (there == text) {
    return true;
  }
  const auto differ = std::ranges::mismatch(there, text);
  const auto line = std::count(text.begin(), differ.in2, '\n') + 1;
  MESSAGE(path << " differs from line " << line
               << "; run core_spec_test with TUTTI_UPDATE=1 and look at the diff");
  return false;
}

std::vector<std::string> files_in(const std::string& folder, std::string_view ending) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (entry.path().string().ends_with(ending)) {
      paths.push_back(entry.path().string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace tutti::spec
