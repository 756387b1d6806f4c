// SPDX-License-Identifier: Apache-2.0
// The parsed tree. Nodes live in two flat arrays and name each other by index, so that trees of any
// shape are freed without recursion; the parser keeps their height under nesting_max.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/value.h"

namespace tutti::expr {

constexpr size_t nesting_max = 200;
constexpr size_t text_bytes_max = 16u << 20;

using ExprId = uint32_t;
using StmtId = uint32_t;
constexpr uint32_t absent = UINT32_MAX;

enum class Op : uint8_t {
  constant,  // value
  name,      // text
  list,
  tuple,
  map,        // kids: key, value, key, value ...
  attribute,  // kids[0].text
  index,      // kids[0][kids[1]]
  slice,      // kids[0][kids[1]:kids[2]:kids[3]], each of the three may be absent
  call,       // text(...) of a function, or kids[0].text(...) when there is a first kid
  filter,     // kids[0] | text(kids[1..], keywords); kids[0] is absent in {% filter %}
  test,       // kids[0] is text(kids[1..], keywords)
  negative,
  positive,
  logic_not,
  logic_and,
  logic_or,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  concat,   // all kids
  compare,  // kids: operands; text: one letter of compare_letters for each operator
  choose,   // kids[1] if kids[0] else kids[2], which may be absent
};

// compare operators as letters: e == n != l < L <= g > G >= i in o not in
struct Keyword {
  std::string name;
  ExprId value;
};

struct Expr {
  Op op;
  bool method = false;  // of call: kids[0] is the receiver
  uint16_t height = 1;
  uint32_t offset = 0;
  std::string text;
  Value value;
  std::vector<ExprId> kids;
  std::vector<Keyword> keywords;
};

enum class Act : uint8_t {
  text,          // text
  output,        // expr
  branch,        // expr, body, other
  loop,          // targets, expr, condition, body, other
  assign,        // targets, expr; or member = the namespace's attribute
  assign_block,  // targets, filter chain in expr (its innermost kid is absent) or absent, body
  scope,         // with: bindings, body
  filter_block,  // expr, body
};

// `a`, `a, b`, `(a, (b, c))`: a name, or several parts.
struct Target {
  std::string name;
  std::vector<Target> parts;  // not empty or `several`: unpack
  bool several = false;
  uint32_t offset = 0;
};

struct Binding {
  Target target;
  ExprId value;
};

struct Stmt {
  Act act;
  uint32_t offset = 0;
  std::string text;
  ExprId expr = absent;
  ExprId condition = absent;
  Target target;
  std::string member;
  std::vector<StmtId> body;
  std::vector<StmtId> other;
  std::vector<Binding> bindings;
};

struct Program {
  std::string text;
  bool expression = false;  // made by parse_expression: `root` alone
  bool plain = false;
  bool single = false;   // exactly one {{ }}
  ExprId root = absent;  // of an expression or a single one
  std::vector<Expr> exprs;
  std::vector<Stmt> stmts;
  std::vector<StmtId> body;
};

}  // namespace tutti::expr
