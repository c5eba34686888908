#include "converter/correct/column_rounding.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "converter/correct/tune.h"
#include "kernels/training/linear_gradient.h"

namespace octet {
namespace {

constexpr double kDamping = 0.01;

using Matrix = Eigen::MatrixXd;

// U of the damped H, row by row.
std::vector<float> factor_of(Matrix hessian) {
  const Eigen::Index taps = hessian.rows();
  hessian *= 2;
  // Inputs that are all 0 leave any damping to round to the nearest.
  const double damping = kDamping * hessian.diagonal().mean();
  hessian.diagonal().array() += damping > 0 ? damping : 1;
  Matrix inverse = Matrix::Identity(taps, taps);
  Eigen::LLT<Eigen::Ref<Matrix>>(hessian).solveInPlace(inverse);
  const Eigen::LLT<Eigen::Ref<Matrix>> decomposed(inverse);
  const Matrix lower = decomposed.matrixL();
  std::vector<float> factor(static_cast<size_t>(taps * taps));
  Eigen::Map<Eigen::MatrixXf> upper(factor.data(), taps, taps);
  // Columns of the lower factor are rows of the upper one. Products too large for an f32 have no factor: to the nearest.
  upper.setIdentity();
  if (decomposed.info() == Eigen::Success && lower.allFinite()) upper = lower.cast<float>();
  return factor;
}

}  // namespace

Result<std::vector<float>> input_products(std::span<const float> src, int64_t rows, int64_t taps) {
  OCTET_TRY(LinearGradient product, LinearGradient::create({1, rows, taps, taps, rows * taps}));
  std::vector<float> sums(static_cast<size_t>(taps * taps));
  product.weights_gradient(src.data(), src.data(), sums.data());
  return sums;
}

Result<ColumnRounding> ColumnRounding::create(std::span<const float> src, int64_t rows, int64_t taps) {
  ColumnRounding rounding;
  for (int64_t first = 0; first < taps; first += kMaxTaps) {
    const int64_t count = std::min(kMaxTaps, taps - first);
    std::vector<float> part(static_cast<size_t>(rows * count));
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(src.begin() + row * taps + first, count, part.begin() + row * count);
    }
    OCTET_TRY(const std::vector<float> sums, input_products(part, rows, count));
    Matrix hessian = Eigen::Map<const Eigen::MatrixXf>(sums.data(), count, count).cast<double>();
    rounding.runs_.push_back({first, count, factor_of(std::move(hessian))});
  }
  return rounding;
}

void ColumnRounding::round(std::span<float> weights, std::span<const float> steps, float bound) const {
  for (const Run& run : runs_) {
    float* w = weights.data() + run.first;
    const float* s = steps.data() + run.first;
    for (int64_t j = 0; j < run.taps; ++j) {
      const float* u = run.factor.data() + j * run.taps;
      const float rounded = s[j] * weight_integer(w[j], s[j], bound);
      const float error = (w[j] - rounded) / u[j];
      w[j] = rounded;
      for (int64_t k = j + 1; k < run.taps; ++k) w[k] -= error * u[k];
    }
  }
}

}  // namespace octet
