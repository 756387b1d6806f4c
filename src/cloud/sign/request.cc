// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/request.h"

#include <algorithm>

#include "base/encode.h"

namespace tutti::cloud::sign {

std::string path_of_key(std::string_view folder, std::string_view key) {
  return std::string(folder) + "/" + percent_encode(key, "/");
}

std::string encode_query(const Pairs& query) {
  Pairs encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    encoded.emplace_back(percent_encode(name), percent_encode(value));
  }
  std::ranges::sort(encoded);
  std::string out;
  for (const auto& [name, value] : encoded) {
    out += (out.empty() ? "" : "&") + name + "=" + value;
  }
  return out;
}

std::string target_of(const Request& request) {
  return request.query.empty() ? request.path : request.path + "?" + encode_query(request.query);
}

const std::string* find_value(const Pairs& pairs, std::string_view name) {
  const auto it = std::ranges::find(pairs, name, &Pairs::value_type::first);
  return it == pairs.end() ? nullptr : &it->second;
}

void set_value(Pairs& pairs, std::string_view name, std::string value) {
  const auto it = std::ranges::find(pairs, name, &Pairs::value_type::first);
  if (it != pairs.end()) {
    it->second = std::move(value);
  } else {
    pairs.emplace_back(name, std::move(value));
  }
}

}  // namespace tutti::cloud::sign
