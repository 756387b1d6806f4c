// SPDX-License-Identifier: Apache-2.0
#include "core/expr/parser.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/closest.h"

namespace tutti::expr {
namespace {

// Counts one level of recursion; the parser refuses more than nesting_max.
class Nested {
 public:
  explicit Nested(size_t& depth) : depth_(depth) { ++depth_; }
  ~Nested() { --depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  bool too_deep() const { return depth_ > nesting_max; }

 private:
  size_t& depth_;
};

template <class Words>
bool among(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != std::ranges::end(words);
}

constexpr std::string_view too_deep_text = "the template is nested too deeply";
constexpr std::string_view too_deep_remedy = "split it with {% set %}";

struct BinaryOp {
  std::string_view text;
  Op op;
};

const BinaryOp* find_op(std::span<const BinaryOp> ops, const Token& token) {
  auto at = std::ranges::find(ops, token.text, &BinaryOp::text);
  return token.kind == Tok::op && at != ops.end() ? &*at : nullptr;
}

char compare_letter(const Token& token) {
  if (token.kind != Tok::op) {
    return '\0';
  }
  constexpr std::array<std::pair<std::string_view, char>, 6> ops{
      {{"==", 'e'}, {"!=", 'n'}, {"<", 'l'}, {"<=", 'L'}, {">", 'g'}, {">=", 'G'}}};
  auto at = std::ranges::find(ops, std::string_view(token.text),
                              &std::pair<std::string_view, char>::first);
  return at == ops.end() ? '\0' : at->second;
}

}  // namespace

Parser::Parser(std::string_view text, bool expression)
    : program_(std::make_shared<Program>()),
      lexer_((program_->text = text, program_->text), expression) {
  program_->expression = expression;
}

Parsed<std::shared_ptr<const Program>> Parser::run() {
  if (program_->text.size() > text_bytes_max) {
    return std::unexpected(Problem{0, "the template is longer than 16 MiB", "keep it in a file"});
  }
  if (!is_utf8(program_->text)) {
    return std::unexpected(Problem{0, "the template is not UTF-8", "save the file as UTF-8"});
  }
  TRY_OK(advance());
  if (program_->expression) {
    TRY(program_->root, parse_tuple(true));
    program_->single = true;
    if (token_.kind != Tok::end) {
      return unexpected_token("the end of the expression");
    }
    return program_;
  }
  TRY(program_->body, parse_body({}));
  if (program_->body.size() == 1) {
    const Stmt& only = program_->stmts[program_->body[0]];
    program_->single = only.act == Act::output;
    program_->root = program_->single ? only.expr : absent;
  }
  const std::string_view text = program_->text;
  program_->plain = true;
  for (size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    if (at + 1 < text.size() && std::string_view("{%#").contains(text[at + 1])) {
      program_->plain = false;
      break;
    }
  }
  return program_;
}

// ---- tokens

Parsed<Unit> Parser::advance() {
  if (has_ahead_) {
    token_ = std::move(ahead_);
    has_ahead_ = false;
    return Unit{};
  }
  TRY(token_, lexer_.next());
  return Unit{};
}

Parsed<bool> Parser::skip_op(std::string_view op) {
  if (!at_op(op)) {
    return false;
  }
  TRY_OK(advance());
  return true;
}

Parsed<bool> Parser::skip_name(std::string_view name) {
  if (!at_name(name)) {
    return false;
  }
  TRY_OK(advance());
  return true;
}

Parsed<Unit> Parser::expect_op(std::string_view op) {
  if (!at_op(op)) {
    return unexpected_token(fmt::format("'{}'", op));
  }
  return advance();
}

Parsed<Unit> Parser::expect(Tok kind) {
  if (token_.kind != kind) {
    return unexpected_token(describe(Token{.kind = kind, .offset = 0, .text = {}}));
  }
  return advance();
}

Parsed<std::string> Parser::expect_name(std::string_view what) {
  if (token_.kind != Tok::name) {
    return unexpected_token(what);
  }
  std::string name = token_.text;
  TRY_OK(advance());
  return name;
}

std::unexpected<Problem> Parser::wrong(std::string what, std::string remedy) const {
  return std::unexpected(Problem{token_.offset, std::move(what), std::move(remedy)});
}

std::unexpected<Problem> Parser::unexpected_token(std::string_view wanted) const {
  return wrong(fmt::format("expected {}, found {}", wanted, describe(token_)));
}

// ---- statements

// Statements up to a block that begins with one of `ends` (its name is then the current token), or
// up to the end of the text when there are none.
Parsed<std::vector<StmtId>> Parser::parse_body(Words ends) {
  const Nested nested(depth_);
  if (nested.too_deep()) {
    return wrong(std::string(too_deep_text), std::string(too_deep_remedy));
  }
  std::vector<StmtId> body;
  while (token_.kind != Tok::end) {
    if (token_.kind == Tok::text) {
      Stmt text{.act = Act::text, .offset = static_cast<uint32_t>(token_.offset)};
      text.text = std::move(token_.text);
      body.push_back(add(std::move(text)));
      TRY_OK(advance());
    } else if (token_.kind == Tok::output_begin) {
      TRY_OK(parse_output(body));
    } else {
      TRY_OK(expect(Tok::block_begin));
      if (token_.kind == Tok::name && among(ends, token_.text)) {
        return body;
      }
      TRY(const StmtId statement, parse_statement());
      body.push_back(statement);
    }
  }
  if (ends.size() != 0) {
    return wrong(fmt::format("expected {{% {} %}}, found the end", *(ends.end() - 1)));
  }
  return body;
}

Parsed<Unit> Parser::parse_output(std::vector<StmtId>& body) {
  Stmt output{.act = Act::output, .offset = static_cast<uint32_t>(token_.offset)};
  TRY_OK(advance());
  TRY(output.expr, parse_tuple(true));
  TRY_OK(expect(Tok::output_end));
  body.push_back(add(std::move(output)));
  return Unit{};
}

Parsed<StmtId> Parser::parse_statement() {
  const uint32_t offset = static_cast<uint32_t>(token_.offset);
  using Parse = Parsed<Stmt> (Parser::*)();
  constexpr std::array<std::pair<std::string_view, Parse>, 5> statements{
      {{"if", &Parser::parse_if},
       {"for", &Parser::parse_for},
       {"set", &Parser::parse_set},
       {"with", &Parser::parse_with},
       {"filter", &Parser::parse_filter_block}}};
  for (const auto& [word, parse] : statements) {
    if (at_name(word)) {
      TRY_OK(advance());
      TRY(Stmt stmt, (this->*parse)());
      stmt.offset = offset;
      TRY_OK(expect(Tok::block_end));
      return add(std::move(stmt));
    }
  }
  return unknown_statement();
}

std::unexpected<Problem> Parser::unknown_statement() const {
  constexpr std::array<std::string_view, 14> refused{
      "macro", "call",  "include", "import", "from",  "extends",  "block",
      "do",    "print", "trans",   "break",  "debug", "continue", "autoescape"};
  constexpr std::array<std::string_view, 15> known{
      "if",     "elif",      "else", "endif",   "for", "endfor", "set",      "endset",
      "filter", "endfilter", "with", "endwith", "raw", "endraw", "namespace"};
  if (token_.kind != Tok::name) {
    return unexpected_token("a statement");
  }
  if (among(refused, token_.text)) {
    return wrong(fmt::format("{{% {} %}} is not part of Tutti's templates", token_.text),
                 "statements are if, for, set, with, filter and raw");
  }
  if (among(known, token_.text)) {
    return wrong(fmt::format("{{% {} %}} does not belong here", token_.text),
                 "look at the block it should close or continue");
  }
  return wrong(fmt::format("there is no statement '{}'", token_.text),
               did_you_mean(token_.text, known));
}

Parsed<Stmt> Parser::parse_if() {
  Stmt stmt{.act = Act::branch};
  TRY(stmt.expr, parse_tuple(false));
  TRY_OK(expect(Tok::block_end));
  TRY(stmt.body, parse_body({"elif", "else", "endif"}));
  // A chain of elif is a list of statements, each alone in the `other` of the one before; it is
  // built from the back so that a long one costs no recursion.
  std::vector<Stmt> chain;
  chain.push_back(std::move(stmt));
  while (at_name("elif")) {
    Stmt next{.act = Act::branch, .offset = static_cast<uint32_t>(token_.offset)};
    TRY_OK(advance());
    TRY(next.expr, parse_tuple(false));
    TRY_OK(expect(Tok::block_end));
    TRY(next.body, parse_body({"elif", "else", "endif"}));
    chain.push_back(std::move(next));
  }
  if (chain.size() > nesting_max) {
    return wrong(fmt::format("more than {} elif", nesting_max), "use a map");
  }
  TRY(const bool has_else, skip_name("else"));
  if (has_else) {
    TRY_OK(expect(Tok::block_end));
    TRY(chain.back().other, parse_body({"endif"}));
  }
  TRY_OK(advance());
  while (chain.size() > 1) {
    const StmtId last = add(std::move(chain.back()));
    chain.pop_back();
    chain.back().other = {last};
  }
  return std::move(chain.front());
}

Parsed<Stmt> Parser::parse_for() {
  Stmt stmt{.act = Act::loop};
  TRY(stmt.target, parse_target("in"));
  TRY(const bool in, skip_name("in"));
  if (!in) {
    return unexpected_token("'in'");
  }
  TRY(stmt.expr, parse_tuple(false, "recursive"));
  TRY(const bool filtered, skip_name("if"));
  if (filtered) {
    TRY(stmt.condition, parse_expr());
  }
  if (at_name("recursive")) {
    return wrong("recursive loops are not part of Tutti's templates");
  }
  TRY_OK(expect(Tok::block_end));
  TRY(stmt.body, parse_body({"else", "endfor"}));
  TRY(const bool has_else, skip_name("else"));
  if (has_else) {
    TRY_OK(expect(Tok::block_end));
    TRY(stmt.other, parse_body({"endfor"}));
  }
  TRY_OK(advance());
  return stmt;
}

Parsed<Stmt> Parser::parse_set() {
  Stmt stmt{.act = Act::assign};
  TRY(stmt.target, parse_target("="));
  if (!stmt.target.several) {
    TRY(const bool member, skip_op("."));
    if (member) {
      TRY(stmt.member, expect_name("the name of a member"));
    }
  }
  TRY(const bool value, skip_op("="));
  if (value) {
    TRY(stmt.expr, parse_tuple(true));
    return stmt;
  }
  stmt.act = Act::assign_block;
  if (at_op("|")) {
    TRY(stmt.expr, parse_filter_chain(absent, false));
  }
  TRY_OK(expect(Tok::block_end));
  TRY(stmt.body, parse_body({"endset"}));
  TRY_OK(advance());
  return stmt;
}

Parsed<Stmt> Parser::parse_with() {
  Stmt stmt{.act = Act::scope};
  while (token_.kind != Tok::block_end) {
    if (!stmt.bindings.empty()) {
      TRY_OK(expect_op(","));
    }
    TRY(Target target, parse_one_target());
    TRY_OK(expect_op("="));
    TRY(const ExprId value, parse_expr());
    stmt.bindings.push_back({std::move(target), value});
  }
  TRY_OK(expect(Tok::block_end));
  TRY(stmt.body, parse_body({"endwith"}));
  TRY_OK(advance());
  return stmt;
}

Parsed<Stmt> Parser::parse_filter_block() {
  Stmt stmt{.act = Act::filter_block};
  TRY(stmt.expr, parse_filter_chain(absent, true));
  TRY_OK(expect(Tok::block_end));
  TRY(stmt.body, parse_body({"endfilter"}));
  TRY_OK(advance());
  return stmt;
}

Parsed<Target> Parser::parse_target(std::string_view end) {
  const uint32_t offset = static_cast<uint32_t>(token_.offset);
  TRY(Target first, parse_one_target());
  if (!at_op(",")) {
    return first;
  }
  Target all{.name = {}, .parts = {}, .several = true, .offset = offset};
  all.parts.push_back(std::move(first));
  while (at_op(",")) {
    TRY_OK(advance());
    if (at_op(end) || at_name(end)) {
      break;
    }
    TRY(Target next, parse_one_target());
    all.parts.push_back(std::move(next));
  }
  return all;
}

Parsed<Target> Parser::parse_one_target() {
  const Nested nested(depth_);
  if (nested.too_deep()) {
    return wrong(std::string(too_deep_text), std::string(too_deep_remedy));
  }
  const uint32_t offset = static_cast<uint32_t>(token_.offset);
  TRY(const bool group, skip_op("("));
  if (group) {
    TRY(Target inner, parse_target(")"));
    TRY_OK(expect_op(")"));
    return inner;
  }
  constexpr std::array<std::string_view, 7> reserved{"true",  "false", "none", "True",
                                                     "False", "None",  "loop"};
  if (token_.kind == Tok::name && among(reserved, token_.text)) {
    return wrong(fmt::format("'{}' cannot be set", token_.text), "choose another name");
  }
  TRY(std::string name, expect_name("a name to set"));
  return Target{.name = std::move(name), .parts = {}, .several = false, .offset = offset};
}

// ---- expressions

// One expression, or several with commas: a tuple.
Parsed<ExprId> Parser::parse_tuple(bool choose, std::string_view end_word) {
  Expr tuple = make(Op::tuple);
  const auto at_end = [this, end_word] {
    return token_.kind == Tok::output_end || token_.kind == Tok::block_end || at_op(")") ||
           token_.kind == Tok::end || (!end_word.empty() && at_name(end_word));
  };
  if (at_end()) {
    return unexpected_token("an expression");
  }
  bool comma = false;
  do {
    if (at_end()) {
      break;
    }
    TRY(const ExprId item, choose ? parse_expr() : parse_or());
    tuple.kids.push_back(item);
    TRY(comma, skip_op(","));
    if (!comma && tuple.kids.size() == 1) {
      return item;
    }
  } while (comma);
  return add(std::move(tuple));
}

Parsed<ExprId> Parser::parse_expr() {
  const Nested nested(depth_);
  if (nested.too_deep()) {
    return wrong(std::string(too_deep_text), std::string(too_deep_remedy));
  }
  return parse_choose();
}

Parsed<ExprId> Parser::parse_choose() {
  TRY(ExprId value, parse_or());
  while (at_name("if")) {
    Expr choose = make(Op::choose);
    TRY_OK(advance());
    TRY(const ExprId condition, parse_or());
    ExprId other = absent;
    TRY(const bool has_else, skip_name("else"));
    if (has_else) {
      TRY(other, parse_expr());
    }
    choose.kids = {condition, value, other};
    TRY(value, add(std::move(choose)));
  }
  return value;
}

Parsed<ExprId> Parser::parse_or() {
  TRY(ExprId left, parse_and());
  while (at_name("or")) {
    const size_t offset = token_.offset;
    TRY_OK(advance());
    TRY(const ExprId right, parse_and());
    TRY(left, binary(Op::logic_or, offset, left, right));
  }
  return left;
}

Parsed<ExprId> Parser::parse_and() {
  TRY(ExprId left, parse_not());
  while (at_name("and")) {
    const size_t offset = token_.offset;
    TRY_OK(advance());
    TRY(const ExprId right, parse_not());
    TRY(left, binary(Op::logic_and, offset, left, right));
  }
  return left;
}

Parsed<ExprId> Parser::parse_not() {
  if (!at_name("not")) {
    return parse_compare();
  }
  const Nested nested(depth_);
  if (nested.too_deep()) {
    return wrong(std::string(too_deep_text), std::string(too_deep_remedy));
  }
  Expr expr = make(Op::logic_not);
  TRY_OK(advance());
  TRY(const ExprId operand, parse_not());
  expr.kids = {operand};
  return add(std::move(expr));
}

Parsed<ExprId> Parser::parse_compare() {
  TRY(const ExprId first, parse_sum());
  Expr compare = make(Op::compare, {first});
  while (true) {
    char letter = compare_letter(token_);
    if (letter == '\0' && at_name("in")) {
      letter = 'i';
    } else if (letter == '\0' && at_name("not")) {
      if (!has_ahead_) {
        TRY(ahead_, lexer_.next());
        has_ahead_ = true;
      }
      if (ahead_.kind != Tok::name || ahead_.text != "in") {
        break;
      }
      TRY_OK(advance());
      letter = 'o';
    }
    if (letter == '\0') {
      break;
    }
    TRY_OK(advance());
    TRY(const ExprId operand, parse_sum());
    compare.kids.push_back(operand);
    compare.text += letter;
  }
  return compare.kids.size() == 1 ? Parsed<ExprId>(first) : add(std::move(compare));
}

Parsed<ExprId> Parser::parse_sum() {
  constexpr std::array<BinaryOp, 2> ops{{{"+", Op::add}, {"-", Op::subtract}}};
  TRY(ExprId left, parse_concat());
  while (const BinaryOp* op = find_op(ops, token_)) {
    const size_t offset = token_.offset;
    TRY_OK(advance());
    TRY(const ExprId right, parse_concat());
    TRY(left, binary(op->op, offset, left, right));
  }
  return left;
}

Parsed<ExprId> Parser::parse_concat() {
  TRY(const ExprId first, parse_product());
  Expr concat = make(Op::concat, {first});
  while (at_op("~")) {
    TRY_OK(advance());
    TRY(const ExprId next, parse_product());
    concat.kids.push_back(next);
  }
  return concat.kids.size() == 1 ? Parsed<ExprId>(first) : add(std::move(concat));
}

Parsed<ExprId> Parser::parse_product() {
  constexpr std::array<BinaryOp, 4> ops{
      {{"*", Op::multiply}, {"/", Op::divide}, {"//", Op::floor_divide}, {"%", Op::modulo}}};
  TRY(ExprId left, parse_power());
  while (const BinaryOp* op = find_op(ops, token_)) {
    const size_t offset = token_.offset;
    TRY_OK(advance());
    TRY(const ExprId right, parse_power());
    TRY(left, binary(op->op, offset, left, right));
  }
  return left;
}

// Jinja2 groups ** from the left, unlike Python.
Parsed<ExprId> Parser::parse_power() {
  TRY(ExprId left, parse_unary(true));
  while (at_op("**")) {
    const size_t offset = token_.offset;
    TRY_OK(advance());
    TRY(const ExprId right, parse_unary(true));
    TRY(left, binary(Op::power, offset, left, right));
  }
  return left;
}

Parsed<ExprId> Parser::parse_unary(bool with_filter) {
  const Nested nested(depth_);
  if (nested.too_deep()) {
    return wrong(std::string(too_deep_text), std::string(too_deep_remedy));
  }
  ExprId node = absent;
  if (at_op("-") || at_op("+")) {
    Expr sign = make(at_op("-") ? Op::negative : Op::positive);
    TRY_OK(advance());
    TRY(const ExprId operand, parse_unary(false));
    sign.kids = {operand};
    TRY(node, add(std::move(sign)));
  } else {
    TRY(node, parse_primary());
  }
  TRY(node, parse_postfix(node));
  return with_filter ? parse_filters(node) : Parsed<ExprId>(node);
}

// ---- nodes

Expr Parser::make(Op op, std::vector<ExprId> kids) const {
  Expr expr{.op = op, .offset = static_cast<uint32_t>(token_.offset)};
  expr.kids = std::move(kids);
  return expr;
}

Parsed<ExprId> Parser::binary(Op op, size_t offset, ExprId left, ExprId right) {
  Expr expr = make(op, {left, right});
  expr.offset = static_cast<uint32_t>(offset);
  return add(std::move(expr));
}

Parsed<ExprId> Parser::add(Expr expr) {
  const auto raise = [this, &expr](ExprId kid) {
    if (kid != absent) {
      expr.height =
          std::max<uint16_t>(expr.height, static_cast<uint16_t>(program_->exprs[kid].height + 1));
    }
  };
  std::ranges::for_each(expr.kids, raise);
  for (const Keyword& keyword : expr.keywords) {
    raise(keyword.value);
  }
  if (expr.height > nesting_max) {
    return std::unexpected(
        Problem{expr.offset, std::string(too_deep_text), std::string(too_deep_remedy)});
  }
  program_->exprs.push_back(std::move(expr));
  return static_cast<ExprId>(program_->exprs.size() - 1);
}

StmtId Parser::add(Stmt stmt) {
  program_->stmts.push_back(std::move(stmt));
  return static_cast<StmtId>(program_->stmts.size() - 1);
}

}  // namespace tutti::expr
