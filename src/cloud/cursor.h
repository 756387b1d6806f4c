// SPDX-License-Identifier: Apache-2.0
// What Page.next holds where the service's own token is not enough.
#pragma once

#include <string>

namespace tutti::cloud {

struct Cursor {
  std::string token = {};  // where the service goes on
  std::string name = {};   // what was given already, as whoever made the cursor means it
};
std::string text_of(const Cursor& cursor);
Cursor parse_cursor(const std::string& text);

}  // namespace tutti::cloud
