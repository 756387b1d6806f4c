// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

namespace tutti::cli {
namespace {

bool put(FILE* stream, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size() &&
         std::fflush(stream) == 0;
}

// Length of a terminal escape sequence (ESC [ ... letter) at the front of `text`, else 0.
size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) {
    return 0;
  }
  const size_t end = text.find_first_of("mKJHABCD", 2);
  return end == std::string_view::npos ? 0 : end + 1;
}

struct CodePoint {
  char32_t value = 0;
  size_t bytes = 1;
};

// Of UTF-8; a byte that is none counts as one.
CodePoint first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes == 1 || bytes > text.size()) {
    return {.value = lead};
  }
  char32_t value = lead & (0xFFU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    value = value << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  return {.value = value, .bytes = bytes};
}

size_t columns_of(char32_t c) {
  if ((c >= 0x300 && c <= 0x36F) || c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F)) {
    return 0;  // combining marks, joiners, variants
  }
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

Output::Output(const Globals& globals) : globals_(globals) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  color_ = isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') && !dumb;
  live_ = isatty(STDOUT_FILENO) != 0 && !dumb && !json() && !quiet();
}

Screen Output::screen() const {
  Screen screen;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    screen.columns = size.ws_col > 0 ? std::max<size_t>(size.ws_col, 20) : screen.columns;
    screen.rows = size.ws_row > 0 ? std::max<size_t>(size.ws_row, 3) : screen.rows;
  }
  return screen;
}

void Output::put_result(std::string_view text) {
  if (!put(stdout, text) && errno != EPIPE && write_error_ == 0) {
    write_error_ = errno;
  }
}

std::optional<Error> Output::broken() const {
  if (write_error_ == 0) {
    return std::nullopt;
  }
  return Error{.code = Code::unavailable,
               .what = fmt::format("the result could not be written: {}",
                                   std::generic_category().message(write_error_)),
               .where = "standard output"};
}

void Output::text(std::string_view text) { put_result(text); }

void Output::line(std::string_view text) { put_result(std::string(text) + "\n"); }

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
    } else {
      const CodePoint next = first_of(text);
      width += columns_of(next.value);
      text.remove_prefix(next.bytes);
    }
  }
  return width;
}

std::string shorten(std::string_view text, size_t width_max) {
  if (display_width(text) <= width_max) {
    return std::string(text);
  }
  std::string out;
  size_t width = 0;
  while (!text.empty()) {
    const size_t escape = escape_length(text);
    const CodePoint next = escape > 0 ? CodePoint{.value = 0, .bytes = escape} : first_of(text);
    width += escape > 0 ? 0 : columns_of(next.value);
    if (width >= width_max) {
      break;
    }
    out += text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
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

std::string utc_text(Instant at) {
  std::string text = to_text(at).substr(0, 19);
  text[10] = ' ';
  return text;
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

std::string counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
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
