// HAWQ-V2 (Dong et al. 2020, arXiv:1911.03852): sensitivity_l = (tr(H_l) / n_l) * ||Q(W_l) - W_l||^2, with the mean of
// the Hessian's diagonal over the layer's n_l weights, not its sum.
//
// The loss is half the squared distance of the outputs f from the float network's. At the float weights its residual is
// 0, so its Hessian is J^T J exactly, J = df / dW_l, and no gradients are needed (Hutchinson's estimate with random
// signs v, differences for derivatives):
//   tr(H_l) = E_v[v^T J^T J v] = E_v ||J v||^2,   J v = (f(W + eps v) - f(W)) / eps
// With eps^2 = ||Q(W_l) - W_l||^2 / n_l, the size that matters, the sensitivity is E_v ||f(W + eps v) - f(W)||^2.
//
// Weights alone: that values are integers too does not show here.
#include <cmath>
#include <functional>
#include <random>

#include "converter/precision/cost.h"
#include "converter/precision/method_list.h"
#include "kernels/bf16.h"

namespace octet {
namespace {

constexpr int kProbes = 4;

double squared(double x) {
  return x * x;
}

// ||Q(W) - W||^2 / n
double mean_squared_rounding(const Draft& draft, const Node& node, int bits) {
  const Tensor& weights = *draft.graph.value(node.input(kConvWeights)).constant;
  const std::span<const float> w = weights.as<float>();
  if (w.empty()) return 0;
  const auto n = static_cast<double>(w.size());
  double sum = 0;
  if (bits == 16) {
    for (const float x : w) sum += squared(static_cast<double>(to_f32(to_bf16(x))) - static_cast<double>(x));
    return sum / n;
  }
  WeightScheme scheme = draft.options.weights_of(node.name);
  if (bits < scheme.bits) scheme = with_layers(draft, {node.name}, Precision::kInt4).options.weights_of(node.name);
  std::vector<std::string> notices;
  const QuantizedWeights quantized = quantize_weights(weights, nullptr, {}, scheme, node.name, notices);
  const std::span<const int8_t> q = quantized.weights.as<int8_t>();
  const size_t taps = w.size() / quantized.scales.size();
  for (size_t i = 0; i < w.size(); ++i) {
    sum += squared(static_cast<double>(quantized.scales[i / taps]) * q[i] - static_cast<double>(w[i]));
  }
  return sum / n;
}

}  // namespace

Result<Objective> sensitivity_hessian(const SensitivityContext& context, const std::string& layer, int bits,
                                      std::optional<PackedModel>& packed) {
  packed.reset();
  Objective estimate;
  const Graph& original = context.draft.graph;
  for (size_t i = 0; i < original.nodes.size(); ++i) {
    if (original.nodes[i].name != layer) continue;
    const double mse = mean_squared_rounding(context.draft, original.nodes[i], bits);
    if (mse == 0) break;
    const auto eps = static_cast<float>(std::sqrt(mse));
    // The same probes for every width, others for every layer.
    std::mt19937_64 random(context.seed * 0x9E3779B97F4A7C15U + i);
    for (int probe = 0; probe < kProbes; ++probe) {
      Graph graph = original;
      std::vector<float> weights = layer_weights(graph, graph.nodes[i]);
      for (float& w : weights) w += (random() >> 63U) != 0 ? eps : -eps;
      set_layer_weights(graph, graph.nodes[i], weights);
      OCTET_TRY(const PackedModel disturbed, lower_f32(graph));
      OCTET_TRY(const Objective found, context.judge.measure(disturbed));
      estimate.error += found.error / kProbes;
    }
    break;
  }
  return estimate;
}

}  // namespace octet
