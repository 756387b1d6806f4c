// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codec.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/run/run.h"

#include "base/doctest.h"

namespace tutti::codec {
namespace {

using run::RunState;

std::shared_ptr<const run::RunPlan> plan_of(uint32_t tasks) {
  spec::Workflow workflow;
  workflow.timeout = hours(4);
  for (uint32_t i = 0; i < tasks; ++i) {
    spec::Task task{.name = "t" + std::to_string(i), .uses = "noop"};
    task.retry = {.attempts = 3, .delay = seconds(10)};
    task.timeout = minutes(5);
    if (i >= 4) {
      task.needs = {{i - 4}};
    }
    if (i % 7 == 5) {
      task.when = spec::Text{.text = "true"};
    }
    workflow.tasks.push_back(std::move(task));
  }
  return std::make_shared<run::RunPlan>(workflow);
}

// A run in the middle of its life: every kind of entry.
RunState lively(uint32_t tasks) {
  RunId id;
  id.bytes.fill(0x5a);
  RunState state = run::make_run(id, plan_of(tasks), {1'792'000'000'000'000});
  Instant now = state.created;
  const auto tell = [&](auto what) {
    now = now + milliseconds(1'250);
    run::apply(state, {.at = now, .what = std::move(what)});
  };
  tell(run::Started{});
  for (uint32_t i = 0; i < tasks; ++i) {
    if (state.tasks[i].evaluating && i % 2 == 0) {
      tell(run::Evaluated{{i}, run::When::yes});
    }
    tell(run::Admitted{{i}});
    const AttemptNo attempt = state.tasks[i].attempt;
    switch (i % 6) {
      case 0:
      case 1:
        tell(run::Succeeded{{i}, attempt, {}});
        break;
      case 2:
        tell(run::Failed{{i}, attempt, run::Reason::data, i % 5 != 0, std::nullopt});
        break;
      case 3:
        tell(run::Lost{{i}, attempt});
        break;
      case 4:
        tell(run::Unknown{{i}, attempt});
        break;
      default:
        break;
    }
  }
  return state;
}

struct Stored {
  std::vector<std::string> pages;  // by number; the origin empty
  std::vector<PageBytes> views() const {
    std::vector<PageBytes> out;
    for (uint32_t i = 0; i < pages.size(); ++i) {
      if (i != origin_page) {
        out.push_back({i, pages[i]});
      }
    }
    return out;
  }
};

Stored store(const RunState& state) {
  Stored out;
  out.pages = {encode_header(state), ""};
  for (uint32_t page = first_entry_page; page < page_count(state.tasks.size()); ++page) {
    out.pages.push_back(encode_entries(state, page));
  }
  return out;
}

run::Origin origin() {
  return {.run_no = 12,
          .workflow = "shop",
          .version = sha256("version"),
          .frozen = sha256("frozen"),
          .files = {{"sql/a.sql", sha256("select 1")}},
          .profile = "local",
          .project = "/data/shop",
          .params = Value::of({{"rows", 3}, {"rate", 0.5}}),
          .vars = Value::of({{"region", "eu"}}),
          .connections = Value::of({{"s3", Value::of({{"type", "local"}})}}),
          .logical_date = {1'792'000'000'000'000},
          .interval_start = {1'792'000'000'000'000},
          .interval_end = {1'792'086'400'000'000}};
}

TEST_CASE("a run comes back from its pages as it was") {
  for (const uint32_t tasks : {0U, 1U, 63U, 64U, 65U, 200U}) {
    const RunState state = lively(tasks);
    const Stored stored = store(state);
    const auto back = decode_state(state.id, state.plan, stored.views());
    REQUIRE_OK(back);
    CHECK(store(*back).pages == stored.pages);
    CHECK(back->counts == state.counts);
    CHECK(back->started == state.started);
    for (uint32_t i = 0; i < tasks; ++i) {
      CHECK(back->tasks[i].needs == state.tasks[i].needs);
      CHECK(back->tasks[i].timer == state.tasks[i].timer);
    }
  }
}

TEST_CASE("an origin comes back as it was") {
  const auto back = decode_origin(encode_origin(origin()));
  REQUIRE_OK(back);
  CHECK(*back == origin());
}

TEST_CASE("a page is a few KiB at most, and an entry about twenty bytes") {
  CHECK(encode_entries(lively(200), first_entry_page).size() < 64 * 32);
}

TEST_CASE("missing, doubled and strange pages are corrupt") {
  const RunState state = lively(100);
  const Stored stored = store(state);
  const auto code_of = [&](std::vector<PageBytes> pages) {
    const auto back = decode_state(state.id, state.plan, pages);
    return back.has_value() ? std::nullopt : std::optional(back.error().code);
  };
  auto pages = stored.views();
  pages.pop_back();
  CHECK(code_of(pages) == Code::corrupt);
  pages = stored.views();
  pages.push_back(pages.back());
  CHECK(code_of(pages) == Code::corrupt);
  pages = stored.views();
  pages.back().number = 77;
  CHECK(code_of(pages) == Code::corrupt);
  CHECK(code_of({}) == Code::corrupt);
  CHECK_FALSE(decode_state(state.id, plan_of(99), stored.views()).has_value());
  std::string newer = stored.pages[0];
  newer[0] = 9;
  pages = stored.views();
  pages[0].bytes = newer;
  CHECK(code_of(pages) == Code::corrupt);
}

TEST_CASE("spoilt bytes never crash, and what decodes is free of contradictions") {
  const RunState state = lively(70);
  const Stored good = store(state);
  uint64_t seed = 7;
  const auto pick = [&seed](uint64_t below) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33U) % below;
  };
  for (int round = 0; round < 4'000; ++round) {
    Stored bad = good;
    std::string& page = bad.pages[pick(bad.pages.size())];
    if (page.empty()) {
      continue;
    }
    if (pick(4) == 0) {
      page.resize(pick(page.size()));
    } else {
      page[pick(page.size())] = static_cast<char>(pick(256));
    }
    if (const auto back = decode_state(state.id, state.plan, bad.views()); back.has_value()) {
      REQUIRE(contradiction(*back).empty());
    }
  }
  std::string text = encode_origin(origin());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(pick(256));
    static_cast<void>(decode_origin(bad));
    static_cast<void>(decode_origin(text.substr(0, i)));
  }
}

// What this version writes, byte for byte: a change here breaks the state of every user.
TEST_CASE("golden files of format 1") {
  const RunState state = lively(70);
  const Stored stored = store(state);
  std::map<std::string, std::string> files{{"origin", encode_origin(origin())}};
  for (const PageBytes& page : stored.views()) {
    files["page" + std::to_string(page.number)] = page.bytes;
  }
  for (const auto& [name, bytes] : files) {
    const std::string path = "tests/golden/state/1/" + name;
    if (std::getenv("TUTTI_WRITE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << bytes;
    }
    std::ifstream in(path, std::ios::binary);
    const std::string golden{std::istreambuf_iterator<char>(in), {}};
    INFO(path);
    CHECK(golden == bytes);
  }
}

}  // namespace
}  // namespace tutti::codec
