// SPDX-License-Identifier: Apache-2.0
#include "cloud/versions.h"

#include <algorithm>
#include <iterator>

#include "cloud/cursor.h"

namespace tutti::cloud {
namespace {

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
  const Cursor from = parse_cursor(cursor);  // its name: a key whose versions were given already
  CO_TRY(Page page, co_await fetch(ctx, from.token));
  std::vector<ObjectMeta> given;
  if (!from.name.empty()) {
    take_leading(page, from.name, given);
  }
  while (is_empty(page) && !page.next.empty()) {
    CO_TRY(page, co_await fetch(ctx, std::string(page.next)));
    if (!from.name.empty()) {
      take_leading(page, from.name, given);
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
      page.next = text_of({.token = token, .name = goes_on ? last : std::string()});
    }
    break;
  }
  turn_round(page.objects);
  co_return page;
}

}  // namespace tutti::cloud
