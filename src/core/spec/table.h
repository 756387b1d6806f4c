// SPDX-License-Identifier: Apache-2.0
// The one table of keys: what a project file and a workflow file may say. The structure check, the
// JSON Schemas of api/ and docs/workflow-reference.md are made from it, so they cannot disagree.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::spec {

struct Table;

// What a value may be.
enum class Form : uint8_t {
  any,
  text,             // string without templates
  template_text,    // string, templates allowed
  expression,       // string, an expression without braces
  name,             // [a-z0-9_-]{1,63}
  connection_name,  // a name that begins with a letter: it is the scheme of addresses
  variable_name,    // of the environment
  boolean,
  integer,   // min to max
  number,    // min to max, in thousandths
  duration,  // min and up, in microseconds
  choice,
  scalar_text,      // string, number or boolean, taken as text
  template_scalar,  // the same, templates allowed
  object,           // keys of `table`
  map_of,           // key_form -> item
  list_of,          // item
  one_or_list,      // item, or a list of it
  connection,       // keys of connection_table(type)
  secret_text,      // text without templates, or {secret: NAME}
  secret_only,      // {secret: NAME}
  word_or_object,   // one of `choices`, or keys of `table`
};

struct Type {
  Form form = Form::any;
  const Table* table = nullptr;
  const Type* item = nullptr;
  Form key_form = Form::text;
  std::string_view key_noun = {};  // "task": what a key of map_of names
  std::vector<std::string_view> choices = {};
  int64_t min = 0;
  int64_t max = 0;
  bool may_be_empty = true;  // of list_of, map_of, text
};

enum class Need : uint8_t {
  optional,
  required,
  later,  // known, refused with `not_yet`
};

struct Key {
  std::string_view name;
  const Type* type;
  std::string_view doc;
  Need need = Need::optional;
  std::string_view default_text = {};
};

struct Table {
  std::string_view noun;  // "task", "retry"
  std::string_view doc;
  std::vector<Key> keys;
  // Words of other tools and what to write instead: {"if", "when"}.
  std::vector<std::pair<std::string_view, std::string_view>> hints = {};
  std::string_view example = {};

  const Key* find(std::string_view name) const;
};

const Table& project_table();
const Table& workflow_table();
// `type` alone: what every connection has.
const Table& any_connection_table();
// Settings of a connection of this type, `type` among them; null where any settings are taken.
const Table* connection_table(std::string_view type);

// In plain words: "a duration such as 5m", "true or false".
std::string_view form_text(Form form);

}  // namespace tutti::spec
