#include "kernels/fully_connected/weight_only.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "kernels/checks.h"
#include "kernels/packed_constants.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

enum Input : size_t { kSrc, kWeights, kBias };

// Multiply-accumulates that make a second thread worth its fork and join.
constexpr int64_t kMacsPerThread = int64_t{1} << 17;
// Rows that pass over a panel before the next one comes.
constexpr int64_t kRowBlock = 96;
constexpr int64_t kTapsOfWord = 8;  // half bytes of a u32

struct Sizes {
  int64_t rows, taps, outputs;

  explicit Sizes(const Problem<FullyConnectedParams>& problem)
      : rows(0), taps(problem.inputs[kWeights].shape[1]), outputs(problem.inputs[kWeights].shape[0]) {
    rows = problem.outputs[0].shape.element_count() / outputs;
  }
};

// What ends the sums, per output.
struct Finish {
  std::vector<float> scales, bias;

  // Padded with zeros to `count`.
  Finish(Descs inputs, int64_t outputs, int64_t count) {
    const TensorDesc& weights = inputs[kWeights];
    scales.assign(static_cast<size_t>(count), 0);
    bias.assign(static_cast<size_t>(count), 0);
    for (size_t o = 0; o < static_cast<size_t>(outputs); ++o)
      scales[o] = weights.scales[weights.scales.size() > 1 ? o : 0];
    const TensorDesc& given = input_or_absent(inputs, kBias);
    if (given.present) std::copy_n(given.as<float>(), outputs, bias.begin());
  }
};

struct Panel {
  const WeightOnlyKernel::Panel* kernel;
  int64_t first, weights, factors;  // output; bytes from the beginning of the packed ones
};

struct Plan {
  Sizes sizes;
  WeightRuns runs;
  std::vector<Panel> panels;
  int64_t bytes = 0;
  Finish finish;
  Clamp clamp;
  int threads;
  PackedBytes packed;
};

// The last panels are the narrowest that hold what is left.
std::vector<Panel> cut_panels(const WeightOnlyKernel& kernel, const Sizes& sizes, const WeightRuns& runs,
                              int64_t& bytes) {
  const int64_t run_count = runs.count(sizes.taps);
  int64_t words = 0;
  for (int64_t k = 0; k < sizes.taps; k += runs.size) {
    words += (std::min(runs.size, sizes.taps - k) + kTapsOfWord - 1) / kTapsOfWord;
  }
  const int64_t lane_bytes = runs.is_nibbles ? 4 * words : sizes.taps;
  std::vector<Panel> panels;
  for (int64_t first = 0; first < sizes.outputs;) {
    const WeightOnlyKernel::Panel* chosen = &kernel.panels[0];
    for (const WeightOnlyKernel::Panel& panel : kernel.panels) {
      if (panel.width >= sizes.outputs - first) chosen = &panel;
    }
    panels.push_back({chosen, first, bytes, bytes + lane_bytes * chosen->width});
    bytes += (lane_bytes + (runs.factors.empty() ? 0 : run_count)) * chosen->width;
    bytes = (bytes + 63) / 64 * 64;
    first += chosen->width;
  }
  return panels;
}

// One output's weights into its lane of a panel.
void pack_output(const int8_t* weights, const uint8_t* factors, const WeightRuns& runs, int64_t taps, int64_t width,
                 std::byte* to) {
  if (!runs.is_nibbles) {
    for (int64_t k = 0; k < taps; ++k) to[k * width] = static_cast<std::byte>(weights[k]);
    return;
  }
  for (int64_t first = 0; first < taps; first += runs.size) {
    const int factor = factors == nullptr ? 1 : factors[first / runs.size];
    const int64_t end = std::min(first + runs.size, taps);
    for (int64_t k = first; k < end; k += kTapsOfWord, to += 4 * width) {
      uint32_t word = 0;
      for (int64_t i = 0; i < std::min(kTapsOfWord, end - k); ++i) {
        word |= (static_cast<uint32_t>(weights[k + i] / factor) & 15U) << (4 * i);
      }
      std::memcpy(to, &word, sizeof word);
    }
  }
}

void pack(const Plan& plan, const int8_t* weights, std::byte* to) {
  std::fill_n(to, plan.bytes, std::byte{0});
  const int64_t run_count = plan.runs.count(plan.sizes.taps);
  for (const Panel& panel : plan.panels) {
    const int64_t width = panel.kernel->width;
    for (int64_t j = 0; j < std::min(width, plan.sizes.outputs - panel.first); ++j) {
      const int64_t output = panel.first + j;
      const uint8_t* factors = plan.runs.factors.empty() ? nullptr : plan.runs.factors.data() + output * run_count;
      pack_output(weights + output * plan.sizes.taps, factors, plan.runs, plan.sizes.taps, width,
                  to + panel.weights + j * (plan.runs.is_nibbles ? 4 : 1));
      if (factors == nullptr) continue;
      for (int64_t run = 0; run < run_count; ++run) {
        to[panel.factors + run * width + j] = static_cast<std::byte>(factors[run]);
      }
    }
  }
}

// Rows [row, row + rows) of dst, in one panel.
void run_panel(const Plan& plan, const Panel& panel, const Buffers& buffers, int64_t row, int64_t rows) {
  const std::byte* packed = plan.packed.get();
  const auto first = static_cast<size_t>(panel.first);
  const WeightOnlyTile tile{
      .src = static_cast<const float*>(buffers.src[kSrc]) + row * plan.sizes.taps,
      .src_step = plan.sizes.taps,
      .rows = rows,
      .weights = packed + panel.weights,
      .factors = plan.runs.factors.empty() ? nullptr : reinterpret_cast<const uint8_t*>(packed + panel.factors),
      .scales = plan.finish.scales.data() + first,
      .bias = plan.finish.bias.data() + first,
      .taps = plan.sizes.taps,
      .run = plan.runs.size,
      .dst = static_cast<float*>(buffers.dst[0]) + row * plan.sizes.outputs + panel.first,
      .dst_step = plan.sizes.outputs,
      .columns = std::min(panel.kernel->width, plan.sizes.outputs - panel.first),
      .clamp = plan.clamp};
  (plan.runs.is_nibbles ? panel.kernel->nibbles : panel.kernel->s8)(tile);
}

[[maybe_unused]] Result<Kernel> prepare(const Problem<FullyConnectedParams>& problem, const WeightOnlyKernel& kernel,
                                        const char* name) {
  const TensorDesc& weights = problem.inputs[kWeights];
  const Sizes sizes(problem);
  WeightRuns runs = weight_runs(weights);
  int64_t bytes = 0;
  std::vector<Panel> panels = cut_panels(kernel, sizes, runs, bytes);
  const int64_t padded = panels.back().first + panels.back().kernel->width;
  auto plan = std::make_shared<Plan>(Plan{sizes, std::move(runs), std::move(panels), bytes,
                                          Finish(problem.inputs, sizes.outputs, padded), problem.params.clamp,
                                          problem.threads, nullptr});
  const std::string layout = std::string("weight_only ") + name +
                             (plan->runs.is_nibbles ? " nibbles, runs of " : " s8, runs of ") +
                             std::to_string(plan->runs.size);
  plan->packed = pack_constant(problem.packed, weights.data, layout, static_cast<size_t>(bytes),
                               [&](std::byte* to) { pack(*plan, weights.as<int8_t>(), to); });
  plan->runs.factors.resize(std::min<size_t>(plan->runs.factors.size(), 1));  // packed now; whether there are any tells
  plan->runs.factors.shrink_to_fit();
  return Kernel([plan](const Buffers& buffers) {
    const auto panel_count = static_cast<int64_t>(plan->panels.size());
    const int64_t blocks = (plan->sizes.rows + kRowBlock - 1) / kRowBlock;
    const int64_t macs = plan->sizes.taps * plan->panels[0].kernel->width * std::min(kRowBlock, plan->sizes.rows);
    parallel_for(plan->threads, panel_count * blocks, kMacsPerThread / (macs + 1) + 1, 1,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t row = i / panel_count * kRowBlock;
                     run_panel(*plan, plan->panels[static_cast<size_t>(i % panel_count)], buffers, row,
                               std::min(kRowBlock, plan->sizes.rows - row));
                   }
                 });
  });
}

// One output of one row, as the header has it.
float dot(const float* src, const int8_t* weights, const uint8_t* factors, int64_t taps, int64_t run) {
  float total = 0;
  for (int64_t first = 0; first < taps; first += run) {
    const int factor = factors == nullptr ? 1 : *factors++;
    float p = 0;
    for (int64_t k = first; k < std::min(first + run, taps); ++k) {
      const int integer = weights[k] / factor;  // exact
      p = std::fma(src[k], static_cast<float>(integer), p);
    }
    total = std::fma(p, static_cast<float>(factor), total);
  }
  return total;
}

}  // namespace

bool has_float_rows(Descs inputs) {
  return inputs[kSrc].type == DataType::kF32 && inputs[kWeights].type == DataType::kS8;
}

Status check_float_rows_types(Descs inputs, Descs outputs) {
  const TensorDesc& weights = inputs[kWeights];
  const TensorDesc& bias = input_or_absent(inputs, kBias);
  const bool per_output = weights.axis == 0 && static_cast<int64_t>(weights.scales.size()) == weights.shape[0];
  const bool has_no_zero_points = std::all_of(weights.zero_points.begin(), weights.zero_points.end(),
                                              [](int32_t zero_point) { return zero_point == 0; });
  const bool takes = plain(inputs[kSrc], DataType::kF32) && weights.is_constant() && has_no_zero_points &&
                     (weights.scales.size() == 1 || per_output) &&
                     (!bias.present || (plain(bias, DataType::kF32) && bias.is_constant())) &&
                     plain(outputs[0], DataType::kF32);
  if (!takes) return unsupported_types(FullyConnectedParams::kName, inputs, outputs);
  return {};
}

bool weight_only_supports(const Problem<FullyConnectedParams>& problem) {
  return has_float_rows(problem.inputs) && !problem.params.quantize_rows;
}

#if defined(__x86_64__)
Result<Kernel> prepare_weight_only_avx2(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kWeightOnlyAvx2, "avx2");
}

Result<Kernel> prepare_weight_only_avx512(const Problem<FullyConnectedParams>& problem) {
  return prepare(problem, kWeightOnlyAvx512, "avx512");
}
#endif

Result<Kernel> prepare_weight_only_reference(const Problem<FullyConnectedParams>& problem) {
  struct Reference {
    Sizes sizes;
    const int8_t* weights;
    WeightRuns runs;
    Finish finish;
    Clamp clamp;
    int threads;
  };
  const Sizes sizes(problem);
  const TensorDesc& weights = problem.inputs[kWeights];
  const auto reference = std::make_shared<Reference>(Reference{sizes, weights.as<int8_t>(), weight_runs(weights),
                                                               Finish(problem.inputs, sizes.outputs, sizes.outputs),
                                                               problem.params.clamp, problem.threads});
  return Kernel([reference](const Buffers& buffers) {
    const auto& layer = *reference;  // no structured binding: clang 14 does not capture one
    const Sizes& size = layer.sizes;
    const auto* src = static_cast<const float*>(buffers.src[kSrc]);
    auto* dst = static_cast<float*>(buffers.dst[0]);
    const int64_t chunk = kMacsPerThread / (size.taps + 1) + 1;
    parallel_for(layer.threads, size.rows * size.outputs, chunk, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i % size.outputs;
        const uint8_t* factors =
            layer.runs.factors.empty() ? nullptr : layer.runs.factors.data() + o * layer.runs.count(size.taps);
        const float total =
            dot(src + i / size.outputs * size.taps, layer.weights + o * size.taps, factors, size.taps, layer.runs.size);
        const auto at = static_cast<size_t>(o);
        dst[i] = std::clamp(std::fma(total, layer.finish.scales[at], layer.finish.bias[at]), layer.clamp.min,
                            layer.clamp.max);
      }
    });
  });
}

}  // namespace octet
