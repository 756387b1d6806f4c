// SPDX-License-Identifier: Apache-2.0
#include "app/connections.h"

#include <cstdlib>

#include "base/digest.h"
#include "core/spec/parse.h"
#include "rt/file.h"

namespace tutti::app {

cloud::ConnectionTable connection_table(const spec::Project& project) {
  cloud::ConnectionTable table;
  for (const spec::Profile& profile : project.profiles) {
    auto& connections = table[profile.name];  // one without any is a profile, too
    for (const spec::Connection& each : profile.connections) {
      connections[each.name] = {
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

spec::Project read_project(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tutti.yaml";
  auto text = rt::read_file(path);
  return text ? spec::parse_project({.file = path.string(), .text = std::move(*text)}).project
              : spec::default_project(folder.filename().string());
}

std::string settings_digest(const spec::Project& project) {
  ValueMap profiles;
  for (const spec::Profile& profile : project.profiles) {
    ValueMap connections;
    for (const spec::Connection& each : profile.connections) {
      connections.set(each.name, Value::of({{"type", each.type}, {"settings", each.settings}}));
    }
    profiles.set(profile.name, Value::of({{"sandbox", profile.sandbox},
                                          {"connections", Value(std::move(connections))}}));
  }
  ValueMap secrets;
  for (const spec::SecretSource& each : project.secrets) {
    if (each.kind == spec::SecretKind::env) {
      const char* value = std::getenv(each.from.c_str());
      secrets.set(each.name,
                  Value::of({{"env", each.from},
                             {"value", value == nullptr ? "" : to_text(sha256(value))}}));
    } else {
      secrets.set(each.name, Value::of({{"file", each.from}}));
    }
  }
  return to_text(sha256(to_json(Value::of(
      {{"profiles", Value(std::move(profiles))}, {"secrets", Value(std::move(secrets))}}))));
}

}  // namespace tutti::app
