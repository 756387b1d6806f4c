// SPDX-License-Identifier: Apache-2.0
#include "action/branch/branch.h"

#include "action/api/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

struct World : rt::TestWorld {
  BranchAction branch;
  RecordingAttempt attempt;
  std::vector<std::string> asked;

  World() {
    attempt.on_evaluate = [this](std::string_view expression, const ValueMap&) -> Result<Value> {
      asked.emplace_back(expression);
      if (expression == "broken") {
        return fail(Code::bad_input, "no such name");
      }
      return Value(expression == "yes");
    };
  }
  Outcome run(const std::string& json) {
    auto outcome = loop.run(branch.run(ctx, attempt, parse_json(json).value()));
    REQUIRE_OK(outcome);
    return *outcome;
  }
  std::string chosen(const std::string& json) {
    return to_json(std::get<Done>(run(json)).output["chosen"]);
  }
  std::string error(const std::string& json) {
    const auto failed = std::get<Failed>(run(json));
    CHECK_FALSE(failed.retryable);
    return failed.error.text();
  }
};

TEST_CASE("the first true case decides, and later ones are not asked") {
  World w;
  CHECK(w.chosen(R"({"cases":[{"when":"no","to":"a"},{"when":"yes","to":["b","c"]},
                              {"when":"broken","to":"d"}],"else":"e"})") == R"(["b","c"])");
  CHECK(w.asked == std::vector<std::string>{"no", "yes"});
}

TEST_CASE("without a true case else decides, or nobody runs") {
  World w;
  CHECK(w.chosen(R"({"cases":[{"when":"no","to":"a"}],"else":"e"})") == R"(["e"])");
  CHECK(w.chosen(R"({"cases":[{"when":"no","to":"a"}],"else":["e","f"]})") == R"(["e","f"])");
  CHECK(w.chosen(R"({"cases":[{"when":"no","to":"a"}]})") == "[]");
  CHECK(w.chosen(R"({"cases":[{"when":true,"to":"a"}]})") == R"(["a"])");
}

TEST_CASE("what is wrong is named by its place") {
  World w;
  CHECK(w.error(R"({"cases":[{"when":"broken","to":"a"}]})") == "with.cases[0].when: no such name");
  CHECK(w.error(R"({"cases":[{"when":"yes","to":{"x":1}}]})").starts_with("with.cases[0].to:"));
  CHECK(w.error(R"({"cases":[{"to":"a"}]})").starts_with("with.cases[0]: `when`"));
  CHECK(w.error(R"({"cases":"x"})").starts_with("with.cases:"));
}

}  // namespace
}  // namespace tutti::action
