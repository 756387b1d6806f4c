// SPDX-License-Identifier: Apache-2.0
// From an address to the connection and object it means in a profile. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "core/spec/spec.h"

namespace tutti::spec {

struct ConnectionType {
  std::string_view name;
  std::string_view doc;
  bool usable;       // false: known, may stand in a profile, refused when used ("not yet")
  bool has_objects;  // addresses NAME://... mean objects
};
const std::vector<ConnectionType>& connection_types();
const ConnectionType* find_connection_type(std::string_view type);

struct Resolved {
  Connection connection;
  Address address;
};
// not_found: no such profile or connection in it (with the closest name); unsupported: a type that
// comes in a later version; bad_input: no address.
Result<Connection> resolve_connection(const Project& project, std::string_view profile,
                                      std::string_view connection);
Result<Resolved> resolve(const Project& project, std::string_view profile,
                         std::string_view address);

// The object an address means. `project_dir`: absolute path of the project's folder, from which
// relative folders of `local` and `file` connections count. Connections without objects: bad_input.
Result<ObjectRef> resolve_object(const Project& project, std::string_view profile,
                                 std::string_view address, std::string_view project_dir);

}  // namespace tutti::spec
