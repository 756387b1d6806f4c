// SPDX-License-Identifier: Apache-2.0
#include "app/connections.h"

namespace tutti::app {

cloud::ConnectionTable connection_table(const spec::Project& project) {
  cloud::ConnectionTable table;
  for (const spec::Profile& profile : project.profiles) {
    for (const spec::Connection& each : profile.connections) {
      table[profile.name][each.name] = {
          .type = each.type, .settings = each.settings, .sandbox = profile.sandbox};
    }
  }
  return table;
}

worker::SecretSource secret_source(const spec::Project& project, std::filesystem::path folder) {
  ValueMap declared;
  for (const spec::SecretSource& each : project.secrets) {
    declared.set(each.name,
                 Value::of({{each.kind == spec::SecretKind::env ? "env" : "file", each.from}}));
  }
  return {Value(std::move(declared)), std::move(folder)};
}

}  // namespace tutti::app
