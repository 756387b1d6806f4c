// SPDX-License-Identifier: Apache-2.0
// What an object says of its bytes beside their type, in the standard headers of HTTP. A value.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace tutti {

// Empty: not said. As stored bytes have them: an object with the encoding gzip is kept, read and
// copied compressed.
struct ContentHeaders {
  std::string encoding = {};
  std::string language = {};
  std::string disposition = {};
  std::string cache_control = {};
  bool operator==(const ContentHeaders&) const = default;
};

struct ContentHeader {
  std::string_view name;  // in manifests and notes
  std::string_view http;  // in lower case
  std::string ContentHeaders::* value;
};

inline constexpr std::array content_headers{
    ContentHeader{"content_encoding", "content-encoding", &ContentHeaders::encoding},
    ContentHeader{"content_language", "content-language", &ContentHeaders::language},
    ContentHeader{"content_disposition", "content-disposition", &ContentHeaders::disposition},
    ContentHeader{"cache_control", "cache-control", &ContentHeaders::cache_control},
};

}  // namespace tutti
