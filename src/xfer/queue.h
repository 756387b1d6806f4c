// SPDX-License-Identifier: Apache-2.0
// The objects of a selection in the order they shall travel in. Inside of xfer.
#pragma once

#include <optional>
#include <vector>

#include "core/transfer/order.h"
#include "xfer/select.h"

namespace tutti::xfer {

// Lists once for each pattern of `order.first` and once for the rest: memory stays that of one
// page, unless the order is another one than that of the names; then it holds the objects of one
// turn.
class Queue {
 public:
  Queue(Selected selected, transfer::Order order);

  Task<std::optional<cloud::ObjectMeta>> next(rt::Context& ctx);
  // At the end.
  const Selected& last_listing() const { return listing_; }

 private:
  Task<std::optional<cloud::ObjectMeta>> next_of_turn(rt::Context& ctx);
  Task<Unit> sort_turn(rt::Context& ctx);

  Selected selected_;  // never begun
  Selected listing_;   // of this turn
  transfer::Order order_;
  size_t turn_ = 0;
  bool sorted_ = false;                     // this turn
  std::vector<cloud::ObjectMeta> objects_;  // of this turn, the next one last
};

}  // namespace tutti::xfer
