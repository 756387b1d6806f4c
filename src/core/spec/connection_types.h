// SPDX-License-Identifier: Apache-2.0
// The types a connection can have. What an address of one means is decided where it is opened
// (cloud/connections.h), once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tutti::spec {

// What a connection is good for, and so what a key that names one asks of it.
enum class ConnectionUse : uint8_t {
  objects,   // addresses NAME://... mean objects
  tables,    // NAME.TABLE; SQL runs there
  requests,  // of HTTP
  other,     // none of these: a cluster, a queue
  any,       // asked: every connection will do; of a type: more than one of these, or not decided
};
// "holds no objects": what to say of a connection without this use.
std::string_view lacks_text(ConnectionUse use);

struct ConnectionType {
  std::string_view name;
  std::string_view doc;
  bool usable;  // false: known, may stand in a profile, refused when used ("not yet")
  ConnectionUse use;
  bool own_page = false;  // docs/stores/NAME.md

  bool serves(ConnectionUse asked) const {
    return use == asked || use == ConnectionUse::any || asked == ConnectionUse::any;
  }
};
const std::vector<ConnectionType>& connection_types();
const ConnectionType* find_connection_type(std::string_view type);

}  // namespace tutti::spec
