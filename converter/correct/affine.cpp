// Affine patch of what a layer makes before its activation, per output channel:
//
//   a = Cov(y_fp, y_q) / Var(y_q),   c = mean(y_fp) - a mean(y_q)        skipped unless Var > 0 and a > 0
//
// a goes into the scale of the channel's weights and into its bias, c into the bias: no cost at run time. Layer by
// layer in the order of execution, y_q of the integer network with the layers before patched already. With one scale
// for all weights of a layer a cannot be had, and stays 1. A residual is no part of y: only the layer's own output is
// scaled.
//
// `reestimate` is what computing a batch normalization's mean and variance anew, at the integer layer's output, comes
// to once it is folded: gamma and beta stay, which for the float network's channel are deviation and mean,
//
//   y' = gamma (y_q - mean(y_q)) / sqrt(Var(y_q)) + beta,   so a = sqrt(Var(y_fp) / Var(y_q)), c as above
#include <cmath>

#include "converter/correct/layer_rows.h"
#include "converter/correct/method_list.h"
#include "converter/correct/probe.h"
#include "kernels/training/linear_gradient.h"

namespace octet {
namespace {

// Sums over rows, of one channel.
struct Moments {
  double count = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;  // x: float network, y: integer network

  double wanted_variance() const { return variance_of(x, xx); }
  double variance() const { return variance_of(y, yy); }
  double covariance() const { return xy / count - x / count * (y / count); }

 private:
  // 0 for a channel that is constant on the samples, where nothing but rounding is left of the difference: that of the
  // f32 numbers, some 2^-24 of their size, and that of their sums. A deviation of 1e-5 of the size is far above both.
  double variance_of(double sum, double squares) const {
    constexpr double kRounding = 1e-10;
    const double mean_square = squares / count;
    const double difference = mean_square - sum / count * (sum / count);
    return difference > kRounding * mean_square ? difference : 0;
  }
};

void add_moments(const LayerProblem& problem, const LayerRows& rows, std::span<const float> products,
                 std::span<const float> bias, std::vector<Moments>& channels) {
  for (int64_t g = 0; g < problem.groups; ++g) {
    for (int64_t r = 0; r < rows.count; ++r) {
      for (int64_t o = 0; o < problem.outputs; ++o) {
        const auto at = static_cast<size_t>((g * rows.count + r) * problem.outputs + o);
        const auto channel = static_cast<size_t>(g * problem.outputs + o);
        const double residual = rows.residual.empty() ? 0.0 : static_cast<double>(rows.residual[at]);
        const double x = static_cast<double>(rows.target[at]) - residual;
        const double y = static_cast<double>(products[at]) + static_cast<double>(bias[channel]);
        Moments& sums = channels[channel];
        ++sums.count;
        sums.x += x;
        sums.y += y;
        sums.xx += x * x;
        sums.xy += x * y;
        sums.yy += y * y;
      }
    }
  }
}

// What the channel's weights are multiplied by; 0: the channel is skipped.
using FindScale = double (*)(const Moments& sums);

double regression(const Moments& sums) {
  return sums.variance() > 0 && sums.covariance() > 0 ? sums.covariance() / sums.variance() : 0.0;
}

double ratio_of_deviations(const Moments& sums) {
  return sums.variance() > 0 && sums.wanted_variance() > 0 ? std::sqrt(sums.wanted_variance() / sums.variance()) : 0.0;
}

Result<int> patch_layers(const CorrectionContext& context, Draft& draft, FindScale find_scale) {
  OCTET_TRY(PackedModel packed, lower_draft(draft));
  OCTET_TRY(const PackedModel teacher, lower_f32(draft.teacher));
  const PackedModel opened = open_clamps(teacher, draft.bounds);
  LayerFronts fronts(context);
  int changed = 0;
  for (const DraftLayer& layer : draft_layers(draft, packed)) {
    Node& node = draft.graph.nodes[layer.node];
    OCTET_TRY(const LayerProblem problem, sample_layer(context, fronts, draft, packed, opened, layer));
    const std::vector<float> integers = integer_weights(packed, layer);
    std::vector<float> bias = layer_bias(draft.graph, node);
    std::vector<Moments> channels(bias.size());
    for (const LayerRows* rows : {&problem.fit, &problem.judge}) {
      OCTET_TRY(LinearGradient product, LinearGradient::create({problem.groups, rows->count, problem.taps,
                                                                problem.outputs, rows->count * problem.taps}));
      std::vector<float> products(rows->target.size());
      product.forward(rows->src.data(), integers.data(), products.data());
      add_moments(problem, *rows, products, bias, channels);
    }
    std::vector<float>& scales = draft.options.weight_scales.at(node.name);
    std::vector<float> weights = layer_weights(draft.graph, node);
    const size_t taps = weights.size() / bias.size();
    for (size_t o = 0; o < bias.size(); ++o) {
      const Moments& sums = channels[o];
      double a = 1;
      if (scales.size() == bias.size() && !draft.options.weights_of(node.name).pow2) {
        a = find_scale(sums);
        if (!(a > 0)) continue;
        scales[o] = static_cast<float>(static_cast<double>(scales[o]) * a);
        for (size_t i = o * taps; i < (o + 1) * taps; ++i)
          weights[i] = static_cast<float>(static_cast<double>(weights[i]) * a);
      }
      const double c = (sums.x - a * sums.y) / sums.count;
      bias[o] = static_cast<float>(a * static_cast<double>(bias[o]) + c);
    }
    set_layer_weights(draft.graph, node, weights);
    set_layer_bias(draft.graph, node, bias);
    requantize_layer(draft, packed, layer);
    ++changed;
  }
  return changed;
}

}  // namespace

Result<int> correct_affine(const CorrectionContext& context, Draft& draft) {
  return patch_layers(context, draft, regression);
}

Result<int> correct_reestimate(const CorrectionContext& context, Draft& draft) {
  return patch_layers(context, draft, ratio_of_deviations);
}

}  // namespace octet
