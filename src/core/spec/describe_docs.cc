// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "core/spec/connection_types.h"
#include "core/spec/context.h"
#include "core/spec/describe.h"
#include "core/spec/problem_kinds.h"
#include "core/spec/table.h"

namespace tutti::spec {

namespace {

std::string type_text(const Type& type) {
  switch (type.form) {
    case Form::object:
      return fmt::format("*{}*", type.table->noun);
    case Form::word_or_object:
      return fmt::format("a word, or *{}*", type.table->noun);
    case Form::connection:
      return "*connection*";
    case Form::map_of:
      return fmt::format("{} → {}", type.key_noun, type_text(*type.item));
    case Form::list_of:
      return fmt::format("list of {}", type_text(*type.item));
    case Form::one_or_list:
      return fmt::format("{}, or a list", type_text(*type.item));
    case Form::choice:
      return type.choices.size() > 4 ? "one of the words below" : "one of a few words";
    case Form::integer:
    case Form::number:
    case Form::duration:
    case Form::boolean:
      return std::string(form_text(type.form).substr(0, form_text(type.form).find(" such")));
    case Form::name:
    case Form::connection_name:
      return "name";
    case Form::variable_name:
      return "variable name";
    case Form::any:
      return "any value";
    default:
      return std::string(form_text(type.form));
  }
}

std::string need_text(const Key& key) {
  if (key.need == Need::required) {
    return "required";
  }
  return key.default_text.empty() ? std::string() : std::string(key.default_text);
}

class Pages {
 public:
  std::string text;

  void table(const Table& table, std::string_view level) {
    text += fmt::format("\n{} {}\n\n{}\n\n", level, table.noun, table.doc);
    text += "| key | value | default | |\n|---|---|---|---|\n";
    std::string later;
    for (const Key& key : table.keys) {
      if (key.need == Need::later) {
        later += fmt::format("{}`{}`", later.empty() ? "" : " ", key.name);
        continue;
      }
      text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, type_text(*key.type),
                          need_text(key), key.doc);
    }
    if (!later.empty()) {
      text += fmt::format("\nKnown, and refused until a later version has them: {}.\n", later);
    }
    words(table);
    if (!table.example.empty()) {
      text += fmt::format("\n```yaml\n{}\n```\n", table.example);
    }
    for (const Key& key : table.keys) {
      inner(*key.type, level);
    }
  }

 private:
  void words(const Table& table) {
    for (const Key& key : table.keys) {
      if (key.type->form != Form::choice && key.type->form != Form::word_or_object) {
        continue;
      }
      const bool more = key.type->form == Form::word_or_object;
      text += fmt::format("\n`{}` is{} one of:", key.name, more ? " a map, or" : "");
      for (std::string_view word : key.type->choices) {
        text += fmt::format(" `{}`", word);
      }
      text += ".\n";
    }
  }

  void inner(const Type& type, std::string_view level) {
    const bool has_keys = type.form == Form::object || type.form == Form::word_or_object;
    if (has_keys && seen_.insert(type.table).second) {
      table(*type.table, level);
    } else if (type.form == Form::connection && seen_.insert(&any_connection_table()).second) {
      table(any_connection_table(), level);
      connections(level);
    } else if (type.item != nullptr) {
      inner(*type.item, level);
    }
  }

  void connections(std::string_view level) {
    std::vector<std::string> described;
    std::vector<std::string> own_page;
    std::vector<std::string> later;
    for (const ConnectionType& type : connection_types()) {
      const Table* keys = connection_table(type.name);
      if (keys != nullptr) {
        table(*keys, level);
      }
      (keys != nullptr ? described : later).push_back(fmt::format("`{}`", type.name));
      if (type.own_page) {
        own_page.push_back(fmt::format("[`{0}`](stores/{0}.md)", type.name));
      }
    }
    text += fmt::format(
        "\n{} connection types\n\n{} are described above; {} have a page of their own, too: "
        "credentials, proofs, limits. These may stand in a profile with any settings, and using "
        "them is refused until a later version has them: {}.\n",
        level, fmt::join(described, " "), fmt::join(own_page, " "), fmt::join(later, " "));
  }

  std::set<const Table*> seen_;
};

std::string names_text() {
  std::string text = "\n## Names in templates\n\n| name | what it is | members |\n|---|---|---|\n";
  for (const ContextRoot& root : context_roots()) {
    if (root.later) {
      continue;
    }
    std::string members;
    for (const ContextMember& member : root.members) {
      members += fmt::format("{}`{}`", members.empty() ? "" : " ", member.name);
    }
    text += fmt::format("| `{}` | {} | {} |\n", root.name, root.doc, members);
  }
  return text;
}

}  // namespace

std::string workflow_reference() {
  Pages pages;
  pages.table(workflow_table(), "##");
  pages.table(project_table(), "##");
  return pages.text + names_text();
}

std::string problem_reference() {
  std::string text;
  for (bool warnings : {false, true}) {
    text += warnings ? "\n## Warnings\n\n| id | meaning |\n|---|---|\n"
                     : "\n## Errors\n\n| id | meaning |\n|---|---|\n";
    for (const ProblemKind& kind : problem_kinds()) {
      if (kind.warning == warnings) {
        text += fmt::format("| `{}` | {} |\n", kind.id, kind.meaning);
      }
    }
  }
  return text;
}

}  // namespace tutti::spec
