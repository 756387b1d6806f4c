// SPDX-License-Identifier: Apache-2.0
#include "core/spec/spec.h"

#include "base/doctest.h"

namespace tutti::spec {

TEST_CASE("parameters are converted to their type and checked") {
  const auto from = [](ParamType type, std::string_view text) {
    return param_from_text({.name = "p", .type = type}, text);
  };
  CHECK(from(ParamType::integer, "42").value() == Value(42));
  CHECK(from(ParamType::number, "1.5").value() == Value(1.5));
  CHECK(from(ParamType::boolean, "true").value() == Value(true));
  CHECK(from(ParamType::date, "2026-02-28").value() == Value("2026-02-28"));
  CHECK(from(ParamType::list, "[1, \"a\"]").value() == Value(ValueList{1, "a"}));
  CHECK(from(ParamType::map, "{\"a\": 1}").value() == Value::of({{"a", 1}}));
  CHECK(from(ParamType::uri, "s3://b/k").value() == Value("s3://b/k"));
  for (const auto& [type, text] : {std::pair{ParamType::integer, "1.5"},
                                   {ParamType::integer, ""},
                                   {ParamType::number, "nan"},
                                   {ParamType::number, "1x"},
                                   {ParamType::boolean, "yes"},
                                   {ParamType::date, "2026-02-30"},
                                   {ParamType::datetime, "soon"},
                                   {ParamType::duration, "5"},
                                   {ParamType::list, "{}"},
                                   {ParamType::map, "[]"},
                                   {ParamType::uri, "x"}}) {
    const auto value = from(type, text);
    INFO(param_type_name(type) << " " << text);
    REQUIRE_FALSE(value.has_value());
    CHECK(value.error().code == Code::bad_input);
    CHECK(value.error().what.find("'p'") != std::string::npos);
    CHECK_FALSE(value.error().remedy.empty());
  }
  const Param choice{.name = "r", .choices = {"eu", "us"}};
  CHECK(param_from_text(choice, "eu").has_value());
  CHECK(param_from_text(choice, "asia").error().remedy == "give one of: eu, us");
  CHECK_FALSE(param_from_value({.name = "n", .type = ParamType::integer}, Value("1")).has_value());
}

}  // namespace tutti::spec
