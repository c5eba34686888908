// Pixels straight in: the same bytes as by way of an f32 image, or a clear refusal.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <numeric>
#include <random>

#include "octet/image.hpp"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

using Layout = Preprocessing::Layout;

enum class First { kQuantizeTranspose, kQuantize, kTransposeQuantize, kPool, kChainTranspose, kChain };

// An image, `first`, and a 3x3 convolution; [N, C, H, W] where there is a transpose, else [N, H, W, C]. Chains pad, scale
// and shift before they quantize.
PackedModel image_net(First first, int64_t channels, QuantParams quant, const char* name = "image") {
  constexpr int64_t n = Shape::kDynamic, h = 37, w = 53;
  const Shape nchw{n, channels, h, w}, nhwc{n, h, w, channels};
  test::PackedBuilder b;
  const bool chain = first == First::kChain || first == First::kChainTranspose;
  const bool planar = first != First::kQuantize && first != First::kPool && first != First::kChain;
  const int32_t image = b.input(name, DataType::kF32, planar ? nchw : nhwc);
  const int64_t top = chain ? 1 : 0, left = chain ? 2 : 0, bottom = chain ? 3 : 0;
  const Shape padded{n, h + top + bottom, w + left, channels}, padded_planes{n, channels, h + top + bottom, w + left};
  const int32_t quantized = b.u8_activation("quantized", padded, quant);
  if (first == First::kQuantizeTranspose) {
    const int32_t between = b.u8_activation("between", nchw, quant);
    b.node("quantize", QuantizeParams{}, {image}, {between});
    b.node("transpose", TransposeParams{{0, 2, 3, 1}}, {between}, {quantized});
  } else if (first == First::kTransposeQuantize) {
    const int32_t between = b.activation("between", DataType::kF32, nhwc);
    b.node("transpose", TransposeParams{{0, 2, 3, 1}}, {image}, {between});
    b.node("quantize", QuantizeParams{}, {between}, {quantized});
  } else if (chain) {
    const bool turns = first == First::kChainTranspose;
    const Shape& shape = turns ? padded_planes : padded;
    const Shape per_channel = turns ? Shape{channels, 1, 1} : Shape{channels};
    std::vector<float> scale, shift;
    for (int64_t c = 0; c < channels; ++c) {
      scale.push_back(1.5F + static_cast<float>(c) / 7);
      shift.push_back(0.3F - static_cast<float>(c) / 11);
    }
    int32_t at = image;
    const auto next = [&](const char* node, OpParams op, std::vector<int32_t> inputs, int32_t made) {
      b.node(node, std::move(op), std::move(inputs), {made});
      at = made;
    };
    next("pad",
         turns ? PadParams{.before = {0, 0, top, left}, .after = {0, 0, bottom, 0}}
               : PadParams{.before = {0, top, left, 0}, .after = {0, bottom, 0, 0}},
         {at}, b.activation("padded", DataType::kF32, shape));
    next("scale", BinaryParams{.kind = BinaryKind::kMul, .clamp = {}},
         {at, b.constant("scales", DataType::kF32, per_channel, scale)}, b.activation("scaled", DataType::kF32, shape));
    next("shift", BinaryParams{.kind = BinaryKind::kAdd, .clamp = {}},
         {at, b.constant("shifts", DataType::kF32, per_channel, shift)}, b.activation("shifted", DataType::kF32, shape));
    if (turns) next("quantize", QuantizeParams{}, {at}, b.u8_activation("between", shape, quant));
    next("last", turns ? OpParams{TransposeParams{{0, 2, 3, 1}}} : OpParams{QuantizeParams{}}, {at}, quantized);
  } else if (first == First::kPool) {
    const int32_t between = b.activation("between", DataType::kF32, nhwc);
    b.node("pool", Pool2dParams{}, {image}, {between});
    b.node("quantize", QuantizeParams{}, {between}, {quantized});
  } else {
    b.node("quantize", QuantizeParams{}, {image}, {quantized});
  }
  std::mt19937 random(3);
  std::vector<int8_t> weights(static_cast<size_t>(4 * 9 * channels));
  for (int8_t& v : weights) v = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
  const Shape made{n, padded[1], padded[2], 4};
  const int32_t result = b.u8_activation("result", made, {0.5F, 100});
  b.node("conv", Conv2dParams{.pads = {1, 1, 1, 1}},
         {quantized, b.constant("weights", DataType::kS8, {4, 3, 3, channels}, weights, {0.01F})}, {result});
  const int32_t real = b.activation("real", DataType::kF32, made);
  b.node("dequantize", DequantizeParams{}, {result}, {real});
  b.output(real);
  return b.take();
}

Model checked(PackedModel packed) {
  const Status status = check_model(packed);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

std::vector<std::byte> bytes_of(const TensorView& view) {
  const auto* data = static_cast<const std::byte*>(view.data);
  return {data, data + view.byte_count()};
}

using Tensors = std::map<std::string, std::vector<std::byte>>;

Tensors tensors_of(Session& session) {
  Tensors found;
  session.run([&](const std::string& name, const TensorView& tensor) { found[name] = bytes_of(tensor); });
  found["(output)"] = bytes_of(session.output());
  return found;
}

Preprocessing parse(const std::string& spec) {
  const Result<Preprocessing> p = Preprocessing::parse(spec);
  REQUIRE_MESSAGE(p.ok(), p.error().message);
  return *p;
}

Error refusal(const Model& model, const PixelInput& pixels) {
  const Result<Session> session = Session::create(model, {.threads = 1, .pixels = pixels});
  REQUIRE(!session.ok());
  return session.error();
}

}  // namespace

TEST_CASE("a session fed pixels gives every byte that it gives for the normalized f32 image") {
  const uint32_t seed = 77;
  CAPTURE(seed);
  std::mt19937 random(seed);
  struct Source {
    First first;
    int64_t channels;
    Layout layout;
    const char* kernel;
  };
  const Source sources[] = {{First::kQuantizeTranspose, 3, Layout::kNchw, "pixels"},
                            {First::kChainTranspose, 3, Layout::kNchw, "pixels"},
                            {First::kChain, 3, Layout::kNhwc, "pixels"},
                            {First::kChain, 1, Layout::kNhwc, "pixels"},
                            {First::kQuantize, 3, Layout::kNhwc, "pixels"},
                            {First::kQuantize, 1, Layout::kNhwc, "pixels"}};
  const char* specs[] = {"raw", "imagenet", "tf", "caffe", "raw,scale=1/7:3:-1,mean=0.1:200:-5,std=0.3:-2:1e-30"};
  for (const Source& source : sources) {
    for (const std::string spec : specs) {
      for (const QuantParams quant : {QuantParams{0.0187F, 114}, {1.0F, 0}, {1e-20F, 255}, {0.5F, 7}}) {
        CAPTURE(spec);
        CAPTURE(quant.scale);
        CAPTURE(source.kernel);
        if (source.channels == 1 && spec.find(':') != std::string::npos) continue;
        const bool gray = source.channels == 1;
        if (gray && (spec == "imagenet" || spec == "caffe")) continue;
        const Preprocessing p = parse(spec + (gray ? ",color=gray" : ""));
        const Model model = checked(image_net(source.first, source.channels, quant));
        constexpr int64_t kBatch = 2;
        Result<Session> from_f32 = Session::create(model, {.threads = 1, .batch = kBatch});
        Result<Session> from_u8 =
            Session::create(model, {.threads = 2, .batch = kBatch, .pixels = pixel_input(p, source.layout)});
        REQUIRE(from_f32.ok());
        REQUIRE_MESSAGE(from_u8.ok(), from_u8.error().message);
        CHECK(from_u8->input().type == DataType::kU8);
        CHECK(from_u8->input().shape == Shape{kBatch, 37, 53, source.channels});
        CHECK(from_u8->steps()[0].kernel == source.kernel);
        CHECK(from_u8->arena_bytes() < from_f32->arena_bytes());

        const auto count = static_cast<size_t>(37 * 53 * source.channels);
        for (size_t i = 0; i < kBatch; ++i) {
          Image image{53, 37, static_cast<int>(source.channels), std::vector<uint8_t>(count)};
          for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(random());
          std::copy(image.pixels.begin(), image.pixels.end(), from_u8->input().as<uint8_t>().begin() + i * count);
          normalize(image, p, source.layout, from_f32->input().as<float>().subspan(i * count, count));
        }
        if (source.first == First::kChain || source.first == First::kChainTranspose) {
          CHECK(from_f32->steps()[0].kernel == "quantize_image");
        }
        const Tensors expected = tensors_of(*from_f32);
        for (const auto& tensor : tensors_of(*from_u8)) {
          if (tensor.first != "image") CHECK_MESSAGE(tensor.second == expected.at(tensor.first), tensor.first);
        }
      }
    }
  }
}

TEST_CASE("an image chain gives the bytes of its nodes one by one") {
  for (const First first : {First::kChain, First::kChainTranspose}) {
    for (const int64_t channels : {1, 3, 5}) {
      CAPTURE(channels);
      PackedModel apart = image_net(first, channels, {0.02F, 100});
      for (const size_t node : {0, 1, 2}) apart.outputs.push_back(apart.nodes[node].outputs[0]);
      Result<Session> chained = Session::create(checked(image_net(first, channels, {0.02F, 100})), {.threads = 1});
      Result<Session> alone = Session::create(checked(std::move(apart)), {.threads = 1});
      REQUIRE(chained.ok());
      REQUIRE(alone.ok());
      const bool fits = first == First::kChainTranspose || channels != 5;  // 5 do not repeat within a vector's 48
      CHECK((chained->steps().size() + 2 < alone->steps().size()) == fits);
      std::mt19937 random(7);
      for (Session* session : {&*chained, &*alone}) {
        random.seed(7);
        std::uniform_real_distribution<float> uniform(-2, 2);
        for (float& x : session->input().as<float>()) x = uniform(random);
      }
      const Tensors expected = tensors_of(*alone);
      for (const char* name : {"quantized", "(output)"}) CHECK(tensors_of(*chained).at(name) == expected.at(name));
    }
  }
}

TEST_CASE("a tensor of which only the size is read takes no memory for it, and may be one that pixels skip") {
  const auto made = [](bool follows) {
    PackedModel model = image_net(First::kChain, 3, {0.02F, 100});
    const auto id_of = [&](const std::string& name) {
      return static_cast<int32_t>(std::ranges::find(model.tensors, name, &PackedTensor::name) - model.tensors.begin());
    };
    const int32_t shifted = id_of("shifted"), result = id_of("result"), real = id_of("real");
    const auto add = [&](const char* name, int64_t height, int64_t width) {
      model.tensors.push_back({.name = name, .shape = {Shape::kDynamic, height, width, 4}});
      return static_cast<int32_t>(model.tensors.size() - 1);
    };
    const int32_t pooled = add("pooled", 1, 1), inner = add("inner", 41, 55), outer = add("outer", 41, 55);
    model.nodes.push_back({"pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {real}, {pooled}});
    const auto resize = [&](const char* name, int32_t src, int32_t like, int32_t dst) {
      const Shape& shape = model.tensors[static_cast<size_t>(dst)].shape;
      ResizeParams params{.mode = ResizeMode::kLinear};
      if (!follows) params.sizes = {shape[1], shape[2]};
      model.nodes.push_back({name, params, follows ? std::vector{src, like} : std::vector{src}, {dst}});
    };
    resize("to the chain", pooled, shifted, inner);
    resize("to the layer", inner, result, outer);
    model.outputs = {outer};
    return checked(std::move(model));
  };
  const PixelInput pixels = pixel_input(parse("raw"), Layout::kNhwc);
  Result<Session> follows = Session::create(made(true), {.threads = 1, .pixels = pixels});
  Result<Session> fixed = Session::create(made(false), {.threads = 1, .pixels = pixels});
  REQUIRE_MESSAGE(follows.ok(), follows.error().message);
  REQUIRE(fixed.ok());
  CHECK(follows->arena_bytes() == fixed->arena_bytes());
  for (Session* session : {&*follows, &*fixed}) {
    std::mt19937 random(5);
    for (uint8_t& x : session->input().as<uint8_t>()) x = static_cast<uint8_t>(random());
  }
  CHECK(tensors_of(*follows) == tensors_of(*fixed));
}

TEST_CASE("one channel in NCHW takes pixels without a transpose") {
  test::PackedBuilder b;
  const int32_t image = b.input("image", DataType::kF32, {1, 1, 2, 3});
  const int32_t quantized = b.u8_activation("quantized", {1, 1, 2, 3}, {0.5F, 3});
  b.node("quantize", QuantizeParams{}, {image}, {quantized});
  b.output(quantized);
  const Model model = checked(b.take());
  Result<Session> session =
      Session::create(model, {.threads = 1, .pixels = pixel_input(parse("raw,color=gray"), Layout::kNchw)});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  CHECK(session->input().shape == Shape{1, 2, 3, 1});
  std::iota(session->input().as<uint8_t>().begin(), session->input().as<uint8_t>().end(), uint8_t{10});
  session->run();
  CHECK(session->output().as<uint8_t>()[0] == 23);
  CHECK(session->output().as<uint8_t>()[5] == 33);
}

TEST_CASE("pixels are refused where the model does more to its image than quantize it") {
  const PixelInput rgb_planes = pixel_input(parse("tf"), Layout::kNchw);
  const PixelInput rgb = pixel_input(parse("tf"), Layout::kNhwc);
  for (const auto& [first, pixels] : {std::pair{First::kTransposeQuantize, rgb_planes}, {First::kPool, rgb}}) {
    const Error error = refusal(checked(image_net(first, 3, {0.02F, 128}, "picture")), pixels);
    CHECK(error.code == ErrorCode::kUnsupported);
    CHECK(error.message.find("'picture' cannot be fed as pixels") != std::string::npos);
  }
  // Somebody else wants the f32 image, or the bytes in the order in which they are quantized.
  PackedModel shared = image_net(First::kQuantize, 3, {0.02F, 128});
  shared.outputs.push_back(shared.inputs[0]);
  CHECK(refusal(checked(std::move(shared)), rgb).code == ErrorCode::kUnsupported);
  PackedModel planes = image_net(First::kQuantizeTranspose, 3, {0.02F, 128});
  planes.outputs.push_back(planes.nodes[0].outputs[0]);
  CHECK(refusal(checked(std::move(planes)), rgb_planes).code == ErrorCode::kUnsupported);
}

TEST_CASE("pixels of other channels or of no such axis are wrong usage") {
  const Model model = checked(image_net(First::kQuantizeTranspose, 3, {0.02F, 128}));
  PixelInput pixels = pixel_input(parse("tf"), Layout::kNchw);
  pixels.channel_axis = 2;
  CHECK(refusal(model, pixels).code == ErrorCode::kUsage);
  pixels.channel_axis = 3;  // 53 pixels wide
  CHECK(refusal(model, pixels).message.find("1x3x37x53") != std::string::npos);
  pixels = pixel_input(parse("tf,color=gray"), Layout::kNchw);
  CHECK(refusal(model, pixels).message.find("pixels of 1 channels") != std::string::npos);
  CHECK(refusal(model, PixelInput{}).code == ErrorCode::kUsage);
}

TEST_CASE("preprocess fills an input of either type") {
  const Preprocessing p = parse("tf,size=4x3");
  const Image image{9, 7, 3, std::vector<uint8_t>(9 * 7 * 3, 200)};
  const ImageInput input{4, 3, 3, Layout::kNhwc};
  std::vector<float> f32(36);
  std::vector<uint8_t> u8(36);
  REQUIRE(preprocess(image, p, input, TensorView{DataType::kF32, {1, 3, 4, 3}, f32.data()}).ok());
  REQUIRE(preprocess(image, p, input, TensorView{DataType::kU8, {1, 3, 4, 3}, u8.data()}).ok());
  const PixelInput pixels = pixel_input(p, Layout::kNhwc);
  for (size_t i = 0; i < 36; ++i) CHECK(f32[i] == pixels.values[i % 3][u8[i]]);
  CHECK(preprocess(image, p, input, TensorView{DataType::kU8, {1, 3, 3, 3}, u8.data()}).error().code ==
        ErrorCode::kUsage);
  CHECK(preprocess(image, p, input, TensorView{DataType::kS8, {1, 3, 4, 3}, u8.data()}).error().code ==
        ErrorCode::kUsage);
}

}  // namespace octet
