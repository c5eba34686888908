#include "converter/export/op_writers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/export/layer_writers.h"
#include "converter/export/zoo_writers.h"

namespace octet {
namespace {

Error unsupported(const std::string& reason) {
  return {ErrorCode::kUnsupported, reason};
}

template <class Params>
  requires std::is_same_v<Params, Conv2dParams> || std::is_same_v<Params, FullyConnectedParams>
Status write(QdqWriter& writer, const PackedNode& node, const Params& params) {
  return write_layer(writer, node, params);
}

Status write(QdqWriter& writer, const PackedNode& node, const MatmulParams&) {
  const std::string value = writer.onnx().add_node("MatMul", {writer.read(node.inputs[0]), writer.read(node.inputs[1])},
                                                   writer.output_name(node));
  writer.write(node, value, same_order(writer.rank(node.outputs[0])));
  return {};
}

// --- images ---

Status write(QdqWriter& writer, const PackedNode& node, const Pool2dParams& params) {
  const bool is_max = params.kind == PoolKind::kMax;
  std::string op = is_max ? "MaxPool" : "AveragePool";
  OnnxAttributes attributes;
  if (params.global) {
    op = "Global" + op;
  } else {
    attributes = {{"kernel_shape", to_ints(params.kernel)},
                  {"strides", to_ints(params.strides)},
                  {"pads", to_ints(params.pads)},
                  {"ceil_mode", int64_t{params.ceil_mode}}};
    if (is_max) {
      attributes.emplace_back("dilations", to_ints(params.dilations));
    } else {
      attributes.emplace_back("count_include_pad", int64_t{params.count_include_pad});
      if (params.dilations != std::array<int64_t, 2>{1, 1}) return unsupported("average pools have no dilations");
    }
  }
  const std::string value =
      writer.onnx().add_node(op, {writer.read(node.inputs[0], kChannelsFirst)}, writer.output_name(node), attributes);
  writer.write(node, value, kChannelsFirst);
  return {};
}

// A scale that gives `size` by floor(source * scale).
float scale_for(int64_t size, int64_t source) {
  float scale = static_cast<float>(static_cast<double>(size) / static_cast<double>(source));
  if (std::floor(static_cast<float>(source) * scale) < static_cast<float>(size))
    scale = std::nextafter(scale, INFINITY);
  return scale;
}

Status write(QdqWriter& writer, const PackedNode& node, const ResizeParams& params) {
  constexpr const char* kCoordinates[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"};
  constexpr const char* kRounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const Shape& src = writer.tensor(node.inputs[0]).shape;
  OnnxBuilder& onnx = writer.onnx();
  const std::string& name = writer.output_name(node);
  std::vector<std::string> inputs{writer.read(node.inputs[0], kChannelsFirst), ""};
  if (node.inputs.size() > kResizeLike && node.inputs[kResizeLike] >= 0) {
    const std::string like = writer.read(node.inputs[kResizeLike], kChannelsFirst);
    const std::string kept = onnx.add_node("Shape", {inputs[0]}, name + "_kept", {{"end", int64_t{2}}});
    const std::string size = onnx.add_node("Shape", {like}, name + "_size", {{"start", int64_t{2}}});
    inputs.push_back("");
    inputs.push_back(onnx.add_node("Concat", {kept, size}, name + "_sizes", {{"axis", int64_t{0}}}));
  } else if (params.sizes[0] == 0) {
    inputs.push_back(onnx.add_floats(name + "_scales", {1, 1, params.scales[0], params.scales[1]}));
  } else if (src[0] != Shape::kDynamic) {
    inputs.push_back("");
    inputs.push_back(onnx.add_ints(name + "_sizes", {src[0], src[3], params.sizes[0], params.sizes[1]}));
  } else {  // sizes would fix the batch
    if (src[1] <= 0 || src[2] <= 0) return unsupported("sizes for an image and a batch of any size");
    const float height = scale_for(params.sizes[0], src[1]), width = scale_for(params.sizes[1], src[2]);
    inputs.push_back(onnx.add_floats(name + "_scales", {1, 1, height, width}));
  }
  const std::string value =
      onnx.add_node("Resize", inputs, name,
                    {{"mode", params.mode == ResizeMode::kNearest ? "nearest" : "linear"},
                     {"coordinate_transformation_mode", kCoordinates[static_cast<size_t>(params.coordinates)]},
                     {"nearest_mode", kRounding[static_cast<size_t>(params.rounding)]}});
  writer.write(node, value, kChannelsFirst);
  return {};
}

// --- elementwise ---

struct UnaryName {
  UnaryKind kind;
  const char* op;
  const char* alpha = nullptr;  // the attributes' names
  const char* beta = nullptr;
};

constexpr UnaryName kUnaryNames[] = {
    {UnaryKind::kIdentity, "Identity"},
    {UnaryKind::kLeakyRelu, "LeakyRelu", "alpha"},
    {UnaryKind::kElu, "Elu", "alpha"},
    {UnaryKind::kSigmoid, "Sigmoid"},
    {UnaryKind::kTanh, "Tanh"},
    {UnaryKind::kHardSigmoid, "HardSigmoid", "alpha", "beta"},
    {UnaryKind::kHardSwish, "HardSwish"},
    {UnaryKind::kExp, "Exp"},
    {UnaryKind::kLog, "Log"},
    {UnaryKind::kSqrt, "Sqrt"},
    {UnaryKind::kNeg, "Neg"},
    {UnaryKind::kAbs, "Abs"},
    {UnaryKind::kReciprocal, "Reciprocal"},
    {UnaryKind::kFloor, "Floor"},
    {UnaryKind::kCeil, "Ceil"},
    {UnaryKind::kErf, "Erf"},
    {UnaryKind::kSoftplus, "Softplus"},
    {UnaryKind::kSoftsign, "Softsign"},
    {UnaryKind::kRound, "Round"},
};

// Activations that ONNX has no operator for (at opset 17), in those it has; nothing for others. Returns the last node's
// output.
std::optional<std::string> spell_out(QdqWriter& writer, const PackedNode& node, const std::string& x, UnaryKind kind) {
  OnnxBuilder& onnx = writer.onnx();
  const std::string name = writer.output_name(node);
  const auto add = [&](const char* op, const std::vector<std::string>& inputs) {
    return onnx.add_node(op, inputs, name + "_" + op);
  };
  const auto scalar = [&](float value) { return onnx.add_scalar(name + "_constant", value); };
  const auto half_of_one_plus = [&](const std::string& y) {
    return add("Mul", {add("Add", {y, scalar(1)}), scalar(0.5F)});
  };
  switch (kind) {
    case UnaryKind::kSilu:
      return onnx.add_node("Mul", {x, add("Sigmoid", {x})}, name);
    case UnaryKind::kMish:
      return onnx.add_node("Mul", {x, add("Tanh", {add("Softplus", {x})})}, name);
    case UnaryKind::kGelu:
      return onnx.add_node("Mul", {x, half_of_one_plus(add("Erf", {add("Div", {x, scalar(1.41421356F)})}))}, name);
    case UnaryKind::kGeluTanh: {
      const std::string cube = add("Mul", {add("Mul", {add("Mul", {x, x}), x}), scalar(0.044715F)});
      const std::string inner = add("Mul", {add("Add", {x, cube}), scalar(0.79788456F)});
      return onnx.add_node("Mul", {x, half_of_one_plus(add("Tanh", {inner}))}, name);
    }
    default:
      return std::nullopt;
  }
}

Status write(QdqWriter& writer, const PackedNode& node, const UnaryParams& params) {
  const AxisOrder order = writer.order(node.inputs[0]);
  const std::string source = writer.read(node.inputs[0], order);
  if (params.kind == UnaryKind::kClip) {
    writer.write(node, source, order, {params.alpha, params.beta});
    return {};
  }
  if (const std::optional<std::string> spelled = spell_out(writer, node, source, params.kind)) {
    writer.write(node, *spelled, order);
    return {};
  }
  const auto* row = std::find_if(std::begin(kUnaryNames), std::end(kUnaryNames),
                                 [&](const UnaryName& name) { return name.kind == params.kind; });
  if (row == std::end(kUnaryNames)) return unsupported(std::string(to_string(params.kind)) + " has no ONNX form");
  OnnxAttributes attributes;
  if (row->alpha != nullptr) attributes.emplace_back(row->alpha, params.alpha);
  if (row->beta != nullptr) attributes.emplace_back(row->beta, params.beta);
  writer.write(node, writer.onnx().add_node(row->op, {source}, writer.output_name(node), attributes), order);
  return {};
}

constexpr std::pair<BinaryKind, const char*> kBinaryNames[] = {
    {BinaryKind::kAdd, "Add"}, {BinaryKind::kSub, "Sub"},       {BinaryKind::kMul, "Mul"},
    {BinaryKind::kDiv, "Div"}, {BinaryKind::kPow, "Pow"},       {BinaryKind::kMin, "Min"},
    {BinaryKind::kMax, "Max"}, {BinaryKind::kRemainder, "Mod"}, {BinaryKind::kModulo, "Mod"}};

// Of real numbers ONNX's Mod is the remainder of a division towards zero: with another sign than b, b is added.
std::string real_modulo(QdqWriter& writer, const PackedNode& node, const std::vector<std::string>& inputs) {
  OnnxBuilder& onnx = writer.onnx();
  const std::string& name = writer.output_name(node);
  const std::string remainder = onnx.add_node("Mod", inputs, name + "_remainder", {{"fmod", int64_t{1}}});
  const std::string sign = onnx.add_node("Sign", {remainder}, name + "_sign");
  const std::string divisor_sign = onnx.add_node("Sign", {inputs[1]}, name + "_divisor_sign");
  const std::string product = onnx.add_node("Mul", {sign, divisor_sign}, name + "_signs");
  const std::string is_other = onnx.add_node("Less", {product, onnx.add_scalar(name + "_zero", 0)}, name + "_is_other");
  const std::string moved = onnx.add_node("Add", {remainder, inputs[1]}, name + "_moved");
  return onnx.add_node("Where", {is_other, moved, remainder}, name);
}

// The order of an activation of full rank, if all activations have that rank; else axes stay as packed.
AxisOrder common_order(const QdqWriter& writer, const PackedNode& node) {
  const int rank = writer.rank(node.outputs[0]);
  AxisOrder order = same_order(rank);
  for (const int32_t id : node.inputs) {
    if (id < 0 || writer.tensor(id).data != nullptr) continue;
    if (writer.rank(id) != rank) return same_order(rank);
    if (writer.order(id) != same_order(rank)) order = writer.order(id);
  }
  return order;
}

Status write(QdqWriter& writer, const PackedNode& node, const BinaryParams& params) {
  const auto* row = std::find_if(std::begin(kBinaryNames), std::end(kBinaryNames),
                                 [&](const auto& name) { return name.first == params.kind; });
  if (row == std::end(kBinaryNames)) return unsupported(std::string(to_string(params.kind)) + " has no ONNX form");
  const AxisOrder order = common_order(writer, node);
  std::vector<std::string> inputs;
  for (const int32_t id : node.inputs) {
    const bool is_scalar = writer.tensor(id).data != nullptr && writer.tensor(id).shape.element_count() == 1;
    const bool is_lower = writer.rank(id) != static_cast<int>(order.size());
    inputs.push_back(is_scalar || (is_lower && order == same_order(static_cast<int>(order.size())))
                         ? writer.read(id)
                         : writer.read(id, order));
  }
  const bool is_modulo = params.kind == BinaryKind::kModulo;
  const bool is_real = writer.tensor(node.outputs[0]).type != DataType::kS64;
  OnnxAttributes attributes;
  if (is_modulo || params.kind == BinaryKind::kRemainder) attributes.emplace_back("fmod", int64_t{!is_modulo});
  const std::string value = is_modulo && is_real
                                ? real_modulo(writer, node, inputs)
                                : writer.onnx().add_node(row->second, inputs, writer.output_name(node), attributes);
  const bool is_u8 = writer.tensor(node.outputs[0]).type == DataType::kU8;
  if (is_u8 && params.kind == BinaryKind::kAdd && !params.folds_zero_points) writer.note_separate_zero_points(value);
  writer.write(node, value, order, params.clamp);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const SoftmaxParams& params) {
  const AxisOrder order = writer.order(node.inputs[0]);
  const std::string value =
      writer.onnx().add_node(params.log ? "LogSoftmax" : "Softmax", {writer.read(node.inputs[0], order)},
                             writer.output_name(node), {{"axis", order[static_cast<size_t>(params.axis)]}});
  writer.write(node, value, order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const CastParams&) {
  constexpr std::pair<DataType, int64_t> kTypes[] = {{DataType::kF32, 1}, {DataType::kU8, 2},  {DataType::kS8, 3},
                                                     {DataType::kS32, 6}, {DataType::kS64, 7}, {DataType::kBool, 9}};
  const DataType type = writer.tensor(node.outputs[0]).type, from = writer.tensor(node.inputs[0]).type;
  if (type == DataType::kBf16 || (from == DataType::kBf16 && type == DataType::kF32)) {  // f32 in ONNX, rounded
    const AxisOrder same = writer.order(node.inputs[0]);
    writer.write(node, writer.read(node.inputs[0], same), same);
    return {};
  }
  const auto* row =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& entry) { return entry.first == type; });
  const AxisOrder order = writer.order(node.inputs[0]);
  writer.write(node,
               writer.onnx().add_node("Cast", {writer.read(node.inputs[0], order)}, writer.output_name(node),
                                      {{"to", row->second}}),
               order);
  return {};
}

// --- the borders of the integers ---

Status write(QdqWriter& writer, const PackedNode& node, const QuantizeParams&) {
  const AxisOrder order = writer.order(node.inputs[0]);
  writer.write(node, writer.read(node.inputs[0], order), order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const DequantizeParams&) {
  const AxisOrder order = writer.order(node.inputs[0]);
  writer.write(node, writer.read(node.inputs[0], order), order);
  return {};
}

// --- movement ---

Status write(QdqWriter& writer, const PackedNode& node, const ConcatParams& params) {
  const AxisOrder order = common_order(writer, node);
  std::vector<std::string> inputs;
  for (const int32_t id : node.inputs) inputs.push_back(writer.read(id, order));
  const std::string value = writer.onnx().add_node("Concat", inputs, writer.output_name(node),
                                                   {{"axis", order[static_cast<size_t>(params.axis)]}});
  writer.write(node, value, order);
  return {};
}

// Whether the elements stand in memory in the packed order although the axes do not: only axes of 1 have moved.
bool keeps_elements(const Shape& shape, const AxisOrder& order) {
  int64_t last = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (order[static_cast<size_t>(axis)] < last) return false;
    last = order[static_cast<size_t>(axis)];
  }
  return true;
}

// The dimensions, with those of another tensor computed.
std::string written_dims(QdqWriter& writer, const PackedNode& node, const ReshapeParams& params) {
  OnnxBuilder& onnx = writer.onnx();
  const std::string name = writer.output_name(node) + "_shape";
  if (node.inputs.size() <= kReshapeLike || node.inputs[kReshapeLike] < 0) return onnx.add_ints(name, params.dims);
  const std::string like = writer.read(node.inputs[kReshapeLike]);
  std::vector<std::string> parts;
  for (const int64_t dim : params.dims) {
    if (dim > dim_of_like(0)) {
      parts.push_back(onnx.add_ints(name + "_part", {dim}));
      continue;
    }
    const int64_t axis = axis_of_like(dim);
    parts.push_back(onnx.add_node("Shape", {like}, name + "_part", {{"start", axis}, {"end", axis + 1}}));
  }
  return onnx.add_node("Concat", parts, name, {{"axis", int64_t{0}}});
}

Status write(QdqWriter& writer, const PackedNode& node, const ReshapeParams& params) {
  const std::string& name = writer.output_name(node);
  const Shape& shape = writer.tensor(node.inputs[0]).shape;
  AxisOrder order = writer.order(node.inputs[0]);
  bool as_it_stands = keeps_elements(shape, order);
  for (size_t i = 0; i < params.dims.size() && i < order.size(); ++i) {  // 0 copies the dimension of that place
    as_it_stands &= params.dims[i] != 0 || order[i] == static_cast<int64_t>(i);
  }
  if (!as_it_stands) order = same_order(shape.rank());
  const std::string dims = written_dims(writer, node, params);
  writer.write(node, writer.onnx().add_node("Reshape", {writer.read(node.inputs[0], order), dims}, name),
               same_order(writer.rank(node.outputs[0])));
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const TransposeParams& params) {
  AxisOrder order = writer.order(node.inputs[0]);
  const AxisOrder source = order;
  for (size_t i = 0; i < order.size(); ++i) order[i] = source[static_cast<size_t>(params.permutation[i])];
  if (writer.tensor(node.inputs[0]).data != nullptr) return unsupported("it permutes a constant");
  writer.write_view(node, order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const SliceParams& params) {
  const AxisOrder order = writer.order(node.inputs[0]);
  const std::string& name = writer.output_name(node);
  OnnxBuilder& onnx = writer.onnx();
  Ints axes;
  for (const int64_t axis : params.axes) axes.push_back(order[static_cast<size_t>(axis)]);
  const std::string value =
      onnx.add_node("Slice",
                    {writer.read(node.inputs[0], order), onnx.add_ints(name + "_starts", params.starts),
                     onnx.add_ints(name + "_ends", params.ends), onnx.add_ints(name + "_axes", axes),
                     onnx.add_ints(name + "_steps", params.steps)},
                    name);
  writer.write(node, value, order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const PadParams& params) {
  constexpr const char* kModes[] = {"constant", "reflect", "edge"};
  const AxisOrder order = writer.order(node.inputs[0]);
  const std::string& name = writer.output_name(node);
  OnnxBuilder& onnx = writer.onnx();
  Ints pads = reordered(params.before, order);
  const Ints after = reordered(params.after, order);
  pads.insert(pads.end(), after.begin(), after.end());
  const auto whole = static_cast<int64_t>(params.value);
  const std::string filling = writer.tensor(node.outputs[0]).type == DataType::kS64
                                  ? onnx.add_constant(name + "_value", DataType::kS64, {}, &whole)
                                  : onnx.add_scalar(name + "_value", params.value);
  const std::string value =
      onnx.add_node("Pad", {writer.read(node.inputs[0], order), onnx.add_ints(name + "_pads", pads), filling}, name,
                    {{"mode", kModes[static_cast<size_t>(params.mode)]}});
  writer.write(node, value, order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const GatherParams& params) {
  const std::string value = writer.onnx().add_node("Gather", {writer.read(node.inputs[0]), writer.read(node.inputs[1])},
                                                   writer.output_name(node), {{"axis", params.axis}});
  writer.write(node, value, same_order(writer.rank(node.outputs[0])));
  return {};
}

// --- reductions ---

constexpr std::pair<ReduceKind, const char*> kReduceNames[] = {
    {ReduceKind::kSum, "ReduceSum"}, {ReduceKind::kMean, "ReduceMean"}, {ReduceKind::kMax, "ReduceMax"},
    {ReduceKind::kMin, "ReduceMin"}, {ReduceKind::kProd, "ReduceProd"}, {ReduceKind::kSumSquare, "ReduceSumSquare"},
    {ReduceKind::kL1, "ReduceL1"},   {ReduceKind::kL2, "ReduceL2"}};

// A reduction over no axis; to ONNX, no axes are all.
Status write_single(QdqWriter& writer, const PackedNode& node, ReduceKind kind) {
  const AxisOrder order = writer.order(node.inputs[0]);
  std::string value = writer.read(node.inputs[0], order);
  const std::string& name = writer.output_name(node);
  if (kind == ReduceKind::kSumSquare) value = writer.onnx().add_node("Mul", {value, value}, name);
  if (kind == ReduceKind::kL1 || kind == ReduceKind::kL2) value = writer.onnx().add_node("Abs", {value}, name);
  writer.write(node, value, order);
  return {};
}

Status write(QdqWriter& writer, const PackedNode& node, const ReduceParams& params) {
  const auto* row = std::find_if(std::begin(kReduceNames), std::end(kReduceNames),
                                 [&](const auto& name) { return name.first == params.kind; });
  if (row == std::end(kReduceNames)) return unsupported(std::string(to_string(params.kind)) + " has no ONNX form");
  if (params.axes.empty()) return write_single(writer, node, params.kind);
  const AxisOrder order = params.keep_dims ? writer.order(node.inputs[0]) : same_order(writer.rank(node.inputs[0]));
  Ints axes;
  for (const int64_t axis : params.axes) axes.push_back(order[static_cast<size_t>(axis)]);
  std::vector<std::string> inputs{writer.read(node.inputs[0], order)};
  OnnxAttributes attributes{{"keepdims", int64_t{params.keep_dims}}};
  if (params.kind == ReduceKind::kSum) {  // the only one with its axes as an input in this opset
    inputs.push_back(writer.onnx().add_ints(writer.output_name(node) + "_axes", axes));
  } else {
    attributes.emplace_back("axes", axes);
  }
  const std::string value = writer.onnx().add_node(row->second, inputs, writer.output_name(node), attributes);
  writer.write(node, value, params.keep_dims ? order : same_order(writer.rank(node.outputs[0])));
  return {};
}

template <ZooOp Params>
Status write(QdqWriter& writer, const PackedNode& node, const Params& params) {
  return write_zoo(writer, node, params);
}

}  // namespace

Status write_op(QdqWriter& writer, const PackedNode& node) {
  return std::visit([&](const auto& params) { return write(writer, node, params); }, node.op);
}

}  // namespace octet
