// Names are given as if all others had been looked through, and without looking.
#include "converter/unique_names.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "converter/lower.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// What names are, whatever index finds them: `wanted`, or with the least suffix that no item has.
template <class Items>
std::string searched_name(const Items& items, const std::string& wanted) {
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  };
  std::string name = wanted;
  for (int suffix = 2; is_taken(name); ++suffix) name = wanted + "_" + std::to_string(suffix);
  return name;
}

// Of this process; other programs take none of it.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("a name that is taken gets the least suffix that is free") {
  UniqueNames names;
  for (const auto& [wanted, given] : std::vector<std::pair<std::string, std::string>>{{"n", "n"},
                                                                                      {"n_2", "n_2"},
                                                                                      {"n", "n_3"},
                                                                                      {"n_4", "n_4"},
                                                                                      {"n", "n_5"},
                                                                                      {"n_2", "n_2_2"},
                                                                                      {"n_3", "n_3_2"}}) {
    CHECK(names.give(wanted) == given);
  }
}

TEST_CASE("values and nodes get the names that a search would find, whatever happens to the others") {
  std::mt19937 random(5);
  const auto below = [&](size_t count) { return static_cast<size_t>(random() % count); };
  const std::vector<std::string> wanted{"a", "a_2", "a_3", "a_2_2", "a_02", "a_", "_2", "b"};
  Graph graph;
  graph.values.push_back({"a", DataType::kF32, {}, std::nullopt});  // past the graph, as tests do
  for (int step = 0; step < 3000; ++step) {
    const std::string& name = wanted[below(wanted.size())];
    const auto id = static_cast<ValueId>(below(graph.values.size()));
    const auto other = static_cast<ValueId>(below(graph.values.size()));
    CAPTURE(step);
    const std::string value_name = searched_name(graph.values, name);
    CHECK(graph.value(graph.add_value(name, DataType::kF32, {})).name == value_name);
    const std::string node_name = searched_name(graph.nodes, name);
    const size_t at = below(graph.nodes.size() + 1);
    graph.insert_node(at, name, IdentityParams{}, {id}, {});
    CHECK(graph.nodes[at].name == node_name);
    switch (below(8)) {
      case 0:
        graph.rename(id, name);
        break;
      case 1:
        graph.replace_value(id, other);
        break;
      case 2:
        graph.nodes.erase(below(graph.nodes.size()));
        break;
      case 3:
        graph.nodes.move_up(0, below(graph.nodes.size()) + 1);
        break;
      case 4:
        graph.nodes.push_back({name + "_9", IdentityParams{}, {id}, {}});
        break;
      case 5:
        graph.nodes.erase_if([&](const Node& node) { return node.name.ends_with('3'); });
        break;
      case 6:
        if (step % 5 == 0) graph.nodes.truncate(graph.nodes.size() / 2);
        break;
      default:
        if (step % 10 == 0) graph = step % 20 == 0 ? Graph(graph) : Graph(std::move(graph));
        if (step % 70 == 0) graph.remove_dead(), graph.add_value("a", DataType::kF32, {});
        break;
    }
    REQUIRE(graph.nodes.is_indexed_right());
  }
}

TEST_CASE("a graph whose value or node was named past it is found") {
  GraphBuilder b;
  b.output(b.relu("y", b.input("x", {1, 2})));
  REQUIRE(b.graph().verify().ok());
  SUBCASE("value") {
    b.graph().values[0].name = "other";
  }
  SUBCASE("node") {
    b.graph().insert_node(1, "z", IdentityParams{}, {0}, {b.graph().add_value("z", DataType::kF32, {1, 2})});
    b.graph().nodes[0].name = "other";
  }
  const Status status = b.graph().verify();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message.find("past its") != std::string::npos);
}

TEST_CASE("a name is found without a look at all others") {
  constexpr int kCount = 39000;
  const std::string prefix(1000, 'n');
  const double start = cpu_seconds();
  Graph graph;
  ValueId last = graph.add_value("x", DataType::kF32, {1, 2});
  graph.inputs = {last};
  for (int i = 0; i < kCount; ++i) {
    const std::string name = i % 8 == 0 ? "same" : prefix + std::to_string(i);
    const ValueId next = graph.add_value(name, DataType::kF32, {1, 2});
    graph.insert_node(graph.nodes.size(), name, UnaryParams{}, {last}, {next});
    last = next;
  }
  graph.outputs = {last};
  CHECK(graph.nodes.back().name == prefix + std::to_string(kCount - 1));
  CHECK(graph.nodes[kCount - 8].name == "same_" + std::to_string(kCount / 8));
  const Result<PackedModel> lowered = lower_f32(graph);
  CHECK_MESSAGE(lowered.ok(), lowered.error().message);
  // It takes 0.2 s, and took 10 where lower_f32 alone looked for each name among all others.
  CHECK(cpu_seconds() - start < 5);
}

}  // namespace octet::test
