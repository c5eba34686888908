// The index of writers and readers follows every change of the nodes.
#include "converter/node_list.h"

#include <doctest/doctest.h>

namespace octet::test {
namespace {

Node node(std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  return {"", IdentityParams{}, std::move(inputs), std::move(outputs)};
}

std::vector<uint32_t> readers(const NodeList& nodes, ValueId id) {
  const auto found = nodes.readers(id);
  return {found.begin(), found.end()};
}
using Places = std::vector<uint32_t>;

// 0 -> 1; 1, 1 -> 2; 0, none, 2 -> 3
NodeList three() {
  NodeList nodes;
  nodes.push_back(node({0}, {1}));
  nodes.push_back(node({1, 1}, {2}));
  nodes.push_back(node({0, kNoValue, 2}, {3}));
  return nodes;
}

}  // namespace

TEST_CASE("a list of nodes knows the writer and the readers of each value") {
  const NodeList nodes = three();
  CHECK(!nodes.writer(0));
  CHECK(nodes.writer(1) == 0U);
  CHECK(nodes.writer(3) == 2U);
  CHECK(readers(nodes, 0) == Places{0, 2});
  CHECK(readers(nodes, 1) == Places{1, 1});
  CHECK(readers(nodes, 3).empty());
  // No value, and values that no node knows.
  CHECK(!nodes.writer(kNoValue));
  CHECK(readers(nodes, kNoValue).empty());
  CHECK(!nodes.writer(4));
  CHECK(readers(nodes, 4).empty());
  CHECK(!NodeList().writer(0));
}

TEST_CASE("every change of a list of nodes reaches its index") {
  NodeList nodes = three();
  const auto change = [&](const char* what, const auto& made) {
    CAPTURE(what);
    CHECK(nodes.writer(1).has_value());  // makes the index
    made();
    CHECK(nodes.is_indexed_right());
  };
  change("set_input", [&] { nodes.set_input(nodes[2], 4, 1); });
  CHECK(nodes[2].inputs == ValueIds{0, kNoValue, 2, kNoValue, 1});
  CHECK(readers(nodes, 1) == Places{1, 1, 2});
  change("set_inputs", [&] { nodes.set_inputs(nodes[2], {0, 2}); });
  CHECK(readers(nodes, 1) == Places{1, 1});
  change("set_output", [&] { nodes.set_output(nodes[2], 0, 7); });
  CHECK(nodes.writer(7) == 2U);
  CHECK(!nodes.writer(3));
  change("replace_inputs", [&] { nodes.replace_inputs(0, 8); });
  CHECK(readers(nodes, 8) == Places{0, 2});
  change("insert", [&] { nodes.insert(0, node({0}, {8})); });
  CHECK(nodes.writer(7) == 3U);
  change("push_back", [&] { nodes.push_back(node({0}, {9})); });
  CHECK(readers(nodes, 0) == Places{0, 4});
  change("move_up", [&] { nodes.move_up(0, 2); });
  CHECK(nodes.writer(8) == 1U);
  change("erase", [&] { nodes.erase(0); });
  CHECK(nodes.writer(8) == 0U);
  CHECK(!nodes.writer(1));
  nodes.push_back(node({8}, {1}));
  change("erase_if", [&] { nodes.erase_if([](const Node& each) { return each.input(0) == 0; }); });
  CHECK(!nodes.writer(8));
  change("renumber", [&] { nodes.renumber({0, 2, 1, 3, 4, 5, 6, 7, 0}); });
  CHECK(nodes.writer(2).has_value());
  nodes.push_back(node({0}, {1}));
  change("truncate", [&] { nodes.truncate(2); });
  change("assignment", [&] { nodes = three(); });
  CHECK(readers(nodes, 0) == Places{0, 2});
  const NodeList copy = nodes;
  change("copy", [&] {
    nodes.clear();
    nodes.push_back(node({5}, {1}));
  });
  CHECK(readers(copy, 0) == Places{0, 2});
}

TEST_CASE("a node that is exchanged past its list is found") {
  NodeList nodes = three();
  CHECK(nodes.writer(3) == 2U);
  nodes[2] = node({0}, {9});
  CHECK_FALSE(nodes.is_indexed_right());
}

}  // namespace octet::test
