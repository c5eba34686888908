#include "tests/support/graph_builder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "converter/passes/passes.h"

namespace octet::test {
namespace {

using Values = std::map<ValueId, octet::Tensor>;

// scale * (x - mean) / sqrt(variance + epsilon) + bias, in double.
octet::Tensor batch_norm_of(const BatchNormParams& params, const std::vector<octet::Tensor>& inputs) {
  const octet::Tensor& src = inputs[0];
  octet::Tensor dst(DataType::kF32, src.shape());
  int64_t inner = 1;
  const auto axis = static_cast<int>(params.axis);
  for (int i = axis + 1; i < src.shape().rank(); ++i) inner *= src.shape()[i];
  const auto statistic = [&](size_t i, int64_t c) { return double{inputs[i].as<float>()[static_cast<size_t>(c)]}; };
  for (int64_t i = 0; i < src.element_count(); ++i) {
    const int64_t c = i / inner % src.shape()[axis];
    const double x = src.as<float>()[static_cast<size_t>(i)];
    const double y = statistic(1, c) * (x - statistic(3, c)) / std::sqrt(statistic(4, c) + double{params.epsilon});
    dst.as<float>()[static_cast<size_t>(i)] = static_cast<float>(y + statistic(2, c));
  }
  return dst;
}

// The last row of the op's table.
template <class Params>
void run_reference(const Params& params, Descs inputs, Descs outputs, const Buffers& buffers) {
  const auto& row = kernel_table(params).back();
  const Result<Kernel> kernel = row.prepare({params, inputs, outputs, 1});
  REQUIRE_MESSAGE(kernel.ok(), Params::kName);
  (*kernel)(buffers);
}

std::vector<octet::Tensor> run_node(const Graph& graph, const Node& node, const std::vector<octet::Tensor>& inputs) {
  if (const auto* params = node.as<BatchNormParams>()) return {batch_norm_of(*params, inputs)};
  if (node.is<IdentityParams>()) return {inputs[0]};
  const std::optional<OpParams> op = to_packed(node.op);
  REQUIRE_MESSAGE(op.has_value(), node.name);
  std::vector<TensorDesc> sources;
  std::vector<const void*> src;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool present = node.inputs[i] != kNoValue;
    const bool constant = present && graph.value(node.inputs[i]).is_constant();
    sources.push_back({.type = inputs[i].type(), .shape = inputs[i].shape(), .present = present});
    if (constant) sources.back().data = inputs[i].data();
    src.push_back(present ? inputs[i].data() : nullptr);
  }
  const auto shapes = infer_shapes(*op, sources);
  REQUIRE_MESSAGE(shapes.ok(), node.name);
  std::vector<octet::Tensor> results;
  std::vector<TensorDesc> destinations;
  std::vector<void*> dst;
  for (size_t i = 0; i < shapes->size(); ++i) {
    results.emplace_back(graph.value(node.outputs[i]).type, (*shapes)[i]);
    destinations.push_back({.type = results[i].type(), .shape = (*shapes)[i]});
  }
  for (octet::Tensor& result : results) dst.push_back(result.data());
  std::visit([&](const auto& params) { run_reference(params, sources, destinations, {src.data(), dst.data()}); }, *op);
  return results;
}

}  // namespace

ValueId GraphBuilder::input(const std::string& name, const Shape& shape, DataType type) {
  const ValueId id = graph_.add_value(name, type, shape);
  graph_.inputs.push_back(id);
  return id;
}

ValueId GraphBuilder::constant(const Shape& shape, float low, float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  octet::Tensor tensor(DataType::kF32, shape);
  for (float& x : tensor.as<float>()) x = uniform(random_);
  return graph_.add_constant("constant", tensor);
}

ValueId GraphBuilder::constant_of(const Shape& shape, const std::vector<float>& values) {
  return graph_.add_constant("constant", octet::Tensor::f32(shape, values));
}

ValueId GraphBuilder::add(const std::string& name, GraphOp op, std::vector<ValueId> inputs) {
  const auto shapes = infer_shapes(op, graph_.descs(inputs));
  REQUIRE_MESSAGE(shapes.ok(), (shapes.ok() ? name : name + ": " + shapes.error().message));
  const ValueId output = graph_.add_value(name, graph_.value(inputs[0]).type, shapes->front());
  graph_.insert_node(graph_.nodes.size(), name, std::move(op), std::move(inputs), {output});
  return output;
}

ValueId GraphBuilder::conv2d(const std::string& name, ValueId x, const Shape& weights, Conv2dParams params, bool bias) {
  std::vector<ValueId> inputs{x, constant(weights)};
  if (bias) inputs.push_back(constant({weights[0]}));
  return add(name, params, std::move(inputs));
}

ValueId GraphBuilder::fully_connected(const std::string& name, ValueId x, int64_t outputs, bool bias) {
  std::vector<ValueId> inputs{x, constant({outputs, shape(x)[1]})};
  if (bias) inputs.push_back(constant({outputs}));
  return add(name, FullyConnectedParams{}, std::move(inputs));
}

ValueId GraphBuilder::batch_norm(const std::string& name, ValueId x, int64_t axis, float epsilon) {
  const Shape channels{shape(x)[static_cast<int>(axis)]};
  const std::vector<ValueId> inputs{x, constant(channels, -2, 2), constant(channels), constant(channels),
                                    constant(channels, 0.1F, 2)};
  return add(name, BatchNormParams{epsilon, axis}, inputs);
}

ValueId GraphBuilder::transpose(const std::string& name, ValueId x, std::vector<int64_t> permutation) {
  return add(name, TransposeParams{std::move(permutation)}, {x});
}

ValueId GraphBuilder::relu(const std::string& name, ValueId x) {
  return add(name, UnaryParams{UnaryKind::kClip, 0, INFINITY}, {x});
}

ValueId GraphBuilder::add_up(const std::string& name, ValueId a, ValueId b, BinaryKind kind) {
  return add(name, BinaryParams{.kind = kind}, {a, b});
}

std::vector<octet::Tensor> run_graph(const Graph& graph, const std::vector<octet::Tensor>& inputs) {
  Values values;
  for (size_t i = 0; i < graph.inputs.size(); ++i) values[graph.inputs[i]] = inputs[i];
  const auto value = [&](ValueId id) {
    if (id == kNoValue) return octet::Tensor();
    return graph.value(id).is_constant() ? *graph.value(id).constant : values.at(id);
  };
  for (const Node& node : graph.nodes) {
    std::vector<octet::Tensor> sources;
    for (const ValueId id : node.inputs) sources.push_back(value(id));
    std::vector<octet::Tensor> results = run_node(graph, node, sources);
    for (size_t i = 0; i < results.size(); ++i) values[node.outputs[i]] = std::move(results[i]);
  }
  std::vector<octet::Tensor> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(value(id));
  return outputs;
}

std::vector<octet::Tensor> random_inputs(const Graph& graph, int64_t batch, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<octet::Tensor> inputs;
  for (const ValueId id : graph.inputs) {
    Shape shape = graph.value(id).shape;
    for (int64_t& dim : shape) dim = dim < 0 ? batch : dim;
    octet::Tensor tensor(graph.value(id).type, shape);
    for (float& x : tensor.as<float>()) x = uniform(random);
    inputs.push_back(tensor);
  }
  return inputs;
}

double largest_difference(const std::vector<octet::Tensor>& expected, const std::vector<octet::Tensor>& found) {
  if (expected.size() != found.size()) return INFINITY;
  double worst = 0;
  for (size_t k = 0; k < expected.size(); ++k) {
    if (expected[k].shape() != found[k].shape() || expected[k].type() != found[k].type()) return INFINITY;
    const auto a = expected[k].as<float>();
    const auto b = found[k].as<float>();
    double largest = 1e-30;
    double difference = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(double{a[i]}));
      const double here = std::abs(double{a[i]} - double{b[i]});
      difference = here >= difference ? here : std::isnan(here) ? INFINITY : difference;
    }
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

Graph rewritten(const Graph& graph, const char* pass, int& rewrites) {
  REQUIRE(graph.verify().ok());
  Graph copy = graph;
  const auto found =
      std::find_if(passes().begin(), passes().end(), [&](const Pass& p) { return std::string_view(p.name) == pass; });
  REQUIRE(found != passes().end());
  rewrites = 0;
  while (const int more = found->run(copy)) rewrites += more;
  copy.remove_dead();
  REQUIRE(copy.infer().ok());
  const Status verified = copy.verify();
  REQUIRE_MESSAGE(verified.ok(), (verified.ok() ? "" : verified.error().message));
  const auto inputs = random_inputs(graph);
  CHECK(largest_difference(run_graph(graph, inputs), run_graph(copy, inputs)) <= kFoldTolerance);
  REQUIRE(copy.outputs.size() == graph.outputs.size());
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    CHECK(copy.value(copy.outputs[i]).name == graph.value(graph.outputs[i]).name);
  }
  return copy;
}

Graph after_all_passes(const Graph& graph) {
  REQUIRE(graph.verify().ok());
  Graph copy = graph;
  const Status status = run_passes(copy);
  REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error().message));
  const auto inputs = random_inputs(graph);
  CHECK(largest_difference(run_graph(graph, inputs), run_graph(copy, inputs)) <= kFoldTolerance);
  REQUIRE(copy.outputs.size() == graph.outputs.size());
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    CHECK(copy.value(copy.outputs[i]).name == graph.value(graph.outputs[i]).name);
  }
  return copy;
}

int count_ops(const Graph& graph, std::string_view op) {
  int count = 0;
  for (const Node& node : graph.nodes) count += op_name(node.op) == op;
  return count;
}

}  // namespace octet::test
