// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/climb.h"
#include "core/transfer/filter.h"
#include "core/transfer/order.h"
#include "core/transfer/plan.h"
#include "core/transfer/price.h"
#include "core/transfer/rename.h"

#include "base/doctest.h"

namespace tutti::transfer {
namespace {

TEST_CASE("a filter: patterns of names and of paths, sizes, times") {
  Filter filter;
  filter.include = parse_patterns({"*.csv", "deep/**"}).value();
  filter.exclude = parse_patterns({"*tmp*", "deep/no/**"}).value();
  filter.larger_than = 10;
  filter.older_than = Instant{} + seconds(100);
  const Instant now = Instant{} + seconds(50);
  CHECK(filter.matches("a.csv", 11, now));
  CHECK(filter.matches("x/y/a.csv", 11, now));
  CHECK(filter.matches("deep/b", 11, now));
  CHECK_FALSE(filter.matches("b", 11, now));
  CHECK_FALSE(filter.matches("a.tmp.csv", 11, now));
  CHECK_FALSE(filter.matches("deep/no/b", 11, now));
  CHECK_FALSE(filter.matches("a.csv", 10, now));
  CHECK_FALSE(filter.matches("a.csv", 11, Instant{} + seconds(100)));
  CHECK(Filter{}.matches("anything", 0, {}));
  const auto bad = parse_patterns({"a", "[b"});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().where == "[b");
}

TEST_CASE("a filter by regular expressions") {
  Filter filter;
  filter.include = parse_patterns({"*.csv"}).value();
  filter.include_regex = {Regex::parse("^[0-9]{4}/").value()};
  filter.exclude_regex = {Regex::parse("tmp$").value()};
  CHECK(filter.matches("2026/a.json", 1, {}));
  CHECK(filter.matches("x/a.csv", 1, {}));
  CHECK_FALSE(filter.matches("x/2026/a.json", 1, {}));
  CHECK_FALSE(filter.matches("2026/tmp", 1, {}));
  const auto bad = Regex::parse("(a");
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().where == "(a");
  CHECK_FALSE(Regex::parse("(?=a)").has_value());
}

TEST_CASE("which objects come first") {
  const Order order{.first = parse_patterns({"*.idx", "new/**"}).value()};
  CHECK(order.turn_of("a/b.idx") == 0);
  CHECK(order.turn_of("new/a.idx") == 0);
  CHECK(order.turn_of("new/a") == 1);
  CHECK(order.turn_of("a") == 2);
  CHECK(Order{}.turn_of("a") == 0);
  CHECK(parse_by("newest").value() == By::newest);
  CHECK_FALSE(parse_by("biggest").has_value());
}

TEST_CASE("a renaming as sed -E writes it") {
  struct Row {
    std::string rename, name, becomes;
  };
  const Row rows[] = {
      {"s/a/b/", "aa", "ba"},
      {"s/a/b/g", "aa", "bb"},
      {"s/A/b/gi", "aa", "bb"},
      {"s/x/y/", "aa", "aa"},
      {"s|^old/|new/|", "old/old/f", "new/old/f"},
      {"s/^(\\d{4})-(\\d\\d)/\\2\\/\\1/", "2026-11.csv", "11/2026.csv"},
      {"s/\\.csv$/-&/", "a.csv", "a-.csv"},
      {"s/a/\\&/", "a", "&"},
      {"s/a/\\\\/", "a", "\\"},
      {"s,\\,,;,g", "a,b,c", "a;b;c"},
      {"s/$/.bak/", "grün", "grün.bak"},
      {"s/^[^\\/]+\\///", "d/e/f", "e/f"},
      {"s/./_/", "ü", "_"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rename);
    const auto rename = Rename::parse(row.rename);
    REQUIRE_OK(rename);
    CHECK(rename->apply(row.name) == row.becomes);
  }
}

TEST_CASE("a renaming that is none says why") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "not a renaming"},          {"s", "not a renaming"},
      {"old=new", "not a renaming"},   {"sold/new/", "not a renaming"},
      {"s\\a\\b\\", "not a renaming"}, {"s/a/b", "three '/'"},
      {"s/a/b\\/", "three '/'"},       {"s//b/", "without a pattern"},
      {"s/a/b/x", "'x' is no flag"},   {"s/a/b/g/", "'g/' is no flag"},
      {"s/(a/b/", "not a regular"},    {"s/a/\\1/", "does not fit"}};
  for (const auto& [text, why] : rows) {
    CAPTURE(text);
    const auto rename = Rename::parse(text);
    REQUIRE_FALSE(rename.has_value());
    CHECK(rename.error().code == Code::bad_input);
    CHECK(rename.error().where == text);
    CHECK(rename.error().what.contains(why));
    CHECK(rename.error().remedy.contains("s/PATTERN/REPLACEMENT/"));
  }
  CHECK_FALSE(parse_renames({"s/a/b/", "s/a/b"}).has_value());
}

TEST_CASE("renamings one after the other, and never to no name at all") {
  const auto renames = parse_renames({"s/^a//", "s/^b//"}).value();
  CHECK(renamed(renames, "abc").value() == "c");
  CHECK(renamed(renames, "ba").value() == "a");
  CHECK(renamed({}, "").value().empty());
  CHECK(renamed(renames, "ab").error().what.contains("'ab'"));
}

// So many a second with `count` at once: what each waits for, and what the machine can do.
struct Model {
  double each;
  double most;
};
// The counts that were tried, in `minutes` of it.
std::vector<size_t> climbed(Climb::Limits limits, Model model, int minutes, int wanted_every = 1) {
  Climb climb(limits);
  std::vector<size_t> counts{climb.count()};
  double done = 0;
  for (int tick = 1; tick <= minutes * 600; ++tick) {
    done += std::min(model.most, model.each * static_cast<double>(climb.count())) / 10;
    const bool wanted = tick % wanted_every == 0;
    if (climb.look(static_cast<uint64_t>(done), wanted, BootInstant{} + milliseconds(100 * tick))) {
      counts.push_back(climb.count());
    }
  }
  return counts;
}

TEST_CASE("more at once for as long as that is faster") {
  const Climb::Limits limits{.least = 8, .most = 32, .window = seconds(2)};
  // Each waits for something far away.
  CHECK(climbed(limits, {.each = 100, .most = 1e9}, 5) == std::vector<size_t>{8, 16, 32});
  // Twice as many are faster, four times as many are not.
  CHECK(climbed(limits, {.each = 100, .most = 1700}, 1) ==
        std::vector<size_t>{8, 16, 32, 16, 32, 16});
  // The machine has no more to give; it is tried again, ever more seldom.
  CHECK(climbed(limits, {.each = 100, .most = 400}, 1) == std::vector<size_t>{8, 16, 8, 16, 8});
  CHECK(climbed(limits, {.each = 100, .most = 400}, 60).size() < 40);
  // Where it was, and not half of what was tried.
  CHECK(climbed({.least = 8, .most = 24}, {.each = 100, .most = 1700}, 1).at(3) == 16);
  // Somebody waits for a turn now and then, or hardly ever.
  CHECK(climbed(limits, {.each = 100, .most = 1e9}, 5, 3).back() == 32);
  CHECK(climbed(limits, {.each = 100, .most = 1e9}, 5, 9) == std::vector<size_t>{8});
  // One number alone; nothing is done; too little for that many.
  CHECK(climbed({.least = 4, .most = 4}, {.each = 100, .most = 1e9}, 5).size() == 1);
  CHECK(climbed(limits, {.each = 0, .most = 0}, 5).size() == 1);
  CHECK(climbed(limits, {.each = 0.001, .most = 1}, 1).size() == 1);
}

TEST_CASE("a pattern matches what it says") {
  struct Row {
    std::string pattern, key;
    bool matches;
  };
  const Row rows[] = {
      {"a/*.csv", "a/x.csv", true},
      {"a/*.csv", "a/.csv", true},
      {"a/*.csv", "a/b/x.csv", false},
      {"a/*.csv", "a/x.csv.gz", false},
      {"a/**/x", "a/x", true},
      {"a/**/x", "a/b/c/x", true},
      {"a/**/x", "a/bx", false},
      {"a/**", "a/", true},
      {"a/**", "a/b/c", true},
      {"a/**", "a", false},
      {"**", "", true},
      {"**.json", "a/b.json", true},
      {"a**b", "a/x/b", true},
      {"**/x", "x", true},
      {"**/x", "ax", false},
      {"?.txt", "a.txt", true},
      {"?.txt", "/.txt", false},
      {"?.txt", "\u00fc.txt", true},
      {"?.txt", "ab.txt", false},
      {"[a-c]1", "b1", true},
      {"[a-c]1", "d1", false},
      {"[!a-c]1", "d1", true},
      {"[!a]x", "/x", false},
      {"[]]", "]", true},
      {"{a,b}/x", "b/x", true},
      {"{a,b}/x", "c/x", false},
      {"{a,b{1,2}}.z", "b2.z", true},
      {"{a,b{1,2}}.z", "b.z", false},
      {"day=*/part-{0,1}?", "day=1/part-07", true},
      {"\\*.txt", "*.txt", true},
      {"\\*.txt", "a.txt", false},
      {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false},
      {"plain", "plain", true},
      {"plain", "plainer", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.key);
    const auto glob = Glob::parse(row.pattern);
    REQUIRE_OK(glob);
    CHECK(glob->matches(row.key) == row.matches);
  }
}

TEST_CASE("a pattern is matched in linear time") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) {
    pattern += "*a";
  }
  CHECK_FALSE(Glob::parse(pattern + "b")->matches(std::string(10'000, 'a')));
  CHECK(Glob::parse("[a").error().code == Code::bad_input);
  CHECK(Glob::parse("{a,b").error().text().find("has a '{' without its '}'") != std::string::npos);
  CHECK(Glob::parse("{1,2,3}{1,2,3}{1,2,3}{1,2,3}{1,2,3}{1,2,3}{1,2,3}").error().code ==
        Code::bad_input);
}

TEST_CASE("the prefix to list is what every match begins with") {
  CHECK(Glob::parse("a/b/*.csv")->prefix() == "a/b/");
  CHECK(Glob::parse("a/{x1,x2}/*")->prefix() == "a/x");
  CHECK(Glob::parse("**/x")->prefix().empty());
  CHECK(Glob::parse("a\\*b*")->prefix() == "a*b");
}

TEST_CASE("a selection is an object, a prefix or a pattern") {
  CHECK(parse_selection("a/b")->kind == Selection::Kind::object);
  CHECK(parse_selection("a/")->kind == Selection::Kind::prefix);
  CHECK(parse_selection("")->kind == Selection::Kind::prefix);
  CHECK(parse_selection("a/*")->kind == Selection::Kind::glob);
  CHECK(parse_selection("a\\[1\\]")->key == "a[1]");
}

TEST_CASE("each key has its destination") {
  struct Row {
    std::string from, key, to, expected;
  };
  const Row rows[] = {
      {"a/b.txt", "a/b.txt", "c", "c"},
      {"a/b.txt", "a/b.txt", "c/", "c/b.txt"},
      {"a/b.txt", "a/b.txt", "", "b.txt"},
      {"a/", "a/x/y", "c/", "c/x/y"},
      {"a/", "a/x/y", "", "x/y"},
      {"", "a/x", "c/", "c/a/x"},
      {"a/b/*.csv", "a/b/1.csv", "c/", "c/1.csv"},
      {"a/*/d.csv", "a/b/d.csv", "c/", "c/b/d.csv"},
      {"a/x*", "a/xy", "", "xy"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    CHECK(destination_of(*parse_selection(row.from), row.key, row.to).value() == row.expected);
  }
  const auto many = check_destination(*parse_selection("a/"), "c");
  CHECK(many.error().text() ==
        "many objects cannot be copied to the one name 'c'. end it with '/' to keep their names "
        "below it: c/");
}

TEST_CASE("what happens to an object that exists") {
  const Digest one = sha256("one");
  const Digest two = sha256("two");
  const Digest crc = digest_of(DigestKind::crc32c, "one");
  struct Row {
    IfExists if_exists;
    std::optional<Known> existing;
    Act act;
  };
  const Known source{.key = "a", .size = 3, .digests = {one, crc}};
  const Row rows[] = {
      {IfExists::fail, std::nullopt, Act::copy},
      {IfExists::verify, std::nullopt, Act::copy},
      {IfExists::fail, Known{.key = "a", .size = 3}, Act::conflict},
      {IfExists::skip, Known{.key = "a", .size = 9}, Act::skip},
      {IfExists::replace, Known{.key = "a", .size = 3, .digests = {one}}, Act::replace},
      {IfExists::verify, Known{.key = "a", .size = 4}, Act::conflict},
      {IfExists::verify, Known{.key = "a", .size = 3, .digests = {one}}, Act::equal},
      {IfExists::verify, Known{.key = "a", .size = 3, .digests = {two}}, Act::conflict},
      {IfExists::verify, Known{.key = "a", .size = 3}, Act::compare},
      {IfExists::verify, Known{.key = "a", .size = 3, .digests = {crc}}, Act::compare},
  };
  for (const Row& row : rows) {
    CAPTURE(if_exists_name(row.if_exists));
    const Step step = decide(source, "b", row.existing ? &*row.existing : nullptr, row.if_exists);
    CHECK(act_name(step.act) == act_name(row.act));
    CHECK(step.why.empty() == (row.act != Act::conflict));
    CHECK(step.to == "b");
  }
}

std::string text_of_plan(const Plan& plan) {
  std::string text;
  for (const Step& step : plan.steps) {
    text += std::string(act_name(step.act)) + ":" + step.to + " ";
  }
  return text;
}

TEST_CASE("two sorted listings make a plan") {
  const std::vector<Known> sources{{"a/1", 1}, {"a/2", 2}, {"a/4", 4}};
  const std::vector<Known> existing{{"b/0", 9}, {"b/2", 2}, {"b/3", 9}};
  const Selection from = *parse_selection("a/");
  auto plan = make_plan(from, sources, "b/", existing, {.if_exists = IfExists::skip});
  REQUIRE_OK(plan);
  CHECK(text_of_plan(*plan) == "copy:b/1 skip:b/2 copy:b/4 ");
  CHECK(plan->objects == 2);
  CHECK(plan->bytes == 5);
  CHECK(plan->skipped == 1);
  plan = make_plan(from, sources, "b/", existing,
                   {.if_exists = IfExists::replace, .remove_extra = true});
  CHECK(text_of_plan(*plan) == "remove:b/0 copy:b/1 replace:b/2 remove:b/3 copy:b/4 ");
  CHECK(plan->removes == 2);
  CHECK_FALSE(make_plan(from, sources, "b", existing, {}).has_value());
}

TEST_CASE("part sizes are fixed up front and within the limits") {
  constexpr uint64_t mib = 1U << 20U;
  CHECK(part_bytes_of(100, 8 * mib, {}).value() == 8 * mib);
  CHECK(part_bytes_of(0, 8 * mib, {}).value() == 8 * mib);
  CHECK(part_bytes_of(200'000 * mib, 8 * mib, {}).value() == 20 * mib);
  CHECK(part_bytes_of(200'001 * mib, 8 * mib, {}).value() == 21 * mib);
  CHECK(part_bytes_of(10, 1, {.part_bytes_min = 5 * mib}).value() == 5 * mib);
  CHECK(part_bytes_of(10'001 * mib, mib, {.part_bytes_max = mib}).error().code == Code::bad_input);
}

TEST_CASE("what leaves a cloud has a price, where one is known") {
  const ObjectRef s3{.provider = "s3", .bucket = "a"};
  const ObjectRef s3_eu{
      .provider = "s3", .endpoint = "https://s3.eu-west-1.amazonaws.com", .bucket = "b"};
  const ObjectRef gcs{.provider = "gcs"};
  const ObjectRef azure{.provider = "azure", .endpoint = "acme.blob.core.windows.net"};
  const ObjectRef folder{.provider = "file"};
  const ObjectRef own{.provider = "s3", .endpoint = "http://127.0.0.1:9000"};
  constexpr uint64_t gb = 1'000'000'000;
  CHECK_FALSE(egress_cost(folder, s3, gb));
  CHECK_FALSE(egress_cost(own, s3, gb));

  const auto small = egress_cost(s3, folder, 50 * gb);
  REQUIRE(small);
  CHECK(small->least == 0);
  CHECK(small->most == doctest::Approx(4.5));
  CHECK(small->basis.find("Amazon") != std::string::npos);
  // 10 TB at 0.09, 40 at 0.085, 10 at 0.07; the free part is cut off the last tier.
  const auto large = egress_cost(s3, gcs, 60'000 * gb);
  CHECK(large->most == doctest::Approx(900 + 3400 + 700));
  CHECK(large->least == doctest::Approx(900 + 3400 + 693));
  CHECK(egress_cost(gcs, own, 1ULL << 40U)->most == doctest::Approx(1024 * 0.12));
  CHECK(egress_cost(azure, s3, 1'000 * gb)->least == doctest::Approx(900 * 0.087));
  // Within a cloud it depends on the regions.
  const auto inside = egress_cost(s3, s3_eu, 1'000 * gb);
  CHECK(inside->least == 0);
  CHECK(inside->most == doctest::Approx(20));
  CHECK(egress_cost(s3, gcs, 0)->most == 0);
}

}  // namespace
}  // namespace tutti::transfer
