// SPDX-License-Identifier: Apache-2.0
// Recursive descent over the lexer's tokens, with the precedence of Jinja2 (docs/templates.md).
#pragma once

#include <initializer_list>
#include <memory>

#include "core/expr/ast.h"
#include "core/expr/lexer.h"

namespace tutti::expr {

template <class T>
using Parsed = std::expected<T, Problem>;

class Parser {
 public:
  Parser(std::string_view text, bool expression);
  Parsed<std::shared_ptr<const Program>> run();

 private:
  using Words = std::initializer_list<std::string_view>;

  // Tokens.
  Parsed<Unit> advance();
  bool at_op(std::string_view op) const { return token_.kind == Tok::op && token_.text == op; }
  bool at_name(std::string_view name) const {
    return token_.kind == Tok::name && token_.text == name;
  }
  Parsed<bool> skip_op(std::string_view op);
  Parsed<bool> skip_name(std::string_view name);
  Parsed<Unit> expect_op(std::string_view op);
  Parsed<Unit> expect(Tok kind);
  Parsed<std::string> expect_name(std::string_view what);
  std::unexpected<Problem> wrong(std::string what, std::string remedy = {}) const;
  std::unexpected<Problem> unexpected_token(std::string_view wanted) const;

  // Statements.
  Parsed<std::vector<StmtId>> parse_body(Words ends);
  Parsed<Unit> parse_output(std::vector<StmtId>& body);
  Parsed<StmtId> parse_statement();
  Parsed<Stmt> parse_if();
  Parsed<Stmt> parse_for();
  Parsed<Stmt> parse_set();
  Parsed<Stmt> parse_with();
  Parsed<Stmt> parse_filter_block();
  Parsed<Target> parse_target(std::string_view end);
  Parsed<Target> parse_one_target();
  std::unexpected<Problem> unknown_statement() const;

  // Expressions, loosest first.
  Parsed<ExprId> parse_tuple(bool choose, std::string_view end_word = {});
  Parsed<ExprId> parse_expr();
  Parsed<ExprId> parse_choose();
  Parsed<ExprId> parse_or();
  Parsed<ExprId> parse_and();
  Parsed<ExprId> parse_not();
  Parsed<ExprId> parse_compare();
  Parsed<ExprId> parse_sum();
  Parsed<ExprId> parse_concat();
  Parsed<ExprId> parse_product();
  Parsed<ExprId> parse_power();
  Parsed<ExprId> parse_unary(bool with_filter);
  Parsed<ExprId> parse_primary();
  Parsed<ExprId> parse_number();
  Parsed<ExprId> parse_string();
  Parsed<ExprId> parse_list();
  Parsed<ExprId> parse_map();
  Parsed<ExprId> parse_postfix(ExprId node);
  Parsed<ExprId> parse_filters(ExprId node);
  Parsed<ExprId> parse_filter_chain(ExprId node, bool inline_start);
  Parsed<ExprId> parse_test(ExprId node);
  Parsed<ExprId> parse_attribute(ExprId node);
  Parsed<ExprId> parse_index(ExprId node);
  Parsed<ExprId> parse_slice(ExprId node, ExprId start);
  Parsed<ExprId> parse_call(ExprId node);
  Parsed<Unit> parse_arguments(Expr& into);

  Parsed<ExprId> add(Expr expr);
  Expr make(Op op, std::vector<ExprId> kids = {}) const;
  Parsed<ExprId> binary(Op op, size_t offset, ExprId left, ExprId right);
  StmtId add(Stmt stmt);

  std::shared_ptr<Program> program_;
  Lexer lexer_;
  Token token_;
  Token ahead_;
  bool has_ahead_ = false;
  size_t depth_ = 0;
};

}  // namespace tutti::expr
