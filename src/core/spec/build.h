// SPDX-License-Identifier: Apache-2.0
// Trees to typed values. What the structure check refused is left out or stays at its default, so
// these never fail. Private to this folder.
#pragma once

#include <string_view>
#include <vector>

#include "core/spec/catalogue.h"
#include "core/spec/spec.h"
#include "core/spec/yaml.h"

namespace tutti::spec {

Project build_project(std::string_view file, const YamlDocument& document);

// `members[n]` is the tree of task n.
struct BuiltWorkflow {
  Workflow workflow;
  std::vector<const YamlMember*> members;
};
BuiltWorkflow build_workflow(std::string_view file, const YamlDocument& document,
                             const Project& project, const Catalogue& catalogue);

// The names in `needs`, or in another key that holds one name or a list.
std::vector<const YamlNode*> one_or_list(const YamlNode* node);

// The connections every profile has; of the sandbox `local` they point at folders.
std::vector<Connection> built_in_connections(bool local);

}  // namespace tutti::spec
