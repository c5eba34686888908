#include "converter/import/quantized_names.h"

#include <algorithm>

namespace octet {

const IntegerType* integers_of_name(const QuantizedValues& quantized, const ValueNames& names,
                                    const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) return nullptr;
  const auto type = quantized.integers.find(found->second);
  return type == quantized.integers.end() ? nullptr : &type->second;
}

std::optional<IntegerType> moved_integers(const QuantizedValues& quantized, const ValueNames& names,
                                          const SourceNode& node) {
  constexpr std::string_view kMovements[] = {"Concat",   "DepthToSpace", "Expand",  "Flatten",   "Gather",
                                             "Identity", "MaxPool",      "Reshape", "Slice",     "SpaceToDepth",
                                             "Split",    "Squeeze",      "Tile",    "Transpose", "Unsqueeze"};
  if (std::find(std::begin(kMovements), std::end(kMovements), node.op_type) == std::end(kMovements)) return {};
  const IntegerType* first = node.inputs.empty() ? nullptr : integers_of_name(quantized, names, node.inputs[0]);
  if (first == nullptr) return {};
  if (node.op_type != "Concat") return *first;
  const bool alike = std::all_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& name) {
    const IntegerType* type = integers_of_name(quantized, names, name);
    return type != nullptr && *type == *first;
  });
  return alike ? std::optional(*first) : std::nullopt;
}

void note_constants(QuantizedValues& quantized, const ValueNames& names, const SourceNode& node, GivenTable& given) {
  const auto constant = [&](size_t i) -> const GivenConstant* {
    const auto name = i < node.inputs.size() ? names.find(node.inputs[i]) : names.end();
    const auto found = name == names.end() ? quantized.constants.end() : quantized.constants.find(name->second);
    return found == quantized.constants.end() ? nullptr : &found->second;
  };
  const auto is_set = [&](const char* name) {
    const auto found = node.attributes.find(name);
    const auto* flag = found == node.attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
    return flag != nullptr && *flag != 0;
  };
  if (node.op_type == "Transpose" && constant(0) != nullptr && constant(0)->integers.shape().rank() == 2) {
    GivenConstant turned = *constant(0);
    turned.axis = 1 - turned.axis;
    quantized.constants[names.at(node.outputs[0])] = std::move(turned);
    return;
  }
  const bool gemm = node.op_type == "Gemm";
  if (!gemm && node.op_type != "Conv" && node.op_type != "MatMul") return;
  const GivenConstant* weights = constant(1);
  if (weights == nullptr || weights->type == DataType::kS32) return;
  const int output_axis = node.op_type == "Conv" || is_set("transB") ? 0 : 1;
  if (weights->scales.size() > 1 && weights->axis != output_axis) return;
  GivenLayer& layer = given.layers[node.name];
  layer.weights = *weights;
  if (const GivenConstant* bias = constant(2)) layer.bias = *bias;
}

}  // namespace octet
