// SPDX-License-Identifier: Apache-2.0
#include "xfer/queue.h"

#include <algorithm>
#include <compare>

namespace tutti::xfer {
namespace {

using cloud::ObjectMeta;
using transfer::By;

bool comes_before(By by, const ObjectMeta& one, const ObjectMeta& other) {
  std::strong_ordering order = std::strong_ordering::equal;
  switch (by) {
    case By::smallest:
      order = one.size <=> other.size;
      break;
    case By::largest:
      order = other.size <=> one.size;
      break;
    case By::oldest:
      order = one.modified <=> other.modified;
      break;
    case By::newest:
      order = other.modified <=> one.modified;
      break;
    case By::name:
      break;
  }
  return order == std::strong_ordering::equal ? one.key < other.key : order < 0;
}

}  // namespace

Queue::Queue(Selected selected, transfer::Order order)
    : selected_(std::move(selected)), listing_(selected_), order_(std::move(order)) {}

Task<std::optional<ObjectMeta>> Queue::next(rt::Context& ctx) {
  while (true) {
    if (order_.by != By::name && !sorted_) {
      CO_OK(co_await sort_turn(ctx));
    }
    std::optional<ObjectMeta> meta;
    if (order_.by == By::name) {
      CO_TRY(meta, co_await next_of_turn(ctx));
    } else if (!objects_.empty()) {
      meta = std::move(objects_.back());
      objects_.pop_back();
    }
    if (meta || turn_ == order_.first.size()) {
      co_return meta;
    }
    ++turn_;
    sorted_ = false;
    listing_ = selected_;
  }
}

Task<std::optional<ObjectMeta>> Queue::next_of_turn(rt::Context& ctx) {
  while (true) {
    CO_TRY(auto meta, co_await listing_.next(ctx));
    if (!meta ||
        order_.turn_of(
            std::string_view(meta->key.text).substr(selected_.selection().base.size())) == turn_) {
      co_return meta;
    }
  }
}

Task<Unit> Queue::sort_turn(rt::Context& ctx) {
  while (true) {
    CO_TRY(auto meta, co_await next_of_turn(ctx));
    if (!meta) {
      break;
    }
    objects_.push_back(std::move(*meta));
  }
  std::ranges::sort(objects_, [this](const ObjectMeta& one, const ObjectMeta& other) {
    return comes_before(order_.by, other, one);
  });
  sorted_ = true;
  co_return Unit{};
}

}  // namespace tutti::xfer
