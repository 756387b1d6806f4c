// SPDX-License-Identifier: Apache-2.0
// tojson fromjson b64encode b64decode sha256 mask basename dirname splitext
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/digest.h"
#include "core/expr/registry.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

// json.dumps(sort_keys=True), and < > & ' escaped as Jinja2 does.
class JsonWriter {
 public:
  JsonWriter(Machine& machine, std::optional<std::string> indent)
      : machine_(machine), indent_(std::move(indent)) {}

  Result<std::string> write(const Val& value) {
    TRY_OK(append(value, 1));
    return std::move(out_);
  }

 private:
  void line(size_t depth) {
    if (indent_) {
      out_ += '\n';
      for (size_t i = 0; i < depth; ++i) {
        out_ += *indent_;
      }
    }
  }

  void append_string(std::string_view text) {
    out_ += '"';
    for (size_t at = 0; at < text.size();) {
      const uint32_t c = next_point(text, at);
      constexpr std::string_view from = "\"\\\n\r\t\b\f";
      constexpr std::string_view to = "\"\\nrtbf";
      if (const size_t simple = c < 0x80 ? from.find(static_cast<char>(c)) : std::string_view::npos;
          simple != std::string_view::npos) {
        out_ += {'\\', to[simple]};
      } else if (c >= 0x20 && c < 0x7F &&
                 !std::string_view("<>&'").contains(static_cast<char>(c))) {
        out_ += static_cast<char>(c);
      } else if (c == 0x7F) {
        out_ += static_cast<char>(c);
      } else if (c < 0x10000) {
        out_ += fmt::format("\\u{:04x}", c);
      } else {
        out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c - 0x10000) >> 10),
                            0xDC00 + ((c - 0x10000) & 0x3FF));
      }
    }
    out_ += '"';
  }

  Result<Unit> append_map(const Val& map, size_t depth) {
    std::vector<size_t> order(map.size());
    for (size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::ranges::sort(order, {}, [&map](size_t i) { return map.key(i); });
    out_ += '{';
    for (size_t n = 0; n < order.size(); ++n) {
      out_ += n == 0 ? "" : indent_ ? "," : ", ";
      line(depth);
      append_string(map.key(order[n]));
      out_ += ": ";
      TRY_OK(append(map.member(order[n]), depth + 1));
    }
    if (!order.empty()) {
      line(depth - 1);
    }
    out_ += '}';
    return Unit{};
  }

  Result<Unit> append_list(const Val& list, size_t depth) {
    out_ += '[';
    for (size_t i = 0; i < list.size(); ++i) {
      out_ += i == 0 ? "" : indent_ ? "," : ", ";
      line(depth);
      TRY_OK(append(list.item(i), depth + 1));
    }
    if (list.size() != 0) {
      line(depth - 1);
    }
    out_ += ']';
    return Unit{};
  }

  Result<Unit> append(const Val& value, size_t depth) {
    TRY_OK(machine_.spend(1));
    if (out_.size() > machine_.limits().output_bytes_max) {
      return machine_.spend_text(out_.size());
    }
    switch (value.type()) {
      case Type::undefined:
        return Machine::undefined(value);
      case Type::null:
        out_ += "null";
        return Unit{};
      case Type::boolean:
        out_ += value.as_bool() ? "true" : "false";
        return Unit{};
      case Type::integer:
        out_ += std::to_string(value.as_int());
        return Unit{};
      case Type::real:
        if (!std::isfinite(value.as_real())) {
          return wrong("JSON has no inf and nan", "leave it out, or convert it with `string`");
        }
        out_ += float_text(value.as_real());
        return Unit{};
      case Type::string:
        TRY_OK(machine_.spend_text(value.as_string().size()));
        append_string(value.as_string());
        return Unit{};
      case Type::map:
        return append_map(value, depth);
      case Type::list:
      case Type::tuple:
        return append_list(value, depth);
      default:
        return wrong(fmt::format("{} has no JSON", value.type_name()), "make it a list");
    }
  }

  Machine& machine_;
  std::optional<std::string> indent_;
  std::string out_;
};

Result<Val> tojson_filter(Machine& m, const Args& a) {
  std::optional<std::string> indent;
  if (a.some(0) && a[0].is_string()) {
    indent = a[0].as_string();
  } else if (a.some(0)) {
    TRY(const int64_t width, a.integer(0, 0));
    indent = std::string(static_cast<size_t>(std::clamp<int64_t>(width, 0, 100)), ' ');
  }
  TRY(std::string text, JsonWriter(m, std::move(indent)).write(a.input));
  return m.text(std::move(text));
}

Result<std::string> need_string(const Args& a, std::string_view filter) {
  if (a.input.is(Type::undefined)) {
    return Machine::undefined(a.input);
  }
  if (!a.input.is_string()) {
    return wrong(fmt::format("'{}' takes a string, not {}", filter, a.input.type_name()),
                 "convert it with `string` or `tojson`");
  }
  return a.input.as_string();
}

Result<Val> fromjson_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "fromjson"));
  TRY_OK(m.spend(text.size() / 8 + 1));
  auto parsed = parse_json(
      text, {.bytes_max = m.limits().output_bytes_max, .depth_max = m.limits().depth_max});
  if (!parsed) {
    return wrong(fmt::format("this is no JSON: {}", parsed.error().what), parsed.error().remedy);
  }
  return Val::of(*parsed);
}

Result<Val> b64encode_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "b64encode"));
  TRY_OK(m.spend_text(text.size() * 2));
  return Val(base64_encode(text));
}

Result<Val> b64decode_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "b64decode"));
  auto decoded = base64_decode(text);
  if (!decoded) {
    return wrong("this is no base64", "RFC 4648 with padding is expected");
  }
  if (!is_utf8(*decoded)) {
    return wrong("what this base64 holds is no UTF-8 text", "decode it in a task");
  }
  return m.text(std::move(*decoded));
}

Result<Val> sha256_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "sha256"));
  TRY_OK(m.spend_text(text.size() * 4));
  return Val(hex(sha256(text)));
}

Result<Val> mask_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  TRY(const int64_t keep, a.integer(0, 4));
  if (keep < 0) {
    return wrong("'mask' cannot keep fewer than 0 characters");
  }
  std::u32string points = points_of(text);
  const size_t hide = points.size() - std::min(points.size(), static_cast<size_t>(keep));
  std::fill_n(points.begin(), hide, U'*');
  return m.text(text_of_points(points));
}

Result<Val> basename_filter(Machine& m, const Args& a) {
  TRY(const std::string path, need_string(a, "basename"));
  return m.text(path.substr(path.rfind('/') + 1));
}

Result<Val> dirname_filter(Machine& m, const Args& a) {
  TRY(const std::string path, need_string(a, "dirname"));
  std::string head = path.substr(0, path.rfind('/') + 1);
  if (const size_t last = head.find_last_not_of('/'); last != std::string::npos) {
    head.resize(last + 1);
  }
  return m.text(std::move(head));
}

// os.path.splitext: the root and the last extension; dots that lead the name are no extension.
Result<Val> splitext_filter(Machine& m, const Args& a) {
  TRY(const std::string path, need_string(a, "splitext"));
  const size_t name = path.rfind('/') + 1;
  const size_t first = path.find_first_not_of('.', name);
  const size_t dot = path.rfind('.');
  const bool has = dot != std::string::npos && first != std::string::npos && dot > first;
  const size_t cut = has ? dot : path.size();
  return m.tuple({Val(path.substr(0, cut)), Val(path.substr(cut))});
}

constexpr std::array filters{
    Callable{"tojson", "indent=none", tojson_filter},
    Callable{"fromjson", "", fromjson_filter},
    Callable{"b64encode", "", b64encode_filter},
    Callable{"b64decode", "", b64decode_filter},
    Callable{"sha256", "", sha256_filter},
    Callable{"mask", "keep=4", mask_filter},
    Callable{"basename", "", basename_filter},
    Callable{"dirname", "", dirname_filter},
    Callable{"splitext", "", splitext_filter},
};

}  // namespace

std::span<const Callable> data_filters() { return filters; }

}  // namespace tutti::expr
