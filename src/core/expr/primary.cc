// SPDX-License-Identifier: Apache-2.0
// The tight half of the expression parser: literals, names, access, calls, filters and tests.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "core/expr/parser.h"

namespace tutti::expr {

Parsed<ExprId> Parser::parse_primary() {
  if (token_.kind == Tok::string) {
    return parse_string();
  }
  if (token_.kind == Tok::integer || token_.kind == Tok::real) {
    return parse_number();
  }
  if (token_.kind == Tok::name) {
    const bool yes = at_name("true") || at_name("True");
    Expr expr = make(Op::constant);
    if (yes || at_name("false") || at_name("False")) {
      expr.value = Value(yes);
    } else if (!at_name("none") && !at_name("None")) {
      expr.op = Op::name;
      expr.text = token_.text;
    }
    TRY_OK(advance());
    return add(std::move(expr));
  }
  if (at_op("[")) {
    return parse_list();
  }
  if (at_op("{")) {
    return parse_map();
  }
  if (!at_op("(")) {
    return unexpected_token("an expression");
  }
  Expr empty = make(Op::tuple);
  TRY_OK(advance());
  TRY(const bool nothing, skip_op(")"));
  if (nothing) {
    return add(std::move(empty));
  }
  TRY(const ExprId inner, parse_tuple(true));
  TRY_OK(expect_op(")"));
  return inner;
}

Parsed<ExprId> Parser::parse_number() {
  Expr expr = make(Op::constant);
  std::string_view digits = token_.text;
  if (token_.kind == Tok::real) {
    double d = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), d);
    if (read.ec == std::errc::result_out_of_range) {
      return wrong("this number does not fit into a float", "use a smaller one");
    }
    expr.value = Value(d);
  } else {
    const char letter = digits.size() > 1 ? digits[1] : '\0';
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    digits.remove_prefix(base == 10 ? 0 : 2);
    int64_t n = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), n, base);
    if (read.ec != std::errc()) {
      return wrong("this whole number does not fit into 64 bits", "write it as a string");
    }
    expr.value = Value(n);
  }
  TRY_OK(advance());
  return add(std::move(expr));
}

// Neighbouring strings are one, as in Python.
Parsed<ExprId> Parser::parse_string() {
  Expr expr = make(Op::constant);
  std::string text;
  while (token_.kind == Tok::string) {
    text += token_.text;
    TRY_OK(advance());
  }
  expr.value = Value(std::move(text));
  return add(std::move(expr));
}

Parsed<ExprId> Parser::parse_list() {
  Expr list = make(Op::list);
  TRY_OK(advance());
  while (!at_op("]")) {
    TRY(const ExprId item, parse_expr());
    list.kids.push_back(item);
    if (!at_op("]")) {
      TRY_OK(expect_op(","));
    }
  }
  TRY_OK(advance());
  return add(std::move(list));
}

Parsed<ExprId> Parser::parse_map() {
  Expr map = make(Op::map);
  TRY_OK(advance());
  while (!at_op("}")) {
    TRY(const ExprId key, parse_expr());
    TRY_OK(expect_op(":"));
    TRY(const ExprId value, parse_expr());
    map.kids.push_back(key);
    map.kids.push_back(value);
    if (!at_op("}")) {
      TRY_OK(expect_op(","));
    }
  }
  TRY_OK(advance());
  return add(std::move(map));
}

Parsed<ExprId> Parser::parse_postfix(ExprId node) {
  while (true) {
    if (at_op(".")) {
      TRY(node, parse_attribute(node));
    } else if (at_op("[")) {
      TRY(node, parse_index(node));
    } else if (at_op("(")) {
      TRY(node, parse_call(node));
    } else {
      return node;
    }
  }
}

Parsed<ExprId> Parser::parse_attribute(ExprId node) {
  TRY_OK(advance());
  Expr expr = make(Op::attribute, {node});
  expr.offset = program_->exprs[node].offset;
  expr.text = token_.text;
  if (token_.kind == Tok::integer) {
    TRY(const ExprId key, parse_number());
    expr.op = Op::index;
    expr.kids.push_back(key);
    return add(std::move(expr));
  }
  TRY_OK(expect_name("a name or a number after the dot"));
  return add(std::move(expr));
}

Parsed<ExprId> Parser::parse_index(ExprId node) {
  Expr expr = make(Op::index, {node});
  expr.offset = program_->exprs[node].offset;
  TRY_OK(advance());
  ExprId key = absent;
  if (!at_op(":")) {
    TRY(key, parse_expr());
  }
  if (at_op(":")) {
    return parse_slice(node, key);
  }
  TRY_OK(expect_op("]"));
  expr.kids.push_back(key);
  return add(std::move(expr));
}

Parsed<ExprId> Parser::parse_slice(ExprId node, ExprId start) {
  Expr slice = make(Op::slice, {node, start, absent, absent});
  for (size_t part = 2; part < 4 && at_op(":"); ++part) {
    TRY_OK(advance());
    if (!at_op(":") && !at_op("]")) {
      TRY(slice.kids[part], parse_expr());
    }
  }
  TRY_OK(expect_op("]"));
  return add(std::move(slice));
}

Parsed<ExprId> Parser::parse_call(ExprId node) {
  const Expr& callee = program_->exprs[node];
  Expr call = make(Op::call);
  call.text = callee.text;
  call.offset = callee.offset;
  if (callee.op == Op::attribute) {
    call.method = true;
    call.kids.push_back(callee.kids[0]);
  } else if (callee.op != Op::name) {
    return wrong("this cannot be called", "only functions and methods can: range(3), x.items()");
  }
  TRY_OK(parse_arguments(call));
  return add(std::move(call));
}

Parsed<Unit> Parser::parse_arguments(Expr& into) {
  TRY_OK(expect_op("("));
  while (!at_op(")")) {
    if (at_op("*") || at_op("**")) {
      return wrong("* and ** arguments are not part of Tutti's templates", "write each argument");
    }
    const bool maybe_keyword = token_.kind == Tok::name;
    if (maybe_keyword && !has_ahead_) {
      TRY(ahead_, lexer_.next());
      has_ahead_ = true;
    }
    if (maybe_keyword && ahead_.kind == Tok::op && ahead_.text == "=") {
      Keyword keyword{.name = token_.text, .value = absent};
      if (std::ranges::find(into.keywords, keyword.name, &Keyword::name) != into.keywords.end()) {
        return wrong(fmt::format("the argument '{}' is given twice", keyword.name), "leave one");
      }
      TRY_OK(advance());
      TRY_OK(advance());
      TRY(keyword.value, parse_expr());
      into.keywords.push_back(std::move(keyword));
    } else if (!into.keywords.empty()) {
      return wrong("an argument without a name follows one with a name", "put it first");
    } else {
      TRY(const ExprId argument, parse_expr());
      into.kids.push_back(argument);
    }
    if (!at_op(")")) {
      TRY_OK(expect_op(","));
    }
  }
  return expect_op(")");
}

Parsed<ExprId> Parser::parse_filters(ExprId node) {
  while (true) {
    if (at_op("|")) {
      TRY(node, parse_filter_chain(node, false));
    } else if (at_name("is")) {
      TRY(node, parse_test(node));
    } else if (at_op("(")) {
      TRY(node, parse_call(node));
    } else {
      return node;
    }
  }
}

// `| name(...)` once, or in {% filter %} and {% set x | ... %} a whole chain of them.
Parsed<ExprId> Parser::parse_filter_chain(ExprId node, bool inline_start) {
  const bool whole_chain = node == absent;
  do {
    if (!inline_start) {
      TRY_OK(expect_op("|"));
    }
    inline_start = false;
    Expr filter = make(Op::filter, {node});
    TRY(filter.text, expect_name("the name of a filter"));
    if (at_op("(")) {
      TRY_OK(parse_arguments(filter));
    }
    TRY(node, add(std::move(filter)));
  } while (whole_chain && at_op("|"));
  return node;
}

Parsed<ExprId> Parser::parse_test(ExprId node) {
  TRY_OK(advance());
  TRY(const bool negated, skip_name("not"));
  Expr test = make(Op::test, {node});
  TRY(test.text, expect_name("the name of a test"));
  const bool literal = token_.kind == Tok::string || token_.kind == Tok::integer ||
                       token_.kind == Tok::real || at_op("[") || at_op("{");
  const bool word =
      token_.kind == Tok::name && !at_name("else") && !at_name("or") && !at_name("and");
  if (at_op("(")) {
    TRY_OK(parse_arguments(test));
  } else if (literal || (word && !at_name("is"))) {
    TRY(ExprId argument, parse_primary());
    TRY(argument, parse_postfix(argument));
    test.kids.push_back(argument);
  } else if (word) {
    return wrong("tests cannot be chained", "join them with `and`");
  }
  Expr inverse = make(Op::logic_not);
  inverse.offset = test.offset;
  TRY(const ExprId result, add(std::move(test)));
  if (!negated) {
    return result;
  }
  inverse.kids = {result};
  return add(std::move(inverse));
}

}  // namespace tutti::expr
