// reduce: the Reduce operators.
#include <algorithm>
#include <limits>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// The axes are an attribute before opset 18 (13 for ReduceSum), an input from it on; none given means all, unless
// noop_with_empty_axes says none.
Result<ReduceParams> read_params(const NodeReader& reader, ReduceKind kind) {
  OCTET_CHECK(reader.require_inputs(1));
  const int rank = reader.input_shape(0).rank();
  OCTET_TRY(const auto axes, reader.attribute_or_input("axes", 1));
  OCTET_TRY(const int64_t keep_dims, reader.attribute("keepdims", int64_t{1}));
  OCTET_TRY(const int64_t noop, reader.attribute("noop_with_empty_axes", int64_t{0}));
  ReduceParams params{.kind = kind, .keep_dims = keep_dims != 0};
  if (axes && !axes->empty()) {
    OCTET_TRY(params.axes, normalize_axes(reader, *axes, rank));
    std::sort(params.axes.begin(), params.axes.end());
  } else if (noop == 0) {
    for (int i = 0; i < rank; ++i) params.axes.push_back(i);
  }
  return params;
}

QuantizationRule quantization(const Graph&, const Node& node) {
  const ReduceKind kind = node.as<ReduceParams>()->kind;
  if (!takes_u8(kind)) return QuantizationRule::kFloat;
  return rescales_u8(kind) ? QuantizationRule::kOwnRange : QuantizationRule::kSameRange;
}

// Integers in s64; what that has no kernel for in f32.
template <ReduceKind kind>
Status read_reduce(NodeReader& reader) {
  OCTET_TRY(const ReduceParams params, read_params(reader, kind));
  constexpr bool kInS64 =
      kind == ReduceKind::kSum || kind == ReduceKind::kMax || kind == ReduceKind::kMin || kind == ReduceKind::kProd;
  Steps steps(reader);
  const DataType type = reader.input_type(0);
  const ValueId x = kInS64 ? steps.widen(reader.input(0)) : steps.cast(reader.input(0), DataType::kF32);
  return steps.finish(steps.cast(steps.main().op(params, {x}), type));
}

// log(sum(x))
Status read_log_sum(NodeReader& reader) {
  OCTET_TRY(const ReduceParams params, read_params(reader, ReduceKind::kSum));
  Steps steps(reader);
  return steps.finish(steps.unary(UnaryKind::kLog, steps.main().op(params, {reader.input(0)})));
}

// log(sum(exp(x))) = m + log(sum(exp(x - m))), m = max(x): no exponential exceeds 1. What is subtracted is finite, as
// inf - inf is no number.
Status read_log_sum_exp(NodeReader& reader) {
  OCTET_TRY(const ReduceParams params, read_params(reader, ReduceKind::kSum));
  Steps steps(reader);
  const ValueId x = reader.input(0);
  const ValueId greatest = steps.reduce(ReduceKind::kMax, x, params.axes);
  constexpr float kMost = std::numeric_limits<float>::max();
  const ValueId finite = steps.unary(UnaryKind::kClip, greatest, -kMost, kMost);
  const ValueId exponentials = steps.unary(UnaryKind::kExp, steps.binary(BinaryKind::kSub, x, finite));
  const ValueId sum = steps.unary(UnaryKind::kLog, steps.main().op(params, {exponentials}));
  const ValueId added = params.keep_dims ? greatest : steps.reduce(ReduceKind::kMax, x, params.axes, false);
  return steps.finish(steps.binary(BinaryKind::kAdd, sum, added));
}

// Where axes are dropped, the output has another rank than the permutation.
bool permute(Graph&, Node& node, std::span<const int64_t> permutation) {
  auto& params = *node.as<ReduceParams>();
  if (!params.keep_dims && !params.axes.empty()) return false;
  for (int64_t& axis : params.axes) axis = permuted_axis(axis, permutation);
  std::sort(params.axes.begin(), params.axes.end());
  return true;
}

constexpr OpReader kReaders[] = {
    {"ReduceSum", "reduce_sum", read_reduce<ReduceKind::kSum>},
    {"ReduceMean", "reduce_mean", read_reduce<ReduceKind::kMean>},
    {"ReduceMax", "reduce_max", read_reduce<ReduceKind::kMax>},
    {"ReduceMin", "reduce_min", read_reduce<ReduceKind::kMin>},
    {"ReduceProd", "reduce_prod", read_reduce<ReduceKind::kProd>},
    {"ReduceSumSquare", "reduce_sum_square", read_reduce<ReduceKind::kSumSquare>},
    {"ReduceL1", "reduce_l1", read_reduce<ReduceKind::kL1>},
    {"ReduceL2", "reduce_l2", read_reduce<ReduceKind::kL2>},
    {"ReduceLogSum", "reduce_log_sum", read_log_sum},
    {"ReduceLogSumExp", "reduce_log_sum_exp", read_log_sum_exp},
};

}  // namespace

constinit const OpRule kReduceRule{"reduce", quantization, permute, kReaders};

}  // namespace octet
