// SPDX-License-Identifier: Apache-2.0
// Code points of UTF-8 text and Python's view of them: case mapping with all special cases, white
// space, word characters, printable characters. Tables of the version in unicode_tables.inc.
// Text that is not UTF-8 is read as one U+FFFD for each bad byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tutti::expr {

// The code point at `at`, which is moved behind it.
char32_t next_point(std::string_view text, size_t& at);
void append_point(std::string& out, char32_t point);
std::u32string points_of(std::string_view text);
std::string text_of_points(std::u32string_view points);
size_t point_count(std::string_view text);

bool is_word(char32_t c);  // letters, digits and _, as Python's \w
bool is_alpha(char32_t c);
bool is_space(char32_t c);  // as str.isspace
bool is_printable(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
int decimal_value(char32_t c);  // 0 to 9, or -1

std::u32string upper(std::u32string_view text);
std::u32string lower(std::u32string_view text);
std::u32string capitalize(std::u32string_view text);

std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);

}  // namespace tutti::expr
