#include <array>
#include <cassert>

#include "converter/ops/rules.h"

namespace octet {

std::span<const OpRule* const> op_rules() {
  static constexpr std::array kRules{
      &kConv2dRule,    &kFullyConnectedRule, &kPool2dRule,        &kBinaryRule,
      &kUnaryRule,     &kConcatRule,         &kResizeRule,        &kSoftmaxRule,
      &kReshapeRule,   &kTransposeRule,      &kSliceRule,         &kPadRule,
      &kReduceRule,    &kQuantizeRule,       &kDequantizeRule,    &kMatmulRule,
      &kGatherRule,    &kCastRule,           &kBatchNormRule,     &kShapeOfRule,
      &kIdentityRule,  &kConstantRule,       &kNormalizationRule, &kConvTransposeRule,
      &kRearrangeRule, &kCompareRule,        &kWhereRule,         &kMathRule,
      &kTopKRule,      &kCumulativeSumRule,  &kIndexRule,         &kNonMaxSuppressionRule,
      &kRecurrentRule, &kEinsumRule,         &kFakeQuantizeRule,
  };
  return kRules;
}

const OpRule& op_rule(const GraphOp& op) {
  const std::string_view name = op_name(op);
  for (const OpRule* rule : op_rules()) {
    if (rule->name == name) return *rule;
  }
  assert(false && "every op has a row");
  return kIdentityRule;
}

}  // namespace octet
