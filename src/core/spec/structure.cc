// SPDX-License-Identifier: Apache-2.0
#include "core/spec/structure.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/closest.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/spec/connection_types.h"

namespace tutti::spec {

namespace {

constexpr size_t list_known_max = 12;

std::string in_place(const Path& path) {
  const std::string where = to_text(path);
  return where.empty() ? std::string() : " in " + where;
}

std::string shown(std::string_view text) {
  if (text.size() <= 40) {
    return std::string(text);
  }
  size_t cut = 40;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) {
    --cut;
  }
  return std::string(text.substr(0, cut)) + "...";
}

bool is_connection_name(std::string_view text) {
  return is_name(text) && text[0] >= 'a' && text[0] <= 'z';
}

bool is_variable_name(std::string_view text) {
  const auto allowed = [](char c) { return is_ascii_alnum(c) || c == '_'; };
  return !text.empty() && std::ranges::all_of(text, allowed) && (text[0] < '0' || text[0] > '9');
}

// "My Task" -> "my_task"; empty when nothing is left.
std::string as_name(std::string_view text) {
  std::string name;
  for (char c : text.substr(0, 63)) {
    c = ascii_lower(c);
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    name += fits ? c : '_';
  }
  return name.find_first_not_of('_') == std::string::npos ? std::string() : name;
}

FormProblem bad_name(const YamlNode& node, Form form) {
  std::string remedy = "write " + std::string(form_text(form));
  const std::string better = as_name(node.text);
  if (form != Form::variable_name && !better.empty() && better != node.text &&
      (form == Form::name || is_connection_name(better))) {
    remedy = fmt::format("write '{}', or another name of a-z, 0-9, _ and - (at most 63)", better);
  }
  return {"bad_name", fmt::format("'{}' is not a name that can stand here", shown(node.text)),
          std::move(remedy)};
}

bool name_fits(std::string_view text, Form form) {
  if (form == Form::variable_name) {
    return is_variable_name(text);
  }
  if (form == Form::connection_name) {
    return is_connection_name(text);
  }
  return form != Form::name || is_name(text);
}

// "a name: a-z, 0-9 ..." -> "a name": enough to say what something is not.
std::string_view short_form(Form form) {
  const std::string_view text = form_text(form);
  if (form == Form::secret_text || form == Form::secret_only) {
    return text;
  }
  return text.substr(0, std::min(text.find(':'), text.find(" such as")));
}

FormProblem wrong_type(const YamlNode& node, Form form, const Path& path) {
  if (node.kind == Kind::null) {
    return {"empty_value", fmt::format("{} is empty", to_text(path)),
            fmt::format("write {}, or remove the key", form_text(form))};
  }
  std::string remedy = fmt::format("write {}", form_text(form));
  if (form == Form::boolean && node.is_string()) {
    const std::string_view text = node.text;
    if (text == "yes" || text == "on" || text == "Yes" || text == "On") {
      remedy = "write true";
    } else if (text == "no" || text == "off" || text == "No" || text == "Off") {
      remedy = "write false";
    }
  } else if ((form == Form::text || form == Form::template_text) && node.is_scalar()) {
    remedy = fmt::format("quote it: \"{}\"", shown(node.text));
  } else if (form == Form::one_or_list) {
    remedy = "write one name, or a list of names";
  }
  return {"wrong_type",
          fmt::format("{} is {}, not {}", to_text(path), kind_text(node.kind), short_form(form)),
          std::move(remedy)};
}

std::optional<FormProblem> check_duration(const YamlNode& node, const Type& type,
                                          const Path& path) {
  if (node.kind == Kind::integer || node.kind == Kind::real) {
    return FormProblem{"bad_duration", fmt::format("{} has no unit", to_text(path)),
                       fmt::format("write {0}s for seconds or {0}m for minutes", node.text)};
  }
  if (!node.is_string()) {
    return wrong_type(node, Form::duration, path);
  }
  if (has_template(node.text)) {
    return FormProblem{"template_not_allowed", fmt::format("{} takes no template", to_text(path)),
                       "write a duration such as 30s, 5m or 1h30m"};
  }
  const auto parsed = parse_duration(node.text);
  if (!parsed.has_value()) {
    return FormProblem{"bad_duration", parsed.error().what, parsed.error().remedy};
  }
  if (parsed->us < type.min) {
    return FormProblem{"out_of_range", fmt::format("{} is {}", to_text(path), node.text),
                       "write a duration longer than zero, such as 30s, 5m or 1h30m"};
  }
  return std::nullopt;
}

std::string thousandths(int64_t n) {
  return n % 1000 == 0 ? fmt::format("{}", n / 1000)
                       : fmt::format("{}", static_cast<double>(n) / 1e3);
}

std::optional<FormProblem> check_number(const YamlNode& node, const Type& type, const Path& path) {
  const bool whole = type.form == Form::integer;
  if (node.kind != Kind::integer && (whole || node.kind != Kind::real)) {
    return wrong_type(node, type.form, path);
  }
  const double scale = whole ? 1 : 1000;
  const double value = to_value(node).is_number() ? to_value(node).as_real() * scale : -1;
  const bool inside =
      value >= static_cast<double>(type.min) && value <= static_cast<double>(type.max);
  if (inside) {
    return std::nullopt;
  }
  const std::string low = whole ? fmt::format("{}", type.min) : thousandths(type.min);
  const std::string high = whole ? fmt::format("{}", type.max) : thousandths(type.max);
  return FormProblem{"out_of_range", fmt::format("{} is {}", to_text(path), shown(node.text)),
                     fmt::format("write a number from {} to {}", low, high)};
}

std::optional<FormProblem> check_choice(const YamlNode& node, const Type& type, const Path& path) {
  if (!node.is_string()) {
    return wrong_type(node, Form::choice, path);
  }
  if (std::ranges::find(type.choices, node.text) != type.choices.end()) {
    return std::nullopt;
  }
  return FormProblem{"bad_choice",
                     fmt::format("{} cannot be '{}'", to_text(path), shown(node.text)),
                     remedy_for(node.text, type.choices)};
}

std::optional<FormProblem> check_word(const YamlNode& node, const Type& type, const Path& path) {
  if (node.is_map()) {
    return std::nullopt;
  }
  if (!node.is_string()) {
    return wrong_type(node, type.form, path);
  }
  if (std::ranges::find(type.choices, node.text) != type.choices.end()) {
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const std::string_view word : type.choices) {
    words.emplace_back(word);
  }
  for (const Key& key : type.table->keys) {
    words.push_back(fmt::format("{{{}: ...}}", key.name));
  }
  return FormProblem{"bad_choice",
                     fmt::format("{} cannot be '{}'", to_text(path), shown(node.text)),
                     fmt::format("write one of: {}", fmt::join(words, ", "))};
}

std::optional<FormProblem> check_text(const YamlNode& node, const Type& type, const Path& path) {
  if (!node.is_string()) {
    return wrong_type(node, type.form, path);
  }
  if (node.text.empty() && !type.may_be_empty) {
    return FormProblem{"empty_value", fmt::format("{} is empty", to_text(path)),
                       fmt::format("write {}, or remove the key", form_text(type.form))};
  }
  if (type.form == Form::text && has_template(node.text)) {
    return FormProblem{"template_not_allowed", fmt::format("{} takes no template", to_text(path)),
                       "write plain text"};
  }
  return std::nullopt;
}

std::optional<FormProblem> check_secret_only(const YamlNode& node, const Path& path) {
  const YamlNode* name = node.is_map() ? node.get("secret") : nullptr;
  return node.members.size() == 1 && name != nullptr && name->is_string()
             ? std::nullopt
             : std::optional(wrong_type(node, Form::secret_only, path));
}

std::optional<FormProblem> check_secret_text(const YamlNode& node, const Path& path) {
  if (node.is_map()) {
    return check_secret_only(node, path).has_value()
               ? std::optional(wrong_type(node, Form::secret_text, path))
               : std::nullopt;
  }
  if (!node.is_scalar() || node.kind == Kind::null) {
    return wrong_type(node, Form::secret_text, path);
  }
  if (has_template(node.text)) {
    return FormProblem{"template_not_allowed", fmt::format("{} takes no template", to_text(path)),
                       "write plain text, or {secret: NAME}"};
  }
  return std::nullopt;
}

std::optional<FormProblem> check_scalar(const YamlNode& node, const Type& type, const Path& path) {
  if (!node.is_scalar() || node.kind == Kind::null) {
    return wrong_type(node, type.form, path);
  }
  if (type.form == Form::scalar_text && has_template(node.text)) {
    return FormProblem{"template_not_allowed", fmt::format("{} takes no template", to_text(path)),
                       "write plain text"};
  }
  return std::nullopt;
}

class Walk {
 public:
  explicit Walk(Reporter& reporter) : reporter_(reporter) {}

  void object(const YamlNode& node, const YamlNode& owner, const Table& table, const Path& path) {
    for (const YamlMember& member : node.members) {
      const Key* key = table.find(member.key.text);
      if (key == nullptr) {
        unknown_key(member.key, table, path);
      } else if (key->need == Need::later) {
        reporter_.error("not_yet", member.key,
                        fmt::format("'{}'{} comes in a later version", key->name, in_place(path)),
                        "remove it");
      } else {
        value(member.value, member.key, *key->type, Path{&path, key->name});
      }
    }
    for (const Key& key : table.keys) {
      if (key.need == Need::required && node.find(key.name) == nullptr) {
        reporter_.error("missing_key", owner,
                        fmt::format("'{}' is missing{}", key.name, in_place(path)),
                        fmt::format("add '{}: ...'", key.name));
      }
    }
  }

 private:
  void unknown_key(const YamlNode& key, const Table& table, const Path& path) {
    if (reporter_.full()) {
      return;
    }
    const auto hint =
        std::ranges::find_if(table.hints, [&](const auto& pair) { return pair.first == key.text; });
    std::string remedy;
    if (hint != table.hints.end()) {
      const Key* meant = table.find(hint->second);
      remedy = meant != nullptr && meant->need == Need::later
                   ? fmt::format("that is '{}' here, which comes in a later version: remove it",
                                 hint->second)
                   : fmt::format("did you mean '{}'?", hint->second);
    } else {
      std::vector<std::string_view> known;
      for (const Key& row : table.keys) {
        if (row.need != Need::later) {
          known.push_back(row.name);
        }
      }
      remedy = remedy_for(key.text, known);
    }
    const std::string owner = to_text(path);
    reporter_.error("unknown_key", key,
                    fmt::format("'{}' is no key of {}", shown(key.text),
                                owner.empty() ? fmt::format("a {}", table.noun) : owner),
                    std::move(remedy));
  }

  void value(const YamlNode& node, const YamlNode& owner, const Type& type, const Path& path) {
    if (const auto problem = check_form(node, type, path); problem.has_value()) {
      reporter_.error(problem->id, node, problem->what, problem->remedy);
      return;
    }
    if (type.form == Form::object || (type.form == Form::word_or_object && node.is_map())) {
      object(node, owner, *type.table, path);
    } else if (type.form == Form::connection) {
      connection(node, owner, path);
    } else if (type.form == Form::map_of) {
      map(node, type, path);
    } else if (type.form == Form::list_of || (type.form == Form::one_or_list && node.is_list())) {
      for (const YamlNode& item : node.items) {
        value(item, item, *type.item, path);
      }
    } else if (type.form == Form::one_or_list) {
      value(node, owner, *type.item, path);
    }
  }

  // Its keys depend on its type; a type of a later version takes any.
  void connection(const YamlNode& node, const YamlNode& owner, const Path& path) {
    const YamlNode* type = node.get("type");
    if (type == nullptr) {
      untyped_connection(node, owner, path);
      return;
    }
    if (!type->is_string()) {
      value(*type, node, *any_connection_table().find("type")->type, Path{&path, "type"});
      return;
    }
    if (const Table* table = connection_table(type->text); table != nullptr) {
      object(node, owner, *table, path);
    } else if (find_connection_type(type->text) == nullptr) {
      std::vector<std::string_view> known;
      for (const ConnectionType& row : connection_types()) {
        known.push_back(row.name);
      }
      reporter_.error("unknown_connection_type", *type,
                      fmt::format("there is no connection type '{}'", shown(type->text)),
                      remedy_for(type->text, known));
    }
  }

  // Without a type any type's keys may be meant.
  void untyped_connection(const YamlNode& node, const YamlNode& owner, const Path& path) {
    reporter_.error("missing_key", owner, fmt::format("'type' is missing{}", in_place(path)),
                    "add 'type: ...'");
    for (const YamlMember& member : node.members) {
      const bool known = std::ranges::any_of(connection_types(), [&](const ConnectionType& type) {
        const Table* table = connection_table(type.name);
        return table != nullptr && table->find(member.key.text) != nullptr;
      });
      if (!known) {
        unknown_key(member.key, any_connection_table(), path);
      }
    }
  }

  void map(const YamlNode& node, const Type& type, const Path& path) {
    for (const YamlMember& member : node.members) {
      if (!name_fits(member.key.text, type.key_form)) {
        const FormProblem problem = bad_name(member.key, type.key_form);
        reporter_.error(problem.id, member.key, problem.what, problem.remedy);
      }
      value(member.value, member.key, *type.item, Path{&path, member.key.text});
    }
  }

  Reporter& reporter_;
};

}  // namespace

std::string to_text(const Path& path) {
  if (path.up == nullptr) {
    return std::string(path.step);
  }
  const std::string up = to_text(*path.up);
  return up.empty() ? std::string(path.step) : up + "." + shown(path.step);
}

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "empty";
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::string:
      return "text";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

std::string remedy_for(std::string_view word, const std::vector<std::string_view>& known) {
  std::string guess = did_you_mean(word, known);
  if (!guess.empty() || known.empty()) {
    return guess;
  }
  if (known.size() > list_known_max) {
    return "remove it, or see docs/workflow-reference.md for what can stand here";
  }
  return fmt::format("use one of: {}", fmt::join(known, ", "));
}

bool has_template(std::string_view text) {
  for (size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (next == '{' || next == '%' || next == '#') {
      return true;
    }
  }
  return false;
}

std::optional<FormProblem> check_form(const YamlNode& node, const Type& type, const Path& path) {
  switch (type.form) {
    case Form::any:
      return std::nullopt;
    case Form::text:
    case Form::template_text:
    case Form::expression:
      return check_text(node, type, path);
    case Form::name:
    case Form::connection_name:
    case Form::variable_name:
      if (!node.is_scalar() || node.kind == Kind::null) {
        return wrong_type(node, type.form, path);
      }
      return name_fits(node.text, type.form) ? std::nullopt
                                             : std::optional(bad_name(node, type.form));
    case Form::boolean:
      return node.kind == Kind::boolean ? std::nullopt
                                        : std::optional(wrong_type(node, type.form, path));
    case Form::integer:
    case Form::number:
      return check_number(node, type, path);
    case Form::duration:
      return check_duration(node, type, path);
    case Form::choice:
      return check_choice(node, type, path);
    case Form::scalar_text:
    case Form::template_scalar:
      return check_scalar(node, type, path);
    case Form::secret_text:
      return check_secret_text(node, path);
    case Form::secret_only:
      return check_secret_only(node, path);
    case Form::word_or_object:
      return check_word(node, type, path);
    case Form::object:
    case Form::map_of:
    case Form::connection:
      if (!node.is_map()) {
        return wrong_type(node, type.form, path);
      }
      if (node.members.empty() && !type.may_be_empty) {
        return FormProblem{"empty_value", fmt::format("{} is empty", to_text(path)),
                           fmt::format("add a {}", type.key_noun)};
      }
      return std::nullopt;
    case Form::list_of:
      if (!node.is_list()) {
        return wrong_type(node, type.form, path);
      }
      if (node.items.empty() && !type.may_be_empty) {
        return FormProblem{"empty_value", fmt::format("{} is empty", to_text(path)),
                           "add a value, or remove the key"};
      }
      return std::nullopt;
    case Form::one_or_list:
      return node.is_list() || (node.is_scalar() && node.kind != Kind::null)
                 ? std::nullopt
                 : std::optional(wrong_type(node, type.form, path));
  }
  return std::nullopt;
}

void check_structure(const YamlNode& node, const YamlNode& owner, const Table& table,
                     const Path& path, Reporter& reporter) {
  Walk(reporter).object(node, owner, table, path);
}

void sort_problems(std::vector<Problem>& problems) {
  const auto key = [](const Problem& p) {
    return std::tie(p.file, p.mark, p.severity, p.id, p.what);
  };
  std::ranges::sort(problems, [&](const Problem& a, const Problem& b) { return key(a) < key(b); });
  const auto repeated = std::ranges::unique(problems);
  problems.erase(repeated.begin(), repeated.end());
}

}  // namespace tutti::spec
