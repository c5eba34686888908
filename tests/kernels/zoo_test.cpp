// The zoo: what each of its operations computes, and what it refuses.
#include <cmath>

#include "kernels/unary/unary.h"
#include "kernels/zoo/compare.h"
#include "kernels/zoo/cumulative_sum.h"
#include "kernels/zoo/index.h"
#include "kernels/zoo/math.h"
#include "kernels/zoo/non_max_suppression.h"
#include "kernels/zoo/recurrent.h"
#include "kernels/zoo/top_k.h"
#include "kernels/zoo/where.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;
using U8s = std::vector<uint8_t>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor bools(const Shape& shape, const U8s& values) {
  return make_tensor<uint8_t>(DataType::kBool, shape, values);
}
Tensor constant(Tensor tensor) {
  tensor.constant = true;
  return tensor;
}

// All outputs of an op with several, which have these types.
template <class Params>
std::vector<Tensor> run_all(const Params& params, const std::vector<Tensor>& inputs,
                            const std::vector<DataType>& types) {
  const std::vector<TensorDesc> descs = descs_of(inputs);
  const auto shapes = infer_shapes(params, descs);
  REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
  REQUIRE(shapes->size() == types.size());
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < types.size(); ++i) {
    outputs.push_back({.type = types[i], .shape = (*shapes)[i]});
    outputs.back().allocate();
  }
  const std::vector<TensorDesc> output_descs = descs_of(outputs);
  const Status status = check_types(params, descs, output_descs);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  const Result<Kernel> kernel = kernel_table(params).back().prepare({params, descs, output_descs, 1});
  REQUIRE_MESSAGE(kernel.ok(), kernel.error().message);
  std::vector<const void*> src;
  std::vector<void*> dst;
  for (const Tensor& input : inputs) src.push_back(input.bytes.data());
  for (Tensor& output : outputs) dst.push_back(output.bytes.data());
  (*kernel)({src.data(), dst.data()});
  return outputs;
}

}  // namespace

TEST_CASE("compare broadcasts, and a NaN equals nothing") {
  const auto compare = [](CompareKind kind, const Tensor& a, const Tensor& b) {
    return values_of<uint8_t>(run_reference(CompareParams{kind}, {a, b}, Tensor{.type = DataType::kBool}));
  };
  const Tensor row = f32({1, 3}, {1, NAN, 3}), column = f32({2, 1}, {1, 3});
  CHECK(compare(CompareKind::kEqual, row, column) == U8s{1, 0, 0, 0, 0, 1});
  CHECK(compare(CompareKind::kLess, row, column) == U8s{0, 0, 0, 1, 0, 0});
  CHECK(compare(CompareKind::kLessOrEqual, row, column) == U8s{1, 0, 0, 1, 0, 1});
  CHECK(compare(CompareKind::kLess, s64({2}, {kLowest, kHighest}), s64({}, {0})) == U8s{1, 0});
  const Tensor a = bools({4}, {0, 0, 1, 7}), b = bools({4}, {0, 1, 0, 2});
  CHECK(compare(CompareKind::kAnd, a, b) == U8s{0, 0, 0, 1});
  CHECK(compare(CompareKind::kOr, a, b) == U8s{0, 1, 1, 1});
  CHECK(compare(CompareKind::kXor, a, b) == U8s{0, 1, 1, 0});
  CHECK(!takes_types(CompareParams{CompareKind::kAnd}, {row, row}, bools({1, 3}, {0, 0, 0})));
  CHECK(!takes_types(CompareParams{CompareKind::kEqual}, {a, a}, a));
  CHECK(refusal_of(CompareParams{}, {{2}, {3}}) != "");
  CHECK(contains(refusal_of(CompareParams{CompareKind{99}}, {{2}, {2}}), "99"));
}

TEST_CASE("compare and where give the same bytes with any number of threads") {
  Random random{5};
  RowCounts compared, chosen;
  const Tensor x = random_f32({kLarge}, -1, 1, random), zero = f32({}, {0});
  check_rows_agree(CompareParams{CompareKind::kLess}, {x, zero}, Tensor{.type = DataType::kBool}, compared);
  const Tensor positive = run_reference(CompareParams{CompareKind::kLess}, {zero, x}, Tensor{.type = DataType::kBool});
  check_rows_agree(WhereParams{}, {positive, x, zero}, like(x), chosen);
  check_all_rows_ran(CompareParams{}, compared);
  check_all_rows_ran(WhereParams{}, chosen);
}

TEST_CASE("where broadcasts three tensors of any type") {
  const Tensor condition = bools({2, 1}, {1, 0});
  const auto result = [&](const Tensor& a, const Tensor& b) {
    return run_reference(WhereParams{}, {condition, a, b}, like(a));
  };
  CHECK(values_of<float>(result(f32({3}, {1, 2, 3}), f32({1}, {9}))) == Floats{1, 2, 3, 9, 9, 9});
  CHECK(values_of<int64_t>(result(s64({1}, {4}), s64({2}, {5, 6}))) == Ints{4, 4, 5, 6});
  CHECK(!takes_types(WhereParams{}, {condition, f32({1}, {1}), s64({1}, {1})}, f32({2, 1}, {0, 0})));
}

TEST_CASE("top_k orders by value and then by index, with NaN above everything") {
  const Tensor src = f32({1, 5}, {2, NAN, 3, 3, -kInfinity});
  const auto top = [&](TopKParams params) { return run_all(params, {src}, {DataType::kF32, DataType::kS64}); };
  CHECK(values_of<int64_t>(top({.axis = 1, .count = 3})[1]) == Ints{1, 2, 3});
  CHECK(values_of<int64_t>(top({.axis = 1, .count = 3, .last = true})[1]) == Ints{1, 3, 2});
  CHECK(values_of<int64_t>(top({.axis = 1, .count = 2, .largest = false})[1]) == Ints{4, 0});
  CHECK(values_of<float>(top({.axis = 1, .count = 2, .largest = false})[0]) == Floats{-kInfinity, 2});
  CHECK(values_of<int64_t>(top({.axis = 0, .count = 1})[1]) == Ints{0, 0, 0, 0, 0});
  CHECK(contains(refusal_of(TopKParams{.axis = 1, .count = 6}, {{1, 5}}), "6 of 5"));
  CHECK(refusal_of(TopKParams{.axis = 2, .count = 1}, {{1, 5}}) != "");
}

TEST_CASE("cumulative_sum runs either way, with or without the element itself") {
  const auto sum = [](CumulativeSumParams params) {
    return values_of<float>(
        run_reference(params, {f32({2, 3}, {1, 2, 3, 10, 20, 30})}, Tensor{.type = DataType::kF32}));
  };
  CHECK(sum({.axis = 1}) == Floats{1, 3, 6, 10, 30, 60});
  CHECK(sum({.axis = 1, .exclusive = true}) == Floats{0, 1, 3, 0, 10, 30});
  CHECK(sum({.axis = 1, .reverse = true}) == Floats{6, 5, 3, 60, 50, 30});
  CHECK(sum({.axis = 0, .exclusive = true, .reverse = true}) == Floats{10, 20, 30, 0, 0, 0});
  CHECK(refusal_of(CumulativeSumParams{.axis = -1}, {{2, 3}}) != "");
}

TEST_CASE("math functions are those of the library, rounded once") {
  constexpr double (*kExpected[])(double) = {std::sin,  std::cos,  std::tan,   std::asin,  std::acos, std::atan,
                                             std::sinh, std::cosh, std::asinh, std::acosh, std::atanh};
  const Floats points = {-3, -1, -0.5F, 0, 0.25F, 1, 2, NAN};
  for (int64_t kind = 0; kind < std::ssize(kExpected); ++kind) {
    CAPTURE(kind);
    const Tensor dst = run_reference(MathParams{MathKind{kind}}, {f32({8}, points)}, Tensor{.type = DataType::kF32});
    for (size_t i = 0; i < points.size(); ++i) {
      const auto expected = static_cast<float>(kExpected[kind](double{points[i]}));
      const float actual = dst.as<float>()[i];
      CHECK((actual == expected || (std::isnan(actual) && std::isnan(expected))));
    }
  }
  const Tensor sign =
      run_reference(MathParams{MathKind::kSign}, {f32({4}, {-2, -0.0F, 5, NAN})}, Tensor{.type = DataType::kF32});
  CHECK(sign.as<float>()[0] == -1);
  CHECK(sign.as<float>()[1] == 0);
  CHECK(sign.as<float>()[2] == 1);
  CHECK(std::isnan(sign.as<float>()[3]));
  CHECK(contains(refusal_of(MathParams{MathKind{12}}, {{2}}), "12"));
}

TEST_CASE("index gathers single elements, and zeros from outside") {
  const Tensor data = f32({2, 3}, {0, 1, 2, 10, 11, 12});
  const auto gather = [&](int64_t axis, const Tensor& indices) {
    return values_of<float>(run_reference(IndexParams{.axis = axis}, {data, indices}, like(data)));
  };
  CHECK(gather(1, s64({2, 2}, {2, -1, 0, -3})) == Floats{2, 2, 10, 10});
  CHECK(gather(0, s64({1, 3}, {1, 0, -1})) == Floats{10, 1, 12});
  CHECK(gather(1, s64({1, 3}, {3, -4, kLowest})) == Floats{0, 0, 0});
  const auto rows = [&](int64_t batch_dims, const Tensor& indices) {
    return values_of<float>(run_reference(IndexParams{.kind = IndexKind::kGatherNd, .batch_dims = batch_dims},
                                          {data, indices}, like(data)));
  };
  CHECK(rows(0, s64({2, 1}, {1, 0})) == Floats{10, 11, 12, 0, 1, 2});
  CHECK(rows(0, s64({2, 2}, {1, 2, 0, -1})) == Floats{12, 2});
  CHECK(rows(1, s64({2, 1}, {2, 0})) == Floats{2, 10});
  CHECK(rows(0, s64({1, 2}, {0, 3})) == Floats{0});
}

TEST_CASE("index scatters: the last update stays, or all are combined; what lies outside is dropped") {
  const Tensor data = f32({4}, {1, 2, 3, 4});
  const auto scatter = [&](ScatterReduction reduction, const Ints& places, const Floats& updates) {
    const Shape shape{static_cast<int64_t>(places.size())};
    const IndexParams params{.kind = IndexKind::kScatterElements, .reduction = reduction};
    return values_of<float>(run_reference(params, {data, s64(shape, places), f32(shape, updates)}, like(data)));
  };
  CHECK(scatter(ScatterReduction::kNone, {0, -1, 0, 4}, {10, 20, 30, 40}) == Floats{30, 2, 3, 20});
  CHECK(scatter(ScatterReduction::kAdd, {1, 1, -5}, {10, 20, 30}) == Floats{1, 32, 3, 4});
  CHECK(scatter(ScatterReduction::kMul, {1, 1}, {10, 20}) == Floats{1, 400, 3, 4});
  CHECK(scatter(ScatterReduction::kMin, {1, 3}, {10, 2}) == Floats{1, 2, 3, 2});
  CHECK(scatter(ScatterReduction::kMax, {1, 3}, {10, 2}) == Floats{1, 10, 3, 4});
  const Tensor wide = s64({2, 2}, {1, 2, 3, kHighest});
  const IndexParams nd{.kind = IndexKind::kScatterNd, .reduction = ScatterReduction::kAdd};
  CHECK(values_of<int64_t>(run_reference(nd, {wide, s64({1, 1}, {1}), s64({1, 2}, {7, 1})}, like(wide))) ==
        Ints{1, 2, 10, kLowest});
}

TEST_CASE("index refuses shapes that do not fit each other") {
  const IndexParams elements{.kind = IndexKind::kScatterElements}, nd{.kind = IndexKind::kGatherNd};
  CHECK(contains(refusal_of(IndexParams{.axis = 1}, {{2, 3}, {3, 3}}), "2x3 and indices 3x3"));
  CHECK(contains(refusal_of(elements, {{4}, {2}, {3}}), "updates 3"));
  CHECK(contains(refusal_of(nd, {{2, 3}, {5, 3}}), "indices 5x3"));
  CHECK(contains(refusal_of(IndexParams{.kind = IndexKind::kGatherNd, .batch_dims = 1}, {{2, 3}, {3, 1}}),
                 "indices 3x1"));
  CHECK(contains(refusal_of(IndexParams{.kind = IndexKind{4}}, {{2}, {2}}), "4"));
  CHECK(refusal_of(IndexParams{.axis = 7}, {{2}, {2}}) != "");
}

TEST_CASE("non_max_suppression keeps the best of boxes that overlap, best first, and fills up with -1") {
  const Tensor boxes = f32({1, 4, 4}, {0, 0, 2, 2, 0, 0, 2, 1.9F, 10, 10, 12, 12, 12, 12, 10, 10});
  const Tensor scores = f32({1, 1, 4}, {0.5F, 0.9F, 0.7F, 0.7F});
  const auto chosen = [&](NonMaxSuppressionParams params) {
    return values_of<int64_t>(run_reference(params, {boxes, scores}, Tensor{.type = DataType::kS64}));
  };
  CHECK(chosen({.max_boxes = 4, .iou_threshold = 0.5F, .score_threshold = 0.1F}) ==
        Ints{0, 0, 1, 0, 0, 2, -1, -1, -1, -1, -1, -1});
  CHECK(chosen({.max_boxes = 1, .iou_threshold = 0.5F, .score_threshold = 0.1F}) == Ints{0, 0, 1});
  CHECK(chosen({.max_boxes = 3, .iou_threshold = 1, .score_threshold = 0.6F}) == Ints{0, 0, 1, 0, 0, 2, 0, 0, 3});
  CHECK(refusal_of(NonMaxSuppressionParams{.max_boxes = -1}, {{1, 4, 4}, {1, 1, 4}}) != "");
  CHECK(contains(refusal_of(NonMaxSuppressionParams{}, {{1, 4, 4}, {1, 1, 5}}), "1x1x5"));
}

TEST_CASE("recurrent steps through a sequence, and back") {
  // With H = I = 1, no bias and the activation x: h' = w x + r h.
  RecurrentParams params{.kind = RecurrentKind::kRnn, .hidden = 1};
  params.activations = {static_cast<int64_t>(UnaryKind::kIdentity)}, params.alphas = {0}, params.betas = {0};
  const Tensor x = f32({3, 1, 1}, {1, 2, 3}), w = constant(f32({1, 1, 1}, {10}));
  const Tensor r = constant(f32({1, 1, 1}, {0.5F}));
  const std::vector<DataType> types{DataType::kF32, DataType::kF32};
  const auto forward = run_all(params, {x, w, r}, types);
  CHECK(values_of<float>(forward[0]) == Floats{10, 25, 42.5F});
  CHECK(values_of<float>(forward[1]) == Floats{42.5F});
  params.direction = RecurrentDirection::kReverse;
  const auto reverse = run_all(params, {x, w, r, absent(), s64({1}, {2})}, types);
  CHECK(values_of<float>(reverse[0]) == Floats{20, 20, 0});
  CHECK(values_of<float>(reverse[1]) == Floats{20});
}

TEST_CASE("recurrent refuses weights of another shape and too few activations") {
  RecurrentParams params{.kind = RecurrentKind::kRnn, .hidden = 2};
  params.activations = {0}, params.alphas = {0}, params.betas = {0};
  CHECK(refusal_of(params, {{3, 1, 4}, {1, 2, 5}, {1, 2, 2}}) != "");
  CHECK(refusal_of(params, {{3, 1, 4}, {1, 2, 4}, {1, 2, 3}}) != "");
  params.activations = {999};
  CHECK(contains(refusal_of(params, {{3, 1, 4}, {1, 2, 4}, {1, 2, 2}}), "999"));
  params.activations.clear();
  CHECK(refusal_of(params, {{3, 1, 4}, {1, 2, 4}, {1, 2, 2}}) != "");
}

}  // namespace octet::test
