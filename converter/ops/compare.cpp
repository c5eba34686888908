// compare: comparisons and logic.
#include <limits>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

template <CompareKind kind, bool swapped = false>
Status read_compare(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  if (reader.input_type(0) != reader.input_type(1)) {
    return reader.invalid("its inputs are " + std::string(to_string(reader.input_type(0))) + " and " +
                          to_string(reader.input_type(1)));
  }
  OCTET_TRY(const ValueId second, second_operand(reader));
  Steps steps(reader);
  const ValueId a = steps.widen(reader.input(0)), b = steps.widen(second);
  return steps.finish(swapped ? steps.main().compare(kind, b, a) : steps.main().compare(kind, a, b));
}

template <CompareKind kind>
Status read_logic(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const ValueId b, second_operand(reader));
  Steps steps(reader);
  return steps.finish(steps.main().compare(kind, reader.input(0), b));
}

Status read_not(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  Steps steps(reader);
  return steps.finish(steps.logical_not(reader.input(0)));
}

// Only a NaN differs from itself.
Status read_is_nan(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  Steps steps(reader);
  const ValueId x = reader.input(0);
  return steps.finish(steps.logical_not(steps.compare(CompareKind::kEqual, x, x)));
}

Status read_is_inf(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const int64_t negative, reader.attribute("detect_negative", int64_t{1}));
  OCTET_TRY(const int64_t positive, reader.attribute("detect_positive", int64_t{1}));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Steps steps(reader);
  const ValueId x = reader.input(0);
  // With neither, nothing is: x is not less than itself.
  if (negative == 0 && positive == 0) return steps.finish(steps.compare(CompareKind::kLess, x, x));
  const ValueId magnitude = negative != 0 && positive != 0 ? steps.unary(UnaryKind::kAbs, x) : x;
  const float searched = positive != 0 ? kInfinity : -kInfinity;
  return steps.finish(steps.main().compare(CompareKind::kEqual, magnitude, steps.number(searched)));
}

constexpr OpReader kReaders[] = {
    {"Equal", "equal", read_compare<CompareKind::kEqual>},
    {"Less", "less", read_compare<CompareKind::kLess>},
    {"LessOrEqual", "less_or_equal", read_compare<CompareKind::kLessOrEqual>},
    {"Greater", "greater", read_compare<CompareKind::kLess, true>},
    {"GreaterOrEqual", "greater_or_equal", read_compare<CompareKind::kLessOrEqual, true>},
    {"And", "and", read_logic<CompareKind::kAnd>},
    {"Or", "or", read_logic<CompareKind::kOr>},
    {"Xor", "xor", read_logic<CompareKind::kXor>},
    {"Not", "not", read_not},
    {"IsNaN", "is_nan", read_is_nan},
    {"IsInf", "is_inf", read_is_inf},
};

}  // namespace

constinit const OpRule kCompareRule{"compare", always<QuantizationRule::kFloat>, permute_constants, kReaders};

}  // namespace octet
