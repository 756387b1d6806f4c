// SPDX-License-Identifier: Apache-2.0
// Values as text, the way Python prints them, and as typed results.
#include <fmt/format.h>

#include "core/expr/machine.h"
#include "core/expr/unicode.h"

namespace tutti::expr {

std::string python_quoted(std::string_view text) {
  const bool doubles = text.contains('\'') && !text.contains('"');
  const char quote = doubles ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = next_point(text, at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += {'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't'};
    } else if (is_printable(c)) {
      out += text.substr(start, at - start);
    } else if (c < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
    }
  }
  return out + quote;
}

std::unexpected<Error> Machine::undefined(const Val& value) {
  const Undefined& what = value.as_undefined();
  Error error{.code = Code::bad_input, .what = what.what, .where = {}, .remedy = what.remedy};
  if (what.offset != SIZE_MAX) {
    error.where = fmt::format("@{}", what.offset);  // Evaluator::placed() makes a place of it
  }
  return std::unexpected(std::move(error));
}

Result<std::string> Machine::str(const Val& value) {
  if (value.is_string()) {
    return value.as_string();
  }
  if (value.is_blank()) {
    return std::string();
  }
  std::string out;
  TRY_OK(append_repr(out, value));
  TRY_OK(spend_text(out.size()));
  return out;
}

Result<std::string> Machine::repr(const Val& value) {
  std::string out;
  TRY_OK(append_repr(out, value));
  TRY_OK(spend_text(out.size()));
  return out;
}

Result<Unit> Machine::append_repr(std::string& out, const Val& value) {
  TRY_OK(spend(1));
  if (out.size() > limits_.output_bytes_max) {
    return spend_text(out.size());
  }
  switch (value.type()) {
    case Type::undefined:
      if (value.is_strict()) {
        return undefined(value);
      }
      out += "Undefined";
      break;
    case Type::null:
      out += "None";
      break;
    case Type::boolean:
      out += value.as_bool() ? "True" : "False";
      break;
    case Type::integer:
      out += std::to_string(value.as_int());
      break;
    case Type::real:
      out += float_text(value.as_real());
      break;
    case Type::string:
      TRY_OK(spend_text(value.as_string().size()));
      out += python_quoted(value.as_string());
      break;
    case Type::map:
      return append_members(out, value);
    case Type::range: {
      const Range& range = value.as_range();
      out += range.step == 1
                 ? fmt::format("range({}, {})", range.start, range.stop)
                 : fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
      break;
    }
    case Type::loop:
      return wrong("the loop itself has no text", "name one of its members: loop.index");
    case Type::space:
      return wrong("a namespace has no text", "name one of its members");
    case Type::opaque:
      out += fmt::format("\u2039{}\u203a", value.as_opaque().label);
      break;
    default:
      return append_items(out, value);
  }
  return Unit{};
}

Result<Unit> Machine::append_items(std::string& out, const Val& list) {
  const bool tuple = list.is(Type::tuple);
  out += tuple ? '(' : '[';
  for (size_t i = 0; i < list.size(); ++i) {
    out += i == 0 ? "" : ", ";
    TRY_OK(append_repr(out, list.item(i)));
  }
  out += tuple ? (list.size() == 1 ? ",)" : ")") : "]";
  return Unit{};
}

Result<Unit> Machine::append_members(std::string& out, const Val& map) {
  out += '{';
  for (size_t i = 0; i < map.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += python_quoted(map.key(i));
    out += ": ";
    TRY_OK(append_repr(out, map.member(i)));
  }
  out += '}';
  return Unit{};
}

Result<Value> Machine::to_value(const Val& value) {
  TRY_OK(spend(1));
  if (const Value* outside = value.outside(); outside != nullptr && value.hidden() == nullptr) {
    return *outside;
  }
  switch (value.type()) {
    case Type::undefined:
      return value.is_blank() ? Result<Value>(Value()) : undefined(value);
    case Type::null:
      return Value();
    case Type::boolean:
      return Value(value.as_bool());
    case Type::integer:
      return Value(value.as_int());
    case Type::real:
      return Value(value.as_real());
    case Type::string:
      return Value(value.as_string());
    case Type::opaque: {
      TRY(std::string text, str(value));
      return Value(std::move(text));
    }
    case Type::loop:
    case Type::space:
      return wrong(fmt::format("the result is {}, which is no value", value.type_name()),
                   "name one of its members");
    case Type::map: {
      ValueMap out;
      for (size_t i = 0; i < value.size(); ++i) {
        TRY(Value member, to_value(value.member(i)));
        out.set(std::string(value.key(i)), std::move(member));
      }
      return Value(std::move(out));
    }
    default: {
      ValueList out;
      TRY_OK(spend_items(value.size()));
      for (size_t i = 0; i < value.size(); ++i) {
        TRY(Value item, to_value(value.item(i)));
        out.push_back(std::move(item));
      }
      return Value(std::move(out));
    }
  }
}

}  // namespace tutti::expr
