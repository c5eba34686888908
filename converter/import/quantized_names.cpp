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
  const auto found = node.attributes.find(name);
  const auto* text = found == node.attributes.end() ? nullptr : std::get_if<std::string>(&found->second);
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
  const auto to = node.attributes.find("to");
  const auto* number = to == node.attributes.end() ? nullptr : std::get_if<int64_t>(&to->second);
  if (number == nullptr || (*number != kOnnxUint8 && *number != kOnnxInt8)) return {};
  return *number == kOnnxUint8 ? DataType::kU8 : DataType::kS8;
}

int64_t int_of(const SourceNode& node, const char* name, int64_t otherwise) {
  const auto found = node.attributes.find(name);
  const auto* value = found == node.attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return value == nullptr ? otherwise : *value;
}

// For each channel of the convolution that a transposed one became, the entry `place` says of `values`, or the only
// one.
template <class T, class Place>
std::vector<T> for_phases(const std::vector<T>& values, const PhaseChannels& channels, const Place& place) {
  if (values.size() == 1) return values;
  std::vector<T> result;
  for (int64_t i = 0; i < channels.count(); ++i) result.push_back(values[static_cast<size_t>(place(i))]);
  return result;
}

// A ConvTranspose, which has been read, as the convolution that it became (ops/conv_transpose.cpp).
GivenLayer phase_layer(const SourceNode& node, const GivenConstant& weights, const GivenConstant* bias) {
  PhaseChannels channels{int_of(node, "group", 1), 1, weights.integers.shape()[1]};
  const auto strides = node.attributes.find("strides");
  const auto* list = strides == node.attributes.end() ? nullptr : std::get_if<std::vector<int64_t>>(&strides->second);
  if (list != nullptr) {
    for (const int64_t stride : *list) channels.phases *= stride;
  }
  GivenLayer layer{weights, {}};
  const auto in_group = [&](int64_t i) { return channels.in_group(i); };
  const auto of_all = [&](int64_t i) { return channels.of_all(i); };
  layer.weights.scales = for_phases(weights.scales, channels, in_group);
  layer.weights.zero_points = for_phases(weights.zero_points, channels, in_group);
  layer.weights.axis = 0;
  if (bias == nullptr || bias->type != DataType::kS32) return layer;
  layer.bias = *bias;
  layer.bias->scales = for_phases(bias->scales, channels, of_all);
  layer.bias->zero_points = for_phases(bias->zero_points, channels, of_all);
  layer.bias->integers = Tensor(DataType::kS32, {channels.count()});
  for (int64_t i = 0; i < channels.count(); ++i) {
    layer.bias->integers.as<int32_t>()[i] = bias->integers.as<int32_t>()[channels.of_all(i)];
  }
  return layer;
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
  given.folds_zero_points[node.name] = int_of(node, kFoldsZeroPoints, 0) != 0;
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
  const bool is_first = (convolves && !transposes) || int_of(node, "transB", 0) != 0;
  if (weights->scales.size() > 1 && weights->axis != (is_first ? 0 : 1)) return;
  if (transposes) {
    given.layers[node.name] = phase_layer(node, *weights, constant(2));
    return;
  }
  GivenLayer& layer = given.layers[node.name];
  layer.weights = *weights;
  if (const GivenConstant* bias = constant(2)) layer.bias = *bias;
}

}  // namespace octet
