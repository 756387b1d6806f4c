// SPDX-License-Identifier: Apache-2.0
#include "core/graph/graph.h"

#include "base/doctest.h"

namespace tutti::graph {

namespace {

using Needs = std::vector<std::vector<Node>>;
using Nodes = std::vector<Node>;

// The answers by their definitions, slowly: reach by repeated marking.
std::vector<std::vector<bool>> closure(const Needs& needs) {
  std::vector<std::vector<bool>> reach(needs.size(), std::vector<bool>(needs.size()));
  for (size_t n = 0; n < needs.size(); ++n) {
    for (Node up : needs[n]) {
      reach[n][up] = true;
    }
  }
  for (size_t k = 0; k < needs.size(); ++k) {
    for (size_t i = 0; i < needs.size(); ++i) {
      for (size_t j = 0; j < needs.size(); ++j) {
        reach[i][j] = reach[i][j] || (reach[i][k] && reach[k][j]);
      }
    }
  }
  return reach;
}

bool is_cycle(const Graph& graph, const Nodes& cycle) {
  if (cycle.size() < 2 || cycle.front() != cycle.back()) {
    return false;
  }
  for (size_t i = 0; i + 1 < cycle.size(); ++i) {
    const auto ups = graph.upstream(cycle[i]);
    if (std::ranges::find(ups, cycle[i + 1]) == ups.end()) {
      return false;
    }
  }
  return true;
}

void check_order(const Needs& needs, const Nodes& order) {
  std::vector<size_t> place(needs.size(), needs.size());
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
  }
  for (size_t n = 0; n < needs.size(); ++n) {
    REQUIRE(place[n] < needs.size());
    for (Node up : needs[n]) {
      REQUIRE(place[up] < place[n]);
    }
  }
}

}  // namespace

TEST_CASE("every graph of four nodes: order, cycle and closures agree with their definitions") {
  for (uint32_t bits = 0; bits < 1U << 16U; ++bits) {
    Needs needs(4);
    for (uint32_t edge = 0; edge < 16; ++edge) {
      if ((bits >> edge & 1U) != 0) {
        needs[edge / 4].push_back(edge % 4);
      }
    }
    const Graph graph(needs);
    const auto reach = closure(needs);
    bool cyclic = false;
    for (Node n = 0; n < 4; ++n) {
      cyclic = cyclic || reach[n][n];
      Nodes up;
      Nodes down;
      for (Node other = 0; other < 4; ++other) {
        if (reach[n][other]) {
          up.push_back(other);
        }
        if (reach[other][n]) {
          down.push_back(other);
        }
      }
      REQUIRE(graph.all_upstream(n) == up);
      REQUIRE(graph.all_downstream(n) == down);
    }
    const auto order = graph.order();
    REQUIRE(order.has_value() == !cyclic);
    REQUIRE(graph.cycle().empty() == !cyclic);
    if (cyclic) {
      REQUIRE(is_cycle(graph, graph.cycle()));
    } else {
      check_order(needs, *order);
    }
  }
}

TEST_CASE("order follows the file where needs leave it free") {
  CHECK(*Graph(Needs{{}, {}, {}}).order() == Nodes{0, 1, 2});
  CHECK(*Graph(Needs{{2}, {}, {}, {0}}).order() == Nodes{1, 2, 0, 3});
}

TEST_CASE("a cycle reads as a path of needs from its lowest node, by the shortest way") {
  CHECK(Graph(Needs{{0}}).cycle() == Nodes{0, 0});
  CHECK(Graph(Needs{{}, {2}, {1}}).cycle() == Nodes{1, 2, 1});
  // 1 -> 2 -> 3 -> 1 has the short cut 1 -> 3; node 4 hangs below and is on no cycle
  CHECK(Graph(Needs{{}, {2, 3}, {3}, {1}, {3}}).cycle() == Nodes{1, 3, 1});
}

TEST_CASE("the critical path is the chain with the greatest sum") {
  // 0 -> 1 -> 3 and 0 -> 2 -> 3
  const Graph graph(Needs{{}, {0}, {0}, {1, 2}});
  const std::vector<Duration> slow_two{seconds(1), seconds(2), seconds(5), seconds(1)};
  CHECK(graph.critical_path(slow_two).nodes == Nodes{0, 2, 3});
  CHECK(graph.critical_path(slow_two).length == seconds(7));
  const std::vector<Duration> equal(4, seconds(1));
  CHECK(graph.critical_path(equal).nodes == Nodes{0, 1, 3});
  const std::vector<Duration> zero(4);
  CHECK(graph.critical_path(zero).length == seconds(0));
  CHECK(Graph(Needs{}).critical_path({}).nodes.empty());
}

TEST_CASE("repeated needs count once in the closures and do not spoil the order") {
  const Graph graph(Needs{{}, {0, 0}});
  CHECK(*graph.order() == Nodes{0, 1});
  CHECK(graph.all_downstream(0) == Nodes{1});
}

TEST_CASE("a chain and a star of 100,000 nodes are answered without recursion") {
  constexpr Node size = 100'000;
  Needs chain(size);
  Needs star(size);
  for (Node n = 1; n < size; ++n) {
    chain[n] = {n - 1};
    star[n] = {0};
  }
  CHECK(Graph(chain).all_upstream(size - 1).size() == size - 1);
  CHECK(Graph(star).all_downstream(0).size() == size - 1);
  chain[0] = {size - 1};
  CHECK(Graph(chain).cycle().size() == size + 1);
}

}  // namespace tutti::graph
