// math: functions that networks rarely use.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

template <MathKind kind>
Status read_math(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  Steps steps(reader);
  const DataType type = reader.input_type(0);
  const ValueId result = steps.main().op(MathParams{kind}, {steps.cast(reader.input(0), DataType::kF32)});
  return steps.finish(steps.cast(result, type));
}

constexpr OpReader kReaders[] = {
    {"Sin", "sin", read_math<MathKind::kSin>},       {"Cos", "cos", read_math<MathKind::kCos>},
    {"Tan", "tan", read_math<MathKind::kTan>},       {"Asin", "asin", read_math<MathKind::kAsin>},
    {"Acos", "acos", read_math<MathKind::kAcos>},    {"Atan", "atan", read_math<MathKind::kAtan>},
    {"Sinh", "sinh", read_math<MathKind::kSinh>},    {"Cosh", "cosh", read_math<MathKind::kCosh>},
    {"Asinh", "asinh", read_math<MathKind::kAsinh>}, {"Acosh", "acosh", read_math<MathKind::kAcosh>},
    {"Atanh", "atanh", read_math<MathKind::kAtanh>}, {"Sign", "sign", read_math<MathKind::kSign>},
};

}  // namespace

constinit const OpRule kMathRule{"math", always<QuantizationRule::kFloat>, permute_nothing, kReaders};

}  // namespace octet
