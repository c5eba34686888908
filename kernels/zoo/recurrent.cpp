#include "kernels/zoo/recurrent.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/unary/unary.h"

namespace octet {
namespace {

enum Input : size_t { kX, kW, kR, kB, kLengths, kH0, kC0, kPeepholes, kInputCount };

Status check_shape(const char* what, const TensorDesc& tensor, const Shape& expected) {
  if (!tensor.present || tensor.shape == expected) return {};
  return invalid(RecurrentParams::kName,
                 std::string(what) + " is " + tensor.shape.to_string() + ", not " + expected.to_string());
}

Status check_functions(const RecurrentParams& params) {
  const auto count = static_cast<size_t>(params.directions() * params.functions());
  if (params.activations.size() != count || params.alphas.size() != count || params.betas.size() != count) {
    return invalid(params.kName,
                   std::to_string(params.activations.size()) + " activations, not " + std::to_string(count));
  }
  for (size_t i = 0; i < count; ++i) {
    const UnaryParams function{static_cast<UnaryKind>(params.activations[i]), params.alphas[i], params.betas[i]};
    const auto known = infer_shapes(function, std::vector<TensorDesc>(1));
    if (!known.ok()) return invalid(params.kName, "an activation: " + known.error().message);
  }
  return {};
}

Result<std::vector<Shape>> shapes(const RecurrentParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 3, kInputCount));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), 3));
  OCTET_CHECK(check_enum(params.kName, "direction", static_cast<int64_t>(params.direction), 3));
  OCTET_CHECK(check_functions(params));
  if (params.hidden < 1 || params.hidden > INT32_MAX || std::isnan(params.clip)) {
    return invalid(params.kName, std::to_string(params.hidden) + " hidden values");
  }
  OCTET_CHECK(check_rank(params.kName, inputs[kX], 3));
  const Shape& x = inputs[kX].shape;
  const int64_t d = params.directions(), h = params.hidden, g = params.gates();
  OCTET_CHECK(check_shape("w", inputs[kW], {d, g * h, x[2]}));
  OCTET_CHECK(check_shape("r", inputs[kR], {d, g * h, h}));
  OCTET_CHECK(check_shape("b", input_or_absent(inputs, kB), {d, 2 * g * h}));
  OCTET_CHECK(check_shape("lengths", input_or_absent(inputs, kLengths), {x[1]}));
  OCTET_CHECK(check_shape("h0", input_or_absent(inputs, kH0), {d, x[1], h}));
  OCTET_CHECK(check_shape("c0", input_or_absent(inputs, kC0), {d, x[1], h}));
  OCTET_CHECK(check_shape("peepholes", input_or_absent(inputs, kPeepholes), {d, 3 * h}));
  const Shape state{d, x[1], h};
  OCTET_TRY(std::vector<Shape> dst, single_output(params.kName, {x[0], d, x[1], h}));
  dst.resize(params.kind == RecurrentKind::kLstm ? 3 : 2, state);
  return dst;
}

Status types(const RecurrentParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 3, kInputCount));
  bool fits = outputs.size() == (params.kind == RecurrentKind::kLstm ? 3U : 2U);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present) continue;
    const bool constant = i == kW || i == kR || i == kB || i == kPeepholes;
    fits &= plain(inputs[i], i == kLengths ? DataType::kS64 : DataType::kF32) && (!constant || inputs[i].is_constant());
    fits &= params.kind == RecurrentKind::kLstm || i < kC0;
  }
  for (const TensorDesc& output : outputs) fits &= plain(output, DataType::kF32);
  if (fits) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

// The layer in one direction: its constants, transposed so that the loops over gates are the inner ones.
struct Direction {
  int64_t inputs = 0, hidden = 0, gates = 0;
  std::vector<float> w, r;       // [I, G*H], [H, G*H]
  std::vector<float> wb, rb;     // [G*H]
  std::vector<float> peepholes;  // [3*H], or empty
  std::vector<UnaryParams> functions;
  bool reverse = false;
  std::vector<float> from_x, from_h, reset, h, c;  // of one sample, while it runs

  // dst[G*H] += src[n] * weights[n, G*H], for the gates [first, last).
  void multiply(const float* src, int64_t n, const std::vector<float>& weights, int64_t first, int64_t last,
                std::vector<float>& dst) const {
    const int64_t width = gates * hidden;
    for (int64_t k = 0; k < n; ++k) {
      const float factor = src[k];
      const float* row = weights.data() + k * width;
      for (int64_t j = first * hidden; j < last * hidden; ++j) dst[j] += factor * row[j];
    }
  }
};

class Layer {
 public:
  explicit Layer(const Problem<RecurrentParams>& problem) : params_(problem.params) {
    const Shape& x = problem.inputs[kX].shape;
    steps_ = x[0], samples_ = x[1], inputs_ = x[2];
    for (int64_t d = 0; d < params_.directions(); ++d) directions_.push_back(make_direction(problem, d));
    const auto has = [&](size_t i) { return input_or_absent(problem.inputs, i).present; };
    has_lengths_ = has(kLengths), has_h0_ = has(kH0), has_c0_ = has(kC0);
  }

  void run(const Buffers& buffers) {
    const int64_t h = params_.hidden;
    const auto directions = static_cast<int64_t>(directions_.size());
    const auto* x = static_cast<const float*>(buffers.src[kX]);
    auto* y = static_cast<float*>(buffers.dst[0]);
    for (int64_t d = 0; d < directions; ++d) {
      Direction& layer = directions_[d];
      for (int64_t n = 0; n < samples_; ++n) {
        const int64_t state = (d * samples_ + n) * h;
        load(layer.h, has_h0_ ? buffers.src[kH0] : nullptr, state);
        load(layer.c, has_c0_ ? buffers.src[kC0] : nullptr, state);
        int64_t length = steps_;
        if (has_lengths_)
          length = std::clamp<int64_t>(static_cast<const int64_t*>(buffers.src[kLengths])[n], 0, steps_);
        for (int64_t k = 0; k < steps_; ++k) {
          const int64_t t = layer.reverse && k < length ? length - 1 - k : k;
          float* to = y + ((t * directions + d) * samples_ + n) * h;
          if (k >= length) {
            std::fill_n(to, h, 0.0F);
            continue;
          }
          step(layer, x + (t * samples_ + n) * inputs_);
          std::copy(layer.h.begin(), layer.h.end(), to);
        }
        std::copy(layer.h.begin(), layer.h.end(), static_cast<float*>(buffers.dst[1]) + state);
        if (params_.kind != RecurrentKind::kLstm) continue;
        std::copy(layer.c.begin(), layer.c.end(), static_cast<float*>(buffers.dst[2]) + state);
      }
    }
  }

 private:
  Direction make_direction(const Problem<RecurrentParams>& problem, int64_t d) const {
    const int64_t width = params_.gates() * params_.hidden;
    Direction made{.inputs = inputs_, .hidden = params_.hidden, .gates = params_.gates()};
    const auto transposed = [&](const TensorDesc& tensor, int64_t columns) {
      std::vector<float> result(static_cast<size_t>(width * columns));
      const float* from = tensor.as<float>() + d * width * columns;
      for (int64_t j = 0; j < width; ++j) {
        for (int64_t k = 0; k < columns; ++k) result[k * width + j] = from[j * columns + k];
      }
      return result;
    };
    made.w = transposed(problem.inputs[kW], inputs_);
    made.r = transposed(problem.inputs[kR], params_.hidden);
    const auto part = [&](size_t input, int64_t start, int64_t count) {
      const TensorDesc& tensor = input_or_absent(problem.inputs, input);
      if (!tensor.present) return std::vector<float>(static_cast<size_t>(count), 0.0F);
      return std::vector<float>(tensor.as<float>() + start, tensor.as<float>() + start + count);
    };
    made.wb = part(kB, 2 * d * width, width);
    made.rb = part(kB, (2 * d + 1) * width, width);
    made.peepholes = part(kPeepholes, 3 * d * params_.hidden, 3 * params_.hidden);
    for (int64_t i = d * params_.functions(); i < (d + 1) * params_.functions(); ++i) {
      made.functions.push_back({static_cast<UnaryKind>(params_.activations[i]), params_.alphas[i], params_.betas[i]});
    }
    made.reverse = params_.direction == RecurrentDirection::kReverse || d == 1;
    const auto hidden = static_cast<size_t>(params_.hidden);
    made.from_x.resize(static_cast<size_t>(width));
    made.from_h.resize(static_cast<size_t>(width));
    made.reset.resize(hidden);
    made.h.resize(hidden);
    made.c.resize(hidden);
    return made;
  }

  void load(std::vector<float>& state, const void* src, int64_t at) const {
    if (src == nullptr) {
      std::fill(state.begin(), state.end(), 0.0F);
    } else {
      std::copy_n(static_cast<const float*>(src) + at, state.size(), state.begin());
    }
  }

  float apply(const UnaryParams& function, float x) const {
    if (params_.clip > 0) x = std::clamp(x, -params_.clip, params_.clip);
    return evaluate(function, x);
  }

  void step(Direction& layer, const float* x) const {
    layer.from_x = layer.wb;
    layer.from_h = layer.rb;
    layer.multiply(x, layer.inputs, layer.w, 0, layer.gates, layer.from_x);
    switch (params_.kind) {
      case RecurrentKind::kRnn:
        layer.multiply(layer.h.data(), layer.hidden, layer.r, 0, 1, layer.from_h);
        for (int64_t j = 0; j < layer.hidden; ++j) {
          layer.h[j] = apply(layer.functions[0], layer.from_x[j] + layer.from_h[j]);
        }
        break;
      case RecurrentKind::kGru:
        step_gru(layer);
        break;
      case RecurrentKind::kLstm:
        step_lstm(layer);
        break;
    }
  }

  void step_gru(Direction& layer) const {
    const int64_t n = layer.hidden;
    const bool linear = params_.linear_before_reset;
    layer.multiply(layer.h.data(), n, layer.r, 0, linear ? 3 : 2, layer.from_h);
    for (int64_t j = 0; j < n; ++j) {
      const float gate = apply(layer.functions[0], layer.from_x[n + j] + layer.from_h[n + j]);
      layer.reset[j] = linear ? gate : gate * layer.h[j];
    }
    if (!linear) layer.multiply(layer.reset.data(), n, layer.r, 2, 3, layer.from_h);
    for (int64_t j = 0; j < n; ++j) {
      const float update = apply(layer.functions[0], layer.from_x[j] + layer.from_h[j]);
      const float recurrent = layer.from_h[2 * n + j] * (linear ? layer.reset[j] : 1.0F);
      const float candidate = apply(layer.functions[1], layer.from_x[2 * n + j] + recurrent);
      layer.h[j] = (1.0F - update) * candidate + update * layer.h[j];
    }
  }

  void step_lstm(Direction& layer) const {
    const int64_t n = layer.hidden;
    layer.multiply(layer.h.data(), n, layer.r, 0, 4, layer.from_h);
    const auto gate = [&](int64_t g, int64_t j) { return layer.from_x[g * n + j] + layer.from_h[g * n + j]; };
    const float* p = layer.peepholes.data();
    for (int64_t j = 0; j < n; ++j) {
      const float before = layer.c[j];
      const float input = apply(layer.functions[0], gate(0, j) + p[j] * before);
      const float forget =
          params_.input_forget ? 1.0F - input : apply(layer.functions[0], gate(2, j) + p[2 * n + j] * before);
      const float candidate = apply(layer.functions[1], gate(3, j));
      layer.c[j] = forget * before + input * candidate;
      const float output = apply(layer.functions[0], gate(1, j) + p[n + j] * layer.c[j]);
      layer.h[j] = output * evaluate(layer.functions[2], layer.c[j]);
    }
  }

  RecurrentParams params_;
  int64_t steps_ = 0, samples_ = 0, inputs_ = 0;
  std::vector<Direction> directions_;
  bool has_lengths_ = false, has_h0_ = false, has_c0_ = false;
};

Result<Kernel> prepare(const Problem<RecurrentParams>& problem) {
  return Kernel([layer = std::make_shared<Layer>(problem)](const Buffers& buffers) { layer->run(buffers); });
}

}  // namespace

template <>
const ZooFunctions<RecurrentParams>& zoo_functions<RecurrentParams>() {
  static constexpr ZooFunctions<RecurrentParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
