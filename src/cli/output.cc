// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

namespace tutti::cli {
namespace {

void put(FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

// Length of a terminal escape sequence (ESC [ ... letter) at the front of `text`, else 0.
size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) {
    return 0;
  }
  const size_t end = text.find_first_of("mKJHABCD", 2);
  return end == std::string_view::npos ? 0 : end + 1;
}

}  // namespace

Output::Output(const Globals& globals) : globals_(globals) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  color_ = isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') && !dumb;
  live_ = isatty(STDOUT_FILENO) != 0 && !dumb && !json() && !quiet();
}

int Output::width() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) {
    return size.ws_col;
  }
  return 100;
}

void Output::text(std::string_view text) { put(stdout, text); }

void Output::line(std::string_view text) { put(stdout, std::string(text) + "\n"); }

void Output::value(const Value& value) { line(to_json(value, {.indent = 2})); }

void Output::note(std::string_view text) {
  if (!quiet()) {
    put(stderr, std::string(text) + "\n");
  }
}

void Output::complain(std::string_view text) { put(stderr, std::string(text) + "\n"); }

void Output::error(const Error& error) {
  if (json()) {
    put(stderr, to_json(Value::of({{"error", Value::of({{"code", code_name(error.code)},
                                                        {"what", error.what},
                                                        {"where", error.where},
                                                        {"remedy", error.remedy}})}})) +
                    "\n");
    return;
  }
  put(stderr, fmt::format("{} {}\n", paint(Color::red, "error:"), printable(error.text())));
}

std::string Output::paint(Color color, std::string_view text) const {
  constexpr std::array<std::string_view, 8> codes{"0", "2", "1", "31", "32", "33", "34", "36"};
  if (!color_ || color == Color::plain) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<size_t>(color)], text);
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    if (const size_t escape = escape_length(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    width += (static_cast<unsigned char>(text.front()) & 0xC0U) != 0x80U ? 1 : 0;
    text.remove_prefix(1);
  }
  return width;
}

std::string shorten(std::string_view text, size_t width_max) {
  if (display_width(text) <= width_max) {
    return std::string(text);
  }
  std::string out;
  size_t width = 0;
  for (char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (starts && ++width >= width_max) {
      break;
    }
    out += c;
  }
  return out + "…";
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string human_bytes(int64_t bytes) {
  constexpr std::array<std::string_view, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, units[unit]);
}

Color color_of_state(std::string_view state) {
  if (state == "success") {
    return Color::green;
  }
  if (state == "failed" || state == "upstream_failed") {
    return Color::red;
  }
  if (state == "running" || state == "cancelling") {
    return Color::cyan;
  }
  if (state == "deferred" || state == "cancelled") {
    return Color::yellow;
  }
  return Color::dim;
}

std::string layout(const Table& table, const Output& output) {
  std::vector<size_t> widths(table.head.size());
  for (size_t column = 0; column < table.head.size(); ++column) {
    widths[column] = display_width(table.head[column]);
    for (const auto& row : table.rows) {
      widths[column] = std::max(widths[column], display_width(row[column]));
    }
  }
  std::string out;
  const auto add_row = [&](const std::vector<std::string>& row, bool head) {
    std::string line;
    for (size_t column = 0; column < row.size(); ++column) {
      const std::string padding(widths[column] - display_width(row[column]), ' ');
      const bool right = std::ranges::find(table.align_right, column) != table.align_right.end();
      const bool last = column + 1 == row.size();
      const std::string cell = head ? output.paint(Color::dim, row[column]) : row[column];
      line += right ? padding + cell : last ? cell : cell + padding;
      line += last ? "" : "  ";
    }
    out += line + "\n";
  };
  add_row(table.head, true);
  for (const auto& row : table.rows) {
    add_row(row, false);
  }
  return out;
}

}  // namespace tutti::cli
