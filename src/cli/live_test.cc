// SPDX-License-Identifier: Apache-2.0
#include "cli/live.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/doctest.h"

namespace tutti::cli {
namespace {

control::TaskView task(uint32_t no, std::string state) {
  return {.no = TaskNo{no},
          .name = fmt::format("task_{}", no),
          .action = "process",
          .state = std::move(state)};
}

std::vector<control::TaskView> many(size_t count, const std::string& state) {
  std::vector<control::TaskView> tasks;
  for (size_t i = 0; i < count; ++i) {
    tasks.push_back(task(static_cast<uint32_t>(i), state));
  }
  return tasks;
}

size_t line_of(const std::vector<std::string>& lines, std::string_view text) {
  return static_cast<size_t>(
      std::ranges::find_if(lines, [&](const std::string& line) { return line.contains(text); }) -
      lines.begin());
}

const Output plain{Globals{}};

}  // namespace

TEST_CASE("a table that fits lists every task in the file's order") {
  auto tasks = many(5, "waiting");
  tasks[3].state = "running";
  const auto lines = table_lines(tasks, {}, {}, {.columns = 80, .rows = 6}, plain);
  REQUIRE(lines.size() == 5);
  CHECK(line_of(lines, "task_3") == 3);
}

TEST_CASE("a table never has more lines than the screen leaves it") {
  auto tasks = many(61, "success");
  tasks[50].state = "running";
  tasks[60].state = "failed";
  tasks[40].state = "waiting";
  for (const size_t rows : {3U, 4U, 20U, 61U}) {
    const auto lines = table_lines(tasks, {}, {}, {.columns = 80, .rows = rows}, plain);
    CHECK(lines.size() == rows - 1);
    CHECK(line_of(lines, "task_50") == 0);
    CHECK(lines.back().contains(fmt::format("... and {} more", 61 - (rows - 2))));
  }
  const auto lines = table_lines(tasks, {}, {}, {.columns = 80, .rows = 20}, plain);
  CHECK(line_of(lines, "task_60") == 1);
  CHECK(line_of(lines, "task_40") == 2);
}

TEST_CASE("no line of the table is wider than the screen, and an error stays on one line") {
  auto tasks = many(2, "running");
  tasks[0].error = Error{.what = "first line\nsecond line " + std::string(300, 'x')};
  tasks[1].error = Error{.what = "数据不存在数据不存在数据不存在数据不存在数据不存在"};
  for (const std::string& line : table_lines(tasks, {}, {}, {.columns = 40, .rows = 20}, plain)) {
    CHECK(display_width(line) < 40);
    CHECK(!line.contains('\n'));
  }
}

TEST_CASE("drawing again goes up by the lines that were drawn") {
  Repaint repaint;
  const Screen screen{.columns = 40, .rows = 10};
  CHECK(repaint.draw({"a", "b", "c"}, screen) == "\ra\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
  CHECK(repaint.draw({"a"}, screen) == "\r\x1b[3Aa\x1b[K\n\x1b[J");
  CHECK(repaint.draw({}, screen) == "\r\x1b[1A\x1b[J");
}

TEST_CASE("a screen that became narrower has wrapped what was drawn") {
  Repaint repaint;
  repaint.draw({std::string(35, 'x'), "short"}, {.columns = 40, .rows = 10});
  CHECK(repaint.draw({"y"}, {.columns = 20, .rows = 10}).starts_with("\r\x1b[3A"));
}

TEST_CASE("a screen that became lower is not left at its top") {
  Repaint repaint;
  repaint.draw(std::vector<std::string>(9, "x"), {.columns = 40, .rows = 10});
  CHECK(repaint.draw({"y"}, {.columns = 40, .rows = 5}).starts_with("\r\x1b[4A"));
}

TEST_CASE("the rate is of the last second, and starts anew with an attempt") {
  auto tasks = many(1, "running");
  tasks[0].attempt = 1;
  tasks[0].started = Instant{};
  tasks[0].bytes_total = 10'000'000;
  Rates rates;
  rates.update(tasks, Instant{} + milliseconds(200));
  CHECK(!rates.of(TaskNo{0}));
  tasks[0].bytes_done = 2'000'000;
  rates.update(tasks, Instant{} + seconds(1));
  CHECK(rates.of(TaskNo{0}) == 2'000'000);
  const auto lines = table_lines(tasks, rates, Instant{} + seconds(1), {}, plain);
  CHECK(lines[0].contains("2.0 MB/s"));
  CHECK(lines[0].contains("4.0 s left"));
  rates.update(tasks, Instant{} + seconds(3));
  CHECK(rates.of(TaskNo{0}) == 0);
  tasks[0].attempt = 2;
  tasks[0].started = Instant{} + seconds(3);
  rates.update(tasks, Instant{} + seconds(3));
  CHECK(!rates.of(TaskNo{0}));
  tasks[0].state = "success";
  rates.update(tasks, Instant{} + seconds(9));
  CHECK(!rates.of(TaskNo{0}));
}

}  // namespace tutti::cli
