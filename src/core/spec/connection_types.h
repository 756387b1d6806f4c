// SPDX-License-Identifier: Apache-2.0
// The types a connection can have. What an address of one means is decided where it is opened
// (cloud/connections.h), once.
#pragma once

#include <string_view>
#include <vector>

namespace tutti::spec {

struct ConnectionType {
  std::string_view name;
  std::string_view doc;
  bool usable;       // false: known, may stand in a profile, refused when used ("not yet")
  bool has_objects;  // addresses NAME://... mean objects
};
const std::vector<ConnectionType>& connection_types();
const ConnectionType* find_connection_type(std::string_view type);

}  // namespace tutti::spec
