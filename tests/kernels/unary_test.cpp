#include "kernels/unary/unary.h"

#include <cmath>
#include <functional>

#include "kernels/quantization.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

struct Definition {
  UnaryParams params;
  std::function<double(double)> f;
  float min = -10, max = 10;
  double magnitude = 0;  // results below it are compared as if they were as large: their difference cancels in f32
};

const std::vector<Definition>& definitions() {
  static const std::vector<Definition> list = {
      {{UnaryKind::kIdentity}, [](double x) { return x; }},
      {{UnaryKind::kClip, -1, 2}, [](double x) { return std::min(std::max(x, -1.0), 2.0); }},
      {{UnaryKind::kLeakyRelu, 0.125F}, [](double x) { return x < 0 ? 0.125 * x : x; }},
      {{UnaryKind::kElu, 0.5F}, [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }},
      {{UnaryKind::kSigmoid}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {{UnaryKind::kTanh}, [](double x) { return std::tanh(x); }},
      {{UnaryKind::kHardSigmoid, 0.25F, 0.5F},
       [](double x) { return std::min(std::max(0.25 * x + 0.5, 0.0), 1.0); },
       -10,
       10,
       1},
      {{UnaryKind::kHardSwish}, [](double x) { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }, -10, 10, 1},
      {{UnaryKind::kExp}, [](double x) { return std::exp(x); }},
      {{UnaryKind::kLog}, [](double x) { return std::log(x); }, 0.001F, 100},
      {{UnaryKind::kSqrt}, [](double x) { return std::sqrt(x); }, 0, 100},
      {{UnaryKind::kNeg}, [](double x) { return -x; }},
      {{UnaryKind::kAbs}, [](double x) { return std::fabs(x); }},
      {{UnaryKind::kReciprocal}, [](double x) { return 1 / x; }, 0.1F, 100},
      {{UnaryKind::kFloor}, [](double x) { return std::floor(x); }},
      {{UnaryKind::kCeil}, [](double x) { return std::ceil(x); }},
      {{UnaryKind::kErf}, [](double x) { return std::erf(x); }},
      {{UnaryKind::kSoftplus}, [](double x) { return std::log1p(std::exp(x)); }},
      {{UnaryKind::kSoftsign}, [](double x) { return x / (1 + std::fabs(x)); }},
      {{UnaryKind::kSilu}, [](double x) { return x / (1 + std::exp(-x)); }},
      {{UnaryKind::kRound}, [](double x) { return std::nearbyint(x); }},
      {{UnaryKind::kGelu}, [](double x) { return x / 2 * std::erfc(-x * std::sqrt(0.5)); }},
      {{UnaryKind::kGeluTanh},
       [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
       -10,
       10,
       0.1},
      {{UnaryKind::kMish}, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
  };
  return list;
}

constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("unary has a definition for every kind, and every kind a name of its own") {
  std::map<std::string, int> names;
  for (size_t i = 0; i < definitions().size(); ++i) {
    CHECK(definitions()[i].params.kind == static_cast<UnaryKind>(i));
    ++names[to_string(static_cast<UnaryKind>(i))];
  }
  CHECK(names.size() == definitions().size());
  const auto behind = static_cast<UnaryKind>(definitions().size());
  CHECK(contains(refusal_of(UnaryParams{.kind = behind}, {{1}}), "kind is 24, but the last known one is 23"));
}

TEST_CASE("unary agrees with the definition in double to 1e-6") {
  const uint32_t seed = 50;
  CAPTURE(seed);
  Random random(seed);
  for (const Definition& definition : definitions()) {
    Tensor src = random_f32({20000}, definition.min, definition.max, random);
    for (size_t i = 0; i < 1000; ++i) src.as<float>()[i] *= 0.001F;
    const Tensor dst = run_reference(definition.params, {src}, Tensor{});
    double worst = 0;
    for (size_t i = 0; i < src.as<float>().size(); ++i) {
      const double x = static_cast<double>(src.as<float>()[i]);
      const double exact = definition.f(x);
      const double error = std::fabs(static_cast<double>(dst.as<float>()[i]) - exact);
      if (error > 0) worst = std::max(worst, error / std::max(std::fabs(exact), definition.magnitude));
    }
    CAPTURE(std::string(to_string(definition.params.kind)));
    CHECK(worst <= 1e-6);
  }
}

TEST_CASE("unary keeps its accuracy near 0 and its limits at infinity") {
  const auto at = [](UnaryKind kind, float x) { return evaluate({kind, 1, 0}, x); };
  for (const float x : {1e-6F, -1e-6F, 3e-4F, -3e-4F}) {
    CHECK(at(UnaryKind::kTanh, x) == doctest::Approx(std::tanh(x)).epsilon(1e-6));
    CHECK(at(UnaryKind::kElu, x) == doctest::Approx(x < 0 ? std::expm1(x) : x).epsilon(1e-6));
    CHECK(at(UnaryKind::kErf, x) == doctest::Approx(std::erf(x)).epsilon(1e-6));
  }
  CHECK(at(UnaryKind::kSoftplus, -20) == doctest::Approx(std::exp(-20.0)).epsilon(1e-6));
  CHECK(at(UnaryKind::kSoftplus, 200) == 200);
  CHECK(at(UnaryKind::kSigmoid, 200) == 1);
  CHECK(at(UnaryKind::kSigmoid, -200) == 0);
  CHECK(at(UnaryKind::kTanh, kInf) == 1);
  CHECK(at(UnaryKind::kTanh, -kInf) == -1);
  CHECK(at(UnaryKind::kElu, -kInf) == -1);
  CHECK(at(UnaryKind::kReciprocal, 0) == kInf);
  CHECK(at(UnaryKind::kRound, 2.5F) == 2);
  CHECK(evaluate({UnaryKind::kClip, 0, kInf}, 1e30F) == 1e30F);
  for (const Definition& definition : definitions()) {
    CAPTURE(std::string(to_string(definition.params.kind)));
    CHECK(std::isnan(evaluate(definition.params, NAN)));
  }
}

// Of numbers just below 0 the bits are as far from those of sqrt(1/2) as can be: further than an s32 counts.
TEST_CASE("the logarithm of a number below 0 is none") {
  for (const float x : {-1e-30F, -0.5F, -1.0F, -3e38F}) {
    CHECK(std::isnan(evaluate({UnaryKind::kLog}, x)));
  }
}

TEST_CASE("every row of unary gives the bytes of the reference") {
  const uint32_t seed = 51;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const Definition& definition : definitions()) {
    CAPTURE(std::string(to_string(definition.params.kind)));
    for (const int64_t n : kSizes) {
      check_rows_agree(definition.params, {random_u8({n}, 0.05F, 100, random)}, make_u8({}, 0.04F, 30), ran);
      check_rows_agree(definition.params, {random_f32({n}, -5, 5, random)}, Tensor{}, ran);
    }
    check_rows_agree(definition.params, {random_u8({2, kLarge}, 0.05F, 100, random)}, make_u8({}, 0.04F, 30), ran);
    check_rows_agree(definition.params, {random_f32({2, kLarge}, 0.1F, 5, random)}, Tensor{}, ran);
  }
  check_all_rows_ran(UnaryParams{}, ran);
}

TEST_CASE("unary identity on u8 requantizes") {
  CHECK(values_of<uint8_t>(run_reference(UnaryParams{}, {u8({5}, 0.5F, 10, {0, 10, 11, 13, 255})},
                                         make_u8({}, 1, 100))) == std::vector<uint8_t>{95, 100, 100, 102, 222});
}

TEST_CASE("unary keeps the shape, works in place, and refuses other types") {
  const UnaryParams params;
  CHECK(shape_of(params, {{Shape::kDynamic, 3}}) == "Nx3");
  CHECK(contains(refusal_of(UnaryParams{.alpha = NAN}, {{1}}), "alpha"));
  const Tensor f = make_f32({1}), q = make_u8({1}, 1, 0);
  CHECK(takes_types(params, {f}, f));
  CHECK(takes_types(params, {q}, q));
  CHECK_FALSE(takes_types(params, {q}, f));
  CHECK_FALSE(takes_types(params, {s64({1}, {0})}, s64({1}, {0})));
  const std::vector<TensorDesc> descs = {f.desc()};
  CHECK(in_place_input(params, descs, descs) == 0);
}

}  // namespace octet::test
