// The normative pooling: one pass over the taps of each window, vectorized by the compiler over the channels.
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/pool2d/pool2d_problem.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

// Sums are f32 for f32, s32 for u8. Average and maximum share the walk over the windows.
template <class T>
class Pool {
 public:
  explicit Pool(const Problem<Pool2dParams>& problem);

  void operator()(const Buffers& buffers) {
    const int64_t rows = src_[0] * dst_[1];
    parallel_for(threads_, rows, 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) compute_row(buffers, row / dst_[1], row % dst_[1]);
    });
  }

 private:
  using Sum = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;

  void compute_row(const Buffers& buffers, int64_t n, int64_t y);
  void maximum(T* dst, const T* image, const PoolAxis::Taps& i_taps, int64_t y, int64_t x) const;
  void average(void* dst, const T* image, const PoolAxis::Taps& i_taps, int64_t y, int64_t x, Sum* sums) const;

  // Calls tap(pixel) for each tap of the window (y, x) inside the image.
  template <class F>
  void for_each_tap(const T* image, const PoolAxis::Taps& i_taps, int64_t y, int64_t x, F&& tap) const {
    const PoolAxis::Taps j_taps = columns_.taps_inside(x);
    for (int64_t i = i_taps.begin; i < i_taps.end; ++i) {
      for (int64_t j = j_taps.begin; j < j_taps.end; ++j) {
        tap(image + (rows_.position(y, i) * src_[2] + columns_.position(x, j)) * src_[3]);
      }
    }
  }

  Shape src_, dst_;
  PoolAxis rows_, columns_;
  bool is_max_, count_include_pad_, dst_is_f32_;
  int threads_;
  QuantParams src_quant_, dst_quant_;
  std::vector<Sum> sums_;  // [threads, C]
};

template <class T>
Pool<T>::Pool(const Problem<Pool2dParams>& problem)
    : src_(problem.inputs[0].shape),
      dst_(problem.outputs[0].shape),
      rows_(problem.params, src_, 0),
      columns_(problem.params, src_, 1),
      is_max_(problem.params.kind == PoolKind::kMax),
      count_include_pad_(problem.params.count_include_pad && !problem.params.global),
      dst_is_f32_(problem.outputs[0].type == DataType::kF32),
      threads_(problem.threads),
      src_quant_(problem.inputs[0].quant()),
      dst_quant_(problem.outputs[0].quant()),
      sums_(is_max_ ? 0 : static_cast<size_t>(threads_ * src_[3])) {}

template <class T>
void Pool<T>::compute_row(const Buffers& buffers, int64_t n, int64_t y) {
  const int64_t channels = src_[3];
  const T* image = static_cast<const T*>(buffers.src[0]) + n * src_[1] * src_[2] * channels;
  const PoolAxis::Taps i_taps = rows_.taps_inside(y);
  const int64_t pixel_bytes = channels * (dst_is_f32_ ? 4 : 1);
  char* row = static_cast<char*>(buffers.dst[0]) + (n * dst_[1] + y) * dst_[2] * pixel_bytes;
  for (int64_t x = 0; x < dst_[2]; ++x) {
    void* dst = row + x * pixel_bytes;
    if (is_max_) {
      maximum(static_cast<T*>(dst), image, i_taps, y, x);
    } else {
      average(dst, image, i_taps, y, x, sums_.data() + thread_index() * channels);
    }
  }
}

template <class T>
void Pool<T>::maximum(T* dst, const T* image, const PoolAxis::Taps& i_taps, int64_t y, int64_t x) const {
  const int64_t channels = src_[3];
  const bool is_empty = i_taps.count() * columns_.taps_inside(x).count() == 0;
  std::fill_n(dst, channels, is_empty ? static_cast<T>(src_quant_.zero_point) : std::numeric_limits<T>::lowest());
  for_each_tap(image, i_taps, y, x, [&](const T* pixel) {
    for (int64_t c = 0; c < channels; ++c) dst[c] = pixel[c] > dst[c] ? pixel[c] : dst[c];
  });
}

template <class T>
void Pool<T>::average(void* dst, const T* image, const PoolAxis::Taps& i_taps, int64_t y, int64_t x, Sum* sums) const {
  const int64_t channels = src_[3];
  std::fill_n(sums, channels, Sum{0});
  for_each_tap(image, i_taps, y, x, [&](const T* pixel) {
    for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<Sum>(pixel[c]);
  });
  const int64_t taps = i_taps.count() * columns_.taps_inside(x).count();
  int64_t count = taps;
  if (count_include_pad_) count = rows_.taps_with_pads(y).count() * columns_.taps_with_pads(x).count();
  count = std::max<int64_t>(count, 1);  // the sum of no taps is 0

  if constexpr (std::is_same_v<T, float>) {
    const float divisor = static_cast<float>(count);
    for (int64_t c = 0; c < channels; ++c) static_cast<float*>(dst)[c] = sums[c] / divisor;
  } else {
    const int32_t zero = static_cast<int32_t>(taps) * src_quant_.zero_point;
    const float factor = static_cast<float>(static_cast<double>(src_quant_.scale) /
                                            (static_cast<double>(dst_quant_.scale) * static_cast<double>(count)));
    for (int64_t c = 0; c < channels; ++c) {
      const float scaled = static_cast<float>(sums[c] - zero) * factor;
      if (dst_is_f32_) {
        static_cast<float*>(dst)[c] = scaled;
      } else {
        static_cast<uint8_t*>(dst)[c] = round_saturate_u8(scaled, dst_quant_.zero_point);
      }
    }
  }
}

}  // namespace

Result<Kernel> prepare_reference(const Problem<Pool2dParams>& problem) {
  // An empty image may have any number of channels: no scratch for it.
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  const auto make = [&]<class T>(T) -> Kernel {
    auto pool = std::make_shared<Pool<T>>(problem);
    return [pool](const Buffers& buffers) { (*pool)(buffers); };
  };
  if (problem.inputs[0].type == DataType::kF32) return make(float{});
  return make(uint8_t{});
}

}  // namespace octet
