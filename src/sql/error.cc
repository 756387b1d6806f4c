// SPDX-License-Identifier: Apache-2.0
#include "sql/error.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace tutti::sql {
namespace {

using action::FailReason;

struct Kind {
  std::string_view prefix;
  Code code;
  FailReason reason;
  bool retryable;
  std::string_view remedy;
};

// What DuckDB puts in front of its errors. The first whose prefix fits.
constexpr std::array kinds = {
    Kind{"Parser Error", Code::bad_input, FailReason::code, false, "correct the SQL"},
    Kind{"Syntax Error", Code::bad_input, FailReason::code, false, "correct the SQL"},
    Kind{"Binder Error", Code::bad_input, FailReason::code, true, "correct the SQL"},
    Kind{"Catalog Error", Code::not_found, FailReason::code, true,
         "check the name, or create it in an earlier task"},
    Kind{"Conversion Error", Code::bad_input, FailReason::data, true,
         "correct the data, or use TRY_CAST to turn what does not fit into NULL"},
    Kind{"Out of Range Error", Code::bad_input, FailReason::data, true,
         "cast to a wider type before computing"},
    Kind{"Constraint Error", Code::conflict, FailReason::data, true,
         "correct the data, or use load with mode: merge"},
    Kind{"TransactionContext Error: Cannot CHECKPOINT: the current transaction", Code::bad_input,
         FailReason::code, false, "make CHECKPOINT a task of its own"},
    Kind{"TransactionContext Error", Code::conflict, FailReason::infrastructure, true,
         "another task wrote the same rows at the same time; it is tried again by `retry`, or put "
         "both tasks in one pool with a single slot"},
    Kind{"Transaction Error", Code::conflict, FailReason::infrastructure, true,
         "run the task again"},
    Kind{"Out of Memory Error", Code::unavailable, FailReason::code, true, ""},
    Kind{"Permission Error", Code::denied, FailReason::policy, false, ""},
    Kind{"INTERRUPT Error", Code::cancelled, FailReason::code, true, ""},
    Kind{"IO Error", Code::unavailable, FailReason::infrastructure, true, ""},
    Kind{"HTTP Error", Code::unavailable, FailReason::infrastructure, true, ""},
    Kind{"Missing Extension Error", Code::unsupported, FailReason::code, false,
         "use the address of a connection: CONNECTION://KEY"},
    Kind{"Not implemented Error", Code::unsupported, FailReason::code, false, ""},
    Kind{"Invalid Input Error", Code::bad_input, FailReason::data, true, ""},
    Kind{"Invalid Error", Code::bad_input, FailReason::data, true, ""},
    Kind{"FATAL Error", Code::internal, FailReason::infrastructure, true, ""},
};

constexpr Kind unknown_kind = {"", Code::bad_input, FailReason::code, true, ""};

const Kind& kind_of(std::string_view text) {
  for (const Kind& kind : kinds) {
    if (text.starts_with(kind.prefix)) {
      return kind;
    }
  }
  return unknown_kind;
}

std::optional<size_t> number_after(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const char* const first = text.data() + at + mark.size();
  size_t number = 0;
  const auto parsed = std::from_chars(first, text.data() + text.size(), number);
  return parsed.ptr == first ? std::nullopt : std::optional(number);
}

// The rest of the line behind `mark`.
std::string_view line_after(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = text.substr(at + mark.size());
  return rest.substr(0, rest.find('\n'));
}

// What DuckDB says without the kind in front and the excerpt behind, on one line.
std::string message_of(std::string_view text, const Kind& kind) {
  std::string_view body = text;
  body.remove_prefix(std::min(body.size(), kind.prefix.size()));
  while (body.starts_with(':') || body.starts_with(' ')) {
    body.remove_prefix(1);
  }
  body = body.substr(0, body.find("\n\nLINE "));
  for (const std::string_view advice : {"\nPossible solutions", "\nThis limit was set by",
                                        "\nThe search space used was", "\nTry setting"}) {
    body = body.substr(0, body.find(advice));
  }
  std::string out;
  for (const char c : body) {
    if (c != '\n') {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += out.ends_with('.') || out.ends_with('!') || out.ends_with(':') ? " " : "; ";
    }
  }
  while (out.ends_with(' ') || out.ends_with(';') || out.ends_with('.') || out.ends_with('!')) {
    out.pop_back();
  }
  return out;
}

// The file and line of a row that could not be read.
void name_bad_row(std::string_view text, Failure& failure) {
  const std::optional<size_t> line = number_after(text, "CSV Error on Line: ");
  std::string_view file = line_after(text, "\n  file = ");
  if (line) {
    failure.reason = FailReason::data;
    failure.error.where = fmt::format("{}:{}", file, *line);
    const std::string_view cause = line_after(text, "\nOriginal Line: ");
    std::string_view why;
    for (const std::string_view known :
         {"Expected Number of Columns", "Error when converting", "Value with unterminated quote",
          "Maximum line size", "Invalid unicode", "The CSV Parser state"}) {
      if (const size_t found = text.find(known); found != std::string_view::npos && why.empty()) {
        why = text.substr(found);
        why = why.substr(0, why.find_first_of("\n\r"));
      }
    }
    failure.error.what =
        fmt::format("a row cannot be read: {} (the line is: {})",
                    why.empty() ? "it does not fit the columns" : why, cause.substr(0, 200));
    failure.error.remedy = "correct the file, or create the table with types its values fit";
    return;
  }
  constexpr std::string_view in_file = "in file \"";
  if (const size_t at = text.find(in_file);
      text.contains("JSON ") && at != std::string_view::npos) {
    file = text.substr(at + in_file.size());
    file = file.substr(0, file.find('"'));
    failure.reason = FailReason::data;
    std::optional<size_t> json_line = number_after(text, "in line ");
    if (json_line && text.contains("Malformed JSON")) {
      *json_line -= 1;  // DuckDB names the line behind the bad one
    }
    const std::optional<size_t> record = number_after(text, "in record/value ");
    failure.error.where = json_line ? fmt::format("{}:{}", file, *json_line)
                          : record  ? fmt::format("{}: record {}", file, *record)
                                    : std::string(file);
    failure.error.remedy = "correct the file, or give the right `format`";
  }
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < units.size()) {
    amount /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, units[unit]);
}

Failure failure_of(std::string_view text, const ErrorPlace& place) {
  const Kind& kind = kind_of(text);
  Failure failure{.error = {.code = kind.code,
                            .what = message_of(text, kind),
                            .where = place.label,
                            .remedy = std::string(kind.remedy),
                            .provider_code = std::string(kind.prefix)},
                  .reason = kind.reason,
                  .retryable = kind.retryable};
  Error& error = failure.error;
  if (const std::optional<size_t> line = number_after(text, "\nLINE ")) {
    error.where = fmt::format("{}:{}", place.label, place.line_before + *line);
  } else {
    error.where = fmt::format("{}:{}", place.label, place.line_before + 1);
  }
  if (kind.code == Code::denied) {
    error.what = text.contains("locked")
                     ? error.what
                     : "SQL may only use files of the project's connections: " + error.what;
    error.remedy = "use an address, CONNECTION://KEY, of a connection in tutti.yaml";
  } else if (text.contains("the configuration has been locked")) {
    error.code = Code::denied;
    failure.retryable = false;
    error.remedy = "set memory, threads and the like in the connection, in tutti.yaml";
  } else if (text.contains("No space left on device") || text.contains("disk is full")) {
    error.code = Code::unavailable;
    error.what = "the disk is full: " + error.what;
    error.remedy = "free some space and run it again";
    failure.reason = FailReason::infrastructure;
  } else if (text.contains("No files found that match the pattern")) {
    error.code = Code::not_found;
    error.what = "no object matches" +
                 error.what.substr(error.what.find_last_of(' ', error.what.size() - 2));
    error.remedy = "check the address, or let an earlier task write it";
    failure.reason = FailReason::code;
  } else if (text.contains("max_temp_directory_size")) {
    error.what =
        "the statement needs more memory and disk for what does not fit than it may have: " +
        error.what;
    error.remedy =
        "free some disk space, raise `memory` of the connection, or let the statement "
        "touch less data at once";
  } else if (kind.prefix == "Out of Memory Error") {
    error.what = fmt::format("the statement needs more than the memory limit of {}: {}",
                             place.memory, error.what);
    error.remedy =
        "set `memory` of the connection in tutti.yaml higher, or let the statement touch "
        "less data at once";
  }
  name_bad_row(text, failure);
  return failure;
}

}  // namespace tutti::sql
