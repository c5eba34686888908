// The preprocessing spec and what it does to pixels.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>

#include "octet/image.hpp"
#include "tests/support/images.h"

namespace octet {
namespace {

using P = Preprocessing;

Preprocessing parse(const std::string& spec) {
  const Result<Preprocessing> p = Preprocessing::parse(spec);
  if (!p.ok()) FAIL(p.error().message);
  return p.value();
}

std::string usage(const std::string& spec) {
  const Result<Preprocessing> p = Preprocessing::parse(spec);
  REQUIRE_FALSE(p.ok());
  CHECK(p.error().code == ErrorCode::kUsage);
  return p.error().message;
}

Image drawn(int width, int height) {
  return {width, height, 3, test::pattern(width, height, 3)};
}

std::vector<uint8_t> fitted(const Image& image, const std::string& spec) {
  const Preprocessing p = parse(spec);
  const Result<Image> result = fit_image(image, p, p.width, p.height);
  if (!result.ok()) FAIL(result.error().message);
  CHECK(result.value().width == p.width);
  CHECK(result.value().height == p.height);
  CHECK(result.value().channels == p.channels());
  return result.value().pixels;
}

struct Golden {
  const char* spec;
  std::vector<uint8_t> pixels;
};

// Pillow 9.4 on drawn(13, 9): convert("L") for gray, resize and crop as torchvision does, ImageOps.fit, ImageOps.pad.
const Golden kGolden[] = {
    {"size=5x4,filter=bilinear",
     {91,  152, 107, 136, 142, 118, 120, 114, 125, 116, 118, 124, 133, 137, 123, 147, 107, 147, 126, 143,
      127, 117, 125, 127, 137, 125, 127, 144, 118, 144, 120, 123, 139, 149, 113, 119, 137, 135, 123, 141,
      121, 145, 141, 130, 118, 145, 107, 141, 149, 106, 107, 129, 104, 111, 137, 116, 132, 137, 113, 136}},
    {"size=5x4,filter=bicubic",
     {84,  156, 103, 142, 144, 116, 116, 111, 129, 113, 117, 123, 135, 140, 120, 154, 101, 150, 123, 147,
      130, 117, 123, 127, 136, 125, 126, 149, 115, 145, 114, 124, 140, 153, 108, 116, 137, 142, 124, 143,
      120, 149, 141, 132, 117, 146, 107, 142, 149, 106, 105, 130, 102, 108, 137, 116, 130, 135, 113, 139}},
    {"size=5x4,filter=area",
     {70,  171, 102, 172, 145, 118, 102, 118, 133, 118, 91,  128, 134, 150, 123, 150, 108, 153, 124, 140,
      113, 127, 114, 130, 116, 131, 147, 161, 119, 135, 102, 117, 133, 141, 114, 87,  138, 153, 126, 135,
      108, 145, 131, 147, 120, 148, 121, 137, 180, 89,  126, 126, 99,  115, 116, 89,  126, 147, 120, 136}},
    {"size=5x4,filter=nearest",
     {103, 204, 49,  191, 36,  137, 67,  168, 13,  199, 44,  145, 31, 132, 233, 235, 80,  181, 95,  196,
      41,  13,  114, 215, 187, 32,  133, 47,  148, 249, 111, 212, 57, 255, 100, 201, 215, 60,  161, 175,
      20,  121, 63,  164, 9,   243, 88,  189, 159, 4,   105, 161, 6,  107, 163, 8,   109, 79,  180, 25}},
    {"size=17x3,filter=bicubic,color=gray",
     {115, 117, 135, 150, 119, 152, 143, 111, 105, 124, 112, 98,  115, 154, 143, 123, 118,
      126, 128, 124, 118, 119, 136, 149, 146, 123, 113, 137, 141, 107, 156, 123, 116, 158,
      106, 121, 131, 128, 113, 113, 121, 117, 90,  148, 144, 109, 96,  157, 141, 111, 107}},
    {"size=5x5,resize=7,crop=center,color=bgr",
     {156, 105, 136, 122, 122, 134, 114, 139, 85,  87,  125, 141, 135, 76,  111, 140, 150, 80,  83,
      195, 124, 146, 100, 134, 114, 110, 102, 111, 163, 102, 113, 99,  154, 156, 121, 176, 166, 160,
      99,  115, 109, 129, 154, 114, 177, 140, 103, 163, 74,  127, 128, 115, 149, 169, 149, 141, 106,
      118, 145, 128, 82,  102, 98,  129, 71,  183, 81,  110, 135, 110, 126, 164, 109, 124, 147}},
    {"size=5x5,resize=40,crop=center,filter=bicubic",
     {68,  167, 168, 66,  193, 130, 70,  200, 103, 82,  181, 87,  101, 142, 78,  66,  196, 150, 84,
      215, 99,  101, 215, 68,  117, 186, 61,  134, 135, 70,  78,  204, 140, 106, 214, 90,  127, 207,
      61,  139, 177, 62,  149, 126, 81,  109, 195, 136, 139, 186, 102, 158, 172, 85,  159, 146, 92,
      152, 109, 116, 147, 175, 134, 176, 147, 123, 189, 124, 121, 176, 106, 135, 149, 89,  160}},
    {"size=5x7,fit=crop",
     {151, 182, 97,  152, 109, 143, 151, 95,  136, 46,  122, 178, 92,  124, 124, 132, 94,  142, 99,  149, 134,
      113, 115, 80,  135, 111, 123, 117, 78,  115, 91,  192, 88,  157, 154, 103, 94,  91,  153, 111, 153, 91,
      118, 130, 106, 187, 89,  133, 129, 140, 188, 114, 155, 120, 163, 87,  135, 144, 121, 186, 151, 121, 97,
      150, 158, 96,  148, 122, 119, 97,  165, 147, 134, 105, 131, 160, 69,  106, 169, 103, 115, 133, 98,  79,
      177, 147, 123, 123, 95,  132, 174, 103, 120, 136, 93,  82,  77,  90,  152, 147, 136, 93,  109, 87,  157}},
    {"size=6x7,fit=letterbox,filter=bicubic",
     {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,  0,   74,  154, 104, 137, 153, 107,
      135, 119, 127, 96,  109, 136, 130, 127, 112, 130, 137, 123, 163, 97, 148, 119, 136, 136, 123, 143, 131,
      120, 117, 117, 142, 125, 134, 148, 114, 145, 111, 130, 144, 146, 99, 118, 149, 138, 120, 133, 134, 132,
      149, 117, 150, 137, 135, 112, 151, 99,  147, 143, 121, 111, 136, 87, 103, 136, 119, 113, 135, 115, 137,
      133, 110, 140, 0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   0}},
    {"size=6x12,resize=4,crop=center,filter=area,color=gray",
     {0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0,
      133, 150, 115, 103, 142, 0, 126, 132, 120, 128, 134, 0, 114, 119, 145, 120, 139, 0, 131, 121, 109, 101, 130, 0,
      0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0, 0,   0,   0,   0,   0,   0}},
};

}  // namespace

TEST_CASE("geometry, filters and gray are Pillow's, bit for bit") {
  for (const Golden& golden : kGolden) {
    CAPTURE(golden.spec);
    CHECK(fitted(drawn(13, 9), golden.spec) == golden.pixels);
  }
}

TEST_CASE("an image of the right size goes through every fit and filter unchanged") {
  const Image image = drawn(16, 11);
  for (const std::string filter : {"bilinear", "bicubic", "area", "nearest"}) {
    for (const std::string fit : {"stretch", "crop", "letterbox"}) {
      for (const std::string more : {"", ",crop=center", ",resize=11", ",resize=11,crop=center"}) {
        CHECK(fitted(image, "size=16x11,filter=" + filter + ",fit=" + fit + more) == image.pixels);
      }
    }
  }
}

TEST_CASE("resize to an image's own side leaves the plain centre crop") {
  const Image image = drawn(227, 227);
  const std::vector<uint8_t> pixels = fitted(image, "imagenet,resize=227");
  // (227 - 224) / 2 = 1.5, to even: 2
  for (size_t y = 0; y < 224; ++y) {
    for (size_t i = 0; i < 224 * 3; ++i) {
      REQUIRE(pixels[y * 224 * 3 + i] == image.pixels[(y + 2) * 227 * 3 + 6 + i]);
    }
  }
}

TEST_CASE("extreme shapes go through every preset and fit") {
  for (const auto& sides : {std::array{1, 1}, {20000, 1}, {1, 20000}, {2, 3}}) {
    const int width = sides[0], height = sides[1];
    CAPTURE(width);
    CAPTURE(height);
    const Image image{width, height, 3, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), 200)};
    for (const PreprocessingPreset& preset : preprocessing_presets()) {
      const std::string spec = std::string(preset.name) + ",size=32x24";
      // One colour stays one colour.
      CHECK(fitted(image, spec) == std::vector<uint8_t>(32 * 24 * 3, 200));
      CHECK(fitted(image, spec + ",filter=bicubic,fit=crop") == std::vector<uint8_t>(32 * 24 * 3, 200));
      if (spec.find("raw") == 0) CHECK(fitted(image, spec + ",fit=letterbox").size() == 32 * 24 * 3);
    }
  }
}

TEST_CASE("a high image becomes a wide one by stripes of columns, which show nowhere") {
  // What lies between the passes, 2200 x 2200, is larger than the image and the result.
  for (const std::string filter : {"bilinear", "bicubic", "area", "nearest"}) {
    for (const std::string color : {"rgb", "gray"}) {
      const std::string keys = "filter=" + filter + ",color=" + color;
      const auto size = [](int width, int height) {
        return ",size=" + std::to_string(width) + "x" + std::to_string(height);
      };
      constexpr int kLong = 2200;
      const Image high = drawn(3, kLong);
      const Image square{kLong, kLong, color == "rgb" ? 3 : 1, fitted(high, keys + size(kLong, kLong))};
      CHECK(fitted(high, keys + size(kLong, 2)) == fitted(square, keys + size(kLong, 2)));
    }
  }
}

TEST_CASE("a crop larger than the image is filled with black on both sides") {
  const Image image{1, 1, 3, {9, 8, 7}};
  CHECK(fitted(image, "size=4x1,crop=center") == std::vector<uint8_t>{0, 0, 0, 9, 8, 7, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("letterbox fills with the pixel that becomes 0") {
  const Image image{2, 1, 3, {1, 1, 1, 1, 1, 1}};
  CHECK(fitted(image, "size=2x2,fit=letterbox,scale=1/255,mean=0.5:0.25:2,std=1") ==
        std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 128, 64, 255, 128, 64, 255});
}

TEST_CASE("an intermediate image beyond the limit is refused, and needs no memory when it is cropped") {
  const Image image{20000, 1, 3, std::vector<uint8_t>(60000, 5)};
  const Result<Image> result = fit_image(image, parse("resize=65536"), 32, 32);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().message.find("resize=65536 without crop=center makes 1310720000x65536 pixels") == 0);
  CHECK(fit_image(image, parse("resize=65536,crop=center"), 32, 32).ok());
}

TEST_CASE("a high image is not made wider than rows of as many pixels as an image may have") {
  constexpr int kHigh = 1 << 20;
  const Image image{1, kHigh, 1, std::vector<uint8_t>(kHigh, 5)};
  const auto error = [&](const std::string& spec, int width, int height) {
    const Result<Image> result = fit_image(image, parse("color=gray," + spec), width, height);
    return result.ok() ? "no error" : result.error().message;
  };
  const std::string refusal = "to make an image of 1x1048576 pixels " + std::to_string(kHigh) +
                              " wide takes 1099511627776 pixels in between; the limit is 134217728";
  for (const std::string filter : {"bilinear", "bicubic", "area", "nearest"}) {
    CHECK(error("filter=" + filter, kHigh, 1) == (filter == "nearest" ? "no error" : refusal));
  }
  CHECK(error("fit=letterbox", kHigh, 1) == "no error");  // a point, and much beside it
  CHECK(error("fit=crop", kHigh, 1) == "no error");       // the same, from the middle
  CHECK(error("fit=stretch", 128, 128) == "no error");
  CHECK(error("fit=stretch", 129, 1).find("129 wide takes 135266304 pixels in between") != std::string::npos);
}

TEST_CASE("input = (pixel * scale - mean) / std, per channel in the order of color, in either layout") {
  const Image image{2, 1, 3, {10, 20, 30, 40, 50, 60}};
  const Preprocessing p = parse("color=bgr,scale=2,mean=1:2:3,std=1:2:4");
  const float b[] = {59, 119};
  const float g[] = {19, 49};
  const float r[] = {17.0F / 4, 77.0F / 4};
  std::vector<float> dst(6);
  const ImageInput nchw{2, 1, 3, P::Layout::kNchw};
  REQUIRE(preprocess(image, p, nchw, dst).ok());
  CHECK(dst == std::vector<float>{b[0], b[1], g[0], g[1], r[0], r[1]});
  const ImageInput nhwc{2, 1, 3, P::Layout::kNhwc};
  REQUIRE(preprocess(image, p, nhwc, dst).ok());
  CHECK(dst == std::vector<float>{b[0], g[0], r[0], b[1], g[1], r[1]});
  dst.pop_back();
  CHECK(preprocess(image, p, nhwc, dst).error().code == ErrorCode::kUsage);
}

TEST_CASE("presets normalize as their networks were trained") {
  const Image image{1, 1, 3, {255, 0, 51}};
  const auto values = [&](const std::string& spec) {
    std::vector<float> dst(3);
    REQUIRE(preprocess(image, parse(spec + ",size=1x1"), ImageInput{1, 1, 3, P::Layout::kNchw}, dst).ok());
    return dst;
  };
  CHECK(values("tf") == std::vector<float>{1, -1, -0.6F});
  CHECK(values("caffe") == std::vector<float>{51 - 104, -117, 255 - 123});
  CHECK(values("raw") == std::vector<float>{255, 0, 51});
  for (const std::string name : {"imagenet", "cifar10"}) {
    const std::vector<float> v = values(name);
    CHECK(v[0] == doctest::Approx((1 - 0.485) / 0.229));
    CHECK(v[1] == doctest::Approx(-0.456 / 0.224));
    CHECK(v[2] == doctest::Approx((0.2 - 0.406) / 0.225));
  }
}

TEST_CASE("a spec prints in one form, which reads back as the same") {
  CHECK(parse("imagenet,resize=227").to_string() ==
        "size=224x224,resize=227,crop=center,fit=stretch,filter=bilinear,color=rgb,scale=1/255,"
        "mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
  CHECK(parse("tf").to_string() ==
        "size=224x224,resize=256,crop=center,fit=stretch,filter=bilinear,color=rgb,scale=1/127.5,mean=1,std=1");
  CHECK(parse("raw").to_string() == "crop=none,fit=stretch,filter=bilinear,color=rgb,scale=1,mean=0,std=1");
  CHECK(parse("cifar10").to_string() ==
        "size=32x32,crop=none,fit=crop,filter=bilinear,color=rgb,scale=1/255,mean=0.485:0.456:0.406,"
        "std=0.229:0.224:0.225");
  for (const std::string spec :
       {"imagenet", "tf", "caffe", "cifar10", "raw", "layout=nhwc,fit=letterbox", "color=gray,mean=0.5,std=-1e-3",
        "scale=1/3:2/7:0.1,std=1e300,mean=-0", "size=1x65536,filter=nearest,crop=none,layout=nchw", "scale=5e-324"}) {
    CAPTURE(spec);
    CHECK(parse(parse(spec).to_string()) == parse(spec));
  }
}

TEST_CASE("later pairs change earlier ones and the preset") {
  CHECK(parse("imagenet,size=96x64,size=32x16,mean=0").width == 32);
  CHECK(parse("imagenet,color=gray,mean=0.5,std=0.5").mean == std::array<double, 3>{0.5, 0.5, 0.5});
  CHECK(parse("mean=1/2:0.25:3").mean == std::array<double, 3>{0.5, 0.25, 3});
}

TEST_CASE("a wrong spec names what is wrong and the nearest right word") {
  CHECK(usage("imagnet") == "preprocessing: unknown preset 'imagnet'; the nearest is 'imagenet'");
  CHECK(usage("raw,colour=rgb") == "preprocessing: unknown key 'colour' in 'colour=rgb'; the nearest is 'color'");
  CHECK(usage("size") == "preprocessing: 'size' has no value; write size=...");
  CHECK(usage("size=224,raw") == "preprocessing: 'size' takes WIDTHxHEIGHT, not '224'");
  CHECK(usage("crop=none,raw") == "preprocessing: the preset 'raw' must come first");
  CHECK(usage("filter=lanczos") == "preprocessing: 'filter' takes bilinear, bicubic, area or nearest, not 'lanczos'");
  CHECK(usage("imagenet,color=gray") ==
        "preprocessing: color=gray has one channel, but scale, mean or std has three numbers");
  for (const std::string spec : {"",
                                 ",",
                                 "raw,",
                                 "raw,,",
                                 "=",
                                 "size=",
                                 "size=0x1",
                                 "size=-1x1",
                                 "size=1x1x1",
                                 "size=65537x1",
                                 "size=1 x1",
                                 "resize=0",
                                 "resize=1.5",
                                 "resize=99999999999999999999",
                                 "scale=0",
                                 "std=0",
                                 "std=1:0:1",
                                 "mean=1:2",
                                 "mean=1:2:3:4",
                                 "mean=",
                                 "mean=:",
                                 "mean=nan",
                                 "mean=inf",
                                 "mean=1/0",
                                 "mean=1/",
                                 "mean=0/0",
                                 "mean=1e999",
                                 "layout=hwc",
                                 "color=RGB",
                                 "crop=",
                                 "fit=pad"}) {
    CAPTURE(spec);
    CHECK(usage(spec).find("preprocessing: ") == 0);
  }
}

TEST_CASE("size, channels and layout come from the model where the spec does not say them") {
  const auto input = [](const std::string& spec, const Shape& shape) {
    const Result<ImageInput> result = resolve_input(parse(spec), shape, "data");
    return result.ok() ? result.value().shape().to_string() : result.error().message;
  };
  constexpr int64_t kN = Shape::kDynamic;
  CHECK(input("raw", {1, 3, 30, 20}) == "1x3x30x20");
  CHECK(input("raw", {kN, 30, 20, 3}) == "1x30x20x3");
  CHECK(input("raw", {1, 3, 5, 3}) == "1x3x5x3");
  CHECK(input("raw,layout=nhwc", {1, 3, 5, 3}) == "1x3x5x3");
  CHECK(input("imagenet", {kN, 3, kN, kN}) == "1x3x224x224");
  CHECK(input("imagenet", {kN, kN, kN, 3}) == "1x224x224x3");
  CHECK(input("color=gray,mean=1", {1, 1, 28, 28}) == "1x1x28x28");
  CHECK(input("imagenet", {1, 3, 32, 32}) ==
        "input 'data' is 1x3x32x32, but the preprocessing makes 224x224 pixels (width x height)");
  CHECK(input("raw", {1, 1, 28, 28}) == "input 'data' is 1x1x28x28, but the preprocessing makes 3 channels");
  CHECK(input("raw,layout=nhwc", {1, 3, 28, 28}) ==
        "input 'data' is 1x3x28x28, but the preprocessing makes 3 channels in layout nhwc");
  CHECK(input("raw", {1, 3, kN, 28}) == "input 'data' is 1x3xNx28, so the preprocessing must say size=WIDTHxHEIGHT");
  CHECK(input("raw", {1, 640}) == "input 'data' is 1x640, which no image can be (4 dimensions are needed)");
  CHECK(input("raw", {1, 3, 0, 4}) == "input 'data' is 1x3x0x4, which is no image's size");
}

}  // namespace octet
