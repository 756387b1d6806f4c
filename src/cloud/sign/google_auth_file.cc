// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/google_auth_file.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::cloud::sign {

Error bad_credentials(std::string what) {
  return {.code = Code::bad_input,
          .what = std::move(what),
          .remedy = "create the file anew with gcloud, or download the account's key again"};
}

Result<std::string> member(const Value& value, std::string_view name) {
  const std::string_view text = value.get_string(name);
  if (text.empty()) {
    return fail(bad_credentials(fmt::format("the credentials have no {}", name)));
  }
  return std::string(text);
}

Result<std::string> safe_url(std::string url) {
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::string_view origin = std::string_view(url).substr(0, url.find_first_of("/?#", host));
  const std::string_view starts[] = {"https://",
                                     "http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
  const auto begins = [&](std::string_view start) { return origin.starts_with(start); };
  if (std::ranges::none_of(starts, begins) || origin.find('@') != std::string_view::npos) {
    return fail(bad_credentials(
        fmt::format("the credentials would be sent to '{}', not over https", origin)));
  }
  return url;
}

}  // namespace tutti::cloud::sign
