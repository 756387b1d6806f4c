// SPDX-License-Identifier: Apache-2.0
// Typed results, errors, limits, secrets and unknown values. That texts are those of Jinja2 is
// shown by tests/conformance/expr.
#include <string>
#include <vector>

#include "core/expr/allocations.h"
#include "core/expr/expr.h"

#include "base/doctest.h"

namespace tutti::expr {
namespace {

Context sample() {
  Context context;
  context.set("ds", Value("2026-11-21"));
  context.set("params", Value::of({{"start", "2026-01-01"}, {"days", 3}, {"ratio", 0.5}}));
  context.set("files", Value(ValueList{Value::of({{"key", "a.csv"}, {"size", 10}}),
                                       Value::of({{"key", "b.csv"}, {"size", 20}})}));
  return context;
}

Context with_secrets() {
  Context context = sample();
  context.set_secrets([](std::string_view name) -> Result<Value> {
    if (name == "token") {
      return Value("s3cr3t");
    }
    if (name == "login") {
      return Value::of({{"user", "ann"}, {"password", "pa55"}});
    }
    if (name == "broken") {
      return fail(Code::denied, "the vault refused 'broken'");
    }
    return fail(Code::not_found, "no such secret");
  });
  return context;
}

Result<Rendered> rendered(std::string_view text, const Context& context, Limits limits = {}) {
  auto parsed = parse_template(text);
  if (!parsed) {
    return std::unexpected(to_error(parsed.error(), text));
  }
  return render(*parsed, context, limits);
}

// The result as JSON, or the error's text.
std::string outcome(std::string_view text, const Context& context = sample(), Limits limits = {}) {
  auto result = rendered(text, context, limits);
  return result ? to_json(result->value) : result.error().text();
}

// The JSON pointers of what is secret in the result, or the error.
std::string secret_parts(std::string_view text) {
  auto result = rendered(text, with_secrets());
  if (!result) {
    return result.error().text();
  }
  std::string out;
  for (const std::string& part : result->secret_parts) {
    out += "[" + part + "]";
  }
  return out;
}

std::string redacted(std::string_view text) {
  Context context = sample();
  context.redact_secrets();
  return outcome(text, context);
}

}  // namespace

TEST_CASE("a single expression keeps its type, everything else is text") {
  CHECK(outcome("{{ params.days }}") == "3");
  CHECK(outcome("{{ params.days }} ") == R"("3 ")");
  CHECK(outcome("{{ params.ratio * 2 }}") == "1.0");
  CHECK(outcome("{{ '1' }}") == R"("1")");  // a text is never read as a literal
  CHECK(outcome("{{ none }}") == "null");
  CHECK(outcome("{{ params }}") == R"({"start":"2026-01-01","days":3,"ratio":0.5})");
  CHECK(outcome("{{ (1, 2) }}") == "[1,2]");
  CHECK(outcome("<{{ params.items() }}>") ==
        R"("<[('start', '2026-01-01'), ('days', 3), ('ratio', 0.5)]>")");
  CHECK(outcome("<{{ {'b': 1, 'a': 2} | dictsort }}>") == R"("<[('a', 2), ('b', 1)]>")");
  CHECK(outcome("<{{ [{'k': 1}] | groupby('k') }}>") == R"("<[(1, [{'k': 1}])]>")");
  CHECK(outcome("{{ range(3) }}") == "[0,1,2]");
  CHECK(outcome("{{ files | map(attribute='size') }}") == "[10,20]");
  CHECK(outcome("{{ params.items() }}") == R"([["start","2026-01-01"],["days",3],["ratio",0.5]])");
  CHECK(outcome("plain { text }\n") == R"("plain { text }\n")");
  CHECK(outcome("{% if params.days > 2 %}yes{% endif %}") == R"("yes")");
  auto expression = parse_expression("params.days == 3 and ds is defined").value();
  CHECK(render(expression, sample())->value == Value(true));
  CHECK(truth(Value(ValueList{Value(1)})));
  CHECK_FALSE(truth(Value("")));
  CHECK_FALSE(truth(Value(0.0)));
  CHECK(to_text(Value(ValueList{Value(), Value(true), Value(1.0), Value("it's")})) ==
        R"([None, True, 1.0, "it's"])");
}

TEST_CASE("an inline `if` without `else` is empty text, false and without items") {
  const std::string nothing = "('y' if params.days > 5)";
  const auto in_text = [&nothing](const std::string& rest) {
    return outcome("<{{ " + nothing + rest + " }}>");
  };
  CHECK(in_text("") == "\"<>\"");
  CHECK(in_text(" ~ 'a'") == "\"<a>\"");
  CHECK(in_text(" or 'a'") == "\"<a>\"");
  CHECK(in_text(" and 'a'") == "\"<>\"");
  CHECK(in_text(" is defined") == "\"<False>\"");
  CHECK(in_text(" is undefined") == "\"<True>\"");
  CHECK(in_text(" is none") == "\"<False>\"");
  CHECK(in_text(" is sequence") == "\"<True>\"");
  CHECK(in_text(" is iterable") == "\"<True>\"");
  CHECK(in_text(" == ''") == "\"<False>\"");
  CHECK(in_text(" != none") == "\"<True>\"");
  CHECK(in_text(" == " + nothing) == "\"<True>\"");
  CHECK(in_text(" in [1, " + nothing + "]") == "\"<True>\"");
  CHECK(in_text(" in params") == "\"<False>\"");
  CHECK(in_text(" | default('a')") == "\"<a>\"");
  CHECK(in_text(" | length") == "\"<0>\"");
  CHECK(in_text(" | list") == "\"<[]>\"");
  CHECK(in_text(" | join(',')") == "\"<>\"");
  CHECK(in_text(" | upper | center(3)") == "\"<   >\"");
  CHECK(in_text(" | truncate(3)") == "\"<>\"");
  CHECK(in_text(" | select | list") == "\"<[]>\"");
  CHECK(outcome("<{{ 1 in " + nothing + " }}>") == "\"<False>\"");
  CHECK(outcome("<{{ '%s.' % " + nothing + " }}{{ '.' % " + nothing + " }}>") == "\"<..>\"");
  CHECK(outcome("<{{ ['a', " + nothing + "] | join(',') }}>") == "\"<a,>\"");
  CHECK(outcome("<{{ [" + nothing + "] }}>") == "\"<[Undefined]>\"");  // as Jinja2 prints it
  CHECK(outcome("<{{ {'a': " + nothing + "}.a }}>") == "\"<>\"");
  CHECK(outcome("<{{ files[" + nothing + "] | default('a') }}>") == "\"<a>\"");
  CHECK(outcome("<{{ {}.get(" + nothing + ", 1) }}>") == "\"<1>\"");
  CHECK(outcome("{% if " + nothing + " %}a{% else %}b{% endif %}") == "\"b\"");
  CHECK(outcome("{% for c in " + nothing + " %}a{% else %}b{% endfor %}") == "\"b\"");
  CHECK(outcome("{% set x = 'y' if false %}<{{ x }}>") == "\"<>\"");
  CHECK(outcome("{{ 'x' if params.days > 2 }}") == "\"x\"");
}

TEST_CASE("an inline `if` without `else` is none as a typed result") {
  CHECK(outcome("{{ 'y' if false }}") == "null");
  CHECK(outcome("{{ ['y' if false, 1] }}") == "[null,1]");
  auto condition = parse_expression("'y' if params.days > 5").value();
  CHECK(render(condition, sample())->value == Value());
}

TEST_CASE("what needs a value refuses an inline `if` without `else`") {
  for (const char* text :
       {"('y' if false) + 1", "'a' + ('y' if false)", "-('y' if false)", "[1] * (2 if false)",
        "('y' if false) < 1", "('y' if false) % 2", "('y' if false).a", "('y' if false)['a']",
        "('y' if false)[1:]", "[1][(1 if false):]", "('y' if false).upper()",
        "('y' if false) | int", "('y' if false) | tojson", "('y' if false) | wordwrap(5)",
        "range(3 if false)", "('y' if false) is odd", "'a,b'.split(',' if false)"}) {
    CAPTURE(text);
    CHECK(outcome(std::string("<{{ ") + text + " }}>").contains("the inline `if` has no `else`"));
  }
  CHECK(outcome("{{ ('y' if false) in 'abc' }}").contains("needs a string"));
  CHECK(outcome("{{ files[0 if false] }}").contains("the inline `if` has no `else`"));
}

TEST_CASE("an error names the template's words, the place and the remedy") {
  CHECK(outcome("{{ parms.start }}") == "1:4: 'parms' is not defined. did you mean 'params'?");
  CHECK(outcome("a\n  {{ params.strat }}") ==
        "2:6: 'params.strat' is not defined: there is no member 'strat'. did you mean 'start'?");
  CHECK(outcome("{{ params['x y'] }}") ==
        "1:4: 'params['x y']' is not defined: there is no member 'x y'");
  CHECK(outcome("{{ files[7].key }}") ==
        "1:4: 'files[7]' is not defined: there is no item 7. ask its length before");
  CHECK(outcome("{{ ds + 1 }}") ==
        "1:7: '+' does not work on a string and an integer. convert with `int`, `float` or "
        "`string`; `~` joins texts");
  CHECK(outcome("{{ 1 / 0 }}") == "1:6: division by zero. ask before: `a / b if b else 0`");
  CHECK(outcome("{{ 9223372036854775807 + 1 }}").contains("does not fit into a whole number"));
  CHECK(outcome("{{ ds | uper }}") == "1:9: there is no filter 'uper'. did you mean 'upper'?");
  CHECK(outcome("{{ ds | random }}").contains("same result each time"));
  CHECK(outcome("{{ ds is strng }}") == "1:10: there is no test 'strng'. did you mean 'string'?");
  CHECK(outcome("{{ ds | truncate(lenght=3) }}") ==
        "1:9: 'truncate' has no argument 'lenght'. its arguments are: length=255 killwords=false "
        "end='...' leeway=5");
  CHECK(outcome("{{ ['a', 1] | sort }}") ==
        "1:15: an integer and a string have no order. compare values of one type; `int` and "
        "`string` convert");
  CHECK(outcome("{{ ds.upperr() }}") ==
        "1:4: a string has no method 'upperr'. did you mean 'upper'?");
  CHECK(outcome("{{ rnge(3) }}") == "1:4: 'rnge' is no function. did you mean 'range'?");
  CHECK(outcome("{% for a, b in [[1]] %}{% endfor %}") ==
        "1:8: 2 names are to be set, but there are 1 values. give as many names as values");
  CHECK(outcome("{{ {1: 2} }}").contains("the key of a map is a string"));
}

// A template that would take for ever, or all memory, with limits small enough to reach. `error` is
// part of what stops it.
struct Hostile {
  const char* text;
  const char* error;
};
constexpr Limits small = {.steps_max = 50'000, .output_bytes_max = 1u << 20};

// What is copied is paid for: a step stands for about 256 bytes, and for a few objects.
constexpr size_t step_bytes_max = 1024;

const std::vector<Hostile> hostile = {
    {"{% for i in range(10**9) %}{% endfor %}", "more than 50000 steps"},
    {"{{ range(10**18) | list }}", "a list of more than"},
    {"{{ range(10**18) | sum }}", "a list of more than"},
    {"{{ 'x' * 10**12 }}", "a text of more than"},
    {"{{ [1] * 10**12 }}", "a list of more than"},
    {"{{ 'x' | center(10**12) }}", "a text of more than"},
    {"{{ '%1000000000d' % 1 }}", "width over"},
    {"{{ 2 ** 100000 }}", "64 bits"},
    {"{% set n = namespace(x=['a']) %}{% for i in range(10000) %}{% set n.x = [n.x] %}{% endfor %}",
     "nested more than 100 deep"},
    // Shared lists: small in memory, huge when printed.
    {"{% set n = namespace(x=['a']) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}"
     "{% endfor %}{{ n.x }}",
     "more than 50000 steps"},
    {"{% set n = namespace(x='a') %}{% for i in range(90) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
     "{{ n.x }}",
     "a text of more than"},
    {"{% for i in range(100) %}{{ 'x' * 500000 }}{% endfor %}", "a text of more than"},
    {"{% for i in range(100000) %}{{ params.nope is defined }}{{ nope is defined }}{% endfor %}",
     "more than 50000 steps"},
    {"{% for i in range(100000) %}{% if big %}{% endif %}{% endfor %}", "more than 50000 steps"},
    {"{% for i in range(100000) %}{% if rows %}{% endif %}{% endfor %}", "more than 50000 steps"},
};

TEST_CASE("steps, text, lists and depth are limited, and what stops late has paid for its work") {
  Context context = sample();
  context.set("big", Value(std::string(8u << 20, 'x')));
  context.set("rows", Value(ValueList(200'000, Value(1))));
  for (const Hostile& each : hostile) {
    INFO(each.text);
    const size_t before = allocated_bytes();
    const std::string said = outcome(each.text, context, small);
    const size_t allocated = allocated_bytes() - before;
    CHECK(said.contains(each.error));
    CHECK(allocated < small.steps_max * step_bytes_max);
  }
  CHECK(outcome("{% for i in range(10) %}{{ i }}{% endfor %}", sample(), {.steps_max = 20})
            .contains("more than 20 steps"));
  CHECK(outcome("{{ 'x' * 100 }}", sample(), {.output_bytes_max = 99}).contains("99 bytes"));
}

TEST_CASE("the ends of the whole numbers are no trap") {
  const std::string least = "{% set least = -9223372036854775807 - 1 %}";
  const std::string most = "{% set most = 9223372036854775807 %}";
  CHECK(outcome(least + "{{ least // -1 }}").contains("64 bits"));
  CHECK(outcome(least + "{{ least % -1 }}") == "\"0\"");
  CHECK(outcome(least + "{{ -least }}").contains("64 bits"));
  CHECK(outcome(least + "{{ least | abs }}").contains("64 bits"));
  CHECK(outcome(least + "{{ 'ab' | center(least) }}{{ 'ab'.zfill(least) }}") == "\"abab\"");
  CHECK(outcome(most + "{{ 'ab' | center(most) }}").contains("a text of more than"));
  CHECK(outcome(most + "{{ 'ab'[most:] }}{{ 'ab'[::most] }}{{ 'ab'[most] is defined }}") ==
        "\"aFalse\"");
  CHECK(outcome(least + "{{ [1, 2][least:] }}{{ [1, 2][::least] }}") == "\"[1, 2][2]\"");
  CHECK(outcome(least + most + "{{ range(least, most) | length }}").contains("64 bits can count"));
  CHECK(outcome(least + most + "{{ range(least, most, most) | list }}") ==
        "\"[-9223372036854775808, -1, 9223372036854775806]\"");
  CHECK(outcome(least + most + "{{ most - 1 in range(least, most, most) }}") == "\"True\"");
  CHECK(outcome(least + "{{ ds | ds_add(least) }}").contains("years 1 to 9999"));
  CHECK(outcome(least + "{{ ds | date_add(least) }}").contains("duration or days"));
  CHECK(outcome(least + "{{ least | round(-5) }}").contains("64 bits"));
  CHECK(outcome("{{ ['nan' | float, 'nan' | float] | unique | length }}").contains("1"));
}

TEST_CASE(
    "a name that is not defined is not in an empty list, and not to be looked for in others") {
  CHECK(outcome("{{ nope in [] }}{{ nope in range(0) }}") == "\"FalseFalse\"");
  for (const char* box : {"[1]", "(1,)", "range(3)", "'text'", "params", "{}"}) {
    CAPTURE(box);
    CHECK(outcome(std::string("{{ nope in ") + box + " }}").contains("'nope' is not defined"));
  }
}

TEST_CASE("a namespace cannot end up in itself") {
  const std::string made = "{% set n = namespace() %}";
  CHECK(outcome(made + "{% set n.x = n %}").contains("cannot be part of"));
  CHECK(outcome(made + "{% set n.x = [n] %}").contains("cannot be part of"));
  CHECK(outcome(made + "{% for i in [1] %}{{ loop.changed(n, loop) }}{% endfor %}")
            .contains("cannot be part of"));
  CHECK(outcome("{% set p.x = 1 %}").contains("'p' is no namespace"));
}

TEST_CASE("what depends on a secret is marked") {
  CHECK(secret_parts("{{ ds }}").empty());
  CHECK(secret_parts("{{ secrets.token }}") == "[]");
  CHECK(secret_parts("Bearer {{ secrets.token }}") == "[]");
  CHECK(secret_parts("{{ secrets['token'] }}") == "[]");
  CHECK(secret_parts("{{ secrets.login.password }}") == "[]");
  for (const char* derived :
       {"secrets.token ~ 'x'",
        "'x' + secrets.token",
        "secrets.token[0]",
        "secrets.token[1:3]",
        "secrets.token | upper",
        "secrets.token | length",
        "secrets.token | b64encode",
        "secrets.token | sha256",
        "['a', secrets.token] | join('-')",
        "'%s' % secrets.token",
        "'%s' | format(secrets.token)",
        "'a' | replace('a', secrets.token)",
        "{'t': secrets.token} | tojson",
        "secrets.token == 'x'",
        "'x' in secrets.token",
        "secrets.token is string",
        "not secrets.token",
        "secrets.token and 1",
        "1 if secrets.token else 2",
        "1 if not secrets.token",
        "secrets.token.split('c') | first",
        "secrets.token | default('x')",
        "secrets.nothing | default('x')",
        "[3, 1] | sort(reverse=secrets.token)",
        "secrets.token | list | count",
        "'{\"a\": [1]}' | replace('1', secrets.token | length | string) | fromjson",
        "[1, 2][secrets.token | length - 5]",
        "params[secrets.token] | default(1)",
        "(secrets.token, 'a') | max",
        "secrets.login.items() | list | length",
        "'a' | mask(secrets.token | length)",
        "secrets.token * 2"}) {
    CAPTURE(derived);
    CHECK(secret_parts(std::string("{{ ") + derived + " }}") != "");
  }
  CHECK(secret_parts("{{ {'a': [1, secrets.token], 'b/c': secrets.token, 'd': 2} }}") ==
        "[/a/1][/b~1c]");
  CHECK(secret_parts("{{ ['x', secrets.token] | first }}").empty());
  CHECK(secret_parts("{{ ['x', secrets.token] | length }}").empty());
  CHECK(secret_parts("{{ ['x', secrets.token] | map('upper') }}") == "[/1]");
  CHECK(secret_parts("{{ ['x', secrets.token] + [1] }}") == "[/1]");
  CHECK(secret_parts("{% if secrets.token == 's' %}a{% else %}b{% endif %}") == "[]");
  CHECK(secret_parts("{% if secrets.token == 's' %}a{% endif %}") == "[]");
  CHECK(secret_parts("{% for c in secrets.token %}.{% endfor %}") == "[]");
  CHECK(secret_parts("{% for f in files if f.key != secrets.token %}.{% endfor %}") == "[]");
  CHECK(secret_parts("{% set x = 1 %}{% if secrets.token %}{% set x = 2 %}{% endif %}{{ x }}") ==
        "[]");
  CHECK(secret_parts("{% set x %}{{ secrets.token }}{% endset %}{% if ds %}{{ x }}{% endif %}") ==
        "[]");
  CHECK(secret_parts("{% filter upper %}{{ secrets.token }}{% endfilter %}") == "[]");
  CHECK(secret_parts("{% set n = namespace(x=1) %}{% for c in secrets.token %}"
                     "{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}") == "[]");
  auto both = rendered("{{ secrets.token }}{{ secrets.login.user }}", with_secrets());
  REQUIRE_OK(both);
  CHECK(both->secrets == std::vector<std::string>{"login", "token"});
  CHECK(both->value == Value("s3cr3tann"));
}

TEST_CASE("a secret that is missing is undefined, one that cannot be read ends the rendering") {
  CHECK(outcome("{{ secrets.tken }}", with_secrets()) ==
        "1:4: there is no secret 'tken'. name it under `secrets:`");
  CHECK(outcome("{{ secrets.nothing is defined }}", with_secrets()) == "false");
  CHECK(rendered("{{ secrets.broken }}", with_secrets()).error().code == Code::denied);
  CHECK(outcome("{{ secrets }}", with_secrets()).contains("secrets cannot be used as a whole"));
  CHECK(outcome("{{ secrets | tojson }}", with_secrets()).contains("as a whole"));
}

TEST_CASE("redacted, a secret is never asked for and everything it touches is its name") {
  Context context = sample();
  context.set_secrets([](std::string_view) -> Result<Value> { return Value("leak"); });
  context.redact_secrets();
  CHECK(outcome("Bearer {{ secrets.token }}!", context) == "\"Bearer ‹secret:token›!\"");
  CHECK(redacted("{{ secrets.token | b64encode }}") == "\"‹secret:token›\"");
  CHECK(redacted("{{ 'a' ~ secrets.token }}") == "\"‹secret:token›\"");
  CHECK(redacted("{{ secrets.login.user }}") == "\"‹secret:login›\"");
  CHECK(redacted("{{ {'a': [1, secrets.token]} }}") == "{\"a\":[1,\"‹secret:token›\"]}");
  CHECK(redacted("{{ [1, secrets.token] | join }}") == "\"‹secret:token›\"");
  CHECK(redacted("{{ [1, secrets.token] | first }}") == "1");
  CHECK(redacted("{% if secrets.token %}a{% else %}b{% endif %}") == "\"‹secret:token›\"");
  CHECK(redacted("{% for c in secrets.token %}a{% endfor %}") == "\"‹secret:token›\"");
  CHECK(redacted("{% set x = 1 %}{% if secrets.t %}{% set x = 2 %}{% endif %}{{ x }}") ==
        "\"‹secret:t›‹secret:t›\"");
  CHECK(redacted("{% set x %}a{{ secrets.t }}{% endset %}{{ x | upper }}") == "\"‹secret:t›\"");
  CHECK(redacted("{{ 1 if secrets.t == 'x' else 2 }}") == "\"‹secret:t›\"");
  CHECK(redacted("{{ secrets.t.split('a')[0] }}") == "\"‹secret:t›\"");
  CHECK(redacted("{{ secrets.t is defined }}") == "\"‹secret:t›\"");
  auto result = rendered("{{ ['a', secrets.t] }}", context);
  REQUIRE_OK(result);
  CHECK(result->secret_parts == std::vector<std::string>{"/1"});
  CHECK(result->secrets == std::vector<std::string>{"t"});
}

TEST_CASE("what is not known yet renders as its path") {
  Context context = sample();
  const std::vector<std::string> path{"tasks", "extract", "outputs"};
  context.set("tasks", Value::of({{"extract", Value::of({{"state", "waiting"}})}}));
  context.set_unknown(path);
  CHECK(outcome("to {{ tasks.extract.outputs.path }}", context) ==
        "\"to ‹tasks.extract.outputs.path›\"");
  CHECK(outcome("{{ tasks.extract.outputs.rows[0].key | upper }}", context) ==
        "\"‹tasks.extract.outputs.rows.0.key›\"");
  CHECK(outcome("{{ tasks.extract.state }}", context) == "\"waiting\"");
  CHECK(outcome("{{ tasks | tojson }}", context) == "\"‹tasks›\"");
  CHECK(rendered("{{ tasks.extract.outputs.path }}", context)->unknown);
  CHECK(rendered("a {{ tasks.extract.outputs.path }}", context)->unknown);
  CHECK_FALSE(rendered("{{ tasks.extract.state }}", context)->unknown);
  CHECK_FALSE(rendered("{{ tasks.extract.outputs.path }}", context)->secret());
}

TEST_CASE("a big list of the context is not copied to read a part of it") {
  ValueList rows(200'000, Value::of({{"key", "x"}}));
  Context context;
  context.set("rows", Value(std::move(rows)));
  auto parsed = parse_template("{{ rows[7].key }}{{ rows | length }}").value();
  const size_t before = allocated_bytes();
  auto result = render(parsed, context, {.steps_max = 20});
  CHECK(allocated_bytes() - before < 10'000);
  REQUIRE_OK(result);
  CHECK(to_json(result->value) == "\"x200000\"");
}

}  // namespace tutti::expr
