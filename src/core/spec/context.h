// SPDX-License-Identifier: Apache-2.0
// The names a template of a workflow may use. Whoever fills an expr::Context for a run gives
// exactly these; `validate` refuses all others.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tutti::spec {

struct ContextMember {
  std::string_view name;
  std::string_view doc;
};

struct ContextRoot {
  std::string_view name;
  std::string_view doc;
  bool in_params = false;                   // known when parameter defaults are made
  bool later = false;                       // comes with a later version
  std::vector<ContextMember> members = {};  // empty: not a fixed set
};

std::span<const ContextRoot> context_roots();
const ContextRoot* find_context_root(std::string_view name);

}  // namespace tutti::spec
