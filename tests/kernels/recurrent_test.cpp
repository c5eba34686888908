// Recurrent layers, with weights of f32 and of integers, against their formula spelled out one number at a time.
#include "kernels/zoo/recurrent.h"

#include <cmath>

#include "kernels/fully_connected/row_quantized.h"
#include "kernels/fully_connected/weight_only.h"
#include "kernels/packed_constants.h"
#include "kernels/quantization.h"
#include "kernels/unary/unary.h"
#include "kernels/weight_factors.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

enum class Weights { kF32, kS8, kS8OneScale, kNibbles, kNibblesInGroups };
constexpr int64_t kGroup = 8;

struct Sizes {
  int64_t steps = 5, samples = 3, inputs = 21, hidden = 17;
};

struct Layer {
  RecurrentParams params;
  std::vector<Tensor> inputs;
};

RecurrentParams make_params(RecurrentKind kind, RecurrentDirection direction, int64_t hidden) {
  RecurrentParams params{.kind = kind, .direction = direction, .hidden = hidden};
  const std::vector<UnaryKind> functions =
      kind == RecurrentKind::kRnn   ? std::vector{UnaryKind::kTanh}
      : kind == RecurrentKind::kGru ? std::vector{UnaryKind::kSigmoid, UnaryKind::kTanh}
                                    : std::vector{UnaryKind::kSigmoid, UnaryKind::kTanh, UnaryKind::kSoftsign};
  for (int64_t d = 0; d < params.directions(); ++d) {
    for (const UnaryKind function : functions) params.activations.push_back(static_cast<int64_t>(function));
  }
  params.alphas.resize(params.activations.size());
  params.betas.resize(params.activations.size());
  return params;
}

Tensor make_integers(int64_t rows, int64_t taps, Weights weights, Random& random) {
  Tensor tensor{.type = DataType::kS8, .shape = {rows, taps}, .constant = true};
  const bool is_nibbles = weights == Weights::kNibbles || weights == Weights::kNibblesInGroups;
  tensor.bits = is_nibbles ? 4 : 8;
  tensor.group = weights == Weights::kNibblesInGroups ? kGroup : 0;
  for (int64_t o = 0; o < (weights == Weights::kS8OneScale ? 1 : rows); ++o) {
    tensor.scales.push_back((is_nibbles ? 0.01F : 0.001F) * static_cast<float>(1 + random() % 9));
  }
  tensor.allocate();
  if (!is_nibbles) fill_integers<int8_t>(tensor, random, -127, 127);
  for (int64_t i = 0; is_nibbles && i < rows * taps; ++i) {
    const int factor = tensor.group > 0 ? 1 + static_cast<int>(i % taps / kGroup) % kMostFactor : 1;
    tensor.as<int8_t>()[static_cast<size_t>(i)] = static_cast<int8_t>(factor * (static_cast<int>(random() % 15) - 7));
  }
  return tensor;
}

// All inputs that the kind has.
Layer make_layer(const RecurrentParams& params, Weights weights, const Sizes& s, Random& random) {
  const int64_t d = params.directions(), width = params.gates() * s.hidden;
  const auto real = [&](const Shape& shape, bool constant) {
    Tensor tensor = random_f32(shape, -0.6F, 0.8F, random);
    tensor.constant = constant;
    return tensor;
  };
  Layer layer{params, {real({s.steps, s.samples, s.inputs}, false)}};
  for (const int64_t taps : {s.inputs, s.hidden}) {
    layer.inputs.push_back(weights == Weights::kF32 ? real({d, width, taps}, true)
                                                    : make_integers(d * width, taps, weights, random));
  }
  layer.inputs.push_back(real({d, 2 * width}, true));
  std::vector<int64_t> lengths;
  for (int64_t n = 0; n < s.samples; ++n) lengths.push_back(std::max<int64_t>(0, s.steps - 2 * n));
  layer.inputs.push_back(s64({s.samples}, lengths));
  layer.inputs.push_back(real({d, s.samples, s.hidden}, false));
  if (params.kind != RecurrentKind::kLstm) return layer;
  layer.inputs.push_back(real({d, s.samples, s.hidden}, false));
  layer.inputs.push_back(real({d, 3 * s.hidden}, true));
  return layer;
}

std::vector<Tensor> outputs_of(const Layer& layer) {
  const auto shapes = infer_shapes(layer.params, descs_of(layer.inputs));
  REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
  std::vector<Tensor> outputs;
  for (const Shape& shape : *shapes) outputs.push_back(make_f32(shape));
  return outputs;
}

std::vector<std::vector<float>> run(const Layer& layer, int threads = 1, PackedConstants* packed = nullptr,
                                    std::shared_ptr<Scratchpad> scratchpad = nullptr) {
  std::vector<Tensor> outputs = outputs_of(layer);
  const std::vector<TensorDesc> descs = descs_of(layer.inputs), output_descs = descs_of(outputs);
  const Status status = check_types(layer.params, descs, output_descs);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  const Result<Kernel> kernel =
      kernel_table(layer.params).back().prepare({layer.params, descs, output_descs, threads, packed, scratchpad});
  REQUIRE_MESSAGE(kernel.ok(), kernel.error().message);
  std::vector<const void*> src;
  std::vector<void*> dst;
  for (const Tensor& input : layer.inputs) src.push_back(input.present ? input.bytes.data() : nullptr);
  for (Tensor& output : outputs) dst.push_back(output.bytes.data());
  std::vector<std::vector<float>> values;
  for (int again = 0; again < 2; ++again) {  // nothing is left of the run before
    if (scratchpad != nullptr) std::memset(scratchpad->data(), 0xff, scratchpad->bytes());
    (*kernel)({src.data(), dst.data()});
    std::vector<std::vector<float>> found;
    for (const Tensor& output : outputs) found.push_back(values_of<float>(output));
    if (again > 0) CHECK(found == values);
    values = std::move(found);
  }
  return values;
}

// Row `o` of W or R, seen as a matrix, times src, plus b[at].
float product(const Layer& layer, size_t weights, int64_t o, const std::vector<float>& src, int64_t at) {
  const Tensor& matrix = layer.inputs[weights];
  const auto taps = static_cast<int64_t>(src.size());
  const float bias = layer.inputs[kRecurrentB].as<float>()[static_cast<size_t>(at)];
  if (matrix.type == DataType::kF32) {
    float sum = bias;
    for (size_t k = 0; k < src.size(); ++k) {
      sum += src[k] * matrix.as<float>()[static_cast<size_t>(o * taps) + k];
    }
    return sum;
  }
  const int8_t* row = matrix.as<int8_t>().data() + o * taps;
  const float scale = matrix.scales[matrix.scales.size() > 1 ? static_cast<size_t>(o) : 0];
  if (layer.params.quantize_rows) {
    const QuantParams quant = row_params(src.data(), taps);
    int32_t sum = 0;
    for (int64_t k = 0; k < taps; ++k) {
      sum += (quantize_u8(src[static_cast<size_t>(k)], quant) - quant.zero_point) * row[k];
    }
    return static_cast<float>(sum) * (quant.scale * scale) + bias;
  }
  const int64_t run = matrix.group > 0 && matrix.group < taps ? matrix.group : kPlainRun;
  float total = 0;
  for (int64_t first = 0; first < taps; first += run) {
    const auto count = static_cast<size_t>(std::min(run, taps - first));
    const int least = run == kGroup ? least_factor({row + first, count}) : 1;
    REQUIRE(least > 0);
    const auto factor = static_cast<float>(least);
    float p = 0;
    for (int64_t k = first; k < std::min(first + run, taps); ++k) {
      p = std::fma(src[static_cast<size_t>(k)], static_cast<float>(row[k]) / factor, p);
    }
    total = std::fma(p, factor, total);
  }
  return std::fma(total, scale, bias);
}

struct State {
  std::vector<float> h, c;
};

// One step of one sample in direction d, as the header has it.
void naive_step(const Layer& layer, int64_t d, const std::vector<float>& x, State& state) {
  const RecurrentParams& p = layer.params;
  const int64_t H = p.hidden, width = p.gates() * H;
  const auto at = [&](const UnaryParams& function, float value) {
    return evaluate(function, p.clip > 0 ? std::clamp(value, -p.clip, p.clip) : value);
  };
  const auto function = [&](int64_t i) {
    return UnaryParams{static_cast<UnaryKind>(p.activations[static_cast<size_t>(d * p.functions() + i)]), 0, 0};
  };
  const auto g = [&](int64_t gate, int64_t j) {
    return product(layer, kRecurrentW, d * width + gate * H + j, x, 2 * d * width + gate * H + j);
  };
  const auto r = [&](int64_t gate, int64_t j, const std::vector<float>& h) {
    return product(layer, kRecurrentR, d * width + gate * H + j, h, (2 * d + 1) * width + gate * H + j);
  };
  const State before = state;
  std::vector<float> reset(static_cast<size_t>(H)), scaled(static_cast<size_t>(H));
  for (int64_t j = 0; p.kind == RecurrentKind::kGru && j < H; ++j) {
    const auto i = static_cast<size_t>(j);
    reset[i] = at(function(0), g(1, j) + r(1, j, before.h));
    scaled[i] = reset[i] * before.h[i];
  }
  for (int64_t j = 0; j < H; ++j) {
    const auto i = static_cast<size_t>(j);
    if (p.kind == RecurrentKind::kRnn) {
      state.h[i] = at(function(0), g(0, j) + r(0, j, before.h));
    } else if (p.kind == RecurrentKind::kGru) {
      const float z = at(function(0), g(0, j) + r(0, j, before.h));
      const float recurrent = p.linear_before_reset ? r(2, j, before.h) * reset[i] : r(2, j, scaled);
      const float n = at(function(1), g(2, j) + recurrent);
      state.h[i] = (1.0F - z) * n + z * before.h[i];
    } else {
      const auto peephole = [&](int64_t block) {
        return layer.inputs[kRecurrentPeepholes].as<float>()[static_cast<size_t>((3 * d + block) * H + j)];
      };
      const auto gate = [&](int64_t block) { return g(block, j) + r(block, j, before.h); };
      const float input = at(function(0), gate(0) + peephole(0) * before.c[i]);
      const float forget = p.input_forget ? 1.0F - input : at(function(0), gate(2) + peephole(2) * before.c[i]);
      state.c[i] = forget * before.c[i] + input * at(function(1), gate(3));
      state.h[i] = at(function(0), gate(1) + peephole(1) * state.c[i]) * evaluate(function(2), state.c[i]);
    }
  }
}

std::vector<std::vector<float>> naive(const Layer& layer) {
  const RecurrentParams& p = layer.params;
  std::vector<Tensor> outputs = outputs_of(layer);
  const Shape x = layer.inputs[kRecurrentX].shape;
  const int64_t N = x[1], I = x[2], H = p.hidden, D = p.directions();
  const auto rows = [](const Tensor& tensor, int64_t row, int64_t n) {
    const float* from = tensor.as<float>().data() + row * n;
    return std::vector<float>(from, from + n);
  };
  const auto put = [&](Tensor& tensor, int64_t row, const std::vector<float>& values) {
    std::copy(values.begin(), values.end(), tensor.as<float>().begin() + row * H);
  };
  for (int64_t d = 0; d < D; ++d) {
    for (int64_t n = 0; n < N; ++n) {
      State state{rows(layer.inputs[kRecurrentH0], d * N + n, H), {}};
      if (p.kind == RecurrentKind::kLstm) state.c = rows(layer.inputs[kRecurrentC0], d * N + n, H);
      const int64_t length = layer.inputs[kRecurrentLengths].as<int64_t>()[static_cast<size_t>(n)];
      const bool back = d == 1 || p.direction == RecurrentDirection::kReverse;
      for (int64_t k = 0; k < length; ++k) {
        const int64_t t = back ? length - 1 - k : k;
        naive_step(layer, d, rows(layer.inputs[kRecurrentX], t * N + n, I), state);
        put(outputs[0], (t * D + d) * N + n, state.h);
      }
      put(outputs[1], d * N + n, state.h);
      if (p.kind == RecurrentKind::kLstm) put(outputs[2], d * N + n, state.c);
    }
  }
  std::vector<std::vector<float>> values;
  for (const Tensor& output : outputs) values.push_back(values_of<float>(output));
  return values;
}

std::vector<RecurrentParams> all_kinds(int64_t hidden) {
  std::vector<RecurrentParams> all;
  for (const auto kind : {RecurrentKind::kRnn, RecurrentKind::kGru, RecurrentKind::kLstm}) {
    for (const auto direction :
         {RecurrentDirection::kForward, RecurrentDirection::kReverse, RecurrentDirection::kBidirectional}) {
      all.push_back(make_params(kind, direction, hidden));
      if (kind == RecurrentKind::kRnn) continue;
      all.push_back(all.back());
      all.back().linear_before_reset = kind == RecurrentKind::kGru;
      all.back().input_forget = kind == RecurrentKind::kLstm;
      all.back().clip = 0.7F;
    }
  }
  return all;
}

constexpr Weights kIntegers[] = {Weights::kS8, Weights::kS8OneScale, Weights::kNibbles, Weights::kNibblesInGroups};

Layer lstm(const Sizes& sizes, Random& random, bool quantize_rows = true) {
  Layer layer = make_layer(make_params(RecurrentKind::kLstm, RecurrentDirection::kForward, sizes.hidden), Weights::kS8,
                           sizes, random);
  layer.params.quantize_rows = quantize_rows;
  return layer;
}

// What the type rule says; empty: nothing.
std::string type_refusal(const Layer& layer) {
  const std::vector<Tensor> outputs = outputs_of(layer);
  const Status status = check_types(layer.params, descs_of(layer.inputs), descs_of(outputs));
  if (!status.ok()) CHECK(status.error().code == ErrorCode::kUnsupported);
  return status.ok() ? "" : status.error().message;
}

}  // namespace

TEST_CASE("recurrent layers are their formula, number for number, in f32 and in integers") {
  const uint32_t seed = 41;
  CAPTURE(seed);
  Random random(seed);
  for (const Sizes& sizes : {Sizes{}, Sizes{.steps = 3, .samples = 1, .inputs = 300, .hidden = 33}}) {
    for (RecurrentParams params : all_kinds(sizes.hidden)) {
      CAPTURE(static_cast<int64_t>(params.kind));
      CAPTURE(static_cast<int64_t>(params.direction));
      CAPTURE(params.linear_before_reset);
      const Layer floats = make_layer(params, Weights::kF32, sizes, random);
      CHECK(run(floats) == naive(floats));
      for (const Weights weights : kIntegers) {
        for (const bool quantize_rows : {false, true}) {
          CAPTURE(quantize_rows);
          params.quantize_rows = quantize_rows;
          const Layer layer = make_layer(params, weights, sizes, random);
          CHECK(run(layer) == naive(layer));
        }
      }
    }
  }
}

TEST_CASE("recurrent layers of integers give the same bytes for any number of threads, and share what they pack") {
  Random random(42);
  const Sizes large{.steps = 40, .samples = 2, .inputs = 257, .hidden = 128};
  for (RecurrentParams params : all_kinds(large.hidden)) {
    if (params.direction != RecurrentDirection::kBidirectional) continue;
    for (const bool quantize_rows : {false, true}) {
      params.quantize_rows = quantize_rows;
      const Layer layer = make_layer(params, Weights::kS8, large, random);
      const auto expected = run(layer);
      CHECK(run(layer, 3) == expected);
      PackedConstants packed;
      const auto scratchpad = std::make_shared<Scratchpad>();
      CHECK(run(layer, 2, &packed, scratchpad) == expected);
      CHECK(scratchpad->bytes() > 0);
    }
  }
}

TEST_CASE("a sample of a recurrent layer of integers has the bytes that it has alone") {
  Random random(43);
  const Sizes sizes{};
  for (RecurrentParams params : all_kinds(sizes.hidden)) {
    for (const bool quantize_rows : {false, true}) {
      params.quantize_rows = quantize_rows;
      const Layer batch = make_layer(params, Weights::kNibblesInGroups, sizes, random);
      const auto all = run(batch);
      for (int64_t n = 0; n < sizes.samples; ++n) {
        Layer one = batch;
        for (const size_t i : {kRecurrentX, kRecurrentLengths, kRecurrentH0, kRecurrentC0}) {
          if (i >= batch.inputs.size()) continue;
          const Tensor& from = batch.inputs[i];
          Tensor& to = one.inputs[i];
          const int axis = i == kRecurrentLengths ? 0 : 1;
          to.shape[axis] = 1;
          to.allocate();
          const size_t outer = axis == 0 ? 1 : static_cast<size_t>(from.shape[0]), row = to.bytes.size() / outer;
          for (size_t o = 0; o < outer; ++o) {
            std::memcpy(to.bytes.data() + o * row,
                        from.bytes.data() + (o * static_cast<size_t>(sizes.samples) + static_cast<size_t>(n)) * row,
                        row);
          }
        }
        const auto alone = run(one);
        const auto h = static_cast<size_t>(sizes.hidden);
        for (size_t output = 0; output < alone.size(); ++output) {
          for (size_t i = 0; i < alone[output].size(); ++i) {
            const size_t row = i / h * static_cast<size_t>(sizes.samples) + static_cast<size_t>(n);
            REQUIRE(alone[output][i] == all[output][row * h + i % h]);
          }
        }
      }
    }
  }
}

TEST_CASE("recurrent layers of no steps or no samples leave the states as they were") {
  Random random(44);
  Layer layer = lstm({.steps = 0, .samples = 2}, random);
  layer.inputs[kRecurrentLengths] = absent();
  auto outputs = run(layer);
  CHECK(outputs[0].empty());
  CHECK(outputs[1] == values_of<float>(layer.inputs[kRecurrentH0]));
  CHECK(outputs[2] == values_of<float>(layer.inputs[kRecurrentC0]));
  CHECK(run(lstm({.samples = 0}, random))[0].empty());
}

TEST_CASE("recurrent layers take integers only as whole, signed matrices of the layer's shape") {
  Random random(45);
  const Layer layer = lstm({}, random);
  CHECK(type_refusal(layer) == "");
  const auto changed = [&](const auto& change) {
    Layer other = layer;
    change(other);
    return type_refusal(other);
  };
  // Shifted, of too few scales, of none; not constant.
  CHECK(contains(changed([](Layer& l) { l.inputs[1].zero_points.assign(l.inputs[1].scales.size(), 1); }),
                 "integers of w"));
  CHECK(contains(changed([](Layer& l) { l.inputs[2].scales.pop_back(); }), "integers of r"));
  CHECK(contains(changed([](Layer& l) { l.inputs[2].scales.clear(); }), "integers of r"));
  CHECK(changed([](Layer& l) { l.inputs[1].constant = false; }) != "");
  CHECK(changed([](Layer& l) { l.inputs[3].constant = false; }) != "");
  // An input that is not f32, and rows to quantize for weights that are f32.
  CHECK(changed([](Layer& l) { l.inputs[0].type = DataType::kBf16; }) != "");
  Layer floats = make_layer(layer.params, Weights::kF32, {}, random);
  CHECK(contains(type_refusal(floats), "recurrent"));
  floats.params.quantize_rows = false;
  CHECK(type_refusal(floats) == "");
  // One matrix of integers, one of f32: neither shape serves both.
  const auto shape_refusal = [](const Layer& l) {
    const auto shapes = infer_shapes(l.params, descs_of(l.inputs));
    if (shapes.ok()) return std::string();
    CHECK(shapes.error().code == ErrorCode::kInvalidFile);
    return shapes.error().message;
  };
  Layer mixed = layer;
  mixed.inputs[2] = floats.inputs[2];
  CHECK(contains(shape_refusal(mixed), "r is 1x68x17, not 68x17"));
  mixed.inputs[2].shape = {68, 17};
  CHECK(type_refusal(mixed) != "");
  mixed = floats;
  mixed.inputs[2] = layer.inputs[2];
  CHECK(contains(shape_refusal(mixed), "r is 68x17, not 1x68x17"));
  mixed.inputs[2].shape = {1, 68, 17};
  CHECK(type_refusal(mixed) != "");
  // No taps.
  Layer none = layer;
  none.inputs[0].shape = {5, 3, 0};
  none.inputs[1].shape = {68, 0};
  CHECK(contains(shape_refusal(none), "integers of w"));
}

TEST_CASE("recurrent layers on quantized rows have sums that 32 bits hold") {
  Random random(46);
  const auto refusal = [&](int64_t inputs, bool quantize_rows) {
    Layer layer = make_layer(make_params(RecurrentKind::kRnn, RecurrentDirection::kForward, 1), Weights::kS8,
                             {.steps = 1, .samples = 1, .inputs = inputs, .hidden = 1}, random);
    layer.params.quantize_rows = quantize_rows;
    return type_refusal(layer);
  };
  CHECK(refusal(kMaxRowTaps, true) == "");
  CHECK(contains(refusal(kMaxRowTaps + 1, true), std::to_string(kMaxRowTaps + 1)));
  CHECK(refusal(kMaxRowTaps + 1, false) == "");
}

}  // namespace octet::test
