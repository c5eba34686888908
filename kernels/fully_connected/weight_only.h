// Fully connected layers of which the weights alone are integers: f32 times s8, added up in f32.
//
// At batch 1 such a layer takes as long as its weights take from memory, of which there are a quarter or an eighth.
// They are stored as s8 or as half bytes, become f32 in registers, and serve some rows of src at once.
//
//   run    a stretch of taps: a group of the weights, else kPlainRun taps
//   p      = 0; for k of the run, in order:  p = fma(src[k], q[k], p)        q: s8, or of 4 bits in [-7, 7]
//   total  = 0; for the runs, in order:      total = fma(p, factor, total)   factor 1 where weights have no groups
//   dst    = clamp(fma(total, scale, bias))
//
// in f32: one order for every CPU, number of threads and batch, so the same bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/fully_connected/fully_connected.h"

namespace octet {

constexpr int64_t kPlainRun = 256;

// How a layer's weights are cut and stored; determined by their values, bits and group.
struct WeightRuns {
  bool is_nibbles = false;
  int64_t size = kPlainRun;      // taps of a run, the last of a row perhaps fewer
  std::vector<uint8_t> factors;  // [O][runs of a row]; empty where all are 1

  int64_t count(int64_t taps) const { return (taps + size - 1) / size; }
};
WeightRuns weight_runs(const TensorDesc& weights);

// Rows of src times a panel: some outputs whose weights lie side by side.
//   s8        [tap][width]
//   nibbles   [run][8 taps][width] of u32: tap i of the 8 in bits 4i to 4i + 3, in two's complement
//   factors   [run][width] of u8, or null
// Outputs that the layer does not have are zeros.
struct WeightOnlyTile {
  const float* src;
  int64_t src_step, rows;  // elements from row to row
  const std::byte* weights;
  const uint8_t* factors;
  const float *scales, *bias;  // [width]
  int64_t taps, run;
  float* dst;
  int64_t dst_step, columns;  // columns <= width
  Clamp clamp;
};

struct WeightOnlyKernel {
  using Run = void (*)(const WeightOnlyTile& tile);
  struct Panel {
    int64_t width;
    Run s8, nibbles;
  };
  static constexpr int kPanels = 3;
  Panel panels[kPanels];  // widest first
};
extern const WeightOnlyKernel kWeightOnlyAvx2, kWeightOnlyAvx512;

// Whether src is f32 and weights are s8: these layers, and those of row_quantized.h, which take the same types.
bool has_float_rows(Descs inputs);
Status check_float_rows_types(Descs inputs, Descs outputs);

bool weight_only_supports(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_weight_only_avx2(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_weight_only_avx512(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_weight_only_reference(const Problem<FullyConnectedParams>& problem);

}  // namespace octet
