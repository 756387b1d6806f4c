// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "core/spec/connection_types.h"
#include "core/spec/describe.h"
#include "core/spec/table.h"

namespace tutti::spec {

namespace {

constexpr std::string_view draft = "https://json-schema.org/draft/2020-12/schema";
constexpr std::string_view duration_pattern = "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d|w))+$";

Value schema_of(const Type& type);

Value types(std::initializer_list<const char*> names) {
  ValueList list;
  for (const char* name : names) {
    list.push_back(name);
  }
  return Value::of({{"type", list.size() == 1 ? list.front() : Value(std::move(list))}});
}

Value pattern(std::string_view regex) {
  return Value::of({{"type", "string"}, {"pattern", regex}});
}

Value any_of(Value one, Value other) {
  return Value::of({{"anyOf", ValueList{std::move(one), std::move(other)}}});
}

Value text_schema(const Type& type) {
  Value schema = Value::of({{"type", "string"}});
  if (!type.may_be_empty) {
    schema.edit_map().set("minLength", 1);
  }
  return schema;
}

double from_thousandths(int64_t n) { return static_cast<double>(n) / 1000; }

Value number_schema(const Type& type) {
  if (type.form == Form::integer) {
    return Value::of({{"type", "integer"}, {"minimum", type.min}, {"maximum", type.max}});
  }
  return Value::of({{"type", "number"},
                    {"minimum", from_thousandths(type.min)},
                    {"maximum", from_thousandths(type.max)}});
}

Value choice_schema(const Type& type) {
  ValueList words;
  for (std::string_view word : type.choices) {
    words.push_back(word);
  }
  return Value::of({{"enum", std::move(words)}});
}

std::string name_pattern(Form form) {
  if (form == Form::connection_name) {
    return "^[a-z][a-z0-9_-]{0,62}$";
  }
  return form == Form::variable_name ? "^[A-Za-z_][A-Za-z0-9_]*$" : "^[a-z0-9_-]{1,63}$";
}

bool is_name_form(Form form) {
  return form == Form::name || form == Form::connection_name || form == Form::variable_name;
}

Value map_schema(const Type& type) {
  Value schema = Value::of({{"type", "object"}, {"additionalProperties", schema_of(*type.item)}});
  if (is_name_form(type.key_form)) {
    schema.edit_map().set("propertyNames", Value::of({{"pattern", name_pattern(type.key_form)}}));
  }
  if (!type.may_be_empty) {
    schema.edit_map().set("minProperties", 1);
  }
  return schema;
}

Value list_schema(const Type& type) {
  Value schema = Value::of({{"type", "array"}, {"items", schema_of(*type.item)}});
  if (!type.may_be_empty) {
    schema.edit_map().set("minItems", 1);
  }
  return schema;
}

Value key_schema(const Key& key) {
  if (key.need == Need::later) {
    return Value::of({{"not", ValueMap{}}, {"description", "Comes in a later version."}});
  }
  Value schema = schema_of(*key.type);
  schema.edit_map().set("description", key.doc);
  if (!key.default_text.empty()) {
    schema.edit_map().set("description", fmt::format("{} Default: {}.", key.doc, key.default_text));
  }
  return schema;
}

Value table_schema(const Table& table) {
  ValueMap properties;
  ValueList required;
  for (const Key& key : table.keys) {
    properties.set(std::string(key.name), key_schema(key));
    if (key.need == Need::required) {
      required.push_back(key.name);
    }
  }
  Value schema = Value::of({{"type", "object"},
                            {"description", table.doc},
                            {"properties", std::move(properties)},
                            {"additionalProperties", false}});
  if (!required.empty()) {
    schema.edit_map().set("required", std::move(required));
  }
  return schema;
}

// One schema for each type that is described, anything for those of later versions.
Value connection_schema() {
  ValueList any_of;
  ValueList later;
  for (const ConnectionType& type : connection_types()) {
    const Table* table = connection_table(type.name);
    if (table == nullptr) {
      later.push_back(type.name);
      continue;
    }
    Value schema = table_schema(*table);
    Value* properties = schema.edit_map().find("properties");
    properties->edit_map().set("type", Value::of({{"const", type.name}}));
    any_of.push_back(std::move(schema));
  }
  any_of.push_back(
      Value::of({{"type", "object"},
                 {"description", "A type that comes in a later version: known, refused when used."},
                 {"properties", Value::of({{"type", Value::of({{"enum", std::move(later)}})}})},
                 {"required", ValueList{Value("type")}}}));
  return Value::of({{"anyOf", std::move(any_of)}});
}

Value schema_of(const Type& type) {
  switch (type.form) {
    case Form::any:
      return ValueMap{};
    case Form::text:
    case Form::template_text:
    case Form::expression:
      return text_schema(type);
    case Form::name:
    case Form::connection_name:
    case Form::variable_name:
      return pattern(name_pattern(type.form));
    case Form::boolean:
      return Value::of({{"type", "boolean"}});
    case Form::integer:
    case Form::number:
      return number_schema(type);
    case Form::duration:
      return pattern(duration_pattern);
    case Form::choice:
      return choice_schema(type);
    case Form::scalar_text:
    case Form::template_scalar:
      return types({"string", "number", "boolean"});
    case Form::object:
      return table_schema(*type.table);
    case Form::map_of:
      return map_schema(type);
    case Form::list_of:
      return list_schema(type);
    case Form::one_or_list:
      return any_of(schema_of(*type.item),
                    Value::of({{"type", "array"}, {"items", schema_of(*type.item)}}));
    case Form::connection:
      return connection_schema();
    case Form::secret_text:
      return types({"string", "number", "boolean", "object"});
    case Form::secret_only:
      return Value::of({{"type", "object"},
                        {"properties", Value::of({{"secret", types({"string"})}})},
                        {"additionalProperties", false},
                        {"required", ValueList{Value("secret")}}});
    case Form::word_or_object:
      return any_of(choice_schema(type), table_schema(*type.table));
  }
  return ValueMap{};
}

// A template gives what the key wants when the task starts.
Value or_template(Value schema) { return any_of(std::move(schema), pattern("\\{[{%]")); }

Value cases_schema() {
  const Value text = types({"string"});
  Value when = types({"boolean", "string"});
  Value to = any_of(text, Value::of({{"type", "array"}, {"items", text}}));
  Value one =
      Value::of({{"type", "object"},
                 {"properties", Value::of({{"when", std::move(when)}, {"to", std::move(to)}})},
                 {"additionalProperties", false},
                 {"required", ValueList{Value("when"), Value("to")}}});
  return Value::of({{"type", "array"}, {"items", std::move(one)}, {"minItems", 1}});
}

Value param_schema(const ParamSchema& param);

Value members_schema(const std::vector<ParamSchema>& members) {
  ValueMap properties;
  ValueList required;
  for (const ParamSchema& each : members) {
    properties.set(each.name, param_schema(each));
    if (each.required) {
      required.push_back(each.name);
    }
  }
  return or_template(Value::of({{"type", "object"},
                                {"properties", std::move(properties)},
                                {"additionalProperties", false},
                                {"required", std::move(required)}}));
}

// Of "sample:N%" the texts with a number in place of N.
Value choices_schema(const std::vector<std::string>& choices) {
  ValueList words;
  ValueList any;
  for (const std::string& each : choices) {
    if (each.ends_with("N%")) {
      any.push_back(pattern(fmt::format("^{}[0-9]+([.][0-9]+)?%$",
                                        std::string_view(each).substr(0, each.size() - 2))));
    } else {
      words.push_back(each);
    }
  }
  Value schema = Value::of({{"enum", std::move(words)}});
  for (Value& each : any) {
    schema = any_of(std::move(schema), std::move(each));
  }
  return or_template(std::move(schema));
}

Value kind_schema(ParamKind kind) {
  switch (kind) {
    case ParamKind::any:
    case ParamKind::file:
      return ValueMap{};
    case ParamKind::json_schema:
      return types({"object", "boolean", "string"});
    case ParamKind::list:
      return or_template(types({"array"}));
    case ParamKind::map:
      return or_template(types({"object"}));
    case ParamKind::boolean:
      return or_template(types({"boolean"}));
    case ParamKind::integer:
      return or_template(Value::of({{"type", "integer"}, {"minimum", 0}}));
    case ParamKind::number:
      return or_template(types({"number"}));
    case ParamKind::expression:
      return types({"boolean", "string"});
    case ParamKind::size:
      return types({"integer", "string"});
    case ParamKind::command:
      return or_template(types({"array"}));
    case ParamKind::branch_cases:
      return cases_schema();
    default:
      return Value::of({{"type", "string"}});
  }
}

Value param_schema(const ParamSchema& param) {
  Value schema = kind_schema(param.kind);
  if (!param.choices.empty()) {
    schema = choices_schema(param.choices);
  }
  if (!param.members.empty()) {
    schema = members_schema(param.members);
  }
  if (param.many) {
    schema = any_of(schema, Value::of({{"type", "array"}, {"items", schema}, {"minItems", 1}}));
  }
  std::string doc = param.doc;
  if (param.default_value.is_string()) {
    doc += fmt::format("{}Default: {}.", doc.empty() ? "" : " ", param.default_value.as_string());
  }
  if (!doc.empty()) {
    schema.edit_map().set("description", std::move(doc));
  }
  return schema;
}

// Exactly one of the alternatives is there.
Value choice_of_keys(const OneOf& group) {
  ValueList one_of;
  for (const std::vector<std::string>& alternative : group.alternatives) {
    one_of.push_back(Value::of({{"required", ValueList(alternative.begin(), alternative.end())}}));
  }
  return Value::of({{"oneOf", std::move(one_of)}});
}

// Where the other key has one of the values, the key is there.
Value key_for_values(const GoesWith& rule) {
  const Value values = Value::of({{"enum", ValueList(rule.values.begin(), rule.values.end())}});
  return Value::of({{"if", Value::of({{"properties", Value::of({{rule.other, values}})},
                                      {"required", ValueList{Value(rule.other)}}})},
                    {"then", Value::of({{"required", ValueList{Value(rule.param)}}})}});
}

Value given_schema(const Given& given) {
  Value value = Value::of({{"enum", ValueList{Value(false), Value()}}});
  if (!given.values.empty()) {
    value = Value::of({{"enum", ValueList(given.values.begin(), given.values.end())}});
  }
  if (given.values.empty() || given.but) {
    value = Value::of({{"not", or_template(std::move(value))}});
  }
  ValueList any;
  for (const std::string& name : given.params) {
    any.push_back(Value::of(
        {{"properties", Value::of({{name, value}})}, {"required", ValueList{Value(name)}}}));
  }
  return any.size() == 1 ? any.front() : Value::of({{"anyOf", std::move(any)}});
}

Value no_clash(const Clash& clash) {
  ValueList all;
  for (const Given& given : clash.together) {
    all.push_back(given_schema(given));
  }
  if (!clash.unless.empty()) {
    ValueList any;
    for (const std::string& name : clash.unless) {
      any.push_back(Value::of({{"required", ValueList{Value(name)}}}));
    }
    all.push_back(Value::of({{"not", Value::of({{"anyOf", std::move(any)}})}}));
  }
  return Value::of({{"not", Value::of({{"allOf", std::move(all)}})}});
}

Value with_schema(const ActionSchema& action) {
  ValueMap properties;
  ValueList required;
  for (const ParamSchema& param : action.params) {
    properties.set(param.name, param_schema(param));
    if (param.required) {
      required.push_back(param.name);
    }
  }
  Value with = Value::of({{"type", "object"},
                          {"description", action.summary},
                          {"properties", std::move(properties)},
                          {"additionalProperties", false}});
  if (!required.empty()) {
    with.edit_map().set("required", std::move(required));
  }
  ValueList groups;
  for (const OneOf& group : action.one_of) {
    groups.push_back(choice_of_keys(group));
  }
  for (const GoesWith& rule : action.goes_with) {
    groups.push_back(key_for_values(rule));
  }
  for (const Clash& rule : action.clashes) {
    groups.push_back(no_clash(rule));
  }
  if (!groups.empty()) {
    with.edit_map().set("allOf", std::move(groups));
  }
  return with;
}

// if uses is NAME then `with` is this.
Value action_rule(const ActionSchema& action) {
  const bool needs_with =
      !action.one_of.empty() || std::ranges::any_of(action.params, &ParamSchema::required);
  Value condition =
      Value::of({{"properties", Value::of({{"uses", Value::of({{"const", action.name}})}})},
                 {"required", ValueList{Value("uses")}}});
  Value then = Value::of({{"properties", Value::of({{"with", with_schema(action)}})}});
  if (needs_with) {
    then.edit_map().set("required", ValueList{Value("with")});
  }
  return Value::of({{"if", std::move(condition)}, {"then", std::move(then)}});
}

void add_actions(Value& schema, const Catalogue& catalogue) {
  if (catalogue.actions.empty()) {
    return;
  }
  ValueList rules;
  ValueList names;
  for (const ActionSchema& action : catalogue.actions) {
    rules.push_back(action_rule(action));
    names.push_back(action.name);
  }
  Value* tasks = schema.edit_map().find("properties")->edit_map().find("tasks");
  Value* task = tasks->edit_map().find("additionalProperties");
  task->edit_map().set("allOf", std::move(rules));
  Value* uses = task->edit_map().find("properties")->edit_map().find("uses");
  uses->edit_map().set("enum", std::move(names));
}

Value with_head(Value schema, std::string_view id, std::string_view title) {
  ValueMap head{{"$schema", draft}, {"$id", fmt::format("{}.schema.json", id)}, {"title", title}};
  for (const auto& [key, value] : schema.as_map()) {
    head.set(key, value);
  }
  return head;
}

}  // namespace

Value project_schema() {
  return with_head(table_schema(project_table()), "project", "Tutti project (tutti.yaml)");
}

Value workflow_schema(const Catalogue& catalogue) {
  Value schema = table_schema(workflow_table());
  add_actions(schema, catalogue);
  return with_head(std::move(schema), "workflow", "Tutti workflow (workflows/*.yaml)");
}

}  // namespace tutti::spec
