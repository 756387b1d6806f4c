// SPDX-License-Identifier: Apache-2.0
// if, for, set, with, filter: the statements of a template.
#include <algorithm>

#include <fmt/format.h>

#include "core/expr/evaluator.h"

namespace tutti::expr {
namespace {

// While it lives, everything that is done depends on these secrets as well.
class Flow {
 public:
  Flow(Taint& flow, Taint more) : flow_(flow), before_(flow) { flow_ |= more; }
  ~Flow() { flow_ = before_; }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

 private:
  Taint& flow_;
  Taint before_;
};

}  // namespace

Result<Unit> Evaluator::exec(const std::vector<StmtId>& body) {
  for (const StmtId id : body) {
    const Stmt& stmt = program_.stmts[id];
    Result<Unit> done = exec_one(stmt);
    if (!done) {
      return std::unexpected(placed(std::move(done).error(), stmt.offset));
    }
  }
  return Unit{};
}

Result<Unit> Evaluator::exec_one(const Stmt& stmt) {
  TRY_OK(machine_.spend(1));
  switch (stmt.act) {
    case Act::text:
      out_->taint |= flow_;
      return append(stmt.text);
    case Act::output: {
      TRY(const Val value, eval(stmt.expr));
      return emit(value);
    }
    case Act::branch:
      return exec_branch(stmt);
    case Act::loop:
      return exec_loop(stmt);
    case Act::assign:
    case Act::assign_block:
      return exec_assign(stmt);
    case Act::scope:
      return exec_scope(stmt);
    case Act::filter_block:
      return exec_filter_block(stmt);
  }
  return Unit{};
}

Result<Unit> Evaluator::append(std::string_view text) {
  out_->text += text;
  TRY_OK(machine_.spend_text(text.size()));
  return out_->text.size() > machine_.limits().output_bytes_max
             ? machine_.spend_text(out_->text.size())
             : Result<Unit>(Unit{});
}

Result<Unit> Evaluator::emit(const Val& value) {
  TRY(const std::string text, machine_.str(value));
  out_->taint |= value.deep_taint() | flow_;
  if (const Opaque* hidden = value.hidden()) {
    out_->unknown = out_->unknown || !hidden->secret;
    out_->hidden = out_->hidden ? out_->hidden : *hidden;
  }
  return append(text);
}

// ---- if

Result<Unit> Evaluator::exec_branch(const Stmt& stmt) {
  TRY(const Val condition, eval(stmt.expr));
  if (condition.is(Type::opaque)) {
    hide_assigned(stmt.body, condition, true);
    hide_assigned(stmt.other, condition, true);
    return emit(condition);
  }
  TRY(const bool yes, machine_.truth(condition));
  {
    const Flow flow(flow_, condition.taint());
    TRY_OK(exec(yes ? stmt.body : stmt.other));
  }
  if (condition.taint() != 0) {
    // That nothing was written, or a variable was left alone, tells of the secret too.
    out_->taint |= condition.taint();
    const Val nothing = Val().with_taint(condition.taint());
    hide_assigned(stmt.body, nothing, true);
    hide_assigned(stmt.other, nothing, true);
  }
  return Unit{};
}

// What the body sets becomes `instead` if that is opaque, else only gets its taint.
void Evaluator::hide_assigned(const std::vector<StmtId>& body, const Val& instead,
                              bool same_scope) {
  static_cast<void>(machine_.spend(body.size()));  // when that was too much, the next step says so
  for (const StmtId id : body) {
    const Stmt& stmt = program_.stmts[id];
    if (stmt.act == Act::branch) {
      hide_assigned(stmt.body, instead, same_scope);
      hide_assigned(stmt.other, instead, same_scope);
    } else if (stmt.act == Act::assign || stmt.act == Act::assign_block) {
      if (!stmt.member.empty()) {
        const Val* held = find_local(stmt.target.name);
        if (held != nullptr && held->is(Type::space)) {
          Members& members = held->as_space();
          const Val* old = members.find(stmt.member);
          members.set(stmt.member, instead.is(Type::opaque) || old == nullptr
                                       ? instead
                                       : old->with_taint(instead.taint()));
        }
      } else if (same_scope) {
        hide_target(stmt.target, instead);
      }
    } else {
      hide_assigned(stmt.body, instead, false);
      hide_assigned(stmt.other, instead, false);
    }
  }
}

void Evaluator::hide_target(const Target& target, const Val& instead) {
  for (const Target& part : target.parts) {
    hide_target(part, instead);
  }
  if (target.several) {
    return;
  }
  const Val* old = find_local(target.name);
  if (instead.is(Type::opaque)) {
    frames_.back()[target.name] = instead;
  } else if (old != nullptr) {
    frames_.back()[target.name] = old->with_taint(instead.taint());
  }
}

// ---- for

Result<Unit> Evaluator::filter_items(const Stmt& stmt, const Val& iterable, Vals& items,
                                     Taint& taint) {
  Vals all;
  TRY(all, machine_.items(iterable));
  for (const Val& item : all) {
    frames_.emplace_back();
    TRY_OK(assign(stmt.target, item));
    TRY(const Val condition, eval(stmt.condition));
    // As in Jinja2, whose filtered loop goes through tuples of the names that were set.
    TRY(const Val kept, stmt.target.several ? unpacked(stmt.target) : Result<Val>(item));
    frames_.pop_back();
    taint |= condition.taint();
    if (condition.is(Type::opaque)) {
      items = {condition};
      return Unit{};
    }
    TRY(const bool yes, machine_.truth(condition));
    if (yes) {
      items.push_back(kept.with_taint(item.taint()));
    }
  }
  return Unit{};
}

// The values of the names of a target, in tuples of its shape.
Result<Val> Evaluator::unpacked(const Target& target) {
  if (!target.several) {
    return frames_.back()[target.name];
  }
  Vals parts;
  for (const Target& part : target.parts) {
    TRY(Val value, unpacked(part));
    parts.push_back(std::move(value));
  }
  return machine_.tuple(std::move(parts));
}

Result<Unit> Evaluator::exec_loop(const Stmt& stmt) {
  TRY(const Val iterable, eval(stmt.expr));
  Val hidden = iterable;
  auto loop = std::make_shared<Loop>();
  loop->taint = iterable.taint();
  if (!hidden.is(Type::opaque) && stmt.condition != absent) {
    TRY_OK(filter_items(stmt, iterable, loop->items, loop->taint));
    hidden = loop->items.size() == 1 ? loop->items[0] : Val();
    loop->size = loop->items.size();
  } else if (iterable.is(Type::range)) {
    loop->range = iterable.as_range();
    loop->size = loop->range.size();
  } else if (!hidden.is(Type::opaque)) {
    TRY(loop->items, machine_.items(iterable));
    hidden = Val();
    loop->size = loop->items.size();
  }
  if (hidden.is(Type::opaque) && (iterable.is(Type::opaque) || stmt.condition != absent)) {
    hide_assigned(stmt.body, hidden, false);
    hide_assigned(stmt.other, hidden, false);
    return emit(hidden);
  }
  const Flow flow(flow_, loop->taint);
  out_->taint |= loop->taint;
  if (loop->size == 0) {
    frames_.emplace_back();
    TRY_OK(exec(stmt.other));
    frames_.pop_back();
    return Unit{};
  }
  return exec_items(stmt, loop);
}

Result<Unit> Evaluator::exec_items(const Stmt& stmt, const std::shared_ptr<Loop>& loop) {
  for (loop->index = 0; loop->index < loop->size; ++loop->index) {
    TRY_OK(machine_.spend(1));
    frames_.emplace_back();
    TRY_OK(assign(stmt.target, loop->at(loop->index)));
    frames_.back()["loop"] = Val::loop(loop);
    TRY_OK(exec(stmt.body));
    frames_.pop_back();
  }
  return Unit{};
}

// ---- set, with, filter

Result<Unit> Evaluator::assign(const Target& target, Val value) {
  if (!target.several) {
    frames_.back()[target.name] = std::move(value).with_taint(flow_);
    return Unit{};
  }
  if (value.is(Type::opaque)) {
    hide_target(target, value);
    return Unit{};
  }
  auto items = machine_.items(value);
  if (!items) {
    return std::unexpected(placed(std::move(items).error(), target.offset));
  }
  if (items->size() != target.parts.size()) {
    return std::unexpected(
        placed(wrong(fmt::format("{} names are to be set, but there are {} values",
                                 target.parts.size(), items->size()),
                     "give as many names as values")
                   .error(),
               target.offset));
  }
  for (size_t i = 0; i < items->size(); ++i) {
    TRY_OK(assign(target.parts[i], (*items)[i]));
  }
  return Unit{};
}

Result<Unit> Evaluator::assign_member(const Stmt& stmt, Val value) {
  const Val* held = find_local(stmt.target.name);
  if (held == nullptr || !held->is(Type::space)) {
    return wrong(fmt::format("'{}' is no namespace", stmt.target.name),
                 "make it one: {% set x = namespace() %}");
  }
  TRY_OK(machine_.list({value}));  // neither a namespace nor too deep
  held->as_space().set(stmt.member, std::move(value).with_taint(flow_));
  return Unit{};
}

Result<Unit> Evaluator::exec_assign(const Stmt& stmt) {
  Val value;
  if (stmt.act == Act::assign) {
    TRY(value, eval(stmt.expr));
  } else {
    TRY(value, capture(stmt));
  }
  return stmt.member.empty() ? assign(stmt.target, std::move(value))
                             : assign_member(stmt, std::move(value));
}

// The text of a body with the filters of its block applied; its variables stay inside.
Result<Val> Evaluator::capture(const Stmt& stmt) {
  Out inner;
  Out* const outer = std::exchange(out_, &inner);
  frames_.emplace_back();
  Result<Unit> done = exec(stmt.body);
  frames_.pop_back();
  out_ = outer;
  TRY_OK(done);
  Val value = inner.hidden ? Val::opaque(inner.hidden->label, inner.hidden->secret)
                           : Val(std::move(inner.text));
  value = std::move(value).with_taint(inner.taint);
  if (stmt.expr == absent) {
    return value;
  }
  const Val before = std::exchange(block_input_, std::move(value));
  Result<Val> filtered = eval(stmt.expr);
  block_input_ = before;
  return filtered;
}

Result<Unit> Evaluator::exec_filter_block(const Stmt& stmt) {
  TRY(const Val value, capture(stmt));
  return emit(value);
}

Result<Unit> Evaluator::exec_scope(const Stmt& stmt) {
  Vals values;
  for (const Binding& binding : stmt.bindings) {
    TRY(Val value, eval(binding.value));
    values.push_back(std::move(value));
  }
  frames_.emplace_back();
  for (size_t i = 0; i < values.size(); ++i) {
    TRY_OK(assign(stmt.bindings[i].target, std::move(values[i])));
  }
  TRY_OK(exec(stmt.body));
  frames_.pop_back();
  return Unit{};
}

}  // namespace tutti::expr
