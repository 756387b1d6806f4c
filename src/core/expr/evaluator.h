// SPDX-License-Identifier: Apache-2.0
// One rendering: walks the tree with a Machine, the variables and the secrets read so far.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/expr/ast.h"
#include "core/expr/machine.h"

namespace tutti::expr {

// Text being put together, and what it depends on.
struct Out {
  std::string text;
  Taint taint = 0;
  std::optional<Opaque> hidden;  // the first value that was not known here
  bool unknown = false;          // one of them was unknown, not secret
};

class Evaluator {
 public:
  Evaluator(const Program& program, const Context& context, const Limits& limits);
  Result<Rendered> run();

 private:
  using Frame = std::map<std::string_view, Val>;

  // Expressions (evaluator.cc). eval() adds the place to errors that have none.
  Result<Val> eval(ExprId id);
  Result<Val> eval_op(const Expr& expr);
  Result<Val> eval_name(const Expr& expr);
  Result<Val> eval_attribute(ExprId id, const Expr& expr);
  Result<Val> eval_index(ExprId id, const Expr& expr);
  Result<Val> eval_slice(const Expr& expr);
  Result<Val> eval_logic(const Expr& expr);
  Result<Val> eval_choose(const Expr& expr);
  Result<Val> eval_compare(const Expr& expr);
  Result<Val> eval_binary(const Expr& expr);
  Result<Val> eval_concat(const Expr& expr);
  Result<Val> eval_map(const Expr& expr);
  Result<Val> eval_call(const Expr& expr);
  Result<Val> eval_filter(const Expr& expr);
  Result<Val> eval_test(const Expr& expr);
  Result<Vals> eval_all(const Expr& expr, size_t first);
  Result<std::vector<std::pair<std::string, Val>>> eval_named(const Expr& expr);
  Result<bool> compare_one(char letter, const Val& a, const Val& b);
  bool names_secrets(ExprId id) const;
  Result<Val> secret(std::string_view name);
  Val name_undefined(const Val& value, ExprId id) const;
  std::string path_text(ExprId id) const;

  // Statements (statements.cc).
  Result<Unit> exec(const std::vector<StmtId>& body);
  Result<Unit> exec_one(const Stmt& stmt);
  Result<Unit> exec_branch(const Stmt& stmt);
  Result<Unit> exec_loop(const Stmt& stmt);
  Result<Unit> exec_items(const Stmt& stmt, const std::shared_ptr<Loop>& loop);
  Result<Unit> filter_items(const Stmt& stmt, const Val& iterable, Vals& items, Taint& taint);
  Result<Val> unpacked(const Target& target);
  Result<Unit> exec_assign(const Stmt& stmt);
  Result<Unit> exec_scope(const Stmt& stmt);
  Result<Unit> exec_filter_block(const Stmt& stmt);
  Result<Val> capture(const Stmt& stmt);
  Result<Unit> assign(const Target& target, Val value);
  Result<Unit> assign_member(const Stmt& stmt, Val value);
  Result<Unit> append(std::string_view text);
  Result<Unit> emit(const Val& value);
  void hide_assigned(const std::vector<StmtId>& body, const Val& instead, bool same_scope);
  void hide_target(const Target& target, const Val& instead);

  const Val* find_local(std::string_view name) const;
  Error placed(Error error, size_t offset) const;

  // Results.
  void mark_parts(const Val& value, const std::string& pointer, Rendered& rendered);
  std::vector<std::string> secrets_read() const;

  const Program& program_;
  const Context& context_;
  Machine machine_;
  std::vector<Frame> frames_;
  Taint flow_ = 0;  // what decided that the current statement runs
  Out* out_ = nullptr;
  Val block_input_;
  std::vector<std::pair<std::string, Val>> secrets_;  // the place in it is the bit of its taint
};

}  // namespace tutti::expr
