// SPDX-License-Identifier: Apache-2.0
// Values of parameters: from a file, a command line or JSON.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/address.h"
#include "base/time.h"
#include "core/spec/check.h"
#include "core/spec/spec.h"
#include "core/spec/structure.h"

namespace tutti::spec {

namespace {

// A type that is kept as text in a fixed form.
template <class Parse>
std::optional<std::string> text_misfit(const Value& value, Parse parse) {
  if (!value.is_string()) {
    return fmt::format("it is {}", kind_text(value.kind()));
  }
  if (const auto parsed = parse(value.as_string()); !parsed.has_value()) {
    return parsed.error().what;
  }
  return std::nullopt;
}

Error bad_value(const Param& param, std::string what, std::string remedy) {
  return {.code = Code::bad_input,
          .what = fmt::format("the parameter '{}': {}", param.name, what),
          .where = {},
          .remedy = std::move(remedy)};
}

std::string choices_text(const Param& param) {
  std::string text;
  for (const Value& choice : param.choices) {
    text += text.empty() ? "" : ", ";
    text += choice.is_string() ? choice.as_string() : to_json(choice);
  }
  return text;
}

Result<Value> value_from_text(const Param& param, std::string_view text) {
  const auto bad = [&](std::string_view expected) {
    return fail(bad_value(param, fmt::format("'{}' is not {}", text.substr(0, 64), expected),
                          fmt::format("give {}", expected)));
  };
  switch (param.type) {
    case ParamType::integer: {
      int64_t number = 0;
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
      if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
        return bad("a whole number");
      }
      return Value(number);
    }
    case ParamType::number: {
      double number = 0;
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
      if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
          !(number - number == 0)) {
        return bad("a number");
      }
      return Value(number);
    }
    case ParamType::boolean:
      if (text != "true" && text != "false") {
        return bad("true or false");
      }
      return Value(text == "true");
    case ParamType::list:
    case ParamType::map: {
      const auto parsed = parse_json(text);
      if (!parsed.has_value()) {
        return bad(param.type == ParamType::list ? "a JSON list" : "a JSON object");
      }
      return *parsed;
    }
    default:
      return Value(text);
  }
}

}  // namespace

std::optional<std::string> param_misfit(ParamType type, const Value& value) {
  const auto must = [&](bool fits) {
    return fits ? std::nullopt : std::optional(fmt::format("it is {}", kind_text(value.kind())));
  };
  switch (type) {
    case ParamType::string:
      return must(value.is_string());
    case ParamType::integer:
      return must(value.is_int());
    case ParamType::number:
      return must(value.is_number());
    case ParamType::boolean:
      return must(value.is_bool());
    case ParamType::list:
      return must(value.is_list());
    case ParamType::map:
      return must(value.is_map());
    case ParamType::date:
      return text_misfit(value, parse_date);
    case ParamType::datetime:
      return text_misfit(value, parse_instant);
    case ParamType::duration:
      return text_misfit(value, parse_duration);
    case ParamType::uri:
      return text_misfit(value, parse_address);
  }
  return std::nullopt;
}

Result<Value> param_from_value(const Param& param, const Value& value) {
  if (const auto reason = param_misfit(param.type, value); reason.has_value()) {
    return fail(bad_value(param, *reason,
                          fmt::format("give a value of type {}", param_type_name(param.type))));
  }
  if (!param.choices.empty() && std::ranges::find(param.choices, value) == param.choices.end()) {
    return fail(bad_value(param, fmt::format("{} is none of its choices", to_json(value)),
                          "give one of: " + choices_text(param)));
  }
  return value;
}

Result<Value> param_from_text(const Param& param, std::string_view text) {
  TRY(Value value, value_from_text(param, text));
  return param_from_value(param, value);
}

}  // namespace tutti::spec
