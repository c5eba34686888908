// Speed of the ops around the convolutions, for every row of their tables that takes the problem. One thread.
#include <omp.h>

#include "kernels/binary/binary.h"
#include "kernels/concat/concat.h"
#include "kernels/matmul/matmul.h"
#include "kernels/quantize/pixel_lookup.h"
#include "kernels/quantize/quantize.h"
#include "kernels/quantize/quantize_image.h"
#include "kernels/resize/resize.h"
#include "kernels/softmax/softmax.h"
#include "kernels/transpose/transpose.h"
#include "kernels/unary/unary.h"
#include "tests/bench/bench_case.h"

namespace octet::test {
namespace {

void add_all() {
  const Tensor f, q = make_u8({0}, 0.03F, 100), other = make_u8({0}, 0.02F, 0);
  const auto f32 = [&](const Shape& shape) { return random_tensor(f, shape); };
  const auto u8 = [&](const Shape& shape) { return random_tensor(q, shape); };
  const auto other_u8 = [&](const Shape& shape) { return random_tensor(other, shape); };

  add("pixel_lookup/224x224x3", PixelLookupParams{{{}, {}, {}}}, {u8({1, 224, 224, 3})}, u8({1, 224, 224, 3}));
  add("quantize_image/224x224x3", QuantizeImageParams::plain(3), {f32({1, 3, 224, 224})}, u8({1, 224, 224, 3}));
  add("quantize_image/32x32x3", QuantizeImageParams::plain(3), {f32({1, 3, 32, 32})}, u8({1, 32, 32, 3}));
  add("quantize_image/56x56x64", QuantizeImageParams::plain(64), {f32({1, 64, 56, 56})}, u8({1, 56, 56, 64}));
  add("quantize/150528", QuantizeParams{}, {f32({150528})}, u8({150528}));
  add("dequantize/150528", DequantizeParams{}, {u8({150528})}, f32({150528}));
  const Shape image = {1, 56, 56, 256};
  add("add_u8/56x56x256", BinaryParams{}, {u8(image), other_u8(image)}, u8(image));
  add("add_u8/56x56x256_channels", BinaryParams{}, {u8(image), other_u8({256})}, u8(image));
  add("mul_u8/56x56x256_channels", BinaryParams{BinaryKind::kMul, {}}, {u8(image), other_u8({256})}, u8(image));
  add("add_f32/56x56x256", BinaryParams{}, {f32(image), f32(image)}, f32(image));
  add("concat/55x55_64_64", ConcatParams{3}, {u8({1, 55, 55, 64}), u8({1, 55, 55, 64})}, u8({1, 55, 55, 128}));
  add("concat_rescale/55x55_64_64", ConcatParams{3}, {u8({1, 55, 55, 64}), other_u8({1, 55, 55, 64})},
      u8({1, 55, 55, 128}));
  add("hard_swish_u8/56x56x64", UnaryParams{UnaryKind::kHardSwish}, {u8({1, 56, 56, 64})}, other_u8({1, 56, 56, 64}));
  add("sigmoid_f32/150528", UnaryParams{UnaryKind::kSigmoid}, {f32({150528})}, f32({150528}));
  add("softmax/1000", SoftmaxParams{1}, {f32({1, 1000})}, f32({1, 1000}));
  add("softmax/12x197x197", SoftmaxParams{2}, {f32({12, 197, 197})}, f32({12, 197, 197}));
  add("transpose_u8_nhwc/56x56x64", TransposeParams{{0, 2, 3, 1}}, {u8({1, 64, 56, 56})}, u8({1, 56, 56, 64}));
  add("transpose_f32_nchw/56x56x64", TransposeParams{{0, 3, 1, 2}}, {f32({1, 56, 56, 64})}, f32({1, 64, 56, 56}));
  add("resize_nearest_u8/40x40x128", ResizeParams{.scales = {2, 2}}, {u8({1, 40, 40, 128})}, u8({1, 80, 80, 128}));
  add("matmul/197x768x768", MatmulParams{}, {f32({197, 768}), f32({768, 768})}, f32({197, 768}));
  add("matmul/12x197x64x197", MatmulParams{}, {f32({12, 197, 64}), f32({12, 64, 197})}, f32({12, 197, 197}));
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  octet::test::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
