// pool2d of integers, window by window: what oneDNN has no rescaling for (averages) or runs at a fifth of the speed.
#include <memory>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/pool2d/pool2d_problem.h"
#include "kernels/pool2d/window_u8.h"

namespace octet {
namespace {

// The windows of one axis, by output.
struct Windows {
  struct Window {
    int64_t taps;      // inside src
    int64_t padded;    // inside src and its pads
    int64_t position;  // of the first tap inside
  };
  std::vector<Window> windows;
  int64_t dilation, kernel;

  Windows(const PoolAxis& axis, int64_t outputs) : dilation(axis.dilation), kernel(axis.kernel) {
    for (int64_t i = 0; i < outputs; ++i) {
      const PoolAxis::Taps taps = axis.taps_inside(i);
      windows.push_back({taps.count(), axis.taps_with_pads(i).count(), axis.position(i, taps.begin)});
    }
  }
  const Window& operator[](int64_t output) const { return windows[static_cast<size_t>(output)]; }
};

struct Plan {
  Shape src, dst;
  Windows rows, columns;
  PoolWindow window;
  bool is_max, counts_pads;
  int64_t dst_bytes;  // of an element
  int threads;
  QuantParams src_quant, dst_quant;
};

// A window that lies in the pads alone: the real value 0.
void fill_empty(const Plan& plan, char* dst) {
  if (plan.dst_bytes == 1) {
    std::fill_n(dst, plan.dst[3], static_cast<char>(plan.dst_quant.zero_point));
  } else {
    std::fill_n(reinterpret_cast<float*>(dst), plan.dst[3], 0.0F);
  }
}

PoolAverage average_of(const Plan& plan, int64_t taps, int64_t count) {
  const double divisor = static_cast<double>(plan.dst_quant.scale) * static_cast<double>(count);
  return {static_cast<int32_t>(taps) * plan.src_quant.zero_point,
          static_cast<float>(static_cast<double>(plan.src_quant.scale) / divisor), plan.dst_quant.zero_point};
}

void run_row(const Plan& plan, const uint8_t* image, int64_t y, char* dst) {
  const int64_t channels = plan.src[3];
  const Windows::Window& row = plan.rows[y];
  PoolAverage average{};
  int64_t average_taps = -1, average_count = -1;  // what `average` is for: a division a row, not a pixel
  for (int64_t x = 0; x < plan.dst[2]; ++x, dst += channels * plan.dst_bytes) {
    const Windows::Window& column = plan.columns[x];
    const int64_t taps = row.taps * column.taps;
    if (taps == 0) {
      fill_empty(plan, dst);
      continue;
    }
    if (!plan.is_max) {
      const int64_t count = plan.counts_pads ? row.padded * column.padded : taps;
      if (taps != average_taps || count != average_count) average = average_of(plan, taps, count);
      average_taps = taps, average_count = count;
    }
    plan.window({.src = image + (row.position * plan.src[2] + column.position) * channels,
                 .rows = row.taps,
                 .columns = column.taps,
                 .row_step = plan.rows.dilation * plan.src[2] * channels,
                 .column_step = plan.columns.dilation * channels,
                 .channels = channels},
                average, dst);
  }
}

void run(const Plan& plan, const Buffers& buffers) {
  const int64_t taps = plan.rows.kernel * plan.columns.kernel;
  const int64_t grain = 4 * kElementsPerThread / (plan.dst[2] * plan.dst[3] * taps) + 1;
  parallel_for(plan.threads, plan.dst[0] * plan.dst[1], grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / plan.dst[1];
      const uint8_t* image = static_cast<const uint8_t*>(buffers.src[0]) + n * plan.src[1] * plan.src[2] * plan.src[3];
      char* dst = static_cast<char*>(buffers.dst[0]) + row * plan.dst[2] * plan.dst[3] * plan.dst_bytes;
      run_row(plan, image, row % plan.dst[1], dst);
    }
  });
}

Result<Kernel> prepare(const Problem<Pool2dParams>& problem, const PoolWindows& windows) {
  const Pool2dParams& params = problem.params;
  const TensorDesc& src = problem.inputs[0];
  const TensorDesc& dst = problem.outputs[0];
  const bool is_max = params.kind == PoolKind::kMax, to_u8 = dst.type == DataType::kU8;
  Plan plan{
      .src = src.shape,
      .dst = dst.shape,
      .rows = Windows(PoolAxis(params, src.shape, 0), dst.shape[1]),
      .columns = Windows(PoolAxis(params, src.shape, 1), dst.shape[2]),
      .window = is_max  ? windows.max
                : to_u8 ? windows.average_to_u8
                        : windows.average_to_f32,
      .is_max = is_max,
      .counts_pads = params.count_include_pad && !params.global,
      .dst_bytes = element_bytes(dst.type),
      .threads = problem.threads,
      .src_quant = src.quant(),
      .dst_quant = dst.quant(),
  };
  return Kernel(
      [plan = std::make_shared<const Plan>(std::move(plan))](const Buffers& buffers) { run(*plan, buffers); });
}

}  // namespace

bool direct_u8_supports(const Problem<Pool2dParams>& problem) {
  return problem.inputs[0].type == DataType::kU8 && problem.outputs[0].shape.element_count() > 0;
}

Result<Kernel> prepare_direct_u8_avx2(const Problem<Pool2dParams>& problem) {
  return prepare(problem, kPoolWindowsAvx2);
}
Result<Kernel> prepare_direct_u8_avx512(const Problem<Pool2dParams>& problem) {
  return prepare(problem, kPoolWindowsAvx512);
}

}  // namespace octet
