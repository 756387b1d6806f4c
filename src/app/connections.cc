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

}  // namespace tutti::app
