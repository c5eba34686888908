// Small float graphs made by hand, with seeded random constants; and a run of any float graph, node by node, on the
// reference kernels, to see that a rewrite keeps the function.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "converter/graph.h"

namespace octet::test {

class GraphBuilder {
 public:
  explicit GraphBuilder(uint32_t seed = 1) : random_(seed) {}

  ValueId input(const std::string& name, const Shape& shape, DataType type = DataType::kF32);
  // Random values in [low, high).
  ValueId constant(const Shape& shape, float low = -1, float high = 1);
  ValueId constant_of(const Shape& shape, const std::vector<float>& values);
  // A node with one output, both of this name. The graph must accept it.
  ValueId add(const std::string& name, GraphOp op, std::vector<ValueId> inputs);
  void output(ValueId id) { graph_.outputs.push_back(id); }

  // Shorthands. `weights` of conv2d is [O, KH, KW, C/groups], random; with a random bias.
  ValueId conv2d(const std::string& name, ValueId x, const Shape& weights, Conv2dParams params = {}, bool bias = true);
  ValueId fully_connected(const std::string& name, ValueId x, int64_t outputs, bool bias = true);
  // Statistics with scales of either sign, variances in [0.1, 2).
  ValueId batch_norm(const std::string& name, ValueId x, int64_t axis, float epsilon = 1e-3F);
  ValueId transpose(const std::string& name, ValueId x, std::vector<int64_t> permutation);
  ValueId relu(const std::string& name, ValueId x);
  ValueId add_up(const std::string& name, ValueId a, ValueId b, BinaryKind kind = BinaryKind::kAdd);

  Graph& graph() { return graph_; }
  const Shape& shape(ValueId id) { return graph_.value(id).shape; }

 private:
  Graph graph_;
  std::mt19937 random_;
};

// The graph's outputs for these inputs, whose shapes are known in every dimension.
std::vector<octet::Tensor> run_graph(const Graph& graph, const std::vector<octet::Tensor>& inputs);
// Random inputs in [-1, 1); a dynamic dimension becomes `batch`.
std::vector<octet::Tensor> random_inputs(const Graph& graph, int64_t batch = 2, uint32_t seed = 7);

// The largest difference of two outputs, relative to the largest absolute value of `expected`; infinite where a shape
// or a count differs, or for NaN.
double largest_difference(const std::vector<octet::Tensor>& expected, const std::vector<octet::Tensor>& found);

// What f32 rounding explains on the graphs of these tests: sums of K <= 600 products of numbers below 1, each sum off
// by at most K * 2^-24 of its largest partial sum; the widest seen partial sums are 4 times the result.
inline constexpr double kFoldTolerance = 4 * 600 / 16777216.0;

// Runs the pass (by its name in passes()) over a copy until it finds nothing more, checks that graph stays valid and
// its function the same, and returns the rewritten graph; `rewrites` gets the number of rewrites.
Graph rewritten(const Graph& graph, const char* pass, int& rewrites);
// The same for run_passes.
Graph after_all_passes(const Graph& graph);

// The bytes of numbers, as files hold them.
template <class T>
std::string bytes_of(std::span<const T> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

// Nodes of an op, by its name on every floor.
int count_ops(const Graph& graph, std::string_view op);

}  // namespace octet::test
