// SPDX-License-Identifier: Apache-2.0
// What can be told without values: which names a template reads, and what is wrong with its calls.
#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/closest.h"
#include "core/expr/ast.h"
#include "core/expr/expr.h"
#include "core/expr/registry.h"

namespace tutti::expr {
namespace {

// How the expression at hand is used.
struct Use {
  bool guarded = false;
  bool condition = false;
};

// Walks everything once in the order of execution, knowing which names are local where.
class Walker {
 public:
  explicit Walker(const Program& program) : program_(program), scopes_(1) {}

  void run() {
    if (program_.root != absent) {
      expr(program_.root, {});
    } else {
      body(program_.body);
    }
  }

  std::vector<Reference> references;
  std::vector<Problem> problems;

 private:
  bool is_local(std::string_view name) const {
    return std::ranges::any_of(scopes_, [name](const auto& s) { return s.contains(name); });
  }

  void problem(size_t offset, std::string what, std::string remedy) {
    problems.push_back({offset, std::move(what), std::move(remedy)});
  }

  // The reference that ends in this node, if it is a chain of constant names from the context.
  bool chain(ExprId id, Reference& out) const {
    const Expr& node = program_.exprs[id];
    if (node.op == Op::name) {
      if (is_local(node.text)) {
        return false;
      }
      out.path = {node.text};
      out.offset = node.offset;
      return true;
    }
    if ((node.op != Op::attribute && node.op != Op::index) || !chain(node.kids[0], out)) {
      return false;
    }
    if (node.op == Op::attribute) {
      out.path.push_back(node.text);
      return true;
    }
    const Expr& key = program_.exprs[node.kids[1]];
    if (key.op == Op::constant && key.value.is_string()) {
      out.path.push_back(key.value.as_string());
      return true;
    }
    return false;
  }

  void expr(ExprId id, Use use) {
    if (id == absent) {
      return;
    }
    const Expr& node = program_.exprs[id];
    if (node.op == Op::name || node.op == Op::attribute || node.op == Op::index) {
      access(id, node, use);
      return;
    }
    call_problems(node);
    const bool guard =
        (node.op == Op::filter && (node.text == "default" || node.text == "d")) ||
        (node.op == Op::test && (node.text == "defined" || node.text == "undefined"));
    const bool decides = node.op == Op::logic_and || node.op == Op::logic_or;
    for (size_t i = 0; i < node.kids.size(); ++i) {
      Use kid = use;
      kid.guarded = guard && i == 0;
      kid.condition = use.condition || (decides && i == 0) || (node.op == Op::choose && i == 0);
      expr(node.kids[i], kid);
    }
    for (const Keyword& keyword : node.keywords) {
      expr(keyword.value, {.guarded = false, .condition = use.condition});
    }
  }

  void access(ExprId id, const Expr& node, Use use) {
    Reference found{.path = {},
                    .offset = 0,
                    .guarded = use.guarded,
                    .whole = true,
                    .in_condition = use.condition};
    if (chain(id, found)) {
      add(std::move(found));
      return;
    }
    if (node.op == Op::name) {
      return;
    }
    found.whole = false;
    if (chain(node.kids[0], found)) {
      add(std::move(found));
    } else {
      expr(node.kids[0], use);
    }
    if (node.op == Op::index) {
      expr(node.kids[1], {.guarded = false, .condition = use.condition});
    }
  }

  void add(Reference reference) {
    if (reference.path[0] == "secrets" && (reference.path.size() < 2 || !reference.whole)) {
      if (reference.path.size() < 2) {
        problem(reference.offset, "a secret must be named literally", "write secrets.NAME");
      }
    }
    references.push_back(std::move(reference));
  }

  // ---- calls

  void arguments(const Expr& node, const Callable& callable, size_t positional) {
    std::vector<std::string_view> names;
    for (const Keyword& keyword : node.keywords) {
      names.push_back(keyword.name);
    }
    std::string what = argument_problem(callable, positional, names);
    if (!what.empty()) {
      problem(node.offset, std::move(what),
              callable.params.empty() ? "it takes no arguments"
                                      : fmt::format("its arguments are: {}", callable.params));
    }
  }

  void call_problems(const Expr& node) {
    if (node.op == Op::filter) {
      filter_problems(node);
    } else if (node.op == Op::test) {
      named_test(node.offset, node.text, &node, node.kids.size() - 1);
    } else if (node.op == Op::call && !node.method) {
      if (const Callable* function = find_function(node.text)) {
        arguments(node, *function, node.kids.size());
      } else {
        problem(node.offset, fmt::format("there is no function '{}'", node.text),
                did_you_mean(node.text, function_names()));
      }
    } else if (node.op == Op::call && !is_method(node.text)) {
      problem(node.offset, fmt::format("there is no method '{}'", node.text),
              did_you_mean(node.text, method_names()));
    }
  }

  void named_test(size_t offset, std::string_view name, const Expr* node, size_t positional) {
    if (const Callable* test = find_test(name)) {
      if (node != nullptr) {
        arguments(*node, *test, positional);
      }
    } else {
      problem(offset, fmt::format("there is no test '{}'", name), did_you_mean(name, test_names()));
    }
  }

  const Callable* named_filter(size_t offset, std::string_view name) {
    const Callable* filter = find_filter(name);
    if (filter == nullptr) {
      const std::string_view why = why_no_filter(name);
      problem(offset, fmt::format("there is no filter '{}'", name),
              why.empty() ? did_you_mean(name, filter_names()) : std::string(why));
    }
    return filter;
  }

  // The constant string that is the n-th argument, or null.
  const std::string* constant_text(const Expr& node, size_t n, std::string_view name) const {
    ExprId id = n + 1 < node.kids.size() ? node.kids[n + 1] : absent;
    for (const Keyword& keyword : node.keywords) {
      id = keyword.name == name ? keyword.value : id;
    }
    if (id == absent || program_.exprs[id].op != Op::constant ||
        !program_.exprs[id].value.is_string()) {
      return nullptr;
    }
    return &program_.exprs[id].value.as_string();
  }

  void filter_problems(const Expr& node) {
    const Callable* filter = named_filter(node.offset, node.text);
    if (filter == nullptr) {
      return;
    }
    arguments(node, *filter, node.kids.size() - 1);
    if (node.text == "regex_replace") {
      if (const std::string* pattern = constant_text(node, 0, "pattern")) {
        if (std::string what = regex_problem(*pattern); !what.empty()) {
          problem(node.offset, fmt::format("the regular expression is wrong: {}", what),
                  "its syntax is that of RE2");
        }
      }
    } else if (node.text == "map") {
      if (const std::string* name = constant_text(node, 0, "")) {
        named_filter(node.offset, *name);
      }
    } else if (node.text == "select" || node.text == "reject") {
      if (const std::string* name = constant_text(node, 0, "")) {
        named_test(node.offset, *name, nullptr, 0);
      }
    } else if (node.text == "selectattr" || node.text == "rejectattr") {
      if (const std::string* name = constant_text(node, 1, "")) {
        named_test(node.offset, *name, nullptr, 0);
      }
    }
  }

  // ---- statements

  void body(const std::vector<StmtId>& statements) {
    for (const StmtId id : statements) {
      statement(program_.stmts[id]);
    }
  }

  void scoped_body(const std::vector<StmtId>& statements) {
    scopes_.emplace_back();
    body(statements);
    scopes_.pop_back();
  }

  void statement(const Stmt& stmt) {
    switch (stmt.act) {
      case Act::text:
        return;
      case Act::output:
        return expr(stmt.expr, {});
      case Act::branch:
        expr(stmt.expr, {.guarded = false, .condition = true});
        body(stmt.body);
        return body(stmt.other);
      case Act::loop:
        return loop(stmt);
      case Act::assign:
        expr(stmt.expr, {});
        return stmt.member.empty() ? define(stmt.target) : void();
      case Act::assign_block:
      case Act::filter_block:
        scoped_body(stmt.body);
        expr(stmt.expr, {});
        return stmt.act == Act::assign_block && stmt.member.empty() ? define(stmt.target) : void();
      case Act::scope:
        for (const Binding& binding : stmt.bindings) {
          expr(binding.value, {});
        }
        scopes_.emplace_back();
        for (const Binding& binding : stmt.bindings) {
          define(binding.target);
        }
        body(stmt.body);
        scopes_.pop_back();
    }
  }

  void loop(const Stmt& stmt) {
    expr(stmt.expr, {.guarded = false, .condition = true});
    scopes_.emplace_back();
    define(stmt.target);
    expr(stmt.condition, {.guarded = false, .condition = true});
    scopes_.back().insert("loop");
    body(stmt.body);
    scopes_.pop_back();
    scoped_body(stmt.other);
  }

  void define(const Target& target) {
    if (!target.several) {
      scopes_.back().insert(target.name);
    }
    for (const Target& part : target.parts) {
      define(part);
    }
  }

  const Program& program_;
  std::vector<std::set<std::string_view>> scopes_;
};

}  // namespace

std::vector<Reference> references(const Template& tmpl) {
  Walker walker(tmpl.program());
  walker.run();
  return std::move(walker.references);
}

std::vector<Problem> check(const Template& tmpl, std::span<const std::string> roots) {
  Walker walker(tmpl.program());
  walker.run();
  std::vector<Problem> out = std::move(walker.problems);
  for (const Reference& reference : walker.references) {
    const std::string& name = reference.path[0];
    const bool alone_and_guarded = reference.guarded && reference.path.size() == 1;
    if (!roots.empty() && !alone_and_guarded && std::ranges::find(roots, name) == roots.end()) {
      std::string remedy = did_you_mean(name, roots);
      out.push_back({reference.offset, fmt::format("'{}' is not defined", name),
                     remedy.empty() ? "a text needs quotes; docs/templates.md lists the names"
                                    : std::move(remedy)});
    }
  }
  std::ranges::sort(out, [](const Problem& a, const Problem& b) {
    return std::tie(a.offset, a.what) < std::tie(b.offset, b.what);
  });
  return out;
}

}  // namespace tutti::expr
