#include "kernels/resize/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/checks.h"
#include "kernels/parallel.h"
#include "kernels/quantization.h"
#include "kernels/resize/resize_rows.h"

namespace octet {
namespace {

// For each output index of an axis: the two inputs between which it lies, and the weight of the second.
// Nearest uses `low` alone.
struct Taps {
  std::vector<int64_t> low, high;
  std::vector<float> weight;
};

// In f32, as ONNX Runtime computes it: which neighbour is nearest may hang on the last bit.
float source_coordinate(CoordinateTransform transform, int64_t x, int64_t src, int64_t dst, float scale) {
  const auto at = static_cast<float>(x);
  if (scale == 1.0F) return at;
  switch (transform) {
    case CoordinateTransform::kAsymmetric:
      return at / scale;
    case CoordinateTransform::kAlignCorners:
      return dst == 1 ? 0.0F : at * static_cast<float>(src - 1) / static_cast<float>(dst - 1);
    case CoordinateTransform::kPytorchHalfPixel:
      if (dst == 1) return 0.0F;
      break;
    case CoordinateTransform::kHalfPixel:
      break;
  }
  return (at + 0.5F) / scale - 0.5F;
}

float round_nearest(NearestRounding rounding, float x) {
  switch (rounding) {
    case NearestRounding::kRoundPreferFloor:
      return std::ceil(x - 0.5F);
    case NearestRounding::kRoundPreferCeil:
      return std::floor(x + 0.5F);
    case NearestRounding::kFloor:
      return std::floor(x);
    case NearestRounding::kCeil:
      break;
  }
  return std::ceil(x);
}

bool has_like(Descs inputs) {
  return input_or_absent(inputs, kResizeLike).present;
}

Taps taps_of(const ResizeParams& params, bool is_exact, int64_t src, int64_t dst, float scale) {
  if (is_exact) scale = static_cast<float>(dst) / static_cast<float>(src);
  const auto last = static_cast<float>(src - 1);
  Taps taps;
  taps.low.reserve(static_cast<size_t>(dst));
  taps.high.reserve(static_cast<size_t>(dst));
  taps.weight.reserve(static_cast<size_t>(dst));
  for (int64_t x = 0; x < dst; ++x) {
    float at = source_coordinate(params.coordinates, x, src, dst, scale);
    if (params.mode == ResizeMode::kNearest) at = round_nearest(params.rounding, at);
    at = std::clamp(at, 0.0F, last);
    const auto low = std::min(static_cast<int64_t>(at), src - 1);
    taps.low.push_back(low);
    taps.high.push_back(std::min(low + 1, src - 1));
    taps.weight.push_back(at - static_cast<float>(low));
  }
  return taps;
}

struct ResizePlan {
  int64_t images, src_height, src_width, dst_height, dst_width, channels;
  Taps rows, columns;
  int32_t zero_point;  // of u8
  int threads;

  // f(image, y) for every row of dst.
  template <class F>
  void for_each_row(const F& f) const {
    const int64_t grain = kElementsPerThread / (dst_width * channels) + 1;
    parallel_for(threads, images * dst_height, grain, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(i / dst_height, i % dst_height, i == begin);
    });
  }
};

// Rows that show the same row of src are copied from each other.
template <class T>
void resize_nearest(const ResizePlan& plan, const T* src, T* dst) {
  const int64_t pitch = plan.dst_width * plan.channels;
  plan.for_each_row([&](int64_t image, int64_t y, bool first) {
    T* to = dst + (image * plan.dst_height + y) * pitch;
    if (!first && y > 0 && plan.rows.low[y] == plan.rows.low[y - 1]) {
      std::copy_n(to - pitch, pitch, to);
      return;
    }
    const T* from = src + (image * plan.src_height + plan.rows.low[y]) * plan.src_width * plan.channels;
    if (plan.channels == 1) {
      for (int64_t x = 0; x < plan.dst_width; ++x) to[x] = from[plan.columns.low[x]];
      return;
    }
    for (int64_t x = 0; x < plan.dst_width; ++x) {
      std::copy_n(from + plan.columns.low[x] * plan.channels, plan.channels, to + x * plan.channels);
    }
  });
}

float to_f32(float x, int32_t) {
  return x;
}
float to_f32(uint8_t q, int32_t zero_point) {
  return static_cast<float>(q - zero_point);
}
void store(float x, int32_t, float& to) {
  to = x;
}
void store(float x, int32_t zero_point, uint8_t& to) {
  to = static_cast<uint8_t>(std::clamp(static_cast<int32_t>(std::nearbyint(x)) + zero_point, 0, 255));
}

template <class T>
void resize_linear(const ResizePlan& plan, const T* src, T* dst) {
  const int64_t pitch = plan.src_width * plan.channels;
  plan.for_each_row([&](int64_t image, int64_t y, bool) {
    const T* above = src + (image * plan.src_height + plan.rows.low[y]) * pitch;
    const T* below = src + (image * plan.src_height + plan.rows.high[y]) * pitch;
    const float down = plan.rows.weight[y];
    T* to = dst + (image * plan.dst_height + y) * plan.dst_width * plan.channels;
    for (int64_t x = 0; x < plan.dst_width; ++x) {
      const int64_t left = plan.columns.low[x] * plan.channels;
      const int64_t right = plan.columns.high[x] * plan.channels;
      const float across = plan.columns.weight[x];
      for (int64_t c = 0; c < plan.channels; ++c) {
        const auto between = [&](const T* row) {
          return to_f32(row[left + c], plan.zero_point) * (1.0F - across) +
                 to_f32(row[right + c], plan.zero_point) * across;
        };
        store(between(above) * (1.0F - down) + between(below) * down, plan.zero_point, *to++);
      }
    }
  });
}

template <class T>
Kernel make_kernel(ResizePlan plan, ResizeMode mode) {
  return [plan = std::move(plan),
          run = mode == ResizeMode::kNearest ? resize_nearest<T> : resize_linear<T>](const Buffers& buffers) {
    run(plan, static_cast<const T*>(buffers.src[0]), static_cast<T*>(buffers.dst[0]));
  };
}

bool supports_all(const Problem<ResizeParams>&) {
  return true;
}

ResizePlan plan_of(const Problem<ResizeParams>& problem) {
  const Shape& src = problem.inputs[0].shape;
  const Shape& dst = problem.outputs[0].shape;
  // Of a long, thin image the tables are larger than the image.
  constexpr int64_t kTapBytes = 2 * sizeof(int64_t) + sizeof(float);
  if (problem.scratchpad != nullptr) problem.scratchpad->check(static_cast<size_t>((dst[1] + dst[2]) * kTapBytes));
  const auto taps = [&](int axis) {
    const bool is_exact = problem.params.sizes[axis] > 0 || has_like(problem.inputs);
    return taps_of(problem.params, is_exact, src[1 + axis], dst[1 + axis], problem.params.scales[axis]);
  };
  return {src[0],         src[1],  src[2],
          dst[1],         dst[2],  src[3],
          taps(0),        taps(1), problem.inputs[0].type == DataType::kU8 ? problem.inputs[0].quant().zero_point : 0,
          problem.threads};
}

Result<Kernel> prepare_reference(const Problem<ResizeParams>& problem) {
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  return problem.inputs[0].type == DataType::kU8 ? make_kernel<uint8_t>(plan_of(problem), problem.params.mode)
                                                 : make_kernel<float>(plan_of(problem), problem.params.mode);
}

#if defined(__x86_64__)
// With fewer channels a pixel is too short for a vector.
constexpr int64_t kVectorChannels = 8;

bool supports_u8_linear(const Problem<ResizeParams>& problem) {
  return problem.inputs[0].type == DataType::kU8 && problem.params.mode == ResizeMode::kLinear &&
         problem.inputs[0].shape[3] >= kVectorChannels && problem.outputs[0].shape.element_count() > 0;
}

template <LinearPixel kPixel>
Result<Kernel> prepare_u8_linear(const Problem<ResizeParams>& problem) {
  return Kernel([plan = plan_of(problem)](const Buffers& buffers) {
    const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    const int64_t n = plan.channels;
    plan.for_each_row([&](int64_t image, int64_t y, bool) {
      const uint8_t* above = src + (image * plan.src_height + plan.rows.low[y]) * plan.src_width * n;
      const uint8_t* below = src + (image * plan.src_height + plan.rows.high[y]) * plan.src_width * n;
      uint8_t* to = dst + (image * plan.dst_height + y) * plan.dst_width * n;
      for (int64_t x = 0; x < plan.dst_width; ++x) {
        const int64_t left = plan.columns.low[x] * n, right = plan.columns.high[x] * n;
        kPixel({above + left, above + right, below + left, below + right, plan.columns.weight[x], plan.rows.weight[y],
                plan.zero_point},
               n, to + x * n);
      }
    });
  });
}

bool supports_u8_nearest(const Problem<ResizeParams>& problem) {
  return problem.inputs[0].type == DataType::kU8 && problem.params.mode == ResizeMode::kNearest &&
         problem.inputs[0].shape[3] >= kVectorChannels && problem.outputs[0].shape.element_count() > 0;
}

template <NearestRow kRow>
Result<Kernel> prepare_u8_nearest(const Problem<ResizeParams>& problem) {
  return Kernel([plan = plan_of(problem)](const Buffers& buffers) {
    const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    const int64_t n = plan.channels;
    plan.for_each_row([&](int64_t image, int64_t y, bool) {
      const uint8_t* from = src + (image * plan.src_height + plan.rows.low[y]) * plan.src_width * n;
      kRow(from, plan.columns.low.data(), plan.dst_width, n, dst + (image * plan.dst_height + y) * plan.dst_width * n);
    });
  });
}
#endif

constexpr KernelRow<ResizeParams> kTable[] = {
#if defined(__x86_64__)
    {"nearest_avx512", Isa::kAvx512, supports_u8_nearest, prepare_u8_nearest<resize_nearest_row_avx512>},
    {"linear_avx512", Isa::kAvx512, supports_u8_linear, prepare_u8_linear<resize_linear_pixel_avx512>},
    {"linear_avx2", Isa::kAvx2, supports_u8_linear, prepare_u8_linear<resize_linear_pixel_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare_reference},
};

constexpr const char* kAxisNames[] = {"height", "width"};

// `dim` as it becomes `size`, more than 0 or dynamic.
Result<int64_t> resized_to(const ResizeParams& params, int axis, int64_t dim, int64_t size) {
  if (dim != 0) return size;
  return invalid(params.kName, std::string(kAxisNames[axis]) + " 0 cannot become " + std::to_string(size));
}

Result<int64_t> resized(const ResizeParams& params, int axis, int64_t dim) {
  const std::string name = kAxisNames[axis];
  if (params.sizes[axis] < 0) return invalid(params.kName, name + " is to be " + std::to_string(params.sizes[axis]));
  if (params.sizes[axis] > 0) return resized_to(params, axis, dim, params.sizes[axis]);
  const float scale = params.scales[axis];
  if (!(scale > 0.0F) || !std::isfinite(scale)) {
    return invalid(params.kName, name + " has the scale " + std::to_string(scale));
  }
  if (dim == Shape::kDynamic) return Shape::kDynamic;
  const float size = std::floor(static_cast<float>(dim) * scale);  // in f32, as ONNX Runtime does
  if (size > static_cast<float>(Shape::kMaxElements)) {
    return invalid(params.kName,
                   name + " " + std::to_string(dim) + " times " + std::to_string(scale) + " is too large");
  }
  return static_cast<int64_t>(size);
}

Status check_like(const ResizeParams& params, const TensorDesc& like) {
  OCTET_CHECK(check_rank(params.kName, like, 4));
  const ResizeParams standard;
  if (params.sizes == standard.sizes && params.scales == standard.scales) return {};
  const bool by_sizes = params.sizes != standard.sizes;
  const auto text = [](const auto& pair) { return std::to_string(pair[0]) + " x " + std::to_string(pair[1]); };
  return invalid(params.kName, "the size is that of an input of " + like.shape.to_string() + ", but it has the " +
                                   (by_sizes ? "sizes " + text(params.sizes) : "scales " + text(params.scales)));
}

}  // namespace

Result<std::vector<Shape>> infer_shapes(const ResizeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 2));
  OCTET_CHECK(check_rank(params.kName, inputs[0], 4));
  OCTET_CHECK(check_enum(params.kName, "mode", static_cast<int64_t>(params.mode), 2));
  OCTET_CHECK(check_enum(params.kName, "coordinates", static_cast<int64_t>(params.coordinates), 4));
  OCTET_CHECK(check_enum(params.kName, "rounding", static_cast<int64_t>(params.rounding), 4));
  Shape dst = inputs[0].shape;
  if (has_like(inputs)) {
    OCTET_CHECK(check_like(params, inputs[kResizeLike]));
    const Shape& like = inputs[kResizeLike].shape;
    for (int axis = 0; axis < 2; ++axis) {
      OCTET_TRY(dst[1 + axis], like[1 + axis] == 0 ? 0 : resized_to(params, axis, dst[1 + axis], like[1 + axis]));
    }
    return single_output(params.kName, dst);
  }
  for (int axis = 0; axis < 2; ++axis) {
    OCTET_TRY(dst[1 + axis], resized(params, axis, dst[1 + axis]));
  }
  return single_output(params.kName, dst);
}

Status check_types(const ResizeParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 2));
  OCTET_CHECK(check_moves(params.kName, inputs.first(1), outputs));
  if (plain(inputs[0], DataType::kF32) || per_tensor_u8(inputs[0])) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<ResizeParams>> kernel_table(const ResizeParams&) {
  return kTable;
}

}  // namespace octet
