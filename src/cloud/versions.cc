// SPDX-License-Identifier: Apache-2.0
#include "cloud/versions.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

namespace tutti::cloud {
namespace {

// Where a listing goes on: the service's token, and a key whose versions were given already.
struct Place {
  std::string token = {};
  std::string done = {};
};

std::string text_of(const Place& place) {
  return fmt::format("{}:{}{}", place.token.size(), place.token, place.done);
}

Place parse_place(const std::string& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  size_t bytes = 0;
  std::from_chars(text.data(), text.data() + colon, bytes);
  const std::string rest = text.substr(std::min(colon + 1, text.size()));
  return {.token = rest.substr(0, bytes), .done = rest.substr(std::min(bytes, rest.size()))};
}

bool is_empty(const Page& page) { return page.objects.empty() && page.prefixes.empty(); }

// Moves what `page` begins with of `key` to `to`.
void take_leading(Page& page, const std::string& key, std::vector<ObjectMeta>& to) {
  const auto end = std::ranges::find_if(
      page.objects, [&](const ObjectMeta& each) { return each.key.text != key; });
  to.insert(to.end(), std::make_move_iterator(page.objects.begin()), std::make_move_iterator(end));
  page.objects.erase(page.objects.begin(), end);
}

void turn_round(std::vector<ObjectMeta>& objects) {
  for (auto from = objects.begin(); from != objects.end();) {
    const auto to = std::find_if(from, objects.end(),
                                 [&](const ObjectMeta& each) { return each.key != from->key; });
    std::reverse(from, to);
    from = to;
  }
}

}  // namespace

Task<Page> newest_first(rt::Context& ctx, FetchPage fetch, std::string cursor) {
  const Place from = parse_place(cursor);
  CO_TRY(Page page, co_await fetch(ctx, from.token));
  std::vector<ObjectMeta> given;
  if (!from.done.empty()) {
    take_leading(page, from.done, given);
  }
  while (is_empty(page) && !page.next.empty()) {
    CO_TRY(page, co_await fetch(ctx, std::string(page.next)));
    if (!from.done.empty()) {
      take_leading(page, from.done, given);
    }
  }
  std::string token = std::exchange(page.next, {});
  const std::string last = page.objects.empty() ? std::string() : page.objects.back().key.text;
  while (!token.empty()) {
    CO_TRY(Page more, co_await fetch(ctx, token));
    const size_t before = page.objects.size();
    take_leading(more, last, page.objects);
    if (is_empty(more) && !more.next.empty()) {
      token = more.next;
      continue;
    }
    const bool goes_on = page.objects.size() > before;
    if (!is_empty(more)) {
      page.next = text_of({.token = token, .done = goes_on ? last : std::string()});
    }
    break;
  }
  turn_round(page.objects);
  co_return page;
}

}  // namespace tutti::cloud
