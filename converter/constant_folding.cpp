#include "converter/constant_folding.h"

#include <algorithm>
#include <span>

namespace octet {
namespace {

// Whether evaluate_constant would run a kernel: all inputs are constants, and no output is too large.
bool runs_kernel(const Graph& graph, const Node& node) {
  const auto constant = [&](ValueId id) { return id == kNoValue || graph.value(id).is_constant(); };
  const auto fits = [&](ValueId id) {
    const int64_t count = graph.value(id).shape.element_count();
    return count >= 0 && count <= kMaxFoldedElements;
  };
  return !node.inputs.empty() && std::ranges::all_of(node.inputs, constant) &&
         std::ranges::all_of(node.outputs, fits) && !node.is<IdentityParams>() && !node.is<ShapeOfParams>();
}

int64_t sum_of_elements(std::span<const TensorDesc> values) {
  int64_t sum = 0;
  for (const TensorDesc& value : values) sum += value.present ? value.shape.element_count() : 0;
  return sum;
}

}  // namespace

Result<Tensor> make_constant(DataType type, const Shape& shape, int64_t& bytes_left) {
  const int64_t count = shape.element_count();
  if (count < 0 || count > kMaxFoldedElements) {
    return Error{ErrorCode::kUnsupported, "the shape " + shape.to_string() +
                                              " of a constant is negative or has more than " +
                                              std::to_string(kMaxFoldedElements) + " elements"};
  }
  const int64_t bytes = count * element_bytes(type);
  if (bytes > bytes_left) {
    return Error{ErrorCode::kUnsupported, "a constant of the shape " + shape.to_string() + " would take " +
                                              std::to_string(bytes) + " bytes, but only " + std::to_string(bytes_left) +
                                              " are left for constants"};
  }
  bytes_left -= bytes;
  return Tensor(type, shape);
}

int64_t folding_operations(const Graph& graph, const Node& node) {
  const std::optional<OpParams> op = to_packed(node.op);
  if (!op || !runs_kernel(graph, node)) return 0;
  const std::vector<TensorDesc> inputs = graph.descs(node.inputs);
  const std::vector<TensorDesc> outputs = graph.descs(node.outputs);
  const auto is_empty = [](const TensorDesc& value) { return value.present && value.shape.element_count() == 0; };
  const int64_t elements = sum_of_elements(inputs) + sum_of_elements(outputs);
  if (std::ranges::any_of(inputs, is_empty)) return elements;
  return std::max(elements,
                  std::visit([&](const auto& params) { return count_operations(params, inputs, outputs); }, *op));
}

Status charge_folding(const Graph& graph, const Node& node, int64_t& left) {
  const int64_t operations = folding_operations(graph, node);
  if (operations > left) {
    return Error{ErrorCode::kUnsupported, "to compute it from constants takes " + std::to_string(operations) +
                                              " operations, but only " + std::to_string(left) + " of " +
                                              std::to_string(kMaxFoldingOperations) + " are left"};
  }
  left -= operations;
  return {};
}

int64_t folded_bytes(const Graph& graph, const Node& node) {
  int64_t bytes = 0;
  if (!to_packed(node.op) || !runs_kernel(graph, node)) return bytes;
  for (const TensorDesc& output : graph.descs(node.outputs)) {
    bytes += output.shape.element_count() * element_bytes(output.type);
  }
  return bytes;
}

std::optional<std::vector<Tensor>> evaluate_constant(const Graph& graph, const Node& node) {
  std::vector<Tensor> results;
  if (const auto* shape_of = node.as<ShapeOfParams>()) {
    const Shape& shape = graph.value(node.input(0)).shape;
    std::vector<int64_t> dims(shape.begin(), shape.end());
    const auto rank = static_cast<int64_t>(dims.size());
    const int64_t end = std::clamp<int64_t>(shape_of->end, 0, rank);
    const int64_t start = std::clamp<int64_t>(shape_of->start, 0, end);
    const std::span part = std::span(dims).subspan(static_cast<size_t>(start), static_cast<size_t>(end - start));
    if (std::any_of(part.begin(), part.end(), [](int64_t dim) { return dim < 0; })) return std::nullopt;
    results.push_back(Tensor::s64({end - start}, part));
    return results;
  }
  // Exporters share weights by Identity, before the passes that remove it.
  if (node.is<IdentityParams>() && graph.value(node.input(0)).is_constant()) {
    return std::vector{*graph.value(node.input(0)).constant};
  }
  if (!runs_kernel(graph, node)) return std::nullopt;
  const std::optional<OpParams> op = to_packed(node.op);
  if (!op) return std::nullopt;

  const std::vector<TensorDesc> inputs = graph.descs(node.inputs);
  const std::vector<TensorDesc> outputs = graph.descs(node.outputs);
  std::vector<const void*> src;
  std::vector<void*> dst;
  for (const TensorDesc& input : inputs) src.push_back(input.data);
  for (const TensorDesc& output : outputs) {
    results.emplace_back(output.type, output.shape);
    dst.push_back(results.back().data());
  }
  if (!check_types(*op, inputs, outputs).ok()) return std::nullopt;
  const Result<SelectedKernel> selected = select_kernel(*op, inputs, outputs, 1);
  if (!selected.ok()) return std::nullopt;
  selected->kernel({src.data(), dst.data()});
  return results;
}

}  // namespace octet
