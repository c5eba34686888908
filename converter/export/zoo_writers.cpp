#include "converter/export/zoo_writers.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

Error unsupported(const std::string& reason) {
  return {ErrorCode::kUnsupported, reason};
}

// The node's inputs with their axes as packed; "" for what is absent.
std::vector<std::string> read_all(QdqWriter& writer, const PackedNode& node) {
  std::vector<std::string> inputs;
  for (const int32_t id : node.inputs) inputs.push_back(id < 0 ? std::string() : writer.read(id));
  return inputs;
}

void write_plain(QdqWriter& writer, const PackedNode& node, size_t output, const std::string& value) {
  writer.write_output(node, output, value, same_order(writer.rank(node.outputs[output])));
}

// One node that takes the inputs as they are.
void write_node(QdqWriter& writer, const PackedNode& node, const char* op, const OnnxAttributes& attributes = {}) {
  write_plain(writer, node, 0,
              writer.onnx().add_node(op, read_all(writer, node), writer.output_name(node), attributes));
}

// In the order of CompareKind.
constexpr const char* kCompareNames[] = {"Equal", "Less", "LessOrEqual", "And", "Or", "Xor"};
// In the order of MathKind.
constexpr const char* kMathNames[] = {"Sin",  "Cos",  "Tan",   "Asin",  "Acos",  "Atan",
                                      "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Sign"};

// One of the best along the axis: which of equal ones it is, ArgMax can say and TopK cannot.
void write_last_of_best(QdqWriter& writer, const PackedNode& node, const TopKParams& params, const std::string& src) {
  const std::string& name = writer.output_name(node);
  const OnnxAttributes reduced{{"axes", Ints{params.axis}}, {"keepdims", int64_t{1}}};
  const OnnxAttributes chosen{{"axis", params.axis}, {"keepdims", int64_t{1}}, {"select_last_index", int64_t{1}}};
  OnnxBuilder& onnx = writer.onnx();
  write_plain(writer, node, 0, onnx.add_node(params.largest ? "ReduceMax" : "ReduceMin", {src}, name, reduced));
  write_plain(writer, node, 1, onnx.add_node(params.largest ? "ArgMax" : "ArgMin", {src}, name + "_index", chosen));
}

// In the order of IndexKind.
constexpr const char* kIndexNames[] = {"GatherElements", "GatherND", "ScatterElements", "ScatterND"};
// In the order of ScatterReduction; the last two have been in ONNX since operator set 18.
constexpr const char* kReductionNames[] = {"none", "add", "mul"};

// --- recurrent layers ---

struct ActivationName {
  UnaryKind kind;
  const char* name;
  bool has_alpha = false, has_beta = false;
};
constexpr ActivationName kActivations[] = {
    {UnaryKind::kClip, "Relu"},         {UnaryKind::kTanh, "Tanh"},
    {UnaryKind::kSigmoid, "Sigmoid"},   {UnaryKind::kLeakyRelu, "LeakyRelu", true},
    {UnaryKind::kElu, "Elu", true},     {UnaryKind::kHardSigmoid, "HardSigmoid", true, true},
    {UnaryKind::kSoftsign, "Softsign"}, {UnaryKind::kSoftplus, "Softplus"},
};

struct Activations {
  std::vector<std::string> names;
  std::vector<float> alphas, betas;
};

Result<Activations> activations_of(const RecurrentParams& params) {
  Activations found;
  for (size_t i = 0; i < params.activations.size(); ++i) {
    const auto kind = static_cast<UnaryKind>(params.activations[i]);
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const ActivationName& name) { return name.kind == kind; });
    const bool is_other_clip = kind == UnaryKind::kClip && (params.alphas[i] != 0 || !std::isinf(params.betas[i]));
    if (row == std::end(kActivations) || is_other_clip) {
      return unsupported("recurrent layers of ONNX have no activation " + std::string(to_string(kind)));
    }
    found.names.emplace_back(row->name);
    if (row->has_alpha) found.alphas.push_back(params.alphas[i]);
    if (row->has_beta) found.betas.push_back(params.betas[i]);
  }
  return found;
}

}  // namespace

Status write_zoo(QdqWriter& writer, const PackedNode& node, const CompareParams& params) {
  write_node(writer, node, kCompareNames[static_cast<size_t>(params.kind)]);
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const WhereParams&) {
  write_node(writer, node, "Where");
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const MathParams& params) {
  write_node(writer, node, kMathNames[static_cast<size_t>(params.kind)]);
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const TopKParams& params) {
  const std::string src = writer.read(node.inputs[0]);
  if (params.last && params.count == 1) {
    write_last_of_best(writer, node, params, src);
    return {};
  }
  if (params.last) return unsupported("TopK of ONNX cannot put the last of equal elements first");
  const std::string& name = writer.output_name(node);
  const std::string count = writer.onnx().add_ints(name + "_k", {params.count});
  const auto made = writer.onnx().add_node("TopK", {src, count}, std::vector{name, name + "_indices"},
                                           {{"axis", params.axis}, {"largest", int64_t{params.largest}}});
  for (size_t i = 0; i < node.outputs.size(); ++i) write_plain(writer, node, i, made[i]);
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const CumulativeSumParams& params) {
  const std::string& name = writer.output_name(node);
  const std::string axis = writer.onnx().add_constant(name + "_axis", DataType::kS64, {}, &params.axis);
  write_plain(writer, node, 0,
              writer.onnx().add_node("CumSum", {writer.read(node.inputs[0]), axis}, name,
                                     {{"exclusive", int64_t{params.exclusive}}, {"reverse", int64_t{params.reverse}}}));
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const IndexParams& params) {
  const auto kind = static_cast<size_t>(params.kind);
  const auto reduction = static_cast<size_t>(params.reduction);
  if (reduction >= std::size(kReductionNames)) {
    return unsupported("a scatter that keeps the least or the greatest needs operator set 18, and this file is of " +
                       std::to_string(OnnxBuilder::kOpset));
  }
  OnnxAttributes attributes;
  const bool by_elements = params.kind == IndexKind::kGatherElements || params.kind == IndexKind::kScatterElements;
  if (by_elements) attributes.emplace_back("axis", params.axis);
  if (params.kind == IndexKind::kGatherNd) attributes.emplace_back("batch_dims", params.batch_dims);
  if (reduction != 0) attributes.emplace_back("reduction", std::string(kReductionNames[reduction]));
  write_node(writer, node, kIndexNames[kind], attributes);
  return {};
}

// ONNX gives as many rows as boxes are left, octet always as many as there can be, the others -1: these are put behind
// and what is then too much is cut off.
Status write_zoo(QdqWriter& writer, const PackedNode& node, const NonMaxSuppressionParams& params) {
  const int64_t rows = writer.tensor(node.outputs[0]).shape[0];
  if (rows == Shape::kDynamic) return unsupported("its number of rows follows the batch or the image");
  OnnxBuilder& onnx = writer.onnx();
  const std::string& name = writer.output_name(node);
  std::vector<std::string> inputs = read_all(writer, node);
  inputs.push_back(onnx.add_ints(name + "_max_boxes", {params.max_boxes}));
  inputs.push_back(onnx.add_floats(name + "_iou_threshold", {params.iou_threshold}));
  if (!std::isinf(params.score_threshold)) {
    inputs.push_back(onnx.add_floats(name + "_score_threshold", {params.score_threshold}));
  }
  const std::string left =
      onnx.add_node("NonMaxSuppression", inputs, name + "_left", {{"center_point_box", int64_t{params.centers}}});
  const std::vector<int64_t> none(static_cast<size_t>(rows * 3), -1);
  const std::string padding = onnx.add_constant(name + "_none", DataType::kS64, {rows, 3}, none.data());
  const std::string padded = onnx.add_node("Concat", {left, padding}, name + "_padded", {{"axis", int64_t{0}}});
  write_plain(writer, node, 0,
              onnx.add_node("Slice",
                            {padded, onnx.add_ints(name + "_start", {0}), onnx.add_ints(name + "_end", {rows}),
                             onnx.add_ints(name + "_axes", {0})},
                            name));
  return {};
}

Status write_zoo(QdqWriter& writer, const PackedNode& node, const RecurrentParams& params) {
  constexpr const char* kNames[] = {"RNN", "GRU", "LSTM"};                        // in the order of RecurrentKind
  constexpr const char* kDirections[] = {"forward", "reverse", "bidirectional"};  // in that of RecurrentDirection
  constexpr int64_t kInt32 = 6;
  if (params.quantize_rows) {
    return unsupported("recurrent layers of ONNX do not quantize the rows that they read between their steps");
  }
  OCTET_TRY(const Activations activations, activations_of(params));
  OnnxBuilder& onnx = writer.onnx();
  const std::string& name = writer.output_name(node);
  std::vector<std::string> inputs = read_all(writer, node);
  for (const size_t i : {kRecurrentW, kRecurrentR}) {
    const PackedTensor& weights = writer.tensor(node.inputs[i]);
    if (weights.type != DataType::kS8) continue;
    const std::string what = name + (i == kRecurrentW ? "_w" : "_r");
    const Ints shape{params.directions(), params.gates() * params.hidden, weights.shape[1]};
    inputs[i] = onnx.add_node("Reshape", {inputs[i], onnx.add_ints(what + "_shape", shape)}, what);
  }
  if (inputs.size() > kRecurrentLengths && !inputs[kRecurrentLengths].empty()) {
    inputs[kRecurrentLengths] = onnx.add_node("Cast", {inputs[kRecurrentLengths]}, name + "_lengths", {{"to", kInt32}});
  }
  OnnxAttributes attributes{{"hidden_size", params.hidden},
                            {"direction", std::string(kDirections[static_cast<size_t>(params.direction)])},
                            {"activations", activations.names}};
  if (!activations.alphas.empty()) attributes.emplace_back("activation_alpha", activations.alphas);
  if (!activations.betas.empty()) attributes.emplace_back("activation_beta", activations.betas);
  if (params.clip > 0) attributes.emplace_back("clip", params.clip);
  if (params.linear_before_reset) attributes.emplace_back("linear_before_reset", int64_t{1});
  if (params.input_forget) attributes.emplace_back("input_forget", int64_t{1});
  std::vector<std::string> outputs;
  for (const int32_t id : node.outputs) outputs.push_back(writer.tensor(id).name);
  const auto made = onnx.add_node(kNames[static_cast<size_t>(params.kind)], inputs, outputs, attributes);
  for (size_t i = 0; i < made.size(); ++i) write_plain(writer, node, i, made[i]);
  return {};
}

}  // namespace octet
