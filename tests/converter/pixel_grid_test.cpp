// Networks that read pixels as they are: the same function, and an integer of its own for each pixel.
#include "converter/pixel_grid.h"

#include <doctest/doctest.h>

#include <cmath>

#include "converter/precision.h"
#include "converter/quantize.h"
#include "kernels/quantization.h"
#include "octet/image.hpp"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

Preprocessing parse(const std::string& spec) {
  const Result<Preprocessing> found = Preprocessing::parse(spec);
  REQUIRE_MESSAGE(found.ok(), found.error().message);
  return *found;
}

// An image [2, C, 7, 9], put channels last unless it is so already, and a convolution.
Graph image_net(const std::string& spec, int64_t channels, bool channels_last, std::array<int64_t, 4> pads) {
  GraphBuilder b;
  ValueId x = b.input("image", channels_last ? Shape{2, 7, 9, channels} : Shape{2, channels, 7, 9});
  if (!channels_last && channels == 1) x = b.add("turn", ReshapeParams{{0, 7, 9, 1}}, {x});
  if (!channels_last && channels > 1) x = b.transpose("turn", x, {0, 2, 3, 1});
  x = b.conv2d("conv", x, {4, 3, 3, channels}, {.strides = {2, 1}, .pads = pads});
  b.output(b.conv2d("next", x, {2, 1, 1, 4}));
  b.graph().preprocessing = spec;
  return b.graph();
}

// From black to white.
Image all_pixels(const Preprocessing& p) {
  Image image{9, 7, p.channels(), {}};
  const int count = 9 * 7 * p.channels();
  for (int i = 0; i < count; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 255 / (count - 1)));
  return image;
}

octet::Tensor normalized(const Graph& graph, const Preprocessing& p) {
  const Shape& shape = graph.value(graph.inputs[0]).shape;
  octet::Tensor input(DataType::kF32, shape);
  const Image image = all_pixels(p);
  const size_t half = input.as<float>().size() / 2;
  const auto layout = shape[3] == p.channels() ? Preprocessing::Layout::kNhwc : Preprocessing::Layout::kNchw;
  for (const size_t i : {size_t{0}, half}) normalize(image, p, layout, input.as<float>().subspan(i, half));
  return input;
}

StatsTable observed(const octet::Tensor& image) {
  StatsTable stats;
  stats["image"].observe(image.as<float>());
  return stats;
}

struct Case {
  const char* spec;
  int64_t channels;
  std::array<int64_t, 4> pads;
  int32_t zero_point;
  int added;  // nodes
  double tolerance = 1e-4;  // 0.01: half a step in the padding
};

// The value that is quantized, against the image's bytes; 0 of the network in the border.
void check_pixels(const Case& c, Graph graph, ValueId read, QuantParams quant, const octet::Tensor& image) {
  octet::Tensor values = image;
  if (read != graph.inputs[0]) {
    graph.outputs = {read};
    graph.remove_dead();
    values = run_graph(graph, {image})[0];
  }
  const Preprocessing p = parse(c.spec);
  const std::vector<uint8_t> pixels = all_pixels(p).pixels;
  const Shape& shape = values.shape();
  const bool last = shape[3] == c.channels;
  const int64_t height = shape[last ? 1 : 2], width = shape[last ? 2 : 3];
  const int64_t top = height == 7 ? 0 : c.pads[0], left = width == 9 ? 0 : c.pads[1];
  for (int64_t i = 0; i < shape.element_count(); ++i) {
    const int64_t channel = last ? i % c.channels : i / (height * width) % c.channels;
    const int64_t x = (last ? i / c.channels : i) % width - left;
    const int64_t y = (last ? i / c.channels / width : i / width) % height - top;
    const auto at = static_cast<size_t>(channel);
    const bool is_inside = x >= 0 && x < 9 && y >= 0 && y < 7;
    const double expected = is_inside ? pixels[static_cast<size_t>((y * 9 + x) * c.channels + channel)]
                                      : std::nearbyint(p.mean[at] / p.scale[at]);
    const int found = quantize_u8(values.as<float>()[static_cast<size_t>(i)], quant);
    if (found != expected) FAIL("value " << i << " is " << found << ", not " << expected);
  }
}

}  // namespace

TEST_CASE("each pixel is its own integer, and the network computes what it did") {
  const std::array<int64_t, 4> none{}, padded{1, 2, 0, 1};
  const Case cases[] = {{"imagenet,size=9x7", 3, padded, 0, 3},
                        {"imagenet,size=9x7", 3, none, 0, 2},
                        {"tf,size=9x7", 3, padded, 128, 1, 0.01},
                        {"raw,scale=1/255", 3, padded, 0, 0},
                        {"raw,scale=1/255,color=gray", 1, padded, 0, 0},
                        {"raw,scale=1/255,color=gray,mean=0.3,std=0.2", 1, padded, 76, 1, 0.01},
                        {"caffe,size=9x7", 3, padded, 0, 2}};
  for (const Case& c : cases) {
    for (const bool channels_last : {false, true}) {
      CAPTURE(c.spec);
      CAPTURE(channels_last);
      const Graph before = image_net(c.spec, c.channels, channels_last, c.pads);
      const Preprocessing p = parse(c.spec);
      const octet::Tensor image = normalized(before, p);
      const std::optional<PixelGrid> grid = pixel_grid(before, observed(image));
      REQUIRE(grid.has_value());
      Graph after = before;
      const Ranges ranges = read_pixels(after, *grid);
      REQUIRE(after.infer().ok());
      REQUIRE(after.verify().ok());
      CHECK(after.nodes.size() == before.nodes.size() + static_cast<size_t>(c.added));
      CHECK(largest_difference(run_graph(before, {image}), run_graph(after, {image})) < c.tolerance);

      const ValueId quantized = after.nodes[c.added == 0 ? 0 : static_cast<size_t>(c.added) - 1].outputs[0];
      const ValueId read = c.added == 0 ? after.inputs[0] : quantized;
      const QuantParams quant = u8_params(ranges.at(after.value(read).name));
      CHECK(quant.zero_point == c.zero_point);
      check_pixels(c, after, read, quant, image);
    }
  }
}

TEST_CASE("an image is read as pixels only where its values are pixels, and one convolution reads it") {
  const Graph graph = image_net("imagenet,size=9x7", 3, false, {});
  const octet::Tensor image = normalized(graph, parse("imagenet,size=9x7"));
  CHECK(pixel_grid(graph, observed(image)).has_value());
  CHECK_FALSE(pixel_grid(graph, {}).has_value());

  Graph other = graph;
  other.preprocessing = "";
  CHECK_FALSE(pixel_grid(other, observed(image)).has_value());
  other.preprocessing = "raw";  // normalized by somebody else: neither -2 nor 2.6 of 255 is a pixel's value
  CHECK_FALSE(pixel_grid(other, observed(image)).has_value());
  StatsTable dark;
  dark["image"].observe(std::vector<float>{0.0F, 1.0F});
  CHECK_FALSE(pixel_grid(other, dark).has_value());
  other.preprocessing = "imagenet,size=9x7,mean=-1";  // no pixel is 0
  CHECK_FALSE(pixel_grid(other, observed(image)).has_value());
  other.preprocessing = "imagenet,size=9x7,std=-0.2";
  CHECK_FALSE(pixel_grid(other, observed(image)).has_value());

  const PixelGrid grid = *pixel_grid(graph, observed(image));
  Graph shared = graph;
  shared.outputs.push_back(shared.inputs[0]);
  CHECK(read_pixels(shared, grid).empty());
  GraphBuilder b;
  b.output(b.relu("relu", b.input("image", {1, 3, 4, 4})));
  CHECK(read_pixels(b.graph(), grid).empty());
  CHECK(b.graph().nodes.size() == 1);
}

TEST_CASE("what normalizes an input by constants is not quantized before the first layer") {
  GraphBuilder b;
  ValueId x = b.input("image", {1, 8, 8, 3});
  x = b.add("pad", PadParams{.before = {0, 1, 1, 0}, .after = {0, 1, 1, 0}}, {x});
  x = b.add("scale", BinaryParams{.kind = BinaryKind::kMul, .clamp = {}}, {x, b.constant({3})});
  x = b.add("shift", BinaryParams{.kind = BinaryKind::kAdd, .clamp = {}}, {x, b.constant({3})});
  x = b.conv2d("conv", x, {4, 3, 3, 3});
  x = b.add("double", BinaryParams{.kind = BinaryKind::kMul, .clamp = {}}, {x, b.constant({4})});
  b.output(b.conv2d("next", x, {2, 1, 1, 4}));
  using enum Precision;
  CHECK(choose_precisions(b.graph(), {}) == std::vector<Precision>{kF32, kF32, kF32, kInt8, kInt8, kInt8});
}

}  // namespace octet::test
