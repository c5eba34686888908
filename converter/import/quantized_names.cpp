#include "converter/import/quantized_names.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "converter/ops/conv_transpose.h"

namespace octet {
namespace {

enum class MovementKind {
  kFirst,    // of input 0
  kAll,      // of all inputs, which are quantized alike
  kNearest,  // of input 0, unless it interpolates
  kPad,      // of input 0, and a constant
  kClip,     // of input 0, and bounds
  kCast,     // of input 0, to the type that it has
};
struct Movement {
  std::string_view op;
  MovementKind kind;
};
using enum MovementKind;
constexpr Movement kMovements[] = {
    {"ArgMax", kFirst},       {"ArgMin", kFirst},     {"Cast", kCast},
    {"CastLike", kCast},      {"Clip", kClip},        {"Concat", kAll},
    {"DepthToSpace", kFirst}, {"Expand", kFirst},     {"Flatten", kFirst},
    {"Gather", kFirst},       {"Identity", kFirst},   {"Max", kAll},
    {"MaxPool", kFirst},      {"Min", kAll},          {"Pad", kPad},
    {"Reshape", kFirst},      {"Resize", kNearest},   {"Slice", kFirst},
    {"SpaceToDepth", kFirst}, {"Split", kFirst},      {"Squeeze", kFirst},
    {"Tile", kFirst},         {"TopK", kFirst},       {"Transpose", kFirst},
    {"Unsqueeze", kFirst},    {"Upsample", kNearest},
};

std::string text_of(const SourceNode& node, std::string_view name, const char* otherwise) {
  const auto* text = node.attribute<std::string>(name);
  return text == nullptr || text->empty() ? otherwise : *text;
}

// Makes the integer that input i is an attribute, as the real number that it stands for; an absent one is `otherwise`.
// False where it is no constant of the integers' type.
bool bind_real(MovedIntegers& moved, const ValueNames& names, const Graph& graph, size_t i, const char* attribute,
               std::optional<int32_t> otherwise) {
  SourceNode& node = moved.node;
  std::optional<int32_t> integer = otherwise;
  if (i < node.inputs.size() && !node.inputs[i].empty()) {
    const auto name = names.find(node.inputs[i]);
    if (name == names.end()) return false;
    const std::optional<Tensor>& constant = graph.value(name->second).constant;
    if (!constant || constant->type() != moved.type.type || constant->element_count() != 1) return false;
    integer = constant->type() == DataType::kU8 ? int32_t{constant->as<uint8_t>()[0]} : constant->as<int8_t>()[0];
    node.inputs[i].clear();
  }
  if (integer) {
    const QuantParams& quant = moved.type.quant;
    node.attributes[attribute] = quant.scale * static_cast<float>(*integer - quant.zero_point);
  }
  return true;
}

// The type that a Cast or CastLike makes, as far as it is one of integers.
std::optional<DataType> cast_type(const QuantizedValues& quantized, const ValueNames& names, const Graph& graph,
                                  const SourceNode& node) {
  constexpr int64_t kOnnxUint8 = 2, kOnnxInt8 = 3;
  if (node.op_type == "CastLike") {
    const auto like = node.inputs.size() < 2 ? names.end() : names.find(node.inputs[1]);
    if (like == names.end()) return {};
    const IntegerType* integers = integers_of_name(quantized, names, like->first);
    return integers != nullptr ? integers->type : graph.value(like->second).type;
  }
  const auto* number = node.attribute<int64_t>("to");
  if (number == nullptr || (*number != kOnnxUint8 && *number != kOnnxInt8)) return {};
  return *number == kOnnxUint8 ? DataType::kU8 : DataType::kS8;
}

}  // namespace

const IntegerType* integers_of_name(const QuantizedValues& quantized, const ValueNames& names,
                                    const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) return nullptr;
  const auto type = quantized.integers.find(found->second);
  return type == quantized.integers.end() ? nullptr : &type->second;
}

std::optional<MovedIntegers> moved_integers(const QuantizedValues& quantized, const ValueNames& names,
                                            const Graph& graph, const SourceNode& node) {
  const auto* const movement = std::find_if(std::begin(kMovements), std::end(kMovements),
                                            [&](const Movement& row) { return row.op == node.op_type; });
  if (movement == std::end(kMovements) || !node.domain.empty()) return {};
  const IntegerType* first = node.inputs.empty() ? nullptr : integers_of_name(quantized, names, node.inputs[0]);
  if (first == nullptr) return {};
  MovedIntegers moved{*first, node};
  switch (movement->kind) {
    case MovementKind::kFirst:
      return moved;
    case MovementKind::kAll: {
      const bool alike = std::all_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& name) {
        const IntegerType* type = integers_of_name(quantized, names, name);
        return type != nullptr && *type == *first;
      });
      return alike ? std::optional(std::move(moved)) : std::nullopt;
    }
    case MovementKind::kNearest:
      return text_of(node, "mode", "nearest") == "nearest" ? std::optional(std::move(moved)) : std::nullopt;
    case MovementKind::kPad:
      if (text_of(node, "mode", "constant") != "constant") return moved;
      if (!bind_real(moved, names, graph, 2, "value", 0)) return {};
      return moved;
    case MovementKind::kClip:
      if (!bind_real(moved, names, graph, 1, "min", {}) || !bind_real(moved, names, graph, 2, "max", {})) return {};
      return moved;
    case MovementKind::kCast:
      if (cast_type(quantized, names, graph, node) != moved.type.type) return {};
      moved.node.op_type = "Identity";
      moved.node.inputs.resize(1);
      return moved;
  }
  return {};
}

void note_sum(const SourceNode& node, GivenTable& given) {
  if (node.op_type != "Add" || !node.attributes.contains(kFoldsZeroPoints)) return;
  given.folds_zero_points[node.name] = node.int_attribute(kFoldsZeroPoints, 0) != 0;
}

void note_constants(QuantizedValues& quantized, const ValueNames& names, const SourceNode& node, GivenTable& given) {
  const auto constant = [&](size_t i) -> const GivenConstant* {
    const auto name = i < node.inputs.size() ? names.find(node.inputs[i]) : names.end();
    const auto found = name == names.end() ? quantized.constants.end() : quantized.constants.find(name->second);
    return found == quantized.constants.end() ? nullptr : &found->second;
  };
  if (node.op_type == "Transpose" && constant(0) != nullptr && constant(0)->integers.shape().rank() == 2) {
    GivenConstant turned = *constant(0);
    turned.axis = 1 - turned.axis;
    quantized.constants[names.at(node.outputs[0])] = std::move(turned);
    return;
  }
  const bool transposes = node.op_type == "ConvTranspose";
  const bool convolves = transposes || node.op_type == "Conv";
  if (!convolves && node.op_type != "Gemm" && node.op_type != "MatMul") return;
  const GivenConstant* weights = constant(1);
  if (weights == nullptr || weights->type == DataType::kS32) return;
  const bool is_first = (convolves && !transposes) || node.int_attribute("transB", 0) != 0;
  if (weights->scales.size() > 1 && weights->axis != (is_first ? 0 : 1)) return;
  if (transposes) {
    given.layers[node.name] = transposed_layer(node, *weights, constant(2));
    return;
  }
  GivenLayer& layer = given.layers[node.name];
  layer.weights = *weights;
  if (const GivenConstant* bias = constant(2)) layer.bias = *bias;
}

}  // namespace octet
