// SPDX-License-Identifier: Apache-2.0
// What is found without values: references and problems.
#include <array>
#include <string>

#include "core/expr/allocations.h"
#include "core/expr/expr.h"

#include "base/doctest.h"

namespace tutti::expr {
namespace {

// "params.start ?tasks.x" : ? guarded, ! decides what is rendered, * more follows.
std::string references_of(std::string_view text) {
  std::string out;
  for (const Reference& reference : references(parse_template(text).value())) {
    out += out.empty() ? "" : " ";
    out += std::string(reference.guarded ? "?" : "") + (reference.in_condition ? "!" : "");
    for (size_t i = 0; i < reference.path.size(); ++i) {
      out += (i == 0 ? "" : ".") + reference.path[i];
    }
    out += reference.whole ? "" : "*";
  }
  return out;
}

std::string problems_of(std::string_view text) {
  const std::array<std::string, 4> roots{"params", "tasks", "ds", "secrets"};
  std::string out;
  for (const Problem& problem : check(parse_template(text).value(), roots)) {
    out += (out.empty() ? "" : "\n") + to_error(problem, text).text();
  }
  return out;
}

}  // namespace

TEST_CASE("references are the paths that are read from the context") {
  CHECK(references_of("{{ params.start }} and {{ ds }}") == "params.start ds");
  CHECK(references_of("{{ tasks['extract'].outputs.path | upper }}") ==
        "tasks.extract.outputs.path");
  CHECK(references_of("{{ tasks[params.name].outputs }}") == "tasks* params.name");
  CHECK(references_of("{{ params.list[0].key }}") == "params.list*");
  CHECK(references_of("{{ params.ds.replace('-', '') }}") == "params.ds");
  CHECK(references_of("{{ (params | first).x }}") == "params");
  CHECK(references_of("{{ x is defined }}{{ y | default(z) }}{{ q is undefined }}") ==
        "?x ?y z ?q");
  CHECK(references_of("{{ x.y | default(1) | upper }}") == "?x.y");
  CHECK(references_of("{{ (x ~ y) | default(1) }}") == "x y");
  CHECK(references_of("{% if a %}{{ b }}{% elif c %}{{ d }}{% endif %}") == "!a b !c d");
  CHECK(references_of("{{ a if b else c }}{{ d and e }}") == "!b a c !d e");
  CHECK(references_of("{% for f in files if f.size > n %}{{ f.key }}{{ loop.index }}{% else %}"
                      "{{ f }}{% endfor %}") == "!files !n f");
  CHECK(references_of(
            "{% set x = y %}{{ x.z }}{% with a = x, b = a %}{{ a }}{{ b }}{% endwith %}") == "y a");
  CHECK(references_of("{% set x %}{{ q }}{% endset %}{{ x }}") == "q");
  CHECK(references_of("{{ {'k': a, b: [c, (d,)]} }}{{ x[e:f] }}{{ range(g) }}") ==
        "a b c d x e f g");
  const auto found = references(parse_template("é {{ params.start }}").value());
  CHECK(found[0].offset == 6);
}

TEST_CASE("problems are found before the run, all of them, in order") {
  CHECK(problems_of("{{ params.x | upper }}").empty());
  CHECK(problems_of("{{ x | default(1) }}{{ x is defined }}").empty());
  CHECK(problems_of("{{ parms.x }}{{ ds | uper }}") ==
        "1:4: 'parms' is not defined. did you mean 'params'?\n"
        "1:22: there is no filter 'uper'. did you mean 'upper'?");
  CHECK(problems_of("{{ ds | truncate(1, 2, 3, 4, 5) }}") ==
        "1:9: 'truncate' takes at most 4 arguments, not 5. its arguments are: length=255 "
        "killwords=false end='...' leeway=5");
  CHECK(problems_of("{{ ds | replace('a') }}") ==
        "1:9: 'replace' needs its argument 'new'. its arguments are: old new count=none");
  CHECK(problems_of("{{ ds | upper(1) }}") ==
        "1:9: 'upper' takes at most 0 arguments, not 1. it takes no arguments");
  CHECK(problems_of("{{ ds | mask(kep=2) }}") ==
        "1:9: 'mask' has no argument 'kep'. its arguments are: keep=4");
  CHECK(problems_of("{{ ds | mask(2, keep=2) }}") ==
        "1:9: 'mask' is given its argument 'keep' twice. its arguments are: keep=4");
  CHECK(problems_of("{{ ds is divisibleby }}") ==
        "1:10: 'divisibleby' needs its argument 'num'. its arguments are: num");
  CHECK(problems_of("{{ ds is evn }}") == "1:10: there is no test 'evn'. did you mean 'even'?");
  CHECK(problems_of("{{ now() }}") == "1:4: there is no function 'now'");
  CHECK(problems_of("{{ ds.strip().uper() }}") ==
        "1:4: there is no method 'uper'. did you mean 'upper'?");
  CHECK(problems_of("{{ ds | regex_replace('(', '') }}") ==
        "1:9: the regular expression is wrong: missing ): (. its syntax is that of RE2");
  CHECK(problems_of("{{ [ds] | map('uper') | select('evn') | selectattr('x', 'od') }}") ==
        "1:11: there is no filter 'uper'. did you mean 'upper'?\n"
        "1:25: there is no test 'evn'. did you mean 'even'?\n"
        "1:41: there is no test 'od'. did you mean 'odd'?");
  CHECK(problems_of("{{ ds | random }}").contains("same result each time"));
  CHECK(problems_of("{{ ds | safe }}").contains("nothing is escaped"));
  CHECK(problems_of("{{ secrets | tojson }}") ==
        "1:4: a secret must be named literally. write secrets.NAME");
  CHECK(problems_of("{{ secrets[ds] }}") ==
        "1:4: a secret must be named literally. write secrets.NAME");
  CHECK(problems_of("{{ secrets.token.user }}").empty());
}

// What parsing and checking that many small templates allocates.
static size_t work_of(int templates) {
  std::string text;
  for (int i = 0; i < templates; ++i) {
    text += "{{ params.day | replace('-', '') | upper }} and {% if ds %}x{% endif %}\n";
  }
  const size_t before = allocated_bytes();
  CHECK(problems_of(text).empty());
  return allocated_bytes() - before;
}

TEST_CASE("the work of parsing and checking grows as the text does") {
  const size_t once = work_of(250);
  CHECK(once > 0);
  CHECK(work_of(2000) < 10 * once);
}

}  // namespace tutti::expr
