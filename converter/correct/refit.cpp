#include "converter/correct/refit.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "converter/correct/column_rounding.h"
#include "converter/parallel.h"

namespace octet {
namespace {

constexpr double kRidge = 0.3;

// x^ of one group.
struct Inputs {
  Eigen::VectorXd mean;
  Eigen::LLT<Eigen::MatrixXd> covariance;  // with the ridge
  bool is_constant = false;                // or nothing that can be told apart from it: weights cannot be fitted
};

Result<Inputs> inputs_of(std::span<const float> src, int64_t rows, int64_t taps) {
  OCTET_TRY(const std::vector<float> products, input_products(src, rows, taps));
  const auto count = static_cast<double>(rows);
  Inputs inputs;
  inputs.mean = Eigen::VectorXd::Zero(taps);
  for (int64_t row = 0; row < rows; ++row) {
    inputs.mean += Eigen::Map<const Eigen::VectorXf>(src.data() + row * taps, taps).cast<double>();
  }
  inputs.mean /= count;
  Eigen::MatrixXd covariance = Eigen::Map<const Eigen::MatrixXf>(products.data(), taps, taps).cast<double>() / count;
  covariance -= inputs.mean * inputs.mean.transpose();
  const double ridge = kRidge * covariance.diagonal().mean();
  covariance.diagonal().array() += ridge;
  inputs.covariance.compute(covariance);
  inputs.is_constant = !(ridge > 0) || inputs.covariance.info() != Eigen::Success;
  return inputs;
}

// The means over the rows for fitting of e and of x^ e, which is [taps] per channel.
struct Gradient {
  Eigen::VectorXd errors;
  Eigen::MatrixXd products;
};

Gradient gradient_of(TuningBlock& block, const TunedChannels& tuned) {
  const auto taps = static_cast<Eigen::Index>(block.taps());
  const auto channels = static_cast<Eigen::Index>(block.channels());
  const std::vector<float> share(tuned.bias.size(), 1.0F);
  std::vector<float> d_weights(tuned.weights.size());
  std::vector<float> d_bias(tuned.bias.size());
  Gradient sum{Eigen::VectorXd::Zero(channels), Eigen::MatrixXd::Zero(taps, channels)};
  for (int64_t batch = 0; batch < block.batches(); ++batch) {
    block.gradient(tuned.weights, tuned.bias, share, d_weights, d_bias);
    sum.errors += Eigen::Map<const Eigen::VectorXf>(d_bias.data(), channels).cast<double>();
    sum.products += Eigen::Map<const Eigen::MatrixXf>(d_weights.data(), taps, channels).cast<double>();
  }
  // That of the squared error is -2 e and -2 x^ e.
  sum.errors /= -2.0 * static_cast<double>(block.batches());
  sum.products /= -2.0 * static_cast<double>(block.batches());
  return sum;
}

void adopt(TuningBlock& block, const TunedChannels& candidate, TunedChannels& tuned) {
  std::vector<double> errors = block.errors(tuned.weights, tuned.bias);
  keep_better(block, candidate, tuned, errors);
}

void refit_block(std::span<const Inputs> inputs, TuningBlock& block, TunedChannels& tuned) {
  TunedChannels candidate = tuned;
  const Gradient gradient = gradient_of(block, tuned);
  for (int64_t c = 0; c < block.channels(); ++c) {
    const Inputs& input = inputs[static_cast<size_t>(block.group_of(c))];
    double bias = gradient.errors[c];
    if (!input.is_constant) {
      const Eigen::VectorXd step = input.covariance.solve(gradient.products.col(c) - bias * input.mean);
      Eigen::Map<Eigen::VectorXf>(candidate.weights.data() + c * block.taps(), block.taps()) += step.cast<float>();
      bias -= step.dot(input.mean);
    }
    candidate.bias[static_cast<size_t>(c)] += static_cast<float>(bias);
  }
  adopt(block, candidate, tuned);
}

void refit_biases_of(TuningBlock& block, TunedChannels& tuned) {
  TunedChannels candidate = tuned;
  const Gradient gradient = gradient_of(block, tuned);
  for (size_t c = 0; c < tuned.bias.size(); ++c) {
    candidate.bias[c] += static_cast<float>(gradient.errors[static_cast<Eigen::Index>(c)]);
  }
  adopt(block, candidate, tuned);
}

}  // namespace

Result<TunedChannels> refit_layer(const LayerProblem& problem, const TunedChannels& start, int threads) {
  TunedChannels floats = start;
  floats.weights = start.float_weights;
  floats.bias = start.float_bias;
  if (problem.taps > ColumnRounding::kMaxTaps) return floats;
  std::vector<Inputs> inputs(static_cast<size_t>(problem.groups));
  OCTET_CHECK(parallel_for(inputs.size(), threads, {}, [&](int, size_t group) -> Status {
    OCTET_TRY(inputs[group], inputs_of(problem.fit.src_of(static_cast<int64_t>(group), problem.taps),
                                       TuningBlock::batched_rows(problem), problem.taps));
    return {};
  }));
  return tune_blocks(problem, floats, threads,
                     [&](TuningBlock& block, TunedChannels& tuned) { refit_block(inputs, block, tuned); });
}

Result<TunedChannels> refit_biases(const LayerProblem& problem, const TunedChannels& start, int threads) {
  return tune_blocks(problem, start, threads, refit_biases_of);
}

}  // namespace octet
