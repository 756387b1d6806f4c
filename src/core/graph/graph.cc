// SPDX-License-Identifier: Apache-2.0
#include "core/graph/graph.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>

#include "base/check.h"

namespace tutti::graph {

namespace {

constexpr Node no_node = std::numeric_limits<Node>::max();

}  // namespace

Graph::Graph(const std::vector<std::vector<Node>>& needs) {
  const size_t size = needs.size();
  up_starts_.assign(size + 1, 0);
  down_starts_.assign(size + 1, 0);
  for (size_t node = 0; node < size; ++node) {
    for (Node need : needs[node]) {
      CHECK(need < size);
      ++down_starts_[need + 1];
    }
    up_starts_[node + 1] = up_starts_[node] + static_cast<uint32_t>(needs[node].size());
  }
  for (size_t node = 0; node < size; ++node) {
    down_starts_[node + 1] += down_starts_[node];
  }
  up_.reserve(up_starts_[size]);
  down_.resize(down_starts_[size]);
  std::vector<uint32_t> next(down_starts_.begin(), down_starts_.end() - 1);
  for (size_t node = 0; node < size; ++node) {
    for (Node need : needs[node]) {
      up_.push_back(need);
      down_[next[need]++] = static_cast<Node>(node);
    }
  }
}

std::span<const Node> Graph::upstream(Node node) const {
  return std::span(up_).subspan(up_starts_[node], up_starts_[node + 1] - up_starts_[node]);
}

std::span<const Node> Graph::downstream(Node node) const {
  return std::span(down_).subspan(down_starts_[node], down_starts_[node + 1] - down_starts_[node]);
}

std::optional<std::vector<Node>> Graph::order() const {
  std::vector<uint32_t> missing(size());
  std::priority_queue<Node, std::vector<Node>, std::greater<>> free;
  for (Node node = 0; node < size(); ++node) {
    missing[node] = static_cast<uint32_t>(upstream(node).size());
    if (missing[node] == 0) {
      free.push(node);
    }
  }
  std::vector<Node> order;
  order.reserve(size());
  while (!free.empty()) {
    const Node node = free.top();
    free.pop();
    order.push_back(node);
    for (Node next : downstream(node)) {
      if (--missing[next] == 0) {
        free.push(next);
      }
    }
  }
  if (order.size() != size()) {
    return std::nullopt;
  }
  return order;
}

Node Graph::lowest_on_some_cycle() const {
  // Strip what can run; every node that is left needs another one that is left, so walking up
  // must come back to a node already seen: that node lies on a cycle.
  std::vector<uint32_t> missing(size());
  std::vector<Node> free;
  for (Node node = 0; node < size(); ++node) {
    missing[node] = static_cast<uint32_t>(upstream(node).size());
    if (missing[node] == 0) {
      free.push_back(node);
    }
  }
  while (!free.empty()) {
    const Node node = free.back();
    free.pop_back();
    for (Node next : downstream(node)) {
      if (--missing[next] == 0) {
        free.push_back(next);
      }
    }
  }
  const auto left = std::ranges::find_if(missing, [](uint32_t n) { return n > 0; });
  if (left == missing.end()) {
    return no_node;
  }
  const auto up_of = [&](Node node) {
    return *std::ranges::find_if(upstream(node), [&](Node up) { return missing[up] > 0; });
  };
  std::vector<bool> seen(size());
  Node node = static_cast<Node>(left - missing.begin());
  while (!seen[node]) {
    seen[node] = true;
    node = up_of(node);
  }
  Node lowest = node;
  for (Node other = up_of(node); other != node; other = up_of(other)) {
    lowest = std::min(lowest, other);
  }
  return lowest;
}

std::vector<Node> Graph::cycle() const {
  const Node start = lowest_on_some_cycle();
  if (start == no_node) {
    return {};
  }
  std::vector<Node> came_from(size(), no_node);
  std::vector<Node> queue{start};
  for (size_t at = 0; at < queue.size(); ++at) {
    for (Node up : upstream(queue[at])) {
      if (up == start) {
        std::vector<Node> path{start};
        for (Node node = queue[at]; node != start; node = came_from[node]) {
          path.push_back(node);
        }
        path.push_back(start);
        std::ranges::reverse(path);
        return path;
      }
      if (came_from[up] == no_node) {
        came_from[up] = queue[at];
        queue.push_back(up);
      }
    }
  }
  return {};
}

std::vector<Node> Graph::reach(Node from, bool up) const {
  std::vector<bool> seen(size());
  std::vector<Node> queue{from};
  std::vector<Node> reached;
  for (size_t at = 0; at < queue.size(); ++at) {
    for (Node next : up ? upstream(queue[at]) : downstream(queue[at])) {
      if (!seen[next]) {
        seen[next] = true;
        reached.push_back(next);
        queue.push_back(next);
      }
    }
  }
  std::ranges::sort(reached);
  return reached;
}

std::vector<Node> Graph::all_upstream(Node node) const { return reach(node, true); }

std::vector<Node> Graph::all_downstream(Node node) const { return reach(node, false); }

Graph::Path Graph::critical_path(std::span<const Duration> durations) const {
  CHECK(durations.size() == size());
  const auto order_or = order();
  CHECK(order_or.has_value());
  std::vector<Duration> end(size());
  std::vector<Node> before(size(), no_node);
  Node last = no_node;
  for (Node node : *order_or) {
    Duration start{0};
    for (Node up : upstream(node)) {
      const bool better =
          before[node] == no_node || end[up] > start || (end[up] == start && up < before[node]);
      if (better) {
        start = end[up];
        before[node] = up;
      }
    }
    end[node] = start + durations[node];
    if (last == no_node || end[node] > end[last] || (end[node] == end[last] && node < last)) {
      last = node;
    }
  }
  Path path{.nodes = {}, .length = last == no_node ? Duration{0} : end[last]};
  for (Node node = last; node != no_node; node = before[node]) {
    path.nodes.push_back(node);
  }
  std::ranges::reverse(path.nodes);
  return path;
}

}  // namespace tutti::graph
