// AdaRound (Nagel et al. 2020, arXiv:2004.10568): W^ = s clip(floor(W/s) + h(V), -bound, bound),
// h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1), zeta = 1.1, gamma = -0.1, V such that h = frac(W/s) at first.
//
//   loss = E[(f(W^ x^ + b + r^) - f(W x + b + r))^2] / (the same of rounding to nearest)
//        + lambda sum(1 - |2h - 1|^beta)                                       per channel
//
// f: the activation; x^, r^: of the integer network with the layers before tuned already; lambda = 0.01; beta falls
// from 20 to 2 after a warm-up without the second term. A channel takes the result only where it beats rounding to
// nearest on samples that were not fitted to.
#include <algorithm>
#include <cmath>

#include "converter/correct/method_list.h"
#include "converter/correct/tune.h"

namespace octet {
namespace {

constexpr float kZeta = 1.1F;
constexpr float kGamma = -0.1F;
constexpr float kLambda = 0.01F;
constexpr float kFirstBeta = 20;
constexpr float kLastBeta = 2;
constexpr int kIterations = 1000;
constexpr int kWarmUp = kIterations / 5;
constexpr int kCheckEvery = 100;
constexpr float kLearningRate = 0.02F;
constexpr float kSettled = 0.01F;  // this close to 0 or 1, h is done

float sigmoid(float v) {
  return 1 / (1 + std::exp(-v));
}

// d/dh of 1 - |2h - 1|^beta.
float penalty_gradient(float h, float beta) {
  const float t = 2 * h - 1;
  return -2 * beta * std::copysign(std::pow(std::fabs(t), beta - 1), t);
}

class Rounding {
 public:
  Rounding(const TunedChannels& start, int64_t taps) : start_(start), taps_(static_cast<size_t>(taps)) {
    for (size_t i = 0; i < start.weights.size(); ++i) {
      const float steps = std::clamp(start.weights[i] / scale(i), -start.bound, start.bound);
      floor_.push_back(std::min(std::floor(steps), start.bound - 1));
      const float share = (steps - floor_.back() - kGamma) / (kZeta - kGamma);
      v_.push_back(std::log(share / (1 - share)));
      h_.push_back(steps - floor_.back());
    }
  }

  // The weights with h as it is, or with h rounded to 0 or 1.
  void weights(std::span<float> to, bool hard) const {
    for (size_t i = 0; i < to.size(); ++i) to[i] = scale(i) * (floor_[i] + (hard ? std::round(h_[i]) : h_[i]));
  }
  // One step of Adam against the gradient by the weights; beta 0: without the penalty.
  void step(std::span<const float> d_weights, float beta, Adam& adam) {
    adam.next_iteration();
    for (size_t i = 0; i < v_.size(); ++i) {
      const float s = sigmoid(v_[i]);
      const float wide = s * (kZeta - kGamma) + kGamma;
      if (wide <= 0 || wide >= 1) {
        // The clip has no gradient: the weight has been decided. (Adam's momentum would only push it further.)
        h_[i] = wide <= 0 ? 0.0F : 1.0F;
        continue;
      }
      float d_h = d_weights[i] * scale(i);
      if (beta > 0) d_h += kLambda * penalty_gradient(wide, beta);
      v_[i] -= kLearningRate * adam.step(i, d_h * (kZeta - kGamma) * s * (1 - s));
      h_[i] = std::clamp(sigmoid(v_[i]) * (kZeta - kGamma) + kGamma, 0.0F, 1.0F);
    }
  }
  bool is_settled() const {
    return std::all_of(h_.begin(), h_.end(), [](float h) { return h < kSettled || h > 1 - kSettled; });
  }

 private:
  float scale(size_t i) const { return start_.scales[i / taps_] * start_.factors[i]; }

  const TunedChannels& start_;
  size_t taps_;
  std::vector<float> floor_, v_, h_;
};

void tune(TuningBlock& block, TunedChannels& tuned) {
  const TunedChannels start = tuned;
  const auto taps = static_cast<size_t>(block.taps());
  for (size_t i = 0; i < tuned.weights.size(); ++i) {
    const float step = start.scales[i / taps] * start.factors[i];
    tuned.weights[i] = step * weight_integer(start.weights[i], step, start.bound);
  }
  std::vector<double> errors = block.errors(tuned.weights, tuned.bias);
  std::vector<float> share;
  for (const double error : errors) share.push_back(error > 0 ? static_cast<float>(1 / error) : 0.0F);

  Rounding rounding(start, block.taps());
  Adam adam(start.weights.size());
  TunedChannels candidate = start;
  std::vector<float> d_weights(start.weights.size());
  std::vector<float> d_bias(start.bias.size());
  for (int i = 0; i < kIterations; ++i) {
    const float progress = static_cast<float>(i - kWarmUp) / static_cast<float>(kIterations - kWarmUp);
    rounding.weights(candidate.weights, false);
    block.gradient(candidate.weights, candidate.bias, share, d_weights, d_bias);
    rounding.step(d_weights, i < kWarmUp ? 0.0F : kFirstBeta + (kLastBeta - kFirstBeta) * progress, adam);
    if (i >= kWarmUp && i % kCheckEvery == 0 && rounding.is_settled()) break;
  }
  rounding.weights(candidate.weights, true);
  keep_better(block, candidate, tuned, errors);
}

}  // namespace

Result<int> correct_adaround(const CorrectionContext& context, Draft& draft) {
  return tune_layers(context, draft, [](const LayerProblem& problem, const TunedChannels& start, int threads) {
    return tune_blocks(problem, start, threads, tune);
  });
}

}  // namespace octet
