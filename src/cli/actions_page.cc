// SPDX-License-Identifier: Apache-2.0
#include "cli/actions_page.h"

#include <fmt/format.h>

namespace tutti::cli {
namespace {

// Within a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += "\\|";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string kind_text(const spec::ParamSchema& param) {
  if (!param.choices.empty()) {
    return fmt::format("{}", fmt::join(param.choices, ", "));
  }
  if (!param.members.empty()) {
    std::vector<std::string> members;
    for (const spec::ParamSchema& each : param.members) {
      members.push_back(fmt::format("{}: {}", each.name, kind_text(each)));
    }
    return fmt::format("{{{}}}", fmt::join(members, "; "));
  }
  return fmt::format("{}{}", spec::param_kind_name(param.kind), param.many ? ", or a list" : "");
}

std::string params_table(const spec::ActionSchema& action) {
  if (action.params.empty()) {
    return "Takes nothing.\n";
  }
  std::string out = "| `with` | kind | |\n|---|---|---|\n";
  for (const spec::ParamSchema& param : action.params) {
    std::string doc = cell(param.doc);
    doc += param.required ? " Required." : "";
    doc += param.default_value.is_string()
               ? fmt::format(" Default: {}.", cell(param.default_value.as_string()))
               : "";
    doc += param.secret_allowed ? " May hold a secret." : "";
    out += fmt::format("| `{}` | {} | {} |\n", param.name, cell(kind_text(param)), doc);
  }
  return out;
}

std::string clash_text(const spec::Clash& rule) {
  std::vector<std::string> together;
  for (const spec::Given& given : rule.together) {
    std::string text = fmt::format("`{}`", fmt::join(given.params, "` or `"));
    if (!given.values.empty()) {
      text += fmt::format("{} {}", given.but ? " other than" : "", fmt::join(given.values, " or "));
    }
    together.push_back(std::move(text));
  }
  std::string unless;
  if (!rule.unless.empty()) {
    unless = fmt::format(", unless `{}` is given", fmt::join(rule.unless, "` or `"));
  }
  return fmt::format("\nNot {}{}: {}.\n", fmt::join(together, " together with "), unless, rule.why);
}

std::string choices_text(const spec::ActionSchema& action) {
  std::string out;
  for (const spec::OneOf& group : action.one_of) {
    std::vector<std::string> names;
    for (const std::vector<std::string>& alternative : group.alternatives) {
      names.push_back(fmt::format("`{}`", fmt::join(alternative, "` with `")));
    }
    out += fmt::format("\nExactly one of {}.\n", fmt::join(names, ", "));
  }
  for (const spec::GoesWith& rule : action.goes_with) {
    out += fmt::format("\n`{}` must be given where `{}` is {}, and only there.\n", rule.param,
                       rule.other, fmt::join(rule.values, " or "));
  }
  for (const spec::Clash& rule : action.clashes) {
    out += clash_text(rule);
  }
  return out;
}

std::string outputs_table(const spec::ActionSchema& action) {
  std::string out;
  if (!action.outputs.empty()) {
    out += "\n| output | kind | |\n|---|---|---|\n";
    for (const spec::OutputSchema& output : action.outputs) {
      out += fmt::format("| `{}` | {} | {} |\n", output.name, cell(output.type), cell(output.doc));
    }
  }
  if (action.outputs_open) {
    out += "\nThe task's own code adds outputs of any name.\n";
  }
  return out;
}

}  // namespace

std::string actions_markdown(const spec::Catalogue& catalogue) {
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- Made by `tutti reference actions`; do "
      "not edit. -->\n"
      "# Actions\n\nWhat a task can `use`. Strings are templates ([templates.md](templates.md)); "
      "an *expression* is written "
      "without braces. An *address* is `CONNECTION://KEY`; one that ends in `/` means all below "
      "it, and `* ** ? [] {a,b}` "
      "make a pattern. An object of exactly that name wins over the pattern, and a backslash "
      "before "
      "one of these characters "
      "takes it as it is; an object of `list` or `wait.object` (`{uri, ...}`) given as a whole, "
      "and "
      "each line of a manifest, "
      "is always that one object.\n";
  for (const spec::ActionSchema& action : catalogue.actions) {
    out += fmt::format("\n## {}\n\n{}\n\n{}{}{}", action.name, action.summary, params_table(action),
                       choices_text(action), outputs_table(action));
  }
  return out;
}

}  // namespace tutti::cli
