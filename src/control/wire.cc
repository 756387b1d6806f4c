// SPDX-License-Identifier: Apache-2.0
#include "control/wire.h"

#include <array>
#include <concepts>
#include <limits>

#include <fmt/format.h>

#include "base/digest.h"
#include "control/fields.h"

namespace tutti::control {
namespace {

Error wrong(std::string_view wanted) {
  return {.code = Code::bad_input, .what = fmt::format("{} is expected", wanted)};
}

// ---- one overload pair a kind of member
// -----------------------------------------------------------

// `readable` is for people and programs that read what we print.
enum class Form : uint8_t { wire, readable };

Value put(bool b, Form) { return b; }
Result<Unit> get(const Value& v, bool& b) {
  if (!v.is_bool()) {
    return fail(wrong("true or false"));
  }
  b = v.as_bool();
  return Unit{};
}

template <std::integral N>
Value put(N n, Form) {
  return static_cast<int64_t>(n);
}
template <std::integral N>
Result<Unit> get(const Value& v, N& n) {
  if (!v.is_int() || !std::in_range<N>(v.as_int())) {
    return fail(wrong("an integer in range"));
  }
  n = static_cast<N>(v.as_int());
  return Unit{};
}

// JSON holds UTF-8 alone; other bytes (a SQL file in Latin-1) must come through unchanged.
Value put(const std::string& text, Form) {
  return is_utf8(text) ? Value(text) : Value::of({{"base64", base64_encode(text)}});
}
Result<Unit> get(const Value& v, std::string& text) {
  if (v.is_string()) {
    text = v.as_string();
    return Unit{};
  }
  if (!v["base64"].is_string()) {
    return fail(wrong("text"));
  }
  TRY(text, base64_decode(v["base64"].as_string()));
  return Unit{};
}

Value put(const Value& v, Form) { return v; }
Result<Unit> get(const Value& from, Value& to) {
  to = from;
  return Unit{};
}

Value put(const RunId& id, Form) { return to_text(id); }
Result<Unit> get(const Value& v, RunId& id) {
  if (!v.is_string()) {
    return fail(wrong("a run's id"));
  }
  TRY(id, parse_run_id(v.as_string()));
  return Unit{};
}

Value put(const TaskNo& no, Form) { return no.value; }
Result<Unit> get(const Value& v, TaskNo& no) { return get(v, no.value); }

Value put(const Instant& instant, Form form) {
  return form == Form::wire ? Value(instant.us) : Value(to_text(instant));
}
Result<Unit> get(const Value& v, Instant& instant) { return get(v, instant.us); }

Value put(const Duration& duration, Form form) {
  return form == Form::wire ? Value(duration.us) : Value(to_text(duration));
}
Result<Unit> get(const Value& v, Duration& duration) { return get(v, duration.us); }

Value put(const Date& date, Form) { return to_text(date); }
Result<Unit> get(const Value& v, Date& date) {
  if (!v.is_string()) {
    return fail(wrong("a date"));
  }
  TRY(date, parse_date(v.as_string()));
  return Unit{};
}

Value put(const Code& code, Form) { return code_name(code); }
Result<Unit> get(const Value& v, Code& code) {
  const auto known = v.is_string() ? code_from_name(v.as_string()) : std::nullopt;
  if (!known) {
    return fail(wrong("an error code"));
  }
  code = *known;
  return Unit{};
}

Value put(const RetryWhat&, Form) { return "failed"; }
Result<Unit> get(const Value& v, RetryWhat& what) {
  if (!v.is_string() || v.as_string() != "failed") {
    return fail(wrong("\"failed\""));
  }
  what = RetryWhat::failed;
  return Unit{};
}

template <class T>
Value put(const std::optional<T>& optional, Form);
template <class T>
Result<Unit> get(const Value& v, std::optional<T>& optional);
template <class T>
Value put(const std::vector<T>& list, Form);
template <class T>
Result<Unit> get(const Value& v, std::vector<T>& list);
Value put(const std::map<std::string, std::string>& map, Form);
Result<Unit> get(const Value& v, std::map<std::string, std::string>& map);

// A page has thousands of lines: who wrote them when is said once for neighbours.
Value put(const std::vector<LogLine>& lines, Form);
Result<Unit> get(const Value& v, std::vector<LogLine>& lines);

struct Encoder {
  Form form;
  ValueMap map = {};
  template <class T>
  void operator()(const char* name, const T& member);
};

struct Decoder {
  const Value& from;
  Result<Unit> result = Unit{};
  template <class T>
  void operator()(const char* name, T& member);
};

template <class T>
  requires std::is_class_v<T>
Value put(const T& object, Form form) {
  Encoder encoder{.form = form};
  fields(encoder, object);
  return std::move(encoder.map);
}
template <class T>
  requires std::is_class_v<T>
Result<Unit> get(const Value& v, T& object) {
  if (!v.is_map()) {
    return fail(wrong("an object"));
  }
  Decoder decoder{v};
  fields(decoder, object);
  return decoder.result;
}

template <class T>
Value put(const std::optional<T>& optional, Form form) {
  return optional ? put(*optional, form) : Value();
}
template <class T>
Result<Unit> get(const Value& v, std::optional<T>& optional) {
  if (v.is_null()) {
    optional.reset();
    return Unit{};
  }
  return get(v, optional.emplace());
}

template <class T>
Value put(const std::vector<T>& list, Form form) {
  ValueList out;
  out.reserve(list.size());
  for (const T& item : list) {
    out.push_back(put(item, form));
  }
  return out;
}
template <class T>
Result<Unit> get(const Value& v, std::vector<T>& list) {
  if (!v.is_list()) {
    return fail(wrong("a list"));
  }
  list.clear();
  list.reserve(v.as_list().size());
  for (const Value& item : v.as_list()) {
    TRY_OK(get(item, list.emplace_back()));
  }
  return Unit{};
}

// A path is a key, and need not be UTF-8 either: so pairs, not a JSON object.
Value put(const std::map<std::string, std::string>& map, Form form) {
  ValueList out;
  for (const auto& [key, text] : map) {
    out.push_back(ValueList{put(key, form), put(text, form)});
  }
  return out;
}
Result<Unit> get(const Value& v, std::map<std::string, std::string>& map) {
  if (!v.is_list()) {
    return fail(wrong("a list of pairs"));
  }
  map.clear();
  for (const Value& pair : v.as_list()) {
    if (!pair.is_list() || pair.as_list().size() != 2) {
      return fail(wrong("a pair"));
    }
    std::string key;
    TRY_OK(get(pair.as_list()[0], key));
    TRY_OK(get(pair.as_list()[1], map[key]));
  }
  return Unit{};
}

Value put(const std::vector<LogLine>& lines, Form form) {
  const auto same_writer = [](const LogLine& a, const LogLine& b) {
    return a.task == b.task && a.attempt == b.attempt && a.stream == b.stream && a.at == b.at;
  };
  ValueList out;
  for (size_t at = 0; at < lines.size();) {
    const LogLine& first = lines[at];
    ValueList texts;
    for (; at < lines.size() && same_writer(first, lines[at]); ++at) {
      texts.push_back(put(lines[at].text, form));
    }
    out.push_back(ValueList{put(first.task, form), put(first.attempt, form),
                            put(first.stream, form), put(first.at, form), std::move(texts)});
  }
  return out;
}
Result<Unit> get(const Value& v, std::vector<LogLine>& lines) {
  const Error wanted = wrong("a list of [task, attempt, stream, at, texts]");
  if (!v.is_list()) {
    return fail(wanted);
  }
  lines.clear();
  for (const Value& group : v.as_list()) {
    if (!group.is_list() || group.as_list().size() != 5 || !group.as_list()[4].is_list()) {
      return fail(wanted);
    }
    const ValueList& parts = group.as_list();
    LogLine line;
    TRY_OK(get(parts[0], line.task));
    TRY_OK(get(parts[1], line.attempt));
    TRY_OK(get(parts[2], line.stream));
    TRY_OK(get(parts[3], line.at));
    for (const Value& text : parts[4].as_list()) {
      TRY_OK(get(text, line.text));
      lines.push_back(line);
    }
  }
  return Unit{};
}

template <class T>
void Encoder::operator()(const char* name, const T& member) {
  map.set(name, put(member, form));
}

template <class T>
void Decoder::operator()(const char* name, T& member) {
  if (result.has_value()) {
    result = get(from[name], member);
    if (!result.has_value()) {
      result.error().what = fmt::format("`{}`: {}", name, result.error().what);
    }
  }
}

constexpr std::array<std::string_view, 11> verb_names{"start", "runs",   "watch", "attempts",
                                                      "logs",  "cancel", "retry", "mark",
                                                      "owner", "drop",   "retire"};

Result<std::string> frame_of(const Value& object) {
  const std::string json = to_json(object);
  if (json.size() > frame_bytes_max) {
    return fail(Code::bad_input,
                fmt::format("a message of {} bytes is too large: the limit is {}", json.size(),
                            frame_bytes_max),
                "ask for less at once");
  }
  const auto size = static_cast<uint32_t>(json.size());
  std::string frame;
  frame.reserve(4 + json.size());
  for (const int shift : {24, 16, 8, 0}) {
    frame.push_back(static_cast<char>(size >> shift & 0xffU));
  }
  return frame + json;
}

Result<uint64_t> id_of(const Value& frame) {
  uint64_t id = 0;
  TRY_OK(get(frame["id"], id));
  return id;
}

}  // namespace

template <class T>
Value encode(const T& object) {
  return put(object, Form::wire);
}

template <class T>
Value readable(const T& object) {
  return put(object, Form::readable);
}

template <class T>
Result<T> decode(const Value& value) {
  T object;
  TRY_OK(get(value, object));
  return object;
}

#define TUTTI_WIRE(T)                \
  template Value encode(const T&);   \
  template Value readable(const T&); \
  template Result<T> decode(const Value&)
TUTTI_WIRE(RunRef);
TUTTI_WIRE(StartRun);
TUTTI_WIRE(RunView);
TUTTI_WIRE(std::vector<RunView>);
TUTTI_WIRE(TaskView);
TUTTI_WIRE(AttemptView);
TUTTI_WIRE(std::vector<AttemptView>);
TUTTI_WIRE(RunChanges);
TUTTI_WIRE(Watch);
TUTTI_WIRE(RunsQuery);
TUTTI_WIRE(LogQuery);
TUTTI_WIRE(LogLine);
TUTTI_WIRE(LogPage);
TUTTI_WIRE(Mark);
TUTTI_WIRE(OwnerView);
TUTTI_WIRE(CancelRun);
TUTTI_WIRE(RetryRun);
TUTTI_WIRE(Error);
#undef TUTTI_WIRE

std::string_view verb_name(Verb verb) { return verb_names[static_cast<size_t>(verb)]; }

Result<std::string> to_frame(const Hello& hello) {
  Value value = put(hello, Form::wire);
  value.edit_map().set("tutti", "control");
  return frame_of(value);
}

Result<std::string> to_frame(const Call& call) {
  Value value = Value::of({{"id", call.id}, {"call", verb_name(call.verb)}, {"with", call.with}});
  if (call.within) {
    value.edit_map().set("within", put(*call.within, Form::wire));
  }
  return frame_of(value);
}

Result<std::string> to_frame(const Reply& reply) {
  return frame_of(
      reply.result.has_value()
          ? Value::of({{"id", reply.id}, {"ok", *reply.result}})
          : Value::of({{"id", reply.id}, {"error", put(reply.result.error(), Form::wire)}}));
}

Result<Hello> to_hello(const Value& frame) {
  if (frame.get_string("tutti") != "control") {
    return fail(Code::bad_input, "the other end does not speak Tutti's control protocol");
  }
  Hello hello;
  TRY_OK(get(frame, hello));
  return hello;
}

Result<Call> to_call(const Value& frame) {
  Call call;
  TRY(call.id, id_of(frame));
  const auto name = std::ranges::find(verb_names, frame.get_string("call"));
  if (name == verb_names.end()) {
    return fail(Code::unsupported,
                fmt::format("the owner knows no call `{}`", frame.get_string("call")),
                "use the same version of tutti on both ends");
  }
  call.verb = static_cast<Verb>(name - verb_names.begin());
  TRY_OK(get(frame["within"], call.within));
  call.with = frame["with"];
  return call;
}

Result<Reply> to_reply(const Value& frame) {
  Reply reply;
  TRY(reply.id, id_of(frame));
  if (const Value* ok = frame.as_map().find("ok")) {
    reply.result = *ok;
    return reply;
  }
  Error error;
  TRY_OK(get(frame["error"], error));
  reply.result = fail(std::move(error));
  return reply;
}

Result<std::optional<Value>> FrameReader::next() {
  const std::string_view left = std::string_view(buffer_).substr(start_);
  if (left.size() < 4) {
    return std::nullopt;
  }
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) {
    size = size << 8U | static_cast<unsigned char>(left[i]);
  }
  if (size > bytes_max_) {
    return fail(Code::bad_input,
                fmt::format("a message of {} bytes is refused: the limit is {}", size, bytes_max_));
  }
  if (left.size() - 4 < size) {
    if (start_ > 0) {
      buffer_.erase(0, start_);
      start_ = 0;
    }
    return std::nullopt;
  }
  TRY(Value value, parse_json(left.substr(4, size), {.bytes_max = frame_bytes_max}));
  if (!value.is_map()) {
    return fail(Code::bad_input, "a message must be a JSON object");
  }
  start_ += 4 + size;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  }
  return value;
}

}  // namespace tutti::control
