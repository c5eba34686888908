// The normative convolution, and the path of CPUs on which oneDNN's int8 is not exact: plain loops that compilers
// vectorize over input channels (int8: pairs of 16-bit products) or over output channels (f32, depthwise).
#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

// What both types have: sizes, parameters, and which taps of a window lie inside src.
struct Geometry {
  Conv2dSizes sizes;
  Conv2dParams params;
  int threads;

  explicit Geometry(const Problem<Conv2dParams>& problem)
      : sizes(problem), params(problem.params), threads(problem.threads) {}

  // Calls tap(i, j, pixel) for each tap of the window of output (y, x); pixel is the tap's address in image n, or null
  // outside.
  template <class T, class F>
  void for_each_tap(const T* src, int64_t n, int64_t y, int64_t x, F&& tap) const {
    for (int64_t i = 0; i < sizes.kh; ++i) {
      const int64_t row = y * params.strides[0] - params.pads[0] + i * params.dilations[0];
      for (int64_t j = 0; j < sizes.kw; ++j) {
        const int64_t column = x * params.strides[1] - params.pads[1] + j * params.dilations[1];
        const bool inside = row >= 0 && row < sizes.h && column >= 0 && column < sizes.w;
        tap(i, j, inside ? src + ((n * sizes.h + row) * sizes.w + column) * sizes.c : nullptr);
      }
    }
  }
};

// ---- int8 ----

// Products of 16 bits, sums of 32: what pmaddwd does. Four sums share each load of the weights.
void dot4(const int16_t* patches, const int16_t* weights, int64_t size, int32_t* sums) {
  const int16_t *p0 = patches, *p1 = p0 + size, *p2 = p1 + size, *p3 = p2 + size;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int64_t k = 0; k < size; ++k) {
    s0 += p0[k] * weights[k];
    s1 += p1[k] * weights[k];
    s2 += p2[k] * weights[k];
    s3 += p3[k] * weights[k];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

class Int8Conv2d {
 public:
  explicit Int8Conv2d(const Problem<Conv2dParams>& problem);

  void operator()(const Buffers& buffers) {
    const int64_t rows = geometry_.sizes.n * geometry_.sizes.oh;
    parallel_for(geometry_.threads, rows, 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        compute_row(buffers, row / geometry_.sizes.oh, row % geometry_.sizes.oh);
    });
  }

 private:
  static constexpr int64_t kPixels = 4;

  void compute_row(const Buffers& buffers, int64_t n, int64_t y);
  void accumulate_dense(const uint8_t* src, int64_t n, int64_t y, int64_t x, int64_t pixels, int16_t* patches,
                        int32_t* sums) const;
  void accumulate_depthwise(const uint8_t* src, int64_t n, int64_t y, int64_t x, int32_t* sums) const;
  void finish(const Buffers& buffers, int64_t pixel, const int32_t* sums) const;

  const int16_t* weights() const { return reinterpret_cast<const int16_t*>(weights_.get()); }

  Geometry geometry_;
  int32_t src_zero_point_;
  Requantization requantization_;
  Clamp clamp_;  // of an f32 dst
  bool dst_is_f32_;
  bool has_residual_;
  PackedBytes weights_;        // s16 [O, taps]; depthwise [KH, KW, C]
  std::vector<int32_t> bias_;  // [O]
  std::vector<float> multipliers_;
  std::vector<int16_t> patches_;  // [threads, kPixels, taps]
  std::vector<int32_t> sums_;     // [threads, kPixels, O]
};

Int8Conv2d::Int8Conv2d(const Problem<Conv2dParams>& problem)
    : geometry_(problem),
      src_zero_point_(problem.inputs[kConvSrc].quant().zero_point),
      requantization_(conv2d_requantization(problem.params, problem.inputs, problem.outputs[0])),
      clamp_(problem.params.clamp),
      dst_is_f32_(problem.outputs[0].type == DataType::kF32),
      has_residual_(input_or_absent(problem.inputs, kConvResidual).present),
      multipliers_(conv2d_multipliers(problem.inputs, problem.outputs[0])) {
  const Conv2dSizes& s = geometry_.sizes;
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const size_t channels = static_cast<size_t>(s.o), taps = static_cast<size_t>(s.taps());
  const auto widen = [&](std::byte* memory) {
    auto* wide = reinterpret_cast<int16_t*>(memory);
    for (size_t o = 0; o < channels; ++o) {
      const int32_t zero_point = weight_zero_point(problem.inputs[kConvWeights], static_cast<int64_t>(o));
      for (size_t k = 0; k < taps; ++k)
        wide[s.is_depthwise() ? k * channels + o : o * taps + k] =
            static_cast<int16_t>(weights[o * taps + k] - zero_point);
    }
  };
  const char* layout = s.is_depthwise() ? "reference s16 taps x channels" : "reference s16 channels x taps";
  weights_ = pack_constant(problem.packed, weights, layout, channels * taps * sizeof(int16_t), widen);
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  bias_.resize(channels);
  if (bias.present) std::copy_n(bias.as<int32_t>(), channels, bias_.begin());
  multipliers_.resize(channels, multipliers_[0]);
  const size_t threads = static_cast<size_t>(geometry_.threads);
  patches_.resize(threads * kPixels * taps);
  sums_.resize(threads * kPixels * channels);
}

void Int8Conv2d::compute_row(const Buffers& buffers, int64_t n, int64_t y) {
  const Conv2dSizes& s = geometry_.sizes;
  const auto* src = static_cast<const uint8_t*>(buffers.src[kConvSrc]);
  const int64_t thread = thread_index();
  int16_t* patches = patches_.data() + thread * kPixels * s.taps();
  int32_t* sums = sums_.data() + thread * kPixels * s.o;
  for (int64_t x = 0; x < s.ow; x += kPixels) {
    const int64_t pixels = std::min(kPixels, s.ow - x);
    if (s.is_depthwise()) {
      for (int64_t p = 0; p < pixels; ++p) accumulate_depthwise(src, n, y, x + p, sums + p * s.o);
    } else {
      accumulate_dense(src, n, y, x, pixels, patches, sums);
    }
    for (int64_t p = 0; p < pixels; ++p) finish(buffers, (n * s.oh + y) * s.ow + x + p, sums + p * s.o);
  }
}

void Int8Conv2d::accumulate_dense(const uint8_t* src, int64_t n, int64_t y, int64_t x, int64_t pixels, int16_t* patches,
                                  int32_t* sums) const {
  const Conv2dSizes& s = geometry_.sizes;
  for (int64_t g = 0; g < s.groups; ++g) {
    for (int64_t p = 0; p < pixels; ++p) {
      int16_t* patch = patches + p * s.taps();
      geometry_.for_each_tap(src, n, y, x + p, [&](int64_t, int64_t, const uint8_t* pixel) {
        for (int64_t c = 0; c < s.c_of_g; ++c) {
          const int32_t value = pixel == nullptr ? 0 : pixel[g * s.c_of_g + c] - src_zero_point_;
          patch[c] = static_cast<int16_t>(value);
        }
        patch += s.c_of_g;
      });
    }
    // Pixels behind the end of the row hold what was there before; their sums are not used.
    for (int64_t o = g * s.o_of_g; o < (g + 1) * s.o_of_g; ++o) {
      int32_t sums_of_o[kPixels];
      dot4(patches, weights() + o * s.taps(), s.taps(), sums_of_o);
      for (int64_t p = 0; p < kPixels; ++p) sums[p * s.o + o] = sums_of_o[p];
    }
  }
}

void Int8Conv2d::accumulate_depthwise(const uint8_t* src, int64_t n, int64_t y, int64_t x, int32_t* sums) const {
  const Conv2dSizes& s = geometry_.sizes;
  std::fill_n(sums, s.o, 0);
  geometry_.for_each_tap(src, n, y, x, [&](int64_t i, int64_t j, const uint8_t* pixel) {
    if (pixel == nullptr) return;
    const int16_t* weights_of_tap = weights() + (i * s.kw + j) * s.o;
    for (int64_t c = 0; c < s.o; ++c) sums[c] += static_cast<int16_t>(pixel[c] - src_zero_point_) * weights_of_tap[c];
  });
}

void Int8Conv2d::finish(const Buffers& buffers, int64_t pixel, const int32_t* sums) const {
  const int64_t channels = geometry_.sizes.o;
  if (dst_is_f32_) {
    float* dst = static_cast<float*>(buffers.dst[0]) + pixel * channels;
    for (int64_t o = 0; o < channels; ++o) {
      dst[o] = std::min(std::max(scale_accumulator(sums[o], bias_[o], multipliers_[o]), clamp_.min), clamp_.max);
    }
    return;
  }
  uint8_t* dst = static_cast<uint8_t*>(buffers.dst[0]) + pixel * channels;
  if (!has_residual_) {
    for (int64_t o = 0; o < channels; ++o) {
      dst[o] = requantize_u8(scale_accumulator(sums[o], bias_[o], multipliers_[o]), nullptr, requantization_);
    }
    return;
  }
  const uint8_t* residual = static_cast<const uint8_t*>(buffers.src[kConvResidual]) + pixel * channels;
  for (int64_t o = 0; o < channels; ++o) {
    dst[o] = requantize_u8(scale_accumulator(sums[o], bias_[o], multipliers_[o]), residual + o, requantization_);
  }
}

// ---- f32 ----

class FloatConv2d {
 public:
  explicit FloatConv2d(const Problem<Conv2dParams>& problem);

  void operator()(const Buffers& buffers) {
    const int64_t rows = geometry_.sizes.n * geometry_.sizes.oh;
    parallel_for(geometry_.threads, rows, 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        compute_row(buffers, row / geometry_.sizes.oh, row % geometry_.sizes.oh);
    });
  }

 private:
  void compute_row(const Buffers& buffers, int64_t n, int64_t y);

  Geometry geometry_;
  Clamp clamp_;
  bool has_residual_;
  std::vector<float> weights_;  // [groups, KH, KW, C/groups, O/groups]; depthwise [KH, KW, C]
  std::vector<float> bias_;     // [O]
  std::vector<float> sums_;     // [threads, O]
};

FloatConv2d::FloatConv2d(const Problem<Conv2dParams>& problem)
    : geometry_(problem),
      clamp_(problem.params.clamp),
      has_residual_(input_or_absent(problem.inputs, kConvResidual).present) {
  const Conv2dSizes& s = geometry_.sizes;
  const float* weights = problem.inputs[kConvWeights].as<float>();
  weights_.resize(static_cast<size_t>(s.o * s.taps()));
  for (int64_t o = 0; o < s.o; ++o) {
    const int64_t g = o / s.o_of_g;
    for (int64_t k = 0; k < s.taps(); ++k) {
      const int64_t at = s.is_depthwise() ? k * s.o + o : (g * s.taps() + k) * s.o_of_g + o % s.o_of_g;
      weights_[static_cast<size_t>(at)] = weights[o * s.taps() + k];
    }
  }
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  bias_.resize(static_cast<size_t>(s.o));
  if (bias.present) std::copy_n(bias.as<float>(), s.o, bias_.begin());
  sums_.resize(static_cast<size_t>(geometry_.threads * s.o));
}

void FloatConv2d::compute_row(const Buffers& buffers, int64_t n, int64_t y) {
  const Conv2dSizes& s = geometry_.sizes;
  const auto* src = static_cast<const float*>(buffers.src[kConvSrc]);
  float* sums = sums_.data() + thread_index() * s.o;
  for (int64_t x = 0; x < s.ow; ++x) {
    std::fill_n(sums, s.o, 0.0F);
    geometry_.for_each_tap(src, n, y, x, [&](int64_t i, int64_t j, const float* pixel) {
      if (pixel == nullptr) return;
      const int64_t tap = i * s.kw + j;
      if (s.is_depthwise()) {
        const float* weights = weights_.data() + tap * s.o;
        for (int64_t c = 0; c < s.o; ++c) sums[c] += pixel[c] * weights[c];
        return;
      }
      for (int64_t c = 0; c < s.c; ++c) {
        const int64_t g = c / s.c_of_g;
        const float* weights = weights_.data() + (g * s.taps() + tap * s.c_of_g + c % s.c_of_g) * s.o_of_g;
        float* sums_of_g = sums + g * s.o_of_g;
        for (int64_t o = 0; o < s.o_of_g; ++o) sums_of_g[o] += pixel[c] * weights[o];
      }
    });
    const int64_t at = ((n * s.oh + y) * s.ow + x) * s.o;
    float* dst = static_cast<float*>(buffers.dst[0]) + at;
    const float* residual = has_residual_ ? static_cast<const float*>(buffers.src[kConvResidual]) + at : nullptr;
    for (int64_t o = 0; o < s.o; ++o) {
      const float sum = sums[o] + bias_[static_cast<size_t>(o)] + (residual != nullptr ? residual[o] : 0.0F);
      dst[o] = std::min(std::max(sum, clamp_.min), clamp_.max);
    }
  }
}

template <class Conv>
Kernel make_kernel(const Problem<Conv2dParams>& problem) {
  auto conv = std::make_shared<Conv>(problem);
  return [conv](const Buffers& buffers) { (*conv)(buffers); };
}

}  // namespace

Result<Kernel> prepare_reference(const Problem<Conv2dParams>& problem) {
  if (problem.inputs[kConvSrc].type == DataType::kBf16) return prepare_widened_by(prepare_reference, problem);
  if (problem.inputs[kConvSrc].type == DataType::kF32) return make_kernel<FloatConv2d>(problem);
  return make_kernel<Int8Conv2d>(problem);
}

}  // namespace octet
