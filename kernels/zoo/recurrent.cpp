#include "kernels/zoo/recurrent.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/unary/unary.h"
#include "kernels/zoo/recurrent_product.h"

namespace octet {
namespace {

bool has_integers(Descs inputs) {
  return inputs[kRecurrentW].type == DataType::kS8;
}

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
  OCTET_CHECK(check_input_count(params.kName, inputs, 3, kRecurrentInputs));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), 3));
  OCTET_CHECK(check_enum(params.kName, "direction", static_cast<int64_t>(params.direction), 3));
  OCTET_CHECK(check_functions(params));
  if (params.hidden < 1 || params.hidden > INT32_MAX || std::isnan(params.clip)) {
    return invalid(params.kName, std::to_string(params.hidden) + " hidden values");
  }
  OCTET_CHECK(check_rank(params.kName, inputs[kRecurrentX], 3));
  const Shape& x = inputs[kRecurrentX].shape;
  const int64_t d = params.directions(), h = params.hidden, g = params.gates();
  if (has_integers(inputs)) {
    OCTET_CHECK(check_shape("w", inputs[kRecurrentW], {d * g * h, x[2]}));
    OCTET_CHECK(check_shape("r", inputs[kRecurrentR], {d * g * h, h}));
    OCTET_CHECK(check_integer_product_shapes(params, inputs));
  } else {
    OCTET_CHECK(check_shape("w", inputs[kRecurrentW], {d, g * h, x[2]}));
    OCTET_CHECK(check_shape("r", inputs[kRecurrentR], {d, g * h, h}));
  }
  OCTET_CHECK(check_shape("b", input_or_absent(inputs, kRecurrentB), {d, 2 * g * h}));
  OCTET_CHECK(check_shape("lengths", input_or_absent(inputs, kRecurrentLengths), {x[1]}));
  OCTET_CHECK(check_shape("h0", input_or_absent(inputs, kRecurrentH0), {d, x[1], h}));
  OCTET_CHECK(check_shape("c0", input_or_absent(inputs, kRecurrentC0), {d, x[1], h}));
  OCTET_CHECK(check_shape("peepholes", input_or_absent(inputs, kRecurrentPeepholes), {d, 3 * h}));
  const Shape state{d, x[1], h};
  OCTET_TRY(std::vector<Shape> dst, single_output(params.kName, {x[0], d, x[1], h}));
  dst.resize(params.kind == RecurrentKind::kLstm ? 3 : 2, state);
  return dst;
}

Status types(const RecurrentParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 3, kRecurrentInputs));
  const bool is_lstm = params.kind == RecurrentKind::kLstm, integers = has_integers(inputs);
  bool fits = outputs.size() == (is_lstm ? 3U : 2U) && (integers || !params.quantize_rows);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present) continue;
    const bool weights = i == kRecurrentW || i == kRecurrentR;
    const bool constant = weights || i == kRecurrentB || i == kRecurrentPeepholes;
    if (weights && integers) {
      fits &= inputs[i].type == DataType::kS8;
    } else {
      fits &= plain(inputs[i], i == kRecurrentLengths ? DataType::kS64 : DataType::kF32);
    }
    fits &= (!constant || inputs[i].is_constant()) && (is_lstm || i < kRecurrentC0);
  }
  for (const TensorDesc& output : outputs) fits &= plain(output, DataType::kF32);
  if (!fits) return unsupported_types(params.kName, inputs, outputs);
  return integers ? check_integer_product_types(params, inputs) : Status{};
}

// The layer in one direction. Of a gru without linear_before_reset, from_h has the gates z and r, candidate n.
struct Direction {
  RecurrentProduct from_x, from_h, candidate;
  std::vector<float> peepholes;  // [3*H]
  std::vector<UnaryParams> functions;
  bool reverse = false;
};

// What a layer holds while it runs, in scratch memory; W outputs of from_x, V of from_h.
struct Memory {
  float* from_x = nullptr;     // [T*N, W]
  float* from_h = nullptr;     // [N, V]
  float* reset = nullptr;      // [N, H], of a gru: r, or r * h
  float* candidate = nullptr;  // [N, H], of a gru without linear_before_reset
  float* h = nullptr;          // [N, H]
  float* c = nullptr;          // [N, H]
};

class Layer {
 public:
  static Result<Kernel> prepare(const Problem<RecurrentParams>& problem) {
    auto layer = std::make_shared<Layer>(problem);
    // What they hold while the layer's own memory is in use.
    const auto products = std::make_shared<Scratchpad>(layer->scratchpad_->limit());
    for (int64_t d = 0; d < layer->params_.directions(); ++d) OCTET_CHECK(layer->add_direction(problem, d, products));
    layer->scratchpad_->reserve(static_cast<size_t>(layer->place(nullptr).count) * sizeof(float));
    return Kernel([layer](const Buffers& buffers) { layer->run(buffers); });
  }

  explicit Layer(const Problem<RecurrentParams>& problem) : params_(problem.params), scratchpad_(problem.scratchpad) {
    const Shape& x = problem.inputs[kRecurrentX].shape;
    steps_ = x[0], samples_ = x[1], hidden_ = params_.hidden;
    candidate_apart_ = params_.kind == RecurrentKind::kGru && !params_.linear_before_reset;
    from_x_width_ = params_.gates() * hidden_;
    from_h_width_ = from_x_width_ - (candidate_apart_ ? hidden_ : 0);
    if (scratchpad_ == nullptr) scratchpad_ = std::make_shared<Scratchpad>();
    const auto has = [&](size_t i) { return input_or_absent(problem.inputs, i).present; };
    has_lengths_ = has(kRecurrentLengths), has_h0_ = has(kRecurrentH0), has_c0_ = has(kRecurrentC0);
  }

 private:
  Status add_direction(const Problem<RecurrentParams>& problem, int64_t d, const std::shared_ptr<Scratchpad>& pad) {
    Direction made;
    const int64_t first = d * from_x_width_, wb = 2 * first, rb = wb + from_x_width_;
    const auto product = [&](RecurrentInput weights, int64_t row, int64_t outputs, int64_t bias, int64_t rows) {
      return RecurrentProduct::prepare(problem, {weights, row, outputs, bias, rows}, pad);
    };
    OCTET_TRY(made.from_x, product(kRecurrentW, first, from_x_width_, wb, steps_ * samples_));
    OCTET_TRY(made.from_h, product(kRecurrentR, first, from_h_width_, rb, samples_));
    if (candidate_apart_) {
      OCTET_TRY(made.candidate, product(kRecurrentR, first + from_h_width_, hidden_, rb + from_h_width_, samples_));
    }
    made.peepholes.assign(static_cast<size_t>(3 * hidden_), 0.0F);
    const TensorDesc& peepholes = input_or_absent(problem.inputs, kRecurrentPeepholes);
    if (peepholes.present) std::copy_n(peepholes.as<float>() + 3 * d * hidden_, 3 * hidden_, made.peepholes.begin());
    for (int64_t i = d * params_.functions(); i < (d + 1) * params_.functions(); ++i) {
      made.functions.push_back({static_cast<UnaryKind>(params_.activations[i]), params_.alphas[i], params_.betas[i]});
    }
    made.reverse = params_.direction == RecurrentDirection::kReverse || d == 1;
    directions_.push_back(std::move(made));
    return {};
  }

  struct Placed {
    Memory memory;
    int64_t count;  // of floats
  };
  // The parts of the memory that begins at `base`.
  Placed place(float* base) const {
    int64_t count = 0;
    const auto take = [&](int64_t elements) {
      float* const part = base == nullptr ? nullptr : base + count;
      count += elements;
      return part;
    };
    const int64_t state = samples_ * hidden_;
    Memory memory;
    memory.from_x = take(steps_ * samples_ * from_x_width_);
    memory.from_h = take(samples_ * from_h_width_);
    memory.reset = take(params_.kind == RecurrentKind::kGru ? state : 0);
    memory.candidate = take(candidate_apart_ ? state : 0);
    memory.h = take(state);
    memory.c = take(params_.kind == RecurrentKind::kLstm ? state : 0);
    return {memory, count};
  }

  void run(const Buffers& buffers) const {
    const Memory memory = place(reinterpret_cast<float*>(scratchpad_->data())).memory;
    const int64_t state = samples_ * hidden_, count = static_cast<int64_t>(directions_.size());
    const bool is_lstm = params_.kind == RecurrentKind::kLstm;
    for (int64_t d = 0; d < count; ++d) {
      const Direction& layer = directions_[d];
      layer.from_x.run(static_cast<const float*>(buffers.src[kRecurrentX]), memory.from_x);
      load(memory.h, has_h0_ ? buffers.src[kRecurrentH0] : nullptr, d * state);
      if (is_lstm) load(memory.c, has_c0_ ? buffers.src[kRecurrentC0] : nullptr, d * state);
      if (candidate_apart_) load(memory.reset, nullptr, 0);  // of samples that have no first step
      for (int64_t k = 0; k < steps_; ++k) {
        step(layer, buffers, memory, k);
        for (int64_t n = 0; n < samples_; ++n) {
          const int64_t t = step_of(layer, buffers, n, k);
          float* to = static_cast<float*>(buffers.dst[0]) + (((t < 0 ? k : t) * count + d) * samples_ + n) * hidden_;
          t < 0 ? std::fill_n(to, hidden_, 0.0F) : std::copy_n(memory.h + n * hidden_, hidden_, to);
        }
      }
      std::copy_n(memory.h, state, static_cast<float*>(buffers.dst[1]) + d * state);
      if (is_lstm) std::copy_n(memory.c, state, static_cast<float*>(buffers.dst[2]) + d * state);
    }
  }

  void load(float* state, const void* src, int64_t at) const {
    if (src == nullptr) {
      std::fill_n(state, samples_ * hidden_, 0.0F);
    } else {
      std::copy_n(static_cast<const float*>(src) + at, samples_ * hidden_, state);
    }
  }

  // Which element of its sequence sample n has as its k-th; -1 behind its end.
  int64_t step_of(const Direction& layer, const Buffers& buffers, int64_t n, int64_t k) const {
    int64_t length = steps_;
    if (has_lengths_) {
      length = std::clamp<int64_t>(static_cast<const int64_t*>(buffers.src[kRecurrentLengths])[n], 0, steps_);
    }
    if (k >= length) return -1;
    return layer.reverse ? length - 1 - k : k;
  }

  float apply(const UnaryParams& function, float x) const {
    if (params_.clip > 0) x = std::clamp(x, -params_.clip, params_.clip);
    return evaluate(function, x);
  }

  // Step k of all samples that have one. Rows are computed for the others, too, and nobody reads them.
  void step(const Direction& layer, const Buffers& buffers, const Memory& memory, int64_t k) const {
    const auto each_sample = [&](const auto& visit) {
      for (int64_t n = 0; n < samples_; ++n) {
        const int64_t t = step_of(layer, buffers, n, k);
        if (t >= 0) visit(n, memory.from_x + (t * samples_ + n) * from_x_width_, memory.from_h + n * from_h_width_);
      }
    };
    layer.from_h.run(memory.h, memory.from_h);
    switch (params_.kind) {
      case RecurrentKind::kRnn:
        each_sample([&](int64_t n, const float* from_x, const float* from_h) {
          float* h = memory.h + n * hidden_;
          for (int64_t j = 0; j < hidden_; ++j) h[j] = apply(layer.functions[0], from_x[j] + from_h[j]);
        });
        break;
      case RecurrentKind::kGru:
        each_sample([&](int64_t n, const float* from_x, const float* from_h) {
          reset_gru(layer, from_x, from_h, memory.h + n * hidden_, memory.reset + n * hidden_);
        });
        if (candidate_apart_) layer.candidate.run(memory.reset, memory.candidate);
        each_sample([&](int64_t n, const float* from_x, const float* from_h) {
          const float* candidate = candidate_apart_ ? memory.candidate + n * hidden_ : from_h + 2 * hidden_;
          finish_gru(layer, from_x, from_h, candidate, memory.reset + n * hidden_, memory.h + n * hidden_);
        });
        break;
      case RecurrentKind::kLstm:
        each_sample([&](int64_t n, const float* from_x, const float* from_h) {
          step_lstm(layer, from_x, from_h, memory.h + n * hidden_, memory.c + n * hidden_);
        });
        break;
    }
  }

  void reset_gru(const Direction& layer, const float* from_x, const float* from_h, const float* h, float* reset) const {
    for (int64_t j = 0; j < hidden_; ++j) {
      const float gate = apply(layer.functions[0], from_x[hidden_ + j] + from_h[hidden_ + j]);
      reset[j] = candidate_apart_ ? gate * h[j] : gate;
    }
  }

  // candidate  [H]: r_n, or what (r * h) makes
  void finish_gru(const Direction& layer, const float* from_x, const float* from_h, const float* candidate,
                  const float* reset, float* h) const {
    for (int64_t j = 0; j < hidden_; ++j) {
      const float update = apply(layer.functions[0], from_x[j] + from_h[j]);
      const float recurrent = candidate[j] * (candidate_apart_ ? 1.0F : reset[j]);
      const float next = apply(layer.functions[1], from_x[2 * hidden_ + j] + recurrent);
      h[j] = (1.0F - update) * next + update * h[j];
    }
  }

  void step_lstm(const Direction& layer, const float* from_x, const float* from_h, float* h, float* c) const {
    const int64_t n = hidden_;
    const auto gate = [&](int64_t g, int64_t j) { return from_x[g * n + j] + from_h[g * n + j]; };
    const float* p = layer.peepholes.data();
    for (int64_t j = 0; j < n; ++j) {
      const float before = c[j];
      const float input = apply(layer.functions[0], gate(0, j) + p[j] * before);
      const float forget =
          params_.input_forget ? 1.0F - input : apply(layer.functions[0], gate(2, j) + p[2 * n + j] * before);
      const float candidate = apply(layer.functions[1], gate(3, j));
      c[j] = forget * before + input * candidate;
      const float output = apply(layer.functions[0], gate(1, j) + p[n + j] * c[j]);
      h[j] = output * evaluate(layer.functions[2], c[j]);
    }
  }

  RecurrentParams params_;
  std::shared_ptr<Scratchpad> scratchpad_;
  int64_t steps_ = 0, samples_ = 0, hidden_ = 0;
  bool candidate_apart_ = false;  // a gru without linear_before_reset
  int64_t from_x_width_ = 0, from_h_width_ = 0;
  std::vector<Direction> directions_;
  bool has_lengths_ = false, has_h0_ = false, has_c0_ = false;
};

}  // namespace

template <>
const ZooFunctions<RecurrentParams>& zoo_functions<RecurrentParams>() {
  static constexpr ZooFunctions<RecurrentParams> kThese{shapes, types, Layer::prepare};
  return kThese;
}

}  // namespace octet
