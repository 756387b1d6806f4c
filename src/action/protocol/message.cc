// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/message.h"

#include <array>
#include <limits>

#include <fmt/format.h>

#include "action/protocol/frame.h"

namespace tutti::action {
namespace {

constexpr std::array stream_names = {"out", "err", "system"};
constexpr std::array reason_names = {"code", "data", "infrastructure", "timeout", "policy"};

std::unexpected<Error> malformed(std::string_view type, std::string_view what) {
  return fail(Code::corrupt, fmt::format("a {} message {}", type, what),
              fmt::format("send what {} describes", protocol_name));
}

Result<std::string> text_member(const Value& m, std::string_view type, std::string_view key) {
  if (!m[key].is_string()) {
    return malformed(type, fmt::format("without a text `{}`", key));
  }
  return m[key].as_string();
}

Result<int64_t> number_member(const Value& m, std::string_view type, std::string_view key) {
  if (!m[key].is_int() || m[key].as_int() <= 0) {
    return malformed(type, fmt::format("without a positive integer `{}`", key));
  }
  return m[key].as_int();
}

Result<std::optional<int64_t>> count_member(const Value& m, std::string_view key) {
  if (m[key].is_null()) {
    return std::nullopt;
  }
  if (!m[key].is_int() || m[key].as_int() < 0) {
    return malformed(m.get_string("type"), fmt::format("whose `{}` is no count", key));
  }
  return std::optional<int64_t>(m[key].as_int());
}

// The member, which must be a map; an absent one is an empty map.
Result<Value> map_member(const Value& m, std::string_view type, std::string_view key) {
  if (m[key].is_null()) {
    return Value(ValueMap{});
  }
  if (!m[key].is_map()) {
    return malformed(type, fmt::format("whose `{}` is no map", key));
  }
  return m[key];
}

template <size_t N>
Result<size_t> choice(const Value& m, std::string_view key, const std::array<const char*, N>& names,
                      size_t fallback) {
  if (m[key].is_null()) {
    return fallback;
  }
  for (size_t i = 0; i < N; ++i) {
    if (m[key].is_string() && m[key].as_string() == names[i]) {
      return i;
    }
  }
  return malformed(m.get_string("type"), fmt::format("with an unknown `{}`", key));
}

Result<Message> parse_hello(const Value& m) {
  TRY(auto protocol, text_member(m, "hello", "protocol"));
  TRY(auto setup, map_member(m, "hello", "setup"));
  Hello hello{.protocol = std::move(protocol),
              .name = std::string(m.get_string("name")),
              .version = std::string(m.get_string("version")),
              .setup = std::move(setup)};
  if (!m["error"].is_null()) {
    hello.error = error_from_value(m["error"]);
  }
  return hello;
}

template <class T>
Result<Message> parse_work(const Value& m, std::string_view type) {
  TRY(auto id, number_member(m, type, "id"));
  TRY(auto info, map_member(m, type, "info"));
  TRY(auto with, map_member(m, type, "with"));
  return T{.id = id, .info = std::move(info), .with = std::move(with)};
}

Result<Message> parse_cancel(const Value& m) {
  TRY(auto id, number_member(m, "cancel", "id"));
  return Cancel{.id = id, .reason = std::string(m.get_string("reason"))};
}

Result<Message> parse_answer(const Value& m) {
  TRY(auto id, number_member(m, "answer", "id"));
  TRY(auto request, number_member(m, "answer", "request"));
  Answer answer{.id = id, .request = request, .value = m["value"]};
  if (!m["error"].is_null()) {
    answer.error = error_from_value(m["error"]);
  }
  return answer;
}

Result<Message> parse_log(const Value& m) {
  TRY(auto id, number_member(m, "log", "id"));
  TRY(auto stream, choice(m, "stream", stream_names, 0));
  TRY(auto text, text_member(m, "log", "text"));
  return Log{.id = id, .stream = Stream{static_cast<uint8_t>(stream)}, .text = std::move(text)};
}

Result<Message> parse_progress(const Value& m) {
  TRY(auto id, number_member(m, "progress", "id"));
  TRY(auto bytes_done, count_member(m, "bytes_done"));
  TRY(auto bytes_total, count_member(m, "bytes_total"));
  TRY(auto items_done, count_member(m, "items_done"));
  TRY(auto items_total, count_member(m, "items_total"));
  return ProgressNote{.id = id,
                      .progress = {.bytes_done = bytes_done.value_or(0),
                                   .bytes_total = bytes_total,
                                   .items_done = items_done.value_or(0),
                                   .items_total = items_total}};
}

Result<Message> parse_request(const Value& m) {
  TRY(auto id, number_member(m, "request", "id"));
  TRY(auto request, number_member(m, "request", "request"));
  TRY(auto what, text_member(m, "request", "what"));
  TRY(auto args, map_member(m, "request", "args"));
  return Request{.id = id, .request = request, .what = std::move(what), .args = std::move(args)};
}

Result<Message> parse_done(const Value& m) {
  TRY(auto id, number_member(m, "done", "id"));
  TRY(auto output, map_member(m, "done", "output"));
  return Finished{.id = id, .outcome = Done{.output = std::move(output)}};
}

Result<Message> parse_failed(const Value& m) {
  TRY(auto id, number_member(m, "failed", "id"));
  TRY(auto reason, choice(m, "reason", reason_names, 0));
  TRY(auto output, map_member(m, "failed", "output"));
  TRY(auto what, text_member(m["error"], "failed", "what"));
  return Finished{.id = id,
                  .outcome = Failed{.error = error_from_value(m["error"]),
                                    .reason = FailReason{static_cast<uint8_t>(reason)},
                                    .retryable = m.get_bool("retryable", true),
                                    .output = std::move(output)}};
}

Result<Preview::Step> parse_step(const Value& m) {
  TRY(auto what, text_member(m, "planned", "what"));
  TRY(auto objects, count_member(m, "objects"));
  TRY(auto bytes, count_member(m, "bytes"));
  return Preview::Step{.what = std::move(what),
                       .objects = objects,
                       .bytes = bytes,
                       .detail = std::string(m.get_string("detail"))};
}

Result<Message> parse_planned(const Value& m) {
  TRY(auto id, number_member(m, "planned", "id"));
  Preview preview;
  for (const std::string_view key : {"steps", "unknown"}) {
    if (!m[key].is_null() && !m[key].is_list()) {
      return malformed("planned", fmt::format("whose `{}` is no list", key));
    }
  }
  if (m["steps"].is_list()) {
    for (const Value& each : m["steps"].as_list()) {
      TRY(auto step, parse_step(each));
      preview.steps.push_back(std::move(step));
    }
  }
  if (m["unknown"].is_list()) {
    for (const Value& each : m["unknown"].as_list()) {
      if (!each.is_string()) {
        return malformed("planned", "whose `unknown` holds no texts");
      }
      preview.unknown.push_back(each.as_string());
    }
  }
  return Planned{.id = id, .preview = std::move(preview)};
}

void set_if(ValueMap& map, const char* key, const std::string& text) {
  if (!text.empty()) {
    map.set(key, text);
  }
}

void set_if(ValueMap& map, const char* key, const std::optional<int64_t>& number) {
  if (number) {
    map.set(key, *number);
  }
}

Value members(const Hello& m) {
  ValueMap out{
      {"type", "hello"}, {"protocol", m.protocol}, {"name", m.name}, {"version", m.version}};
  if (m.setup.is_map() && !m.setup.as_map().empty()) {
    out.set("setup", m.setup);
  }
  if (m.error) {
    out.set("error", to_value(*m.error));
  }
  return out;
}

Value members(const Run& m) {
  return ValueMap{{"type", "run"}, {"id", m.id}, {"info", m.info}, {"with", m.with}};
}

Value members(const Plan& m) {
  return ValueMap{{"type", "plan"}, {"id", m.id}, {"info", m.info}, {"with", m.with}};
}

Value members(const Cancel& m) {
  return ValueMap{{"type", "cancel"}, {"id", m.id}, {"reason", m.reason}};
}

Value members(const Answer& m) {
  ValueMap out{{"type", "answer"}, {"id", m.id}, {"request", m.request}};
  if (m.error) {
    out.set("error", to_value(*m.error));
  } else {
    out.set("value", m.value);
  }
  return out;
}

Value members(const Bye&) { return ValueMap{{"type", "bye"}}; }

Value members(const Log& m) {
  return ValueMap{{"type", "log"},
                  {"id", m.id},
                  {"stream", stream_names[static_cast<size_t>(m.stream)]},
                  {"text", m.text}};
}

Value members(const ProgressNote& m) {
  ValueMap out{{"type", "progress"},
               {"id", m.id},
               {"bytes_done", m.progress.bytes_done},
               {"items_done", m.progress.items_done}};
  set_if(out, "bytes_total", m.progress.bytes_total);
  set_if(out, "items_total", m.progress.items_total);
  return out;
}

Value members(const Request& m) {
  return ValueMap{{"type", "request"},
                  {"id", m.id},
                  {"request", m.request},
                  {"what", m.what},
                  {"args", m.args}};
}

Value members(const Finished& m) {
  if (const Done* done = std::get_if<Done>(&m.outcome)) {
    return ValueMap{{"type", "done"}, {"id", m.id}, {"output", done->output}};
  }
  const Failed& failed = std::get<Failed>(m.outcome);
  return ValueMap{{"type", "failed"},
                  {"id", m.id},
                  {"error", to_value(failed.error)},
                  {"reason", reason_names[static_cast<size_t>(failed.reason)]},
                  {"retryable", failed.retryable},
                  {"output", failed.output}};
}

Value members(const Planned& m) {
  ValueList steps;
  for (const Preview::Step& step : m.preview.steps) {
    ValueMap out{{"what", step.what}};
    set_if(out, "objects", step.objects);
    set_if(out, "bytes", step.bytes);
    set_if(out, "detail", step.detail);
    steps.emplace_back(std::move(out));
  }
  ValueList unknown(m.preview.unknown.begin(), m.preview.unknown.end());
  return ValueMap{{"type", "planned"},
                  {"id", m.id},
                  {"steps", std::move(steps)},
                  {"unknown", std::move(unknown)}};
}

}  // namespace

Result<Message> parse_message(std::string_view json) {
  TRY(auto m, parse_json(json, {.bytes_max = frame_bytes_max}));
  const std::string_view type = m.get_string("type");
  if (type == "hello") {
    return parse_hello(m);
  }
  if (type == "run") {
    return parse_work<Run>(m, type);
  }
  if (type == "plan") {
    return parse_work<Plan>(m, type);
  }
  if (type == "cancel") {
    return parse_cancel(m);
  }
  if (type == "answer") {
    return parse_answer(m);
  }
  if (type == "bye") {
    return Bye{};
  }
  if (type == "log") {
    return parse_log(m);
  }
  if (type == "progress") {
    return parse_progress(m);
  }
  if (type == "request") {
    return parse_request(m);
  }
  if (type == "done") {
    return parse_done(m);
  }
  if (type == "failed") {
    return parse_failed(m);
  }
  if (type == "planned") {
    return parse_planned(m);
  }
  return fail(Code::corrupt, fmt::format("a message of unknown type \"{}\"", type.substr(0, 40)),
              fmt::format("send what {} describes", protocol_name));
}

Value to_value(const Message& message) {
  return std::visit([](const auto& m) { return members(m); }, message);
}

Result<std::string> to_frame(const Message& message) {
  return frame_of(to_json(to_value(message)));
}

Value to_value(const Error& error) {
  ValueMap out{{"code", code_name(error.code)}, {"what", error.what}};
  set_if(out, "where", error.where);
  set_if(out, "remedy", error.remedy);
  set_if(out, "provider_code", error.provider_code);
  if (error.retry_after) {
    out.set("retry_after_ms", error.retry_after->us / 1000);
  }
  return out;
}

Error error_from_value(const Value& value) {
  Error error{.code = code_from_name(value.get_string("code")).value_or(Code::internal),
              .what = std::string(value.get_string("what")),
              .where = std::string(value.get_string("where")),
              .remedy = std::string(value.get_string("remedy")),
              .provider_code = std::string(value.get_string("provider_code"))};
  constexpr int64_t wait_ms_max = 7LL * 24 * 3600 * 1000;
  if (const int64_t wait_ms = value.get_int("retry_after_ms", -1); wait_ms >= 0) {
    error.retry_after = milliseconds(std::min(wait_ms, wait_ms_max));
  }
  if (error.what.empty()) {
    error.what = "it failed without saying why";
  }
  return error;
}

Value to_value(const AttemptInfo& info) {
  ValueMap env;
  for (const auto& [name, text] : info.env) {
    env.set(name, text);
  }
  return ValueMap{{"attempt", to_text(info.id)},
                  {"workflow", info.workflow},
                  {"task", info.task},
                  {"profile", info.profile},
                  {"project", info.project.string()},
                  {"scratch", info.scratch.string()},
                  {"env", std::move(env)},
                  {"runtime", info.runtime}};
}

}  // namespace tutti::action
