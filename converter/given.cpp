#include "converter/given.h"

#include <algorithm>
#include <cmath>

#include "converter/number_text.h"
#include "converter/op_rule.h"
#include "converter/passes/rewrite.h"
#include "converter/precision.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

constexpr double kMaxBias = 1 << 30;
constexpr double kSameScale = 1e-6;  // products of f32 scales, rounded here or there
constexpr float kNearScale = 1e-3F;  // beyond it somebody meant another scale

struct Limits {
  int32_t min, max;
};
Limits limits(DataType type) {
  return type == DataType::kU8 ? Limits{0, 255} : Limits{-128, 127};
}

// The integers that dequantize to exactly `values`, less their zero points; nothing where a pass has changed one.
std::optional<std::vector<int32_t>> differences(std::span<const float> values, const GivenConstant& given) {
  const Limits limit = limits(given.type);
  const size_t row = values.size() / given.scales.size();
  std::vector<int32_t> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float scale = given.scales[i / row];
    const int32_t zero_point = given.zero_points[i / row];
    const float rounded = std::nearbyintf(values[i] / scale);
    if (scale * rounded != values[i]) return std::nullopt;
    if (rounded < static_cast<float>(limit.min - zero_point)) return std::nullopt;
    if (rounded > static_cast<float>(limit.max - zero_point)) return std::nullopt;
    result[i] = static_cast<int32_t>(rounded);
  }
  return result;
}

Error no_integers(const std::string& why) {
  return {ErrorCode::kUnsupported, why};
}

// Whether the float bias still is what the file's integers stand for.
bool is_unchanged(std::span<const float> bias, const GivenConstant& given) {
  if (given.type != DataType::kS32 || given.integers.element_count() != static_cast<int64_t>(bias.size())) return false;
  if (given.scales.size() != 1 && given.scales.size() != bias.size()) return false;
  for (size_t o = 0; o < bias.size(); ++o) {
    const size_t k = given.scales.size() == 1 ? 0 : o;
    const double exact = static_cast<double>(given.scales[k]) *
                         (static_cast<double>(given.integers.as<int32_t>()[o]) - given.zero_points[k]);
    if (static_cast<float>(exact) != bias[o]) return false;
  }
  return true;
}

Status fill_bias(const Tensor* bias, const GivenLayer& layer, double src_scale, QuantizedWeights& result) {
  const std::span<int32_t> integers = result.bias.as<int32_t>();
  if (bias == nullptr) return {};
  const bool unchanged = layer.bias && is_unchanged(bias->as<float>(), *layer.bias);
  for (size_t o = 0; o < integers.size(); ++o) {
    const double unit = src_scale * static_cast<double>(result.scales[result.scales.size() == 1 ? 0 : o]);
    double q = std::nearbyint(static_cast<double>(bias->as<float>()[o]) / unit);
    if (unchanged) {
      const size_t k = layer.bias->scales.size() == 1 ? 0 : o;
      const double own = static_cast<double>(layer.bias->scales[k]);
      if (std::fabs(own / unit - 1) < kSameScale) {
        q = static_cast<double>(layer.bias->integers.as<int32_t>()[o]) - layer.bias->zero_points[k];
      }
    }
    if (!(std::fabs(q) <= kMaxBias)) {
      return no_integers("the bias of output channel " + std::to_string(o) + " is " + number_text(q) +
                         " steps, but at most " + number_text(kMaxBias) + " are possible");
    }
    integers[o] = static_cast<int32_t>(q);
  }
  return {};
}

// Whether the node only moves or selects elements, so that it commutes with rounding them.
bool is_movement(const Node& node) {
  if (const auto* pool = node.as<Pool2dParams>()) return pool->kind == PoolKind::kMax;
  if (const auto* resize = node.as<ResizeParams>()) return resize->mode == ResizeMode::kNearest;
  return true;
}

bool is_on_grid(float value, QuantParams quant) {
  const int32_t difference = quantize_u8(value, quant) - quant.zero_point;
  return static_cast<float>(difference) * quant.scale == value;
}

// Whether the node is a clip of integers to integers: of bounds that are some, or that nothing reaches.
bool is_clip_on_grid(const Node& node, QuantParams quant) {
  const auto* clip = node.as<UnaryParams>();
  if (clip == nullptr || clip->kind != UnaryKind::kClip) return false;
  const float least = static_cast<float>(0 - quant.zero_point) * quant.scale;
  const float most = static_cast<float>(255 - quant.zero_point) * quant.scale;
  return (clip->alpha <= least || is_on_grid(clip->alpha, quant)) &&
         (clip->beta >= most || is_on_grid(clip->beta, quant));
}

class Taking {
 public:
  Taking(Graph& graph, const GivenTable& table, const std::set<std::string>& keep_float,
         std::vector<std::string>& notices)
      : graph_(graph), table_(table), keep_float_(keep_float), notices_(notices), quant_(graph.values.size()) {
    for (size_t i = 0; i < graph.values.size(); ++i) quant_[i] = of_constant(graph.values[i]);
  }

  GivenIntegers run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (requantize_concat_inputs(i)) continue;  // visited next, from the first inserted node on
      visit(i);
    }
    for (size_t i = 0; i < quant_.size(); ++i) {
      if (quant_[i]) result_.values[graph_.values[i].name] = *quant_[i];
    }
    graph_.remove_dead();
    return std::move(result_);
  }

 private:
  std::optional<QuantParams> of_constant(const Value& value) const {
    const auto found = table_.constants.find(value.name);
    if (!value.is_constant() || value.type != DataType::kF32 || found == table_.constants.end()) return std::nullopt;
    const GivenConstant& given = found->second;
    if (given.scales.size() != 1) return std::nullopt;  // a layer's weights; elsewhere a value has one scale
    if (!differences(value.constant->as<float>(), given)) return std::nullopt;
    return QuantParams{given.scales[0], given.zero_points[0] + (given.type == DataType::kS8 ? 128 : 0)};
  }

  const std::optional<QuantParams>& quant(ValueId id) const { return quant_[static_cast<size_t>(id)]; }

  // What the op says, but that a pad by one of its input's own integers moves integers, too.
  QuantizationRule rule_of(const Node& node) const {
    const auto* pad = node.as<PadParams>();
    const bool is_own = pad != nullptr && quant(node.inputs[0]) && is_on_grid(pad->value, *quant(node.inputs[0]));
    return is_own ? QuantizationRule::kSameRange : op_rule(node.op).quantization(graph_, node);
  }

  // The fake_quantize that is all that reads the value, or null.
  const Node* rounding_of(ValueId id) {
    const Node* user = sole_user(graph_, id);
    return user != nullptr && user->is<FakeQuantizeParams>() ? user : nullptr;
  }

  // The same where reshapes, transposes and slices stand between, as behind a transposed convolution: it does not
  // matter when elements are moved.
  const Node* rounding_behind(ValueId id) {
    const Node* user = sole_user(graph_, id);
    while (user != nullptr && (user->is<ReshapeParams>() || user->is<TransposeParams>() || user->is<SliceParams>())) {
      user = user->inputs[0] == id ? sole_user(graph_, id = user->outputs[0]) : nullptr;
    }
    return user != nullptr && user->is<FakeQuantizeParams>() ? user : nullptr;
  }

  // The node's output is integers from here on; the rounding behind it, if it is the same, needs no node.
  void settle(const Node& node, QuantParams params) {
    const ValueId out = node.outputs[0];
    quant_[static_cast<size_t>(out)] = params;
    const Node* rounding = rounding_of(out);
    if (rounding == nullptr || rounding->as<FakeQuantizeParams>()->quant() != params) return;
    const ValueId rounded = rounding->outputs[0];
    if (is_replaceable(graph_, rounded, out)) take_over(graph_, rounded, out);
  }

  // rounding(concat(a, b)) -> concat(rounding(a), b)    where b has the rounding's parameters already
  bool requantize_concat_inputs(size_t i) {
    if (!graph_.nodes[i].is<ConcatParams>()) return false;
    const Node* rounding = rounding_of(graph_.nodes[i].outputs[0]);
    if (rounding == nullptr) return false;
    const auto params = *rounding->as<FakeQuantizeParams>();
    const std::vector<ValueId> inputs = graph_.nodes[i].inputs;
    if (!std::all_of(inputs.begin(), inputs.end(), [&](ValueId id) { return quant(id).has_value(); })) return false;
    size_t inserted = 0;
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (*quant(inputs[k]) == params.quant()) continue;
      const std::string name = graph_.nodes[i + inserted].name + ":requantize_" + std::to_string(k);
      const Value value = graph_.value(inputs[k]);
      const ValueId requantized = graph_.add_value(name, value.type, value.shape);
      quant_.resize(graph_.values.size());
      graph_.nodes.set_input(graph_.nodes[i + inserted], k, requantized);
      graph_.insert_node(i + inserted, name, params, {inputs[k]}, {requantized});
      ++inserted;
    }
    for (size_t k = i; k < i + inserted; ++k) visit(k);
    if (inserted > 0) visit(i + inserted);
    return inserted > 0;
  }

  // How a sum is added up where the file does not say: rounded to u8 as ONNX Runtime's QLinearAdd does it; rounded to
  // s8 (which that runtime adds up in f32, on most CPUs) as ONNX defines it. They differ where a sum is half way
  // between integers.
  bool folds_zero_points(const std::string& node, DataType rounded_to) const {
    const auto said = table_.folds_zero_points.find(node);
    return said == table_.folds_zero_points.end() ? rounded_to == DataType::kU8 : said->second;
  }

  void visit(size_t i) {
    const Node& node = graph_.nodes[i];
    if (const auto* rounding = node.as<FakeQuantizeParams>()) {
      if (graph_.use_count(node.outputs[0]) == 0) return;
      quant_[static_cast<size_t>(node.outputs[0])] = rounding->quant();
      return;
    }
    const QuantizationRule rule = rule_of(node);
    if (rule == QuantizationRule::kFloat || keep_float_.contains(node.name)) return;
    const std::vector<size_t> data = data_inputs(node);
    const auto is_given = [&](size_t k) {
      return node.inputs[k] != kNoValue && graph_.value(node.inputs[k]).type == DataType::kF32 && quant(node.inputs[k]);
    };
    if (data.empty() || !std::all_of(data.begin(), data.end(), is_given)) return;
    const Node* rounding = rounding_behind(node.outputs[0]);
    auto wanted = rounding == nullptr ? std::nullopt : std::optional(rounding->as<FakeQuantizeParams>()->quant());
    if (!wanted && is_clip_on_grid(node, *quant(node.inputs[data[0]]))) wanted = quant(node.inputs[data[0]]);
    if (rule == QuantizationRule::kSameRange) {
      const QuantParams in = *quant(node.inputs[data[0]]);
      const bool alike = std::all_of(data.begin(), data.end(), [&](size_t k) { return *quant(node.inputs[k]) == in; });
      const bool keeps_scale = is_movement(node) || wanted == in;
      if (!alike || (!keeps_scale && !can_write_f32(node))) return;
      result_.integer_nodes.insert(node.name);
      if (keeps_scale) settle(node, in);  // else the f32 mean of integers is rounded behind the node
      return;
    }
    if (rule == QuantizationRule::kWeighted && !take_weights(node, wanted)) return;
    if (!wanted && !can_write_f32(node)) return;
    result_.integer_nodes.insert(node.name);
    if (!wanted) return;
    auto* binary = std::get_if<BinaryParams>(&graph_.nodes[i].op);
    if (binary != nullptr && binary->kind == BinaryKind::kAdd) {
      binary->folds_zero_points = folds_zero_points(graph_.nodes[i].name, rounding->as<FakeQuantizeParams>()->type);
    }
    settle(node, *wanted);
  }

  // dst: what the output is rounded to, if it is.
  bool take_weights(const Node& node, const std::optional<QuantParams>& dst) {
    const auto layer = table_.layers.find(node.name);
    if (layer == table_.layers.end()) return false;
    const QuantParams src = *quant(node.inputs[kConvSrc]);
    Result<QuantizedWeights> weights = given_weights(graph_, node, layer->second, src);
    const Status status = weights.ok() ? check_multipliers(src.scale, weights->scales, dst) : weights.error();
    if (!status.ok()) {
      notices_.push_back("node '" + node.name + "' stays f32: " + status.error().message);
      return false;
    }
    note_other_bias_scale(node, layer->second, src.scale);
    result_.layers[node.name] = std::move(*weights);
    return true;
  }

  static Status check_multipliers(float src, std::span<const float> weights, const std::optional<QuantParams>& dst) {
    if (!dst) return {};
    for (const float scale : weights) {
      if (std::isfinite(requantization_multiplier(src, scale, dst->scale))) continue;
      return no_integers("its scales of source " + number_text(src) + ", weights " + number_text(scale) +
                         " and destination " + number_text(dst->scale) + " make a multiplier that is not finite");
    }
    return {};
  }

  // Bias integers are added to products of integers. Where the file has them at another scale, most other runtimes add
  // them all the same.
  void note_other_bias_scale(const Node& node, const GivenLayer& layer, float src) {
    if (!layer.bias || layer.bias->type != DataType::kS32) return;
    const std::vector<float>& weights = layer.weights.scales;
    const std::vector<float>& own = layer.bias->scales;
    const auto channels = static_cast<size_t>(graph_.value(node.inputs[kConvWeights]).shape[0]);
    // A bias along other axes is added by a node of its own.
    if (node.input(kConvBias) == kNoValue || (own.size() != 1 && own.size() != channels)) return;
    for (size_t o = 0; o < std::max(weights.size(), own.size()); ++o) {
      const float given = own[own.size() == 1 ? 0 : o];
      const float product = src * weights[weights.size() == 1 ? 0 : o];
      if (std::fabs(given / product - 1) < kNearScale) continue;
      notices_.push_back("the bias of node '" + node.name + "' has the scale " + number_text(given) +
                         (own.size() == 1 ? "" : " in channel " + std::to_string(o)) +
                         ", but its source's and its weights' make " + number_text(product) +
                         "; it is rounded to steps of that");
      return;
    }
  }

  Graph& graph_;
  const GivenTable& table_;
  const std::set<std::string>& keep_float_;
  std::vector<std::string>& notices_;
  std::vector<std::optional<QuantParams>> quant_;  // of each value, once it is known to be integers
  GivenIntegers result_;
};

}  // namespace

bool is_quantized(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.is<FakeQuantizeParams>(); });
}

GivenIntegers take_given_integers(Graph& graph, const GivenTable& table, const std::set<std::string>& keep_float,
                                  std::vector<std::string>& notices) {
  return Taking(graph, table, keep_float, notices).run();
}

Result<QuantizedWeights> given_weights(const Graph& graph, const Node& node, const GivenLayer& layer, QuantParams src) {
  const Value& value = graph.value(node.inputs[kConvWeights]);
  if (!value.is_constant() || value.type != DataType::kF32) return no_integers("its weights are not constant");
  const Tensor& weights = *value.constant;
  const int64_t channels = weights.shape()[0];
  const GivenConstant& given = layer.weights;
  if (given.scales.size() != 1 && static_cast<int64_t>(given.scales.size()) != channels) {
    return no_integers("its weights have " + std::to_string(given.scales.size()) + " scales, but " +
                       std::to_string(channels) + " output channels");
  }
  const auto found = differences(weights.as<float>(), given);
  if (!found) return no_integers("its weights are scaled after they are dequantized");

  QuantizedWeights result{Tensor(DataType::kS8, weights.shape()), given.scales, Tensor(DataType::kS32, {channels}), {}};
  const bool fits = std::all_of(found->begin(), found->end(), [](int32_t d) { return d >= -128 && d <= 127; });
  const size_t row = found->size() / given.scales.size();
  const int32_t to_s8 = given.type == DataType::kU8 ? 128 : 0;
  for (size_t i = 0; i < found->size(); ++i) {
    const int32_t q = fits ? (*found)[i] : (*found)[i] + given.zero_points[i / row] - to_s8;
    result.weights.as<int8_t>()[i] = static_cast<int8_t>(q);
  }
  if (!fits) {
    for (const int32_t zero_point : given.zero_points) result.zero_points.push_back(zero_point - to_s8);
  }
  const ValueId bias = node.input(kConvBias);
  OCTET_CHECK(fill_bias(bias == kNoValue ? nullptr : &*graph.value(bias).constant, layer,
                        static_cast<double>(src.scale), result));
  // Every sum of products must stay an s32.
  const size_t taps = found->size() / static_cast<size_t>(channels);
  for (size_t o = 0; o < static_cast<size_t>(channels); ++o) {
    double most = std::fabs(static_cast<double>(result.bias.as<int32_t>()[o]));
    for (size_t k = 0; k < taps; ++k) most += 255.0 * std::abs((*found)[o * taps + k]);
    if (most < 0x1p31) continue;
    return no_integers("output channel " + std::to_string(o) + " may add up to " + number_text(most) +
                       ", but a 32-bit accumulator holds 2147483647");
  }
  return result;
}

}  // namespace octet
