// SPDX-License-Identifier: Apache-2.0
// Questions about a directed graph of tasks: order, cycles, what is upstream and downstream, the
// critical path. A value, built once; nodes are 0..size-1 in the order of the file.
//
// Costs: order, cycle and closures are linear in nodes + edges. Integers only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace tutti::graph {

using Node = uint32_t;

class Graph {
 public:
  // needs[n] lists the nodes that n waits for; each < needs.size(), repeats allowed.
  explicit Graph(const std::vector<std::vector<Node>>& needs);

  size_t size() const { return up_starts_.size() - 1; }
  std::span<const Node> upstream(Node node) const;    // direct, in the order given
  std::span<const Node> downstream(Node node) const;  // direct, rising

  // Every node after all it needs (Kahn); among those that are free the lowest first, so the order
  // follows the file where it can. None when there is a cycle.
  std::optional<std::vector<Node>> order() const;

  // One cycle, each node needing the next one, first == last; empty: there is none. Short: no
  // shorter one goes through its first node, which is the lowest of it.
  std::vector<Node> cycle() const;

  // All nodes reached over one edge or more, rising. A node on a cycle is in its own closure.
  std::vector<Node> all_upstream(Node node) const;
  std::vector<Node> all_downstream(Node node) const;

  // The chain of needs with the greatest sum of durations, in running order (durations are not
  // negative; one per node). Among equals the lowest nodes. Needs a graph without cycles.
  struct Path {
    std::vector<Node> nodes;
    Duration length;
  };
  Path critical_path(std::span<const Duration> durations) const;

 private:
  Node lowest_on_some_cycle() const;
  std::vector<Node> reach(Node from, bool up) const;

  std::vector<uint32_t> up_starts_, down_starts_;
  std::vector<Node> up_, down_;
};

}  // namespace tutti::graph
