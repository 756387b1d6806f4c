// SPDX-License-Identifier: Apache-2.0
#include "core/spec/resolve.h"

#include "core/spec/parse.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

Project project() {
  const ParsedProject parsed = parse_project({"tutti.yaml", R"(
project: p
profiles:
  prod:
    connections:
      landing: {type: gcs, root: "gs://raw"}
      inbox: {type: file, root: /mnt/inbox}
      api: {type: http, url: "https://api.example.com"}
  local:
    connections:
      landing: {type: local, root: ./clouds/gs/landing/}
      inbox: {type: file, root: inbox}
)"});
  REQUIRE_MESSAGE(parsed.report.problems.empty(), to_text(parsed.report));
  return parsed.project;
}

std::string object(std::string_view profile, std::string_view address) {
  const auto ref = resolve_object(project(), profile, address, "/srv/p");
  if (!ref.has_value()) {
    return ref.error().text();
  }
  return ref->provider + " " + ref->account + " " + ref->bucket + " " + ref->key;
}

Code code(std::string_view profile, std::string_view address) {
  return resolve(project(), profile, address).error().code;
}

}  // namespace

TEST_CASE("the built-in profile points the clouds at folders") {
  CHECK(object("local", "s3://bucket/a/b.csv") == "local /srv/p/clouds/s3 bucket a/b.csv");
  CHECK(object("local", "az://bucket") == "local /srv/p/clouds/az bucket ");
  CHECK(object("local", "landing://raw/x.json") == "local /srv/p/clouds/gs/landing  raw/x.json");
  CHECK(object("local", "inbox://x/y") == "file /srv/p/inbox  x/y");
  CHECK(object("local", "file:///data/x") == "file /  data/x");
  const auto warehouse = resolve_connection(project(), "local", "warehouse");
  REQUIRE_OK(warehouse);
  CHECK(warehouse->type == "duckdb");
}

TEST_CASE("keys keep their bytes") {
  CHECK(object("local", "s3://b//a/../c%20d ") == "local /srv/p/clouds/s3 b /a/../c%20d ");
  CHECK(object("local", "landing:///x") == "local /srv/p/clouds/gs/landing  /x");
}

TEST_CASE("what cannot be used says why and what to do") {
  CHECK(code("prod", "s3://b/k") == Code::unsupported);
  CHECK(code("prod", "landing://k") == Code::unsupported);
  CHECK(code("prod", "warehouse://k") == Code::not_found);
  CHECK(code("pord", "s3://b/k") == Code::not_found);
  CHECK(code("local", "no address") == Code::bad_input);
  CHECK(
      object("prod", "landing://x") ==
      "tutti.yaml:6:7: the connection 'landing' of profile 'prod' is of type gcs, which comes in a "
      "later version. use a profile where it is of type local, file, duckdb or http (--profile "
      "local)");
  CHECK(object("local", "landin://x").find("did you mean 'landing'?") != std::string::npos);
  CHECK(object("local", "https://example.com/x").find("has no objects") != std::string::npos);
}

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
