#include "converter/constant_folding.h"

#include <algorithm>

namespace octet {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 26;

}  // namespace

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
  const auto constant = [&](ValueId id) { return id == kNoValue || graph.value(id).is_constant(); };
  if (node.inputs.empty() || !std::all_of(node.inputs.begin(), node.inputs.end(), constant)) return std::nullopt;
  // Exporters share weights by Identity, before the passes that remove it.
  if (node.is<IdentityParams>()) return std::vector{*graph.value(node.input(0)).constant};
  const std::optional<OpParams> op = to_packed(node.op);
  if (!op) return std::nullopt;

  const std::vector<TensorDesc> inputs = graph.descs(node.inputs);
  const std::vector<TensorDesc> outputs = graph.descs(node.outputs);
  std::vector<const void*> src;
  std::vector<void*> dst;
  for (const TensorDesc& input : inputs) src.push_back(input.data);
  for (const TensorDesc& output : outputs) {
    const int64_t count = output.shape.element_count();
    if (count < 0 || count > kMaxElements) return std::nullopt;
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
