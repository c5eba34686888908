// AdaQuant (Hubara et al. 2021, arXiv:2006.10518), layer by layer with the float network as teacher:
//
//   argmin E[(f(y_q) - f(y_fp))^2] / E_0 + lambda |theta - theta_fp|^2,   y_q = s round(u) x^ + b + r^
//
// over theta = weights u (in steps of the scale), biases b (in sqrt(E_0)) and scales s (their logarithm), by Adam, from
// what the passes before left; E_0 is the error there. theta_fp: the float network's weights and biases, and the scales
// at first. The gradient goes straight through round() and is masked where |u| > bound. f: the activation; x^, r^: of
// the integer network with the layers before tuned already. A channel takes what did best, at any check, on samples
// that were not fitted to.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "converter/correct/method_list.h"
#include "converter/correct/tune.h"

namespace octet {
namespace {

constexpr float kLambda = 3e-3F;
constexpr int kIterations = 1000;
constexpr int kCheckEvery = 50;
constexpr int kPatience = 6;  // checks without any better channel
// Per iteration, at first: steps of a weight; share of a scale; share of the channel's rms error for a bias.
constexpr float kWeightRate = 0.01F;
constexpr float kScaleRate = 1e-4F;
constexpr float kBiasRate = 0.01F;

class Channels {
 public:
  Channels(const TunedChannels& start, std::span<const double> errors, size_t taps)
      : taps_(taps),
        tuned_(start),
        steps_(start.weights),
        weights_(start.weights.size()),
        scales_(start.scales.size()),
        biases_(start.bias.size()) {
    for (size_t i = 0; i < steps_.size(); ++i) steps_[i] /= start.scales[i / taps] * start.factors[i];
    float_steps_ = start.float_weights;
    for (size_t i = 0; i < steps_.size(); ++i) float_steps_[i] /= start.scales[i / taps] * start.factors[i];
    first_scales_ = start.scales;
    for (const double error : errors) rms_.push_back(static_cast<float>(std::sqrt(error)));
  }

  // The constants as integers make them.
  const TunedChannels& quantized() {
    for (size_t i = 0; i < steps_.size(); ++i) {
      tuned_.weights[i] = tuned_.scales[i / taps_] * tuned_.factors[i] * integer(i);
    }
    return tuned_;
  }
  void step(std::span<const float> d_weights, std::span<const float> d_bias, float rate) {
    weights_.next_iteration();
    scales_.next_iteration();
    biases_.next_iteration();
    for (size_t channel = 0; channel < tuned_.bias.size(); ++channel) {
      float& scale = tuned_.scales[channel];
      float d_scale = 0;
      for (size_t i = channel * taps_; i < (channel + 1) * taps_; ++i) {
        d_scale += d_weights[i] * tuned_.factors[i] * integer(i);
        const float d_step = std::fabs(steps_[i]) > tuned_.bound ? 0.0F : d_weights[i] * scale * tuned_.factors[i];
        steps_[i] -= rate * kWeightRate * weights_.step(i, d_step + pull(steps_[i] - float_steps_[i]));
      }
      if (tuned_.scales_are_free) {
        const float d_log = d_scale * scale + pull(std::log(scale / first_scales_[channel]));
        scale *= 1 - rate * kScaleRate * scales_.step(channel, d_log);
      }
      float& bias = tuned_.bias[channel];
      const float rms = rms_[channel];
      const float away = rms > 0 ? (bias - tuned_.float_bias[channel]) / rms : 0.0F;
      bias -= rate * kBiasRate * rms * biases_.step(channel, d_bias[channel] * rms + pull(away));
    }
  }

 private:
  // The gradient of lambda * difference^2.
  static float pull(float difference) { return 2 * kLambda * difference; }
  float integer(size_t i) const { return weight_integer(steps_[i], 1, tuned_.bound); }

  size_t taps_;
  TunedChannels tuned_;
  std::vector<float> steps_, float_steps_, first_scales_, rms_;
  Adam weights_, scales_, biases_;
};

void tune(TuningBlock& block, TunedChannels& tuned) {
  std::vector<double> errors(tuned.bias.size());
  Channels channels(tuned, errors, static_cast<size_t>(block.taps()));
  tuned = channels.quantized();
  errors = block.errors(tuned.weights, tuned.bias);
  channels = Channels(tuned, errors, static_cast<size_t>(block.taps()));
  std::vector<float> share;
  for (const double error : errors) share.push_back(error > 0 ? static_cast<float>(1 / error) : 0.0F);

  std::vector<float> d_weights(tuned.weights.size());
  std::vector<float> d_bias(tuned.bias.size());
  int idle = 0;
  for (int i = 0; i < kIterations && idle < kPatience; ++i) {
    const TunedChannels& now = channels.quantized();
    block.gradient(now.weights, now.bias, share, d_weights, d_bias);
    const float rate = 0.5F + 0.5F * std::cos(std::numbers::pi_v<float> * static_cast<float>(i) / kIterations);
    channels.step(d_weights, d_bias, rate);
    if ((i + 1) % kCheckEvery != 0) continue;
    const std::vector<double> before = errors;
    keep_better(block, channels.quantized(), tuned, errors);
    idle = errors == before ? idle + 1 : 0;
  }
}

}  // namespace

Result<int> correct_adaquant(const CorrectionContext& context, Draft& draft) {
  return tune_layers(context, draft, [](const LayerProblem& problem, const TunedChannels& start, int threads) {
    return tune_blocks(problem, start, threads, tune);
  });
}

}  // namespace octet
