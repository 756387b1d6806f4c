// SPDX-License-Identifier: Apache-2.0
#include "control/wire.h"

#include <fmt/format.h>

#include <random>

#include "control/fields.h"

#include "base/doctest.h"

namespace tutti::control {
namespace {

// ---- every member of every struct travels -----------------------------------------------------

struct Anything {
  template <class T>
  operator T() const {  // never called
    std::abort();
  }
};

template <class T, class... Args>
consteval size_t member_count() {
  if constexpr (requires { T{Args{}..., Anything{}}; }) {
    return member_count<T, Args..., Anything>();
  } else {
    return sizeof...(Args);
  }
}

template <class T>
size_t described_count() {
  size_t count = 0;
  T object;
  auto visit = [&](const char*, auto&) { ++count; };
  fields(visit, object);
  return count;
}

#define STRUCTS                                                                             \
  RunRef, StartRun, RunView, TaskView, AttemptView, RunChanges, Watch, RunsQuery, LogQuery, \
      LogLine, LogPage, Mark, OwnerView, CancelRun, RetryRun, Error

TEST_CASE_TEMPLATE("no member is forgotten", T, STRUCTS) {
  CHECK(described_count<T>() == member_count<T>());
}

// ---- what arrives is what was sent --------------------------------------------------------------

class Filler {
 public:
  explicit Filler(uint32_t seed) : random_(seed) {}

  template <class T>
  void operator()(const char*, T& member) {
    fill(member);
  }
  template <class T>
  T make() {
    T object;
    fill(object);
    return object;
  }

 private:
  uint64_t below(uint64_t n) { return random_() % n; }
  void fill(bool& b) { b = below(2) == 1; }
  template <std::integral N>
  void fill(N& n) {
    const auto edge = below(8);
    n = edge == 0   ? static_cast<N>(0)
        : edge == 1 ? static_cast<N>(std::min<uint64_t>(std::numeric_limits<N>::max(), INT64_MAX))
                    : static_cast<N>(below(1000));
  }
  void fill(int64_t& n) {
    n = below(4) == 0 ? INT64_MIN : static_cast<int64_t>(random_() & INT64_MAX);
  }
  void fill(std::string& text) {
    static const std::string pieces[] = {
        "",     "a",    "\n",   "\"\\",    std::string(1, '\0'), "é",
        "\xff", "日本", "\xc3", "\x1b[0m", std::string(300, 'x')};
    for (auto n = below(5); n > 0; --n) {
      text += pieces[below(std::size(pieces))];
    }
  }
  void fill(Value& v) {
    const Value values[] = {Value(),
                            1,
                            -5,
                            2.5,
                            "text",
                            ValueList{1, "b", Value()},
                            Value::of({{"z", 1}, {"a", ValueMap{}}}),
                            true,
                            INT64_MIN};
    v = values[below(std::size(values))];
  }
  void fill(RunId& id) {
    for (auto& byte : id.bytes) {
      byte = static_cast<uint8_t>(random_());
    }
  }
  void fill(TaskNo& no) { fill(no.value); }
  void fill(Instant& instant) { fill(instant.us); }
  void fill(Duration& duration) { fill(duration.us); }
  void fill(Date& date) { date.days = static_cast<int32_t>(below(2'000'000)) - 700'000; }
  void fill(Code& code) { code = static_cast<Code>(below(12)); }
  void fill(RetryWhat&) {}
  template <class T>
  void fill(std::optional<T>& optional) {
    if (below(2) == 0) {
      fill(optional.emplace());
    }
  }
  template <class T>
  void fill(std::vector<T>& list) {
    for (auto n = below(4); n > 0; --n) {
      fill(list.emplace_back());
    }
  }
  void fill(std::map<std::string, std::string>& map) {
    for (auto n = below(4); n > 0; --n) {
      fill(map[make<std::string>()]);
    }
  }
  template <class T>
    requires std::is_class_v<T>
  void fill(T& object) {
    fields(*this, object);
  }

  std::mt19937_64 random_;
};

// Member by member, by the type's own equality.
template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (is_list<T>) {
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return same(x, y); });
  } else if constexpr (std::equality_comparable<T>) {
    return a == b;
  } else {
    std::vector<const void*> members;
    auto gather = [&](const char*, const auto& member) { members.push_back(&member); };
    fields(gather, a);
    bool equal = true;
    size_t next = 0;
    auto compare = [&]<class M>(const char*, const M& member) {
      equal = equal && same(*static_cast<const M*>(members[next++]), member);
    };
    fields(compare, b);
    return equal;
  }
}

TEST_CASE_TEMPLATE("every struct comes back as it was sent, through JSON", T, STRUCTS,
                   std::vector<RunView>, std::vector<AttemptView>) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const T sent = Filler(seed).make<T>();
    const auto parsed = parse_json(to_json(encode(sent)));
    REQUIRE_OK(parsed);
    const Result<T> arrived = decode<T>(*parsed);
    REQUIRE_OK(arrived);
    CHECK(same(sent, *arrived));
  }
}

TEST_CASE("lines of one writer travel together, and come back one by one") {
  LogPage page;
  for (int i = 0; i < 1000; ++i) {
    page.lines.push_back({.task = i < 500 ? "a" : "b", .attempt = 1, .stream = "out", .text = "y"});
  }
  const Value sent = encode(page);
  CHECK(sent["lines"].as_list().size() == 2);
  CHECK(to_json(sent).size() < 6000);
  CHECK(same(page, decode<LogPage>(sent).value()));
}

TEST_CASE("what is printed has times as text") {
  const RunView run{.created = Instant{} + seconds(90), .started = Instant{} + milliseconds(1500)};
  const Value shown = readable(run);
  CHECK(shown["created"] == Value("1970-01-01T00:01:30+00:00"));
  CHECK(shown["started"] == Value("1970-01-01T00:00:01.500000+00:00"));
  CHECK(shown["ended"].is_null());
  const TaskView task{.error = Error{.what = "slow", .retry_after = seconds(90)}};
  CHECK(readable(task)["error"]["retry_after"] == Value("1m30s"));
}

TEST_CASE("a wrong member is named") {
  Value good = encode(Watch{.run = {"latest"}});
  const auto with = [&](const char* name, Value value) {
    Value bad = good;
    bad.edit_map().set(name, std::move(value));
    return decode<Watch>(bad);
  };
  CHECK(decode<Watch>(good).value().run.text == "latest");
  CHECK(with("unknown", 1).has_value());
  CHECK(with("since", "x").error().what.find("`since`") != std::string::npos);
  CHECK(with("since", -1).error().code == Code::bad_input);
  CHECK(with("outputs", 1).error().what.find("`outputs`") != std::string::npos);
  CHECK(with("run", Value::of({{"text", 4}})).error().what.find("`run`: `text`") == 0);
  CHECK(!decode<Watch>(Value(ValueMap{})).has_value());
  CHECK(!decode<Watch>(Value(3)).has_value());
}

// ---- frames ------------------------------------------------------------------------------------

Value only_frame(const std::string& bytes) {
  FrameReader reader;
  reader.feed(bytes);
  return reader.next().value().value();
}

TEST_CASE("calls and replies travel in frames") {
  for (int i = 0; i <= static_cast<int>(Verb::retire); ++i) {
    const Call sent{
        .id = 7, .verb = static_cast<Verb>(i), .within = seconds(3), .with = Value::of({{"a", 1}})};
    const auto call = to_call(only_frame(to_frame(sent).value()));
    REQUIRE_OK(call);
    CHECK(call->id == 7);
    CHECK(call->verb == sent.verb);
    CHECK(call->within == sent.within);
    CHECK(call->with == sent.with);
  }
  CHECK(to_reply(only_frame(to_frame(Reply{.id = 1, .result = Value(5)}).value())).value().result ==
        Result<Value>(Value(5)));
  const Error error{.code = Code::conflict,
                    .what = "no",
                    .where = "here",
                    .remedy = "do",
                    .retry_after = seconds(1),
                    .provider_code = "X"};
  const auto reply =
      to_reply(only_frame(to_frame(Reply{.id = 2, .result = fail(error)}).value())).value();
  CHECK(reply.result.error() == error);
  CHECK(to_hello(only_frame(to_frame(Hello{.version = "1.0", .pid = 4}).value())).value().pid == 4);
}

TEST_CASE("frames are found wherever the stream is cut") {
  std::string stream;
  for (uint64_t id = 1; id <= 5; ++id) {
    stream += to_frame(Call{.id = id, .with = std::string(id * 10, 'x')}).value();
  }
  for (size_t piece = 1; piece < stream.size(); ++piece) {
    FrameReader reader;
    uint64_t seen = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view(stream).substr(at, piece));
      while (true) {
        auto frame = reader.next();
        REQUIRE_OK(frame);
        if (!frame->has_value()) {
          break;
        }
        CHECK(to_call(**frame).value().id == ++seen);
      }
    }
    CHECK(seen == 5);
  }
}

TEST_CASE("hostile frames are refused before they are kept") {
  const auto refused = [](std::string_view bytes, size_t bytes_max = frame_bytes_max) {
    FrameReader reader(bytes_max);
    reader.feed(bytes);
    auto frame = reader.next();
    return !frame.has_value() && frame.error().code == Code::bad_input;
  };
  using namespace std::string_view_literals;
  CHECK(refused("\xff\xff\xff\xff"sv));
  CHECK(refused("GET / HTTP/1.1\r\n"sv));
  CHECK(refused("\0\0\x20\0"sv, FrameReader::hello_bytes_max));
  CHECK(refused("\0\0\0\0"sv));
  CHECK(refused("\0\0\0\x02[]"sv));
  CHECK(refused("\0\0\0\x02\xff\xff"sv));
  CHECK(refused("\0\0\0\x03{\"a"sv));
  CHECK(!to_call(Value::of({{"id", 1}, {"call", "format_disk"}})).has_value());
  CHECK(!to_call(Value::of({{"id", "x"}, {"call", "runs"}})).has_value());
  CHECK(!to_reply(Value::of({{"id", 1}})).has_value());
  CHECK(!to_hello(Value::of({{"tutti", "other"}})).has_value());
}

TEST_CASE("bytes nobody meant as a message never crash the reader") {
  std::mt19937_64 random(1);
  const std::string seed = to_frame(Call{.id = 3, .with = encode(Watch{})}).value();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seed;
    for (int n = 0; n < 3; ++n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    FrameReader reader(100'000);
    reader.feed(bytes);
    if (auto frame = reader.next(); frame.has_value() && frame->has_value()) {
      if (auto call = to_call(**frame); call.has_value()) {
        (void)decode<Watch>(call->with);
      }
    }
  }
}

}  // namespace
}  // namespace tutti::control
