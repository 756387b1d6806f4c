// SPDX-License-Identifier: Apache-2.0
// What a project file must satisfy beyond its keys.
#include <fmt/format.h>

#include <algorithm>

#include "base/address.h"
#include "base/closest.h"
#include "core/spec/check_project.h"
#include "core/spec/structure.h"
#include "core/spec/table.h"

namespace tutti::spec {

namespace {

struct BuiltIn {
  std::string_view name;
  std::string_view type;  // what it may be outside a sandbox; empty: nothing
};
constexpr BuiltIn built_ins[] = {{"s3", "s3"}, {"gs", "gcs"}, {"az", "azure"},
                                 {"file", ""}, {"http", ""},  {"https", ""}};

void check_redirect(const YamlMember& profile, const YamlMember& connection, Reporter& reporter) {
  const std::string_view alias = alias_of(connection.key.text);
  const auto* row =
      std::ranges::find(built_ins, alias.empty() ? connection.key.text : alias, &BuiltIn::name);
  const YamlNode* type = connection.value.get("type");
  if (row == std::end(built_ins) || type == nullptr) {
    return;
  }
  // s3a with an endpoint is what users of other services than Amazon's have.
  const bool elsewhere =
      type->text != row->type || (alias.empty() && connection.value.find("endpoint") != nullptr);
  if (elsewhere) {
    reporter.error("redirected_connection", connection.key,
                   fmt::format("'{}' may point elsewhere only in a sandbox", connection.key.text),
                   fmt::format("add 'sandbox: true' to the profile '{}', or choose another name",
                               profile.key.text));
  }
}

void check_local(const YamlMember& connection, Reporter& reporter) {
  const YamlNode* type = connection.value.get("type");
  if (type == nullptr || type->text != "local") {
    return;
  }
  const YamlMember* root = connection.value.find("root");
  const YamlMember* buckets = connection.value.find("buckets");
  if (root != nullptr && buckets != nullptr) {
    reporter.error("conflicting_keys", buckets->key, "'root' and 'buckets' exclude each other",
                   "keep 'root' for one bucket, 'buckets' for a folder of them");
  } else if (root == nullptr && buckets == nullptr) {
    reporter.error("missing_key", connection.key,
                   fmt::format("'{}' is not told where its folder is", connection.key.text),
                   "add 'root: FOLDER' for one bucket, or 'buckets: FOLDER' for many");
  }
}

// Azure is asked as one identity.
void check_azure(const YamlMember& connection, Reporter& reporter) {
  std::string_view first;
  for (const YamlMember& member : connection.value.members) {
    constexpr std::string_view ways[] = {"access_key", "sas", "connection_string", "client_secret",
                                         "anonymous"};
    const bool is_way = std::ranges::find(ways, member.key.text) != std::end(ways);
    if (!is_way || to_value(member.value) == Value(false)) {
      continue;
    }
    if (!first.empty()) {
      reporter.error("conflicting_keys", member.key,
                     fmt::format("'{}' and '{}' exclude each other", first, member.key.text),
                     "keep one of access_key, sas, connection_string, client_secret, anonymous");
      return;
    }
    first = member.key.text;
  }
}

// {secret: NAME} and {customer_key: NAME} anywhere in the settings of a connection.
void check_secret_names(const YamlNode& node, const Project& project, Reporter& reporter) {
  for (const YamlMember& member : node.members) {
    const bool names_secret = member.key.text == "secret" || member.key.text == "customer_key";
    if (names_secret && member.value.is_string() &&
        project.find_secret(member.value.text) == nullptr) {
      std::vector<std::string_view> known;
      for (const SecretSource& row : project.secrets) {
        known.push_back(row.name);
      }
      std::string remedy = did_you_mean(member.value.text, known);
      reporter.error("unknown_secret", member.value,
                     fmt::format("there is no secret '{}'", member.value.text),
                     remedy.empty() ? "add it under 'secrets'" : remedy);
    }
    check_secret_names(member.value, project, reporter);
  }
}

void check_profile(const YamlMember& profile, const Project& project, Reporter& reporter) {
  const YamlNode* connections = profile.value.get("connections");
  const YamlNode* flag = profile.value.get("sandbox");
  const bool sandbox =
      flag == nullptr ? profile.key.text == "local" : to_value(*flag) == Value(true);
  if (connections == nullptr || !connections->is_map()) {
    return;
  }
  for (const YamlMember& connection : connections->members) {
    if (!sandbox) {
      check_redirect(profile, connection, reporter);
    }
    check_local(connection, reporter);
    const YamlNode* type = connection.value.get("type");
    const Table* table = type == nullptr ? nullptr : connection_table(type->text);
    if (table != nullptr) {  // else any key may mean anything
      check_secret_names(connection.value, project, reporter);
    }
    if (type != nullptr && type->text == "azure") {
      check_azure(connection, reporter);
    }
  }
}

void check_secret(const YamlMember& secret, Reporter& reporter) {
  if (!secret.value.is_map()) {
    return;
  }
  if (secret.value.members.empty()) {
    reporter.error("secret_source", secret.key,
                   fmt::format("the secret '{}' comes from nowhere", secret.key.text),
                   "write {env: VARIABLE} or {file: PATH}");
  } else if (secret.value.members.size() > 1) {
    reporter.error("secret_source", secret.value.members[1].key,
                   fmt::format("the secret '{}' has more than one source", secret.key.text),
                   "keep one of them");
  }
}

void check_var(const YamlNode& node, Reporter& reporter) {
  if (node.is_string() && has_template(node.text)) {
    reporter.error("template_not_allowed", node, "variables are not rendered",
                   "write the value itself, or put the template where the variable is used");
  }
  for (const YamlNode& item : node.items) {
    check_var(item, reporter);
  }
  for (const YamlMember& member : node.members) {
    check_var(member.value, reporter);
  }
}

}  // namespace

void check_project(const YamlDocument& document, const Project& project, Reporter& reporter) {
  const YamlNode& root = document.root;
  if (const YamlNode* profiles = root.get("profiles"); profiles != nullptr) {
    for (const YamlMember& profile : profiles->members) {
      check_profile(profile, project, reporter);
    }
  }
  if (const YamlNode* secrets = root.get("secrets"); secrets != nullptr) {
    for (const YamlMember& secret : secrets->members) {
      check_secret(secret, reporter);
    }
  }
  if (const YamlNode* vars = root.get("vars"); vars != nullptr) {
    check_var(*vars, reporter);
  }
}

}  // namespace tutti::spec
