#include <array>
#include <cassert>

#include "converter/import/source_model.h"
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

const OpReader* find_reader(const SourceNode& node) {
  const bool standard = node.domain.empty() || node.domain == "ai.onnx";
  const bool json = node.domain == kJsonDomain;
  for (const OpRule* rule : op_rules()) {
    for (const OpReader& reader : rule->readers) {
      const std::string_view name = standard ? reader.onnx : json ? reader.json : std::string_view();
      if (!name.empty() && name == node.op_type) return &reader;
    }
  }
  return nullptr;
}

std::string unknown_operation(const SourceNode& node) {
  if (node.domain.empty() || node.domain == "ai.onnx" || node.domain == kJsonDomain) {
    return "octet does not know this operation";
  }
  if (node.domain == kMicrosoftDomain) return "octet does not know this operation of the domain '" + node.domain + "'";
  return "octet does not know the operations of the domain '" + node.domain + "'";
}

}  // namespace octet
