// One file for every image size: what a size went into is found, and undone or named.
#include "converter/open_sizes.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "converter/precision.h"
#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

using Shapes = std::map<std::string, Shape>;
using Ints = std::vector<int64_t>;
constexpr int64_t kN = Shape::kDynamic;

std::vector<float> some_floats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-0.5F, 0.5F);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(random);
  return values;
}

SourceBuilder& add_conv(SourceBuilder& source, const std::string& x, const std::string& y, int64_t from, int64_t to,
                        SourceBuilder::Attributes attributes = {{"pads", Ints{1, 1, 1, 1}}}) {
  source.f32(y + ".w", {to, from, 3, 3}, some_floats(static_cast<size_t>(to * from * 9), 3));
  return source.node("Conv", {x, y + ".w"}, {y}, std::move(attributes));
}

// A convolution of stride 2, enlarged again to twice its size by the arithmetic of exporters, joined to what it came
// from; and a head that makes rows of pixels.
SourceBuilder detector() {
  SourceBuilder source;
  source.input("x", {kN, 3, kN, kN});
  add_conv(source, "x", "a", 3, 8).node("Relu", {"a"}, {"b"});
  add_conv(source, "b", "c", 8, 8, {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}}).node("Relu", {"c"}, {"d"});
  source.node("Shape", {"d"}, {"shape"}).s64("at2", {2}).s64("at4", {4}).s64("at0", {0});
  source.node("Slice", {"shape", "at2", "at4"}, {"hw"}).s64("two", {2, 2}).node("Mul", {"hw", "two"}, {"twice"});
  source.node("Slice", {"shape", "at0", "at2"}, {"nc"})
      .node("Concat", {"nc", "twice"}, {"sizes"}, {{"axis", int64_t{0}}});
  source.node("Resize", {"d", "", "", "sizes"}, {"e"},
              {{"mode", std::string("nearest")},
               {"nearest_mode", std::string("floor")},
               {"coordinate_transformation_mode", std::string("asymmetric")}});
  source.node("Concat", {"b", "e"}, {"f"}, {{"axis", int64_t{1}}});
  add_conv(source, "f", "g", 16, 6);
  source.node("Transpose", {"g"}, {"h"}, {{"perm", Ints{0, 2, 3, 1}}});
  source.node("Shape", {"h"}, {"hs"}).s64("at1", {1}).s64("at3", {3});
  source.node("Slice", {"hs", "at1", "at2"}, {"rows"}).node("Slice", {"hs", "at2", "at3"}, {"columns"});
  source.node("Mul", {"rows", "columns"}, {"pixels"}).node("Slice", {"hs", "at0", "at1"}, {"n"}).s64("six", {6});
  source.node("Concat", {"n", "pixels", "six"}, {"dims"}, {{"axis", int64_t{0}}});
  source.node("Reshape", {"h", "dims"}, {"y"}).output("y");
  return source;
}

Result<Reading> read(const SourceBuilder& source, const Shapes& shapes) {
  ImportReport report;
  OCTET_TRY(Graph graph, source.build(report, {shapes}));
  OCTET_CHECK(run_passes(graph));
  return Reading{std::move(graph), std::move(report.arithmetic)};
}

Result<OpenSizes> free_sizes_of(const SourceBuilder& source, Reading& own, const OpenAxes& axes = {{"x", {2, 3}}}) {
  return free_sizes(own.graph, own.arithmetic, axes, [&](const Shapes& shapes) { return read(source, shapes); });
}

// As `convert` makes it at this size; open, or for this size alone. Ranges do not depend on the size.
PackedModel convert_at(const SourceBuilder& source, const Shape& shape, bool is_open) {
  Result<Reading> own = read(source, {{"x", shape}});
  REQUIRE_MESSAGE(own.ok(), own.error().message);
  OpenSizes sizes;
  if (is_open) {
    Result<OpenSizes> freed = free_sizes_of(source, *own);
    REQUIRE_MESSAGE(freed.ok(), freed.error().message);
    sizes = *freed;
    CHECK(sizes.trials.size() >= 2);
  }
  Ranges ranges;
  for (const Value& value : own->graph.values) {
    if (!value.is_constant()) ranges[value.name] = {-2, 6};
  }
  std::vector<std::string> notices;
  Result<PackedModel> packed = lower_int8(own->graph, ranges, {}, notices);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  if (!is_open) return *packed;
  Result<PackedModel> opened = with_open_sizes(std::move(*packed), sizes);
  REQUIRE_MESSAGE(opened.ok(), opened.error().message);
  return *opened;
}

Model model_of(PackedModel packed) {
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

std::vector<float> run(Session& session) {
  const auto x = some_floats(session.input().as<float>().size(), 8);
  std::copy(x.begin(), x.end(), session.input().as<float>().begin());
  session.run();
  const auto y = session.output().as<float>();
  return {y.begin(), y.end()};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether the open model gives, at each of these sizes, the bytes of one that is made for it.
void check_sizes(const SourceBuilder& source, PackedModel packed, const std::vector<Shape>& sizes) {
  const Model open = model_of(std::move(packed));
  for (const Shape& size : sizes) {
    CAPTURE(size.to_string());
    const Model fixed = model_of(convert_at(source, size, false));
    Result<Session> a = Session::create(open, {.threads = 1, .input_shapes = {size}});
    Result<Session> b = Session::create(fixed, {.threads = 1, .input_shapes = {size}});
    REQUIRE_MESSAGE(a.ok(), a.error().message);
    REQUIRE_MESSAGE(b.ok(), b.error().message);
    CHECK(a->output().shape == b->output().shape);
    CHECK(run(*a) == run(*b));
  }
}

// From "x" by a convolution and ReLU to b [N, 8, H, W], by what `build` adds to e, by ReLU to "y".
SourceBuilder network_around(const std::function<void(SourceBuilder&)>& build) {
  SourceBuilder source;
  source.input("x", {1, 3, kN, kN});
  add_conv(source, "x", "a", 3, 8).node("Relu", {"a"}, {"b"});
  build(source);
  source.node("Relu", {"e"}, {"y"}).output("y");
  return source;
}

// Why the sizes of a network cannot stay open.
std::string refusal(const SourceBuilder& source) {
  Result<Reading> own = read(source, {{"x", {1, 3, 6, 8}}});
  REQUIRE_MESSAGE(own.ok(), own.error().message);
  const Result<OpenSizes> freed = free_sizes_of(source, *own);
  REQUIRE(!freed.ok());
  CHECK(freed.error().code == ErrorCode::kUnsupported);
  CHECK(has(freed.error().message, "; --input-shape x=1x3x6x8 instead of --open-sizes"));
  return freed.error().message;
}

}  // namespace

TEST_CASE("one integer file serves images of every size with the bytes of a file made for that size") {
  const SourceBuilder source = detector();
  const Model open = model_of(convert_at(source, {1, 3, 6, 8}, true));
  CHECK(open.inputs()[0].shape == Shape{kN, 3, kN, kN});
  CHECK(open.outputs()[0].shape == Shape{kN, kN, 6});
  std::vector<Session> sessions;
  const std::vector<Shape> sizes{{1, 3, 6, 8}, {1, 3, 10, 4}, {2, 3, 32, 18}};
  for (const Shape& size : sizes) {
    Result<Session> session = Session::create(open, {.threads = 1, .input_shapes = {size}});
    REQUIRE_MESSAGE(session.ok(), session.error().message);
    sessions.push_back(std::move(*session));
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Model fixed = model_of(convert_at(source, sizes[i], false));
    Result<Session> session = Session::create(fixed, {.threads = 1, .input_shapes = {sizes[i]}});
    REQUIRE_MESSAGE(session.ok(), session.error().message);
    CHECK(sessions[i].output().shape == session->output().shape);
    CHECK(run(sessions[i]) == run(*session));
  }
  // What it was enlarged to no longer fits what it is joined with: 4 rows and 3.
  const Result<Session> odd = Session::create(open, {.threads = 1, .input_shapes = {{1, 3, 3, 4}}});
  REQUIRE(!odd.ok());
  CHECK(has(odd.error().message, "4"));
  CHECK(has(odd.error().message, "3"));
}

TEST_CASE("transposed convolutions, blocks of pixels and shuffled channels leave the size open") {
  using Build = void (*)(SourceBuilder&);  // from b [N, 8, H, W] to e
  const std::pair<const char*, Build> cases[] = {
      {"transposed convolution",
       [](SourceBuilder& s) {
         s.f32("t.w", {8, 4, 2, 2}, some_floats(128, 4)).f32("t.b", {4}, some_floats(4, 5));
         s.node("ConvTranspose", {"b", "t.w", "t.b"}, {"e"}, {{"strides", Ints{2, 2}}});
       }},
      {"transposed convolution, overlapping and cut",
       [](SourceBuilder& s) {
         s.f32("t.w", {8, 4, 4, 3}, some_floats(384, 4));
         s.node("ConvTranspose", {"b", "t.w"}, {"e"}, {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 1, 1}}});
       }},
      {"transposed convolution, SAME",
       [](SourceBuilder& s) {
         s.f32("t.w", {8, 4, 3, 3}, some_floats(288, 4));
         s.node("ConvTranspose", {"b", "t.w"}, {"e"},
                {{"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}});
       }},
      {"depth to space",
       [](SourceBuilder& s) {
         s.node("DepthToSpace", {"b"}, {"e"}, {{"blocksize", int64_t{2}}});
       }},
      {"channel shuffle",
       [](SourceBuilder& s) {
         s.node("Shape", {"b"}, {"bs"}).s64("at2", {2}).s64("at4", {4}).node("Slice", {"bs", "at2", "at4"}, {"hw"});
         s.s64("apart", {1, 2, 4}).node("Concat", {"apart", "hw"}, {"dims"}, {{"axis", int64_t{0}}});
         s.node("Reshape", {"b", "dims"}, {"c"});
         s.node("Transpose", {"c"}, {"d"}, {{"perm", Ints{0, 2, 1, 3, 4}}}).node("Reshape", {"d", "bs"}, {"e"});
       }},
  };
  for (const auto& tried : cases) {
    CAPTURE(tried.first);
    const SourceBuilder source = network_around(tried.second);
    check_sizes(source, convert_at(source, {1, 3, 6, 8}, true), {{1, 3, 6, 8}, {1, 3, 5, 7}, {1, 3, 16, 9}});
  }
}

// F.interpolate(src, size=like.shape[2:]) as torch exports it, to dst.
SourceBuilder& add_resize_like(SourceBuilder& s, const std::string& src, const std::string& like,
                               const std::string& dst, const std::string& mode = "linear") {
  const auto part = [&](const std::string& x, int64_t from, int64_t to, const std::string& made) {
    s.s64(made + ".from", {from}).s64(made + ".to", {to}).node("Shape", {x}, {made + ".shape"});
    s.node("Slice", {made + ".shape", made + ".from", made + ".to"}, {made});
  };
  part(src, 0, 2, dst + ".nc");
  part(like, 2, 3, dst + ".h");
  part(like, 3, 4, dst + ".w");
  s.node("Concat", {dst + ".nc", dst + ".h", dst + ".w"}, {dst + ".sizes"}, {{"axis", int64_t{0}}});
  return s.node(
      "Resize", {src, "", "", dst + ".sizes"}, {dst},
      {{"mode", mode},
       {"nearest_mode", std::string("floor")},
       {"coordinate_transformation_mode", mode == "linear" ? std::string("pytorch_half_pixel") : "asymmetric"}});
}

// The types of what is resized to the size of another tensor.
std::vector<DataType> types_of_likes(const PackedModel& packed) {
  std::vector<DataType> types;
  for (const PackedNode& node : packed.nodes) {
    if (!std::holds_alternative<ResizeParams>(node.op) || node.inputs.size() < 2) continue;
    types.push_back(packed.tensors[static_cast<size_t>(node.inputs[kResizeSrc])].type);
  }
  return types;
}

TEST_CASE("a resize to the size of another tensor leaves the size open") {
  const SourceBuilder::Attributes halving{{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}};
  const SourceBuilder::Attributes pooling{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  using Build = std::function<void(SourceBuilder&)>;  // from b [N, 8, H, W] to e [N, 8, ...]
  const auto u8 = DataType::kU8, f32 = DataType::kF32;
  struct Case {
    const char* what;
    Build build;
    std::vector<DataType> types;
  };
  const Case cases[] = {
      {"feature pyramid",
       [&](SourceBuilder& s) {
         add_conv(s, "b", "c3", 8, 8, halving).node("Relu", {"c3"}, {"d3"});
         add_conv(s, "d3", "c4", 8, 8, halving).node("Relu", {"c4"}, {"d4"});
         add_conv(s, "d4", "c5", 8, 8, halving);
         add_resize_like(s, "c5", "d4", "up5", "nearest").node("Add", {"up5", "d4"}, {"p4"});
         add_resize_like(s, "p4", "d3", "up4", "nearest").node("Add", {"up4", "d3"}, {"p3"});
         add_conv(s, "p3", "e", 8, 8);
       },
       {u8, u8}},
      {"image pooling",
       [&](SourceBuilder& s) {
         add_conv(s, "b", "c", 8, 8, halving).node("Relu", {"c"}, {"d"}).node("GlobalAveragePool", {"d"}, {"pool"});
         s.f32("p.w", {8, 8, 1, 1}, some_floats(64, 6)).node("Conv", {"pool", "p.w"}, {"p"}).node("Relu", {"p"}, {"q"});
         add_resize_like(s, "q", "d", "spread").node("Concat", {"d", "spread"}, {"f"}, {{"axis", int64_t{1}}});
         add_conv(s, "f", "e", 16, 8);
       },
       {u8}},
      {"U-Net",
       [&](SourceBuilder& s) {
         s.node("MaxPool", {"b"}, {"b2"}, pooling);
         add_conv(s, "b2", "c2", 8, 8).node("Relu", {"c2"}, {"d2"}).node("MaxPool", {"d2"}, {"b4"}, pooling);
         add_conv(s, "b4", "c4", 8, 8);
         add_resize_like(s, "c4", "d2", "up2").node("Concat", {"up2", "d2"}, {"j2"}, {{"axis", int64_t{1}}});
         add_conv(s, "j2", "f2", 16, 8);
         add_resize_like(s, "f2", "b", "up1").node("Concat", {"up1", "b"}, {"j1"}, {{"axis", int64_t{1}}});
         add_conv(s, "j1", "e", 16, 8);
       },
       {u8, u8}},
      {"a map of the image's size",
       [&](SourceBuilder& s) {
         add_conv(s, "b", "c", 8, 8, halving).node("Relu", {"c"}, {"d"});
         add_conv(s, "d", "f", 8, 8, halving);
         add_resize_like(s, "f", "x", "e");
       },
       {f32}},
      {"what scales or another tensor would do as well at most sizes",
       [&](SourceBuilder& s) {
         add_conv(s, "b", "c2", 8, 8, halving).node("MaxPool", {"c2"}, {"d4"}, pooling);  // up, then down
         s.node("MaxPool", {"b"}, {"e2"}, pooling).node("MaxPool", {"e2"}, {"e4"}, pooling);
         add_conv(s, "d4", "c8", 8, 8, halving).node("Relu", {"c8"}, {"d8"});
         add_resize_like(s, "d8", "d4", "f4").node("Add", {"f4", "d4"}, {"g4"});
         s.node("GlobalAveragePool", {"e4"}, {"p"}).node("Add", {"g4", "p"}, {"q"});
         add_resize_like(s, "p", "e4", "spread")
             .node("Add", {"spread", "e4"}, {"r"})
             .node("GlobalAveragePool", {"r"}, {"t"});
         s.node("Add", {"q", "t"}, {"u"});
         add_conv(s, "u", "e", 8, 8);
       },
       {u8, u8}},
  };
  for (const Case& tried : cases) {
    CAPTURE(tried.what);
    const SourceBuilder source = network_around(tried.build);
    const PackedModel packed = convert_at(source, {1, 3, 16, 8}, true);
    CHECK(types_of_likes(packed) == tried.types);
    check_sizes(source, packed,
                {{1, 3, 16, 8},
                 {1, 3, 13, 15},
                 {1, 3, 17, 30},
                 {1, 3, 22, 11},
                 {1, 3, 83, 95},
                 {1, 3, 34, 36},
                 {1, 3, 35, 38}});
  }
}

// x.view(n, parts, -1) and back, as torch exports GroupNorm: between them InstanceNormalization of its groups.
SourceBuilder& add_group_norm(SourceBuilder& s, const std::string& x, const std::string& y, int64_t groups,
                              int64_t channels) {
  const auto count = static_cast<size_t>(groups);
  s.s64(y + ".groups", {0, groups, -1}).node("Reshape", {x, y + ".groups"}, {y + ".grouped"});
  s.f32(y + ".ones", {groups}, std::vector<float>(count, 1)).f32(y + ".zeros", {groups}, std::vector<float>(count, 0));
  s.node("InstanceNormalization", {y + ".grouped", y + ".ones", y + ".zeros"}, {y + ".normal"});
  s.node("Shape", {x}, {y + ".shape"}).node("Reshape", {y + ".normal", y + ".shape"}, {y + ".back"});
  s.f32(y + ".scale", {channels, 1, 1}, some_floats(static_cast<size_t>(channels), 12));
  s.f32(y + ".shift", {channels, 1, 1}, some_floats(static_cast<size_t>(channels), 13));
  return s.node("Mul", {y + ".back", y + ".scale"}, {y + ".scaled"}).node("Add", {y + ".scaled", y + ".shift"}, {y});
}

TEST_CASE("group normalization, which joins pixels and takes them apart, leaves the size open") {
  SourceBuilder source;
  source.input("x", {1, 3, kN, kN});
  add_conv(source, "x", "a", 3, 8, {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}});
  add_group_norm(source, "a", "b", 4, 8).node("Relu", {"b"}, {"c"});
  add_conv(source, "c", "d", 8, 8);
  add_group_norm(source, "d", "e", 2, 8).node("Relu", {"e"}, {"y"}).output("y");
  check_sizes(source, convert_at(source, {1, 3, 6, 10}, true),
              {{1, 3, 6, 10}, {1, 3, 5, 7}, {1, 3, 8, 6}, {1, 3, 16, 9}, {1, 3, 13, 14}});
}

TEST_CASE("an open model can be fixed again at one size") {
  const Model open = model_of(convert_at(detector(), {1, 3, 6, 8}, true));
  const Result<Model> fixed = with_input_shapes(open, {{"x", {1, 3, 4, 6}}});
  REQUIRE_MESSAGE(fixed.ok(), fixed.error().message);
  CHECK(fixed->inputs()[0].shape == Shape{kN, 3, 4, 6});
  CHECK(fixed->outputs()[0].shape == Shape{kN, 24, 6});
  CHECK(has(with_input_shapes(open, {{"x", {1, 4, 4, 6}}}).error().message, "1x4x4x6"));
  CHECK(has(with_input_shapes(*fixed, {{"x", {1, 3, 4, 8}}}).error().message, "Nx3x4x6"));
  CHECK(has(with_input_shapes(open, {{"z", {1, 3, 4, 6}}}).error().message, "'z'"));
}

TEST_CASE("what follows the size and has no form without it is named") {
  SourceBuilder positions;  // x + arange(w)
  positions.input("x", {kN, 3, kN, kN}).node("Shape", {"x"}, {"s"}).s64("three", {3}).s64("four", {4});
  positions.node("Slice", {"s", "three", "four"}, {"w1"}).node("Squeeze", {"w1"}, {"w"});
  positions.model.constants.emplace_back("zero", octet::Tensor::s64(Shape{}, std::span<const int64_t>(Ints{0})));
  positions.model.constants.emplace_back("one", octet::Tensor::s64(Shape{}, std::span<const int64_t>(Ints{1})));
  positions.node("Range", {"zero", "w", "one"}, {"r"}).node("Cast", {"r"}, {"rf"}, {{"to", int64_t{1}}});
  positions.node("Add", {"x", "rf"}, {"y"}).output("y");
  const std::string constant = refusal(positions);
  CHECK(has(constant, "'Add"));
  CHECK(has(constant, "follows the size"));
  CHECK(has(constant, "8 and 24"));

  SourceBuilder padded;  // an even size needs another padding than an odd one
  padded.input("x", {kN, 3, kN, kN});
  add_conv(padded, "x", "y", 3, 4, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}}).output("y");
  CHECK(has(refusal(padded), "(conv2d)"));
  SourceBuilder even;  // stride 1: the same padding for all
  even.input("x", {kN, 3, kN, kN});
  add_conv(even, "x", "y", 3, 4, {{"auto_pad", std::string("SAME_UPPER")}}).output("y");
  Result<Reading> own = read(even, {{"x", {1, 3, 6, 8}}});
  REQUIRE(own.ok());
  CHECK(free_sizes_of(even, *own).ok());

  SourceBuilder fixed;  // a reshape that the file itself spells out
  fixed.input("x", {kN, 3, kN, kN}).s64("dims", {1, 144}).node("Reshape", {"x", "dims"}, {"y"}).output("y");
  const std::string reshape = refusal(fixed);
  CHECK(has(reshape, "Reshape"));
  CHECK(has(reshape, "144"));
  CHECK(has(reshape, "12x24"));

  SourceBuilder split;  // twice as many rows of half as many pixels
  split.input("x", {kN, 3, kN, kN}).node("Shape", {"x"}, {"s"}).s64("at2", {2}).s64("at3", {3}).s64("at4", {4});
  split.node("Slice", {"s", "at2", "at3"}, {"h"}).node("Slice", {"s", "at3", "at4"}, {"w"}).s64("parts", {1, 3});
  split.s64("two", {2}).node("Mul", {"h", "two"}, {"rows"}).node("Div", {"w", "two"}, {"columns"});
  split.node("Concat", {"parts", "rows", "columns"}, {"dims"}, {{"axis", int64_t{0}}})
      .node("Reshape", {"x", "dims"}, {"y"})
      .output("y");
  const std::string parameters = refusal(split);
  CHECK(has(parameters, "(reshape)"));
  CHECK(has(parameters, "3x12x4"));
  CHECK(has(parameters, "3x24x12"));
}

TEST_CASE("without a word in the file, height and width of images are what can stay open") {
  SourceBuilder source;
  source.input("nchw", {1, 3, 4, 5}).input("nhwc", {1, 4, 5, 3}).input("row", {1, 7});
  source.node("Relu", {"nchw"}, {"a"}).node("Relu", {"nhwc"}, {"b"}).node("Relu", {"row"}, {"c"});
  source.output("a").output("b").output("c");
  const Graph graph = source.graph();
  CHECK(choose_open_axes(graph, {}) == OpenAxes{{"nchw", {2, 3}}, {"nhwc", {1, 2}}});
  CHECK(choose_open_axes(graph, {{"row", {1}}}) == OpenAxes{{"row", {1}}});
}

}  // namespace octet::test
