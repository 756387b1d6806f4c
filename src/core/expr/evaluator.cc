// SPDX-License-Identifier: Apache-2.0
#include "core/expr/evaluator.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/closest.h"
#include "core/expr/registry.h"

namespace tutti::expr {
namespace {

// The value that stands for every result which depends on something nobody may know here.
Val hidden_result(const Opaque& hidden, Taint taint) {
  return Val::opaque(hidden.label, hidden.secret).with_taint(taint);
}

}  // namespace

Evaluator::Evaluator(const Program& program, const Context& context, const Limits& limits)
    : program_(program), context_(context), machine_(limits), frames_(1) {}

Error Evaluator::placed(Error error, size_t offset) const {
  if (error.where.starts_with('@')) {
    std::from_chars(error.where.data() + 1, error.where.data() + error.where.size(), offset);
    error.where.clear();
  }
  if (error.where.empty()) {
    const Place place = place_of(program_.text, offset);
    error.where = fmt::format("{}:{}", place.line, place.column);
  }
  return error;
}

Result<Val> Evaluator::eval(ExprId id) {
  const Expr& expr = program_.exprs[id];
  Result<Val> result = expr.op == Op::attribute ? eval_attribute(id, expr)
                       : expr.op == Op::index   ? eval_index(id, expr)
                                                : eval_op(expr);
  if (!result) {
    return std::unexpected(placed(std::move(result).error(), expr.offset));
  }
  return result;
}

Result<Val> Evaluator::eval_op(const Expr& expr) {
  TRY_OK(machine_.spend(1));
  switch (expr.op) {
    case Op::constant:
      return Val::of(expr.value);
    case Op::name:
      return eval_name(expr);
    case Op::list:
    case Op::tuple: {
      TRY(Vals items, eval_all(expr, 0));
      return expr.op == Op::list ? machine_.list(std::move(items))
                                 : machine_.tuple(std::move(items));
    }
    case Op::map:
      return eval_map(expr);
    case Op::slice:
      return eval_slice(expr);
    case Op::call:
      return eval_call(expr);
    case Op::filter:
      return eval_filter(expr);
    case Op::test:
      return eval_test(expr);
    case Op::logic_not:
    case Op::logic_and:
    case Op::logic_or:
      return eval_logic(expr);
    case Op::choose:
      return eval_choose(expr);
    case Op::compare:
      return eval_compare(expr);
    case Op::concat:
      return eval_concat(expr);
    default:
      return eval_binary(expr);
  }
}

// ---- names and access

const Val* Evaluator::find_local(std::string_view name) const {
  for (size_t i = frames_.size(); i-- > 0;) {
    if (auto at = frames_[i].find(name); at != frames_[i].end()) {
      return &at->second;
    }
  }
  return nullptr;
}

bool Evaluator::names_secrets(ExprId id) const {
  const Expr& expr = program_.exprs[id];
  return expr.op == Op::name && expr.text == "secrets" &&
         (context_.secrets() != nullptr || context_.redacts()) && find_local("secrets") == nullptr;
}

Result<Val> Evaluator::eval_name(const Expr& expr) {
  TRY_OK(machine_.spend(frames_.size() / 4));
  if (const Val* local = find_local(expr.text)) {
    return *local;
  }
  if (expr.text == "secrets" && (context_.secrets() != nullptr || context_.redacts())) {
    return wrong("secrets cannot be used as a whole", "name one: secrets.NAME");
  }
  const Value* root = context_.roots().find(expr.text);
  const Value& unknown = context_.unknown()[expr.text];
  if (!unknown.is_null()) {
    return Val::of_partly_unknown(root == nullptr ? Value() : *root, unknown, expr.text);
  }
  if (root != nullptr) {
    TRY_OK(machine_.spend(root->is_string() ? root->as_string().size() / 256 : 0));
    return Val::of(*root);
  }
  std::vector<std::string_view> known;
  TRY_OK(machine_.spend(context_.roots().size() / 8));
  std::ranges::for_each(context_.roots(), [&known](const auto& r) { known.push_back(r.first); });
  for (const Frame& frame : frames_) {
    std::ranges::for_each(frame, [&known](const auto& f) { known.push_back(f.first); });
  }
  return Val::undefined(fmt::format("'{}' is not defined", expr.text),
                        machine_.suggestion(expr.text, known), expr.offset);
}

Result<Val> Evaluator::secret(std::string_view name) {
  auto at = std::ranges::find(secrets_, name, &std::pair<std::string, Val>::first);
  if (at != secrets_.end()) {
    return at->second;
  }
  const Taint bit = Taint{1} << std::min<size_t>(secrets_.size(), 63);
  Val value = Val::opaque(fmt::format("secret:{}", name), true);
  if (!context_.redacts()) {
    auto asked = context_.secrets()(name);
    if (!asked && asked.error().code != Code::not_found) {
      return std::unexpected(std::move(asked).error());
    }
    value = asked ? Val::of(*asked)
                  : Val::undefined(fmt::format("there is no secret '{}'", name),
                                   asked.error().remedy.empty() ? "name it under `secrets:`"
                                                                : asked.error().remedy);
  }
  secrets_.emplace_back(name, std::move(value).with_taint(bit));
  return secrets_.back().second;
}

// "params.start" for the chain of constant names that ends in this node, else empty.
std::string Evaluator::path_text(ExprId id) const {
  const Expr& expr = program_.exprs[id];
  if (expr.op == Op::name) {
    return expr.text;
  }
  if (expr.op != Op::attribute && expr.op != Op::index) {
    return {};
  }
  std::string path = path_text(expr.kids[0]);
  if (path.empty() || expr.op == Op::attribute) {
    return path.empty() ? path : path + "." + expr.text;
  }
  const Expr& key = program_.exprs[expr.kids[1]];
  return key.op == Op::constant
             ? fmt::format("{}[{}]", path,
                           to_text(Value(ValueList{key.value})).substr(1, std::string::npos))
             : std::string();
}

// The same undefined value, but named as the user wrote it.
Val Evaluator::name_undefined(const Val& value, ExprId id) const {
  std::string path = path_text(id);
  if (path.ends_with("]]")) {
    path.pop_back();
  }
  if (!value.is_strict() || path.empty()) {
    return value;
  }
  const Undefined& old = value.as_undefined();
  return Val::undefined(fmt::format("'{}' is not defined: {}", path, old.what), old.remedy,
                        program_.exprs[id].offset)
      .with_taint(value.taint());
}

Result<Val> Evaluator::eval_attribute(ExprId id, const Expr& expr) {
  if (names_secrets(expr.kids[0])) {
    return secret(expr.text);
  }
  TRY(const Val value, eval(expr.kids[0]));
  TRY(const Val found, machine_.member(value, expr.text));
  return name_undefined(found, id);
}

Result<Val> Evaluator::eval_index(ExprId id, const Expr& expr) {
  TRY(const Val key, eval(expr.kids[1]));
  if (key.is(Type::opaque)) {
    return key;
  }
  if (names_secrets(expr.kids[0])) {
    if (!key.is_string()) {
      return wrong("a secret is named by a string", "write secrets.NAME");
    }
    return secret(key.as_string());
  }
  TRY(const Val value, eval(expr.kids[0]));
  TRY(const Val found, machine_.at(value, key));
  return name_undefined(found, id);
}

Result<Val> Evaluator::eval_slice(const Expr& expr) {
  Val parts[4];
  for (size_t i = 0; i < 4; ++i) {
    if (expr.kids[i] != absent) {
      TRY(parts[i], eval(expr.kids[i]));
    }
  }
  for (const Val& part : parts) {
    if (part.is(Type::opaque)) {
      return part;
    }
  }
  return machine_.slice(parts[0], parts[1], parts[2], parts[3]);
}

// ---- operators

Result<Val> Evaluator::eval_logic(const Expr& expr) {
  TRY(const Val left, eval(expr.kids[0]));
  if (left.is(Type::opaque)) {
    return left;
  }
  TRY(const bool yes, machine_.truth(left));
  if (expr.op == Op::logic_not) {
    return Val(!yes).with_taint(left.taint());
  }
  if (yes == (expr.op == Op::logic_or)) {
    return left;
  }
  TRY(Val right, eval(expr.kids[1]));
  return std::move(right).with_taint(left.taint());
}

Result<Val> Evaluator::eval_choose(const Expr& expr) {
  TRY(const Val condition, eval(expr.kids[0]));
  if (condition.is(Type::opaque)) {
    return condition;
  }
  TRY(const bool yes, machine_.truth(condition));
  if (!yes && expr.kids[2] == absent) {
    return Val::blank().with_taint(condition.taint());
  }
  TRY(Val chosen, eval(expr.kids[yes ? 1 : 2]));
  return std::move(chosen).with_taint(condition.taint());
}

Result<bool> Evaluator::compare_one(char letter, const Val& a, const Val& b) {
  if (letter == 'e' || letter == 'n') {
    TRY(const bool same, machine_.equal(a, b));
    return same == (letter == 'e');
  }
  if (letter == 'i' || letter == 'o') {
    TRY(const bool inside, machine_.contains(b, a));
    return inside == (letter == 'i');
  }
  TRY(const auto order, machine_.order(a, b));
  switch (letter) {
    case 'l':
      return order < 0;
    case 'L':
      return order <= 0;
    case 'g':
      return order > 0;
    default:
      return order >= 0;
  }
}

Result<Val> Evaluator::eval_compare(const Expr& expr) {
  TRY(Val left, eval(expr.kids[0]));
  Taint taint = left.deep_taint();
  for (size_t i = 0; i < expr.text.size(); ++i) {
    TRY(Val right, eval(expr.kids[i + 1]));
    taint |= right.deep_taint();
    if (const Opaque* hidden = left.hidden() != nullptr ? left.hidden() : right.hidden()) {
      return hidden_result(*hidden, taint);
    }
    TRY(const bool holds, compare_one(expr.text[i], left, right));
    if (!holds) {
      return Val(false).with_taint(taint);
    }
    left = std::move(right);
  }
  return Val(true).with_taint(taint);
}

Result<Val> Evaluator::eval_binary(const Expr& expr) {
  TRY(const Val left, eval(expr.kids[0]));
  if (expr.kids.size() == 1) {
    if (left.is(Type::opaque)) {
      return left;
    }
    if (expr.op == Op::negative) {
      return machine_.negative(left);
    }
    return left.is(Type::real) ? left : machine_.binary(Op::add, Val(int64_t{0}), left);
  }
  TRY(const Val right, eval(expr.kids[1]));
  const bool lists = left.is_listlike() && right.is_listlike();
  const Opaque* hidden = left.hidden() != nullptr ? left.hidden() : right.hidden();
  if (hidden != nullptr && !lists) {
    return hidden_result(*hidden, left.deep_taint() | right.deep_taint());
  }
  return machine_.binary(expr.op, left, right);
}

Result<Val> Evaluator::eval_concat(const Expr& expr) {
  std::string out;
  Taint taint = 0;
  std::optional<Opaque> hidden;
  for (const ExprId kid : expr.kids) {
    TRY(const Val value, eval(kid));
    TRY(const std::string text, machine_.str(value));
    TRY_OK(machine_.spend_text(out.size() / 16 + text.size()));
    out += text;
    taint |= value.deep_taint();
    if (!hidden && value.hidden() != nullptr) {
      hidden = *value.hidden();
    }
    if (out.size() > machine_.limits().output_bytes_max) {
      break;
    }
  }
  if (hidden) {
    return hidden_result(*hidden, taint);
  }
  TRY(Val joined, machine_.text(std::move(out)));
  return std::move(joined).with_taint(taint);
}

Result<Vals> Evaluator::eval_all(const Expr& expr, size_t first) {
  Vals out;
  for (size_t i = first; i < expr.kids.size(); ++i) {
    TRY(Val item, eval(expr.kids[i]));
    out.push_back(std::move(item));
  }
  return out;
}

Result<Val> Evaluator::eval_map(const Expr& expr) {
  std::vector<std::pair<std::string, Val>> members;
  for (size_t i = 0; i < expr.kids.size(); i += 2) {
    TRY(const Val key, eval(expr.kids[i]));
    TRY(Val value, eval(expr.kids[i + 1]));
    if (key.is(Type::opaque)) {
      return key;
    }
    if (!key.is_string()) {
      return wrong(fmt::format("the key of a map is a string, not {}", key.type_name()),
                   "put it in quotes");
    }
    members.emplace_back(key.as_string(), std::move(value).with_taint(key.taint()));
  }
  return machine_.map(std::move(members));
}

// ---- calls

Result<std::vector<std::pair<std::string, Val>>> Evaluator::eval_named(const Expr& expr) {
  std::vector<std::pair<std::string, Val>> out;
  for (const Keyword& keyword : expr.keywords) {
    TRY(Val value, eval(keyword.value));
    out.emplace_back(keyword.name, std::move(value));
  }
  return out;
}

Result<Val> Evaluator::eval_call(const Expr& expr) {
  Val receiver;
  if (expr.method) {
    TRY(receiver, eval(expr.kids[0]));
    if (receiver.is(Type::undefined)) {
      return Machine::undefined(receiver);
    }
  }
  TRY(Vals positional, eval_all(expr, expr.method ? 1 : 0));
  TRY(auto named, eval_named(expr));
  const Callable* callable = nullptr;
  if (expr.method) {
    if (receiver.is(Type::opaque)) {
      return receiver;
    }
    callable = find_method(receiver.type(), expr.text);
  } else if (find_local(expr.text) == nullptr && !context_.roots().contains(expr.text)) {
    callable = find_function(expr.text);
  }
  if (callable == nullptr) {
    return expr.method
               ? wrong(fmt::format("{} has no method '{}'", receiver.type_name(), expr.text),
                       did_you_mean(expr.text, method_names()))
               : wrong(fmt::format("'{}' is no function", expr.text),
                       did_you_mean(expr.text, function_names()));
  }
  return call(machine_, *callable, std::move(receiver), std::move(positional), std::move(named));
}

Result<Val> Evaluator::eval_filter(const Expr& expr) {
  Val input = block_input_;
  if (expr.kids[0] != absent) {
    TRY(input, eval(expr.kids[0]));
  }
  TRY(Vals positional, eval_all(expr, 1));
  TRY(auto named, eval_named(expr));
  return call_filter(machine_, expr.text, std::move(input), std::move(positional),
                     std::move(named));
}

Result<Val> Evaluator::eval_test(const Expr& expr) {
  TRY(Val input, eval(expr.kids[0]));
  TRY(Vals positional, eval_all(expr, 1));
  TRY(auto named, eval_named(expr));
  return call_test(machine_, expr.text, std::move(input), std::move(positional), std::move(named));
}

// ---- results

std::vector<std::string> Evaluator::secrets_read() const {
  std::vector<std::string> out;
  std::ranges::for_each(secrets_, [&out](const auto& s) { out.push_back(s.first); });
  std::ranges::sort(out);
  return out;
}

void Evaluator::mark_parts(const Val& value, const std::string& pointer, Rendered& rendered) {
  if (value.is(Type::opaque)) {
    rendered.unknown = rendered.unknown || !value.as_opaque().secret;
  } else if (value.hidden() != nullptr && !value.hidden()->secret) {
    rendered.unknown = true;
  }
  if (value.taint() != 0) {
    rendered.secret_parts.push_back(pointer);
    return;
  }
  const bool map = value.is(Type::map);
  if (value.deep_taint() == 0 || (!map && !value.is_listlike())) {
    return;
  }
  for (size_t i = 0; i < value.size(); ++i) {
    std::string name = map ? std::string() : std::to_string(i);
    for (const char c : map ? value.key(i) : std::string_view()) {
      name += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    mark_parts(map ? value.member(i) : value.item(i), pointer + "/" + name, rendered);
  }
}

Result<Rendered> Evaluator::run() {
  Rendered out;
  if (program_.root != absent) {
    TRY(const Val value, eval(program_.root));
    auto plain = machine_.to_value(value);
    if (!plain) {
      return std::unexpected(
          placed(std::move(plain).error(), program_.exprs[program_.root].offset));
    }
    out.value = std::move(*plain);
    mark_parts(value, "", out);
  } else if (program_.plain) {
    out.value = Value(program_.text);
  } else {
    Out text;
    out_ = &text;
    TRY_OK(exec(program_.body));
    out.value = Value(std::move(text.text));
    out.unknown = text.unknown;
    if (text.taint != 0) {
      out.secret_parts.emplace_back();
    }
  }
  out.secrets = secrets_read();
  return out;
}

Result<Rendered> render(const Template& tmpl, const Context& context, const Limits& limits) {
  return Evaluator(tmpl.program(), context, limits).run();
}

bool truth(const Value& value) {
  Machine machine{Limits{}};
  return machine.truth(Val::of(value)).value_or(false);
}

std::string to_text(const Value& value) {
  Machine machine{Limits{.steps_max = SIZE_MAX, .depth_max = 1000, .output_bytes_max = SIZE_MAX}};
  return machine.str(Val::of(value)).value_or(std::string());
}

}  // namespace tutti::expr
