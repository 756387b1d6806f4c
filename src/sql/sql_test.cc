// SPDX-License-Identifier: Apache-2.0
// The pure parts; statements, loads and files are tested through the actions sql and load.
#include "sql/error.h"
#include "sql/glob.h"
#include "sql/split.h"

#include "base/doctest.h"

namespace tutti::sql {
namespace {

TEST_CASE("patterns match keys as DuckDB's do") {
  struct Case {
    const char* pattern;
    const char* key;
    bool matches;
  };
  const std::vector<Case> cases = {
      {"a.csv", "a.csv", true},
      {"*.csv", "a.csv", true},
      {"*.csv", "d/a.csv", false},
      {"d/*.csv", "d/a.csv", true},
      {"d/*", "d/", true},
      {"?.csv", "ab.csv", false},
      {"[ab].csv", "b.csv", true},
      {"[!ab].csv", "b.csv", false},
      {"[a-c]x", "bx", true},
      {"[]x]", "]", true},
      {"a[", "a[", true},
      {"**", "a/b/c", true},
      {"**/c", "a/b/c", true},
      {"**/c", "c", true},
      {"a/**", "a/b/c", true},
      {"a/**", "b/c", false},
      {"a/**/c", "a/c", true},
      {"a/**/c", "a/b/b/c", true},
      {"a/**/c", "a/b/d", false},
      {"**/b/**/d", "a/b/c/d", true},
      {"**/b/*", "b/b/c", true},
      {"**/x/*.csv", "x/y/x/a.csv", true},
      {"a*b*c", "aXbXbc", true},
      {"a*b*c", "aXbX", false},
      {"", "", true},
      {"*", "", true},
      {"a/*/c", "a//c", true},
  };
  for (const Case& each : cases) {
    INFO(each.pattern << " " << each.key);
    CHECK(glob_matches(each.pattern, each.key) == each.matches);
  }
  CHECK(glob_prefix("a/b*c/[d]") == "a/b");
  CHECK(!has_glob("a/b.c"));
  // Time stays small for what makes naive matchers explode.
  std::string stars;
  for (int i = 0; i < 50; ++i) {
    stars += "a*";
  }
  CHECK(!glob_matches(stars + "b", std::string(2000, 'a')));
}

std::vector<std::string> texts(const char* sql) {
  std::vector<std::string> out;
  for (const Piece& piece : split_statements(sql)) {
    out.push_back(std::to_string(piece.line_before) + ":" + piece.text);
  }
  return out;
}

TEST_CASE("statements are split at their semicolons, and know their lines") {
  using Texts = std::vector<std::string>;
  CHECK(texts("") == Texts{});
  CHECK(texts(" ;; -- only; this\n /* and; this */ ;") == Texts{});
  CHECK(texts("a") == Texts{"0:a"});
  CHECK(texts("a;\n\nb ;\n-- c;\nc") == Texts{"0:a", "2:b ", "4:c"});
  CHECK(texts("select ';', \"x;y\", 'it''s;'; b") ==
        Texts{"0:select ';', \"x;y\", 'it''s;'", "0:b"});
  CHECK(texts("select $$ ; $$, $t$ ; $$ ; $t$; b") ==
        Texts{"0:select $$ ; $$, $t$ ; $$ ; $t$", "0:b"});
  CHECK(texts("select $a; select $1; b$$c; d") ==
        Texts{"0:select $a", "0:select $1", "0:b$$c", "0:d"});
  CHECK(texts("select e'\\';'; b") == Texts{"0:select e'\\';'", "0:b"});
  CHECK(texts("a /* x /* ; */ ; */ ; b") == Texts{"0:a /* x /* ; */ ; */ ", "0:b"});
  CHECK(texts("select 'open; b") == Texts{"0:select 'open; b"});
}

TEST_CASE("DuckDB's errors get a place, one line and a remedy") {
  const ErrorPlace place{.label = "a.sql", .line_before = 10, .memory = "1.0 GiB"};
  Failure failure = failure_of(
      "Parser Error: syntax error at or near \"x\"\n\nLINE 3: form x\n             ^", place);
  CHECK(failure.error.text() == "a.sql:13: syntax error at or near \"x\". correct the SQL");
  CHECK(!failure.retryable);
  failure = failure_of(
      "Out of Memory Error: failed to allocate data of size 16.0 MiB (82.5 MiB/95.3 MiB "
      "used)\n\nPossible solutions:\n* Reducing the number of threads",
      place);
  CHECK(failure.error.what ==
        "the statement needs more than the memory limit of 1.0 GiB: failed to allocate data of "
        "size 16.0 MiB (82.5 MiB/95.3 MiB used)");
  failure = failure_of("IO Error: Could not write file \"x\": No space left on device", place);
  CHECK(failure.error.what.starts_with("the disk is full: "));
  CHECK(failure.reason == action::FailReason::infrastructure);
  failure = failure_of("TransactionContext Error: Catalog write-write conflict", place);
  CHECK(failure.error.code == Code::conflict);
  CHECK(failure.retryable);
  failure = failure_of("Something new: happened", place);
  CHECK(failure.error.what == "Something new: happened");
  CHECK(bytes_text(1536) == "1.5 KiB");
}

}  // namespace
}  // namespace tutti::sql
