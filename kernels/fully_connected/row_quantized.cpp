#include "kernels/fully_connected/row_quantized.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/checks.h"
#include "kernels/matmul/integer.h"
#include "kernels/packed_constants.h"
#include "kernels/parallel.h"
#include "kernels/quantization.h"
#include "kernels/quantize/normalization.h"

namespace octet {
namespace {

enum Input : size_t { kSrc, kWeights, kBias };

// Rows that are quantized together, as many as stay in a near cache.
constexpr int64_t kMostRows = 48, kRowBytes = 128 << 10;
// Multiply-accumulates that make a second thread worth its fork and join.
constexpr int64_t kMacsPerThread = int64_t{1} << 18;

// What ends the sums.
struct Finish {
  std::vector<float> scales, bias;  // per output
  Clamp clamp;

  Finish(const FullyConnectedParams& params, Descs inputs) : clamp(params.clamp) {
    const TensorDesc& weights = inputs[kWeights];
    const auto outputs = static_cast<size_t>(weights.shape[0]);
    for (size_t o = 0; o < outputs; ++o) scales.push_back(weights.scales[weights.scales.size() > 1 ? o : 0]);
    const TensorDesc& given = input_or_absent(inputs, kBias);
    bias.assign(outputs, 0);
    if (given.present) std::copy_n(given.as<float>(), outputs, bias.begin());
  }

  // dst holds the sums of outputs [first, first + count) as f32.
  void apply(float scale, int64_t first, int64_t count, float* dst) const {
    const float* s = scales.data() + first;
    const float* b = bias.data() + first;
    for (int64_t j = 0; j < count; ++j) {
      const float value = dst[j] * (scale * s[j]) + b[j];
      dst[j] = value < clamp.min ? clamp.min : value > clamp.max ? clamp.max : value;
    }
  }
};

struct Plan {
  int64_t rows, taps, outputs;
  Finish finish;
  const IntegerMatmulKernel& kernel;
  QuantizeRow quantize;
  Normalization as_they_are;
  int threads;
  int64_t block_rows = 0, blocks = 0, panels = 0;
  int64_t row_bytes = 0, thread_bytes = 0;  // of scratch memory
  PackedBytes weights;                      // [panel][pairs][width][2] s16
  std::shared_ptr<Scratchpad> scratchpad;

  int64_t pairs() const { return (taps + 1) / 2; }
  int64_t panel_taps() const { return pairs() * kernel.width * 2; }
};

void pack(const Plan& plan, const int8_t* weights, std::byte* to) {
  auto* wide = reinterpret_cast<int16_t*>(to);
  std::fill_n(wide, plan.panels * plan.panel_taps(), int16_t{0});
  for (int64_t o = 0; o < plan.outputs; ++o) {
    int16_t* lane = wide + o / plan.kernel.width * plan.panel_taps() + o % plan.kernel.width * 2;
    const int8_t* from = weights + o * plan.taps;
    for (int64_t k = 0; k < plan.taps; ++k) {
      lane[k / 2 * plan.kernel.width * 2 + k % 2] = from[k];  // NOLINT(bugprone-signed-char-misuse): a number
    }
  }
}

// What a thread holds of a block of rows.
struct Scratch {
  int16_t* taps;   // [rows][2 * pairs]: q - zero_point
  float* scales;   // [rows]
  uint8_t* bytes;  // [taps]
};

Scratch scratch_of(const Plan& plan) {
  std::byte* memory = plan.scratchpad->data() + thread_index() * plan.thread_bytes;
  std::byte* scales = memory + plan.block_rows * plan.row_bytes;
  return {reinterpret_cast<int16_t*>(memory), reinterpret_cast<float*>(scales),
          reinterpret_cast<uint8_t*>(scales + kMostRows * static_cast<int64_t>(sizeof(float)))};
}

void quantize_block(const Plan& plan, const float* src, int64_t rows, const Scratch& scratch) {
  int16_t* to = scratch.taps;
  for (int64_t r = 0; r < rows; ++r, src += plan.taps, to += 2 * plan.pairs()) {
    const QuantParams quant = row_params(src, plan.taps);
    scratch.scales[r] = quant.scale;
    plan.quantize(src, plan.taps, plan.as_they_are, quant, scratch.bytes);
    const auto zero_point = static_cast<int16_t>(quant.zero_point);
    for (int64_t k = 0; k < plan.taps; ++k) to[k] = static_cast<int16_t>(scratch.bytes[k] - zero_point);
    if (plan.taps % 2 != 0) to[plan.taps] = 0;
  }
}

// Pieces [begin, end) of blocks of rows times panels, the panels of a block in a row.
void run(const Plan& plan, const Buffers& buffers, int64_t begin, int64_t end) {
  const Scratch scratch = scratch_of(plan);
  const auto* src = static_cast<const float*>(buffers.src[kSrc]);
  const auto* weights = reinterpret_cast<const int16_t*>(plan.weights.get());
  int64_t quantized = -1;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t block = i / plan.panels, panel = i % plan.panels;
    const int64_t row = block * plan.block_rows, rows = std::min(plan.block_rows, plan.rows - row);
    if (block != quantized) quantize_block(plan, src + row * plan.taps, rows, scratch);
    quantized = block;
    const int64_t first = panel * plan.kernel.width, columns = std::min(plan.kernel.width, plan.outputs - first);
    float* dst = static_cast<float*>(buffers.dst[0]) + row * plan.outputs + first;
    plan.kernel.run({scratch.taps, weights + panel * plan.panel_taps(), rows, plan.pairs(), columns, dst, plan.outputs},
                    {.multiplier = 1, .to_f32 = true});
    for (int64_t r = 0; r < rows; ++r) plan.finish.apply(scratch.scales[r], first, columns, dst + r * plan.outputs);
  }
}

int64_t count_rows(const Problem<FullyConnectedParams>& problem) {
  return problem.outputs[0].shape.element_count() / problem.inputs[kWeights].shape[0];
}

[[maybe_unused]] Result<Kernel> prepare(const Problem<FullyConnectedParams>& problem, const IntegerMatmulKernel& kernel,
                                        QuantizeRow quantize) {
  const TensorDesc& weights = problem.inputs[kWeights];
  auto plan = std::make_shared<Plan>(Plan{.rows = count_rows(problem),
                                          .taps = weights.shape[1],
                                          .outputs = weights.shape[0],
                                          .finish = Finish(problem.params, problem.inputs),
                                          .kernel = kernel,
                                          .quantize = quantize,
                                          .as_they_are = uniform_normalization(),
                                          .threads = problem.threads,
                                          .weights = nullptr,
                                          .scratchpad = problem.scratchpad});
  const auto rounded = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  plan->row_bytes = 4 * plan->pairs();
  plan->block_rows = std::clamp<int64_t>(kRowBytes / plan->row_bytes / 6 * 6, 1, kMostRows);
  plan->blocks = (plan->rows + plan->block_rows - 1) / plan->block_rows;
  plan->panels = (plan->outputs + kernel.width - 1) / kernel.width;
  plan->thread_bytes = rounded(plan->block_rows * plan->row_bytes + kMostRows * int64_t{sizeof(float)} + plan->taps);
  if (plan->scratchpad == nullptr) plan->scratchpad = std::make_shared<Scratchpad>();
  plan->scratchpad->reserve(static_cast<size_t>(plan->thread_bytes * plan->threads));
  const auto bytes = static_cast<size_t>(2 * plan->panels * plan->panel_taps());
  plan->weights = pack_constant(problem.packed, weights.data, "row_quantized s16, " + std::to_string(kernel.width),
                                bytes, [&](std::byte* to) { pack(*plan, weights.as<int8_t>(), to); });
  return Kernel([plan](const Buffers& buffers) {
    const int64_t macs = plan->taps * plan->kernel.width * std::min(plan->block_rows, plan->rows);
    parallel_for(plan->threads, plan->blocks * plan->panels, kMacsPerThread / (macs + 1) + 1, 1,
                 [&](int64_t begin, int64_t end) { run(*plan, buffers, begin, end); });
  });
}

}  // namespace

QuantParams row_params(const float* src, int64_t n) {
  constexpr int64_t kLanes = 16;
  std::array<float, kLanes> least{}, most{};
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      const auto lane = static_cast<size_t>(j);
      least[lane] = src[k + j] < least[lane] ? src[k + j] : least[lane];
      most[lane] = src[k + j] > most[lane] ? src[k + j] : most[lane];
    }
  }
  for (; k < n; ++k) {
    least[0] = src[k] < least[0] ? src[k] : least[0];
    most[0] = src[k] > most[0] ? src[k] : most[0];
  }
  const float min = *std::min_element(least.begin(), least.end());
  const float max = *std::max_element(most.begin(), most.end());
  const float scale = (max - min) / 255.0F;
  if (!std::isnormal(scale)) return {1.0F, 0};
  return {scale, static_cast<int32_t>(std::clamp(std::nearbyintf(-min / scale), 0.0F, 255.0F))};
}

bool row_quantized_supports(const Problem<FullyConnectedParams>& problem) {
  return problem.params.quantize_rows;
}

#if defined(__x86_64__)
Result<Kernel> prepare_row_quantized_sse41(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kIntegerMatmulSse41, quantize_row_reference);
}

Result<Kernel> prepare_row_quantized_avx2(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx2, quantize_row_avx2);
}

Result<Kernel> prepare_row_quantized_avx512(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx512, quantize_row_avx512);
}

Result<Kernel> prepare_row_quantized_avx512vnni(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx512Vnni, quantize_row_avx512);
}
#endif

Result<Kernel> prepare_row_quantized_reference(const Problem<FullyConnectedParams>& problem) {
  struct Reference {
    int64_t rows, taps, outputs;
    const int8_t* weights;
    Finish finish;
    int threads;
  };
  const TensorDesc& weights = problem.inputs[kWeights];
  const auto reference = std::make_shared<Reference>(
      Reference{count_rows(problem), weights.shape[1], weights.shape[0], weights.as<int8_t>(),
                Finish(problem.params, problem.inputs), problem.threads});
  return Kernel([reference](const Buffers& buffers) {
    const Reference& r = *reference;
    parallel_for(r.threads, r.rows, kMacsPerThread / (r.taps * r.outputs + 1) + 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float* src = static_cast<const float*>(buffers.src[kSrc]) + row * r.taps;
        float* dst = static_cast<float*>(buffers.dst[0]) + row * r.outputs;
        const QuantParams quant = row_params(src, r.taps);
        for (int64_t o = 0; o < r.outputs; ++o) {
          int32_t sum = 0;
          for (int64_t k = 0; k < r.taps; ++k) {
            sum += (quantize_u8(src[k], quant) - quant.zero_point) * r.weights[o * r.taps + k];
          }
          dst[o] = static_cast<float>(sum);
        }
        r.finish.apply(quant.scale, 0, r.outputs, dst);
      }
    });
  });
}

Status check_row_quantized_types(Descs inputs, Descs outputs) {
  const int64_t taps = inputs[kWeights].shape[1];
  if (inputs[kSrc].type != DataType::kF32 || inputs[kWeights].type != DataType::kS8) {
    return unsupported_types(FullyConnectedParams::kName, inputs, outputs);
  }
  if (taps > kMaxRowTaps) {
    return Error{ErrorCode::kUnsupported, "fully_connected: 32-bit sums hold " + std::to_string(kMaxRowTaps) +
                                              " products of 8-bit integers, the weights make " + std::to_string(taps)};
  }
  return {};
}

}  // namespace octet
