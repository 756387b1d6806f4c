// SPDX-License-Identifier: Apache-2.0
// What commands print: results to standard output, everything about them to standard error.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "cli/arguments.h"

namespace tutti::cli {

enum class Color : uint8_t { plain, dim, bold, red, green, yellow, blue, cyan };

struct Screen {
  size_t columns = 100;
  size_t rows = 24;
};

class Output {
 public:
  explicit Output(const Globals& globals);

  bool json() const { return globals_.output == OutputFormat::json; }
  bool quiet() const { return globals_.quiet; }
  bool verbose() const { return globals_.verbose; }
  bool live() const { return live_; }  // a terminal to redraw on
  Screen screen() const;               // of the terminal, as large as it is now

  // Result: standard output.
  void text(std::string_view text);
  void line(std::string_view text);
  void value(const Value& value);  // -o json, indented
  // About it: standard error, nothing with -q.
  void note(std::string_view text);
  void complain(std::string_view text);  // also with -q
  void error(const Error& error);

  // When a result could not be written: why. A reader that has gone away is no failure.
  std::optional<Error> broken() const;

  std::string paint(Color color,
                    std::string_view text) const;  // plain without a terminal or with NO_COLOR

 private:
  void put_result(std::string_view text);

  Globals globals_;
  int write_error_ = 0;  // errno
  bool color_ = false;
  bool live_ = false;
};

// Columns padded to their widest cell; the last is not padded. Cells are valid UTF-8 without
// control characters. `align_right` columns are numbers.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows = {};
  std::vector<size_t> align_right = {};
};
std::string layout(const Table& table, const Output& output);

// Columns of a terminal: escape sequences take none, East Asian letters and emoji two.
size_t display_width(std::string_view text);
std::string shorten(std::string_view text, size_t width_max);  // with … at the end
std::string printable(std::string_view text);  // control characters as \xNN: no terminal tricks
std::string utc_text(Instant at);              // 2026-02-28 10:00:00
std::string human_bytes(int64_t bytes);        // 1.2 GB (decimal)
// "1 object", "3 objects"; any integer.
std::string counted(int64_t count, std::string_view noun);
Color color_of_state(std::string_view state);

}  // namespace tutti::cli
