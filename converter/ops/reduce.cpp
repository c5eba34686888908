// reduce: the Reduce operators.
#include <algorithm>

#include "converter/ops/rules.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// The axes are an attribute before opset 18 (13 for ReduceSum), an input from it on; none given means all, unless
// noop_with_empty_axes says none.
template <ReduceKind kind>
Status read_reduce(NodeReader& reader) {
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
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
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
};

}  // namespace

constinit const OpRule kReduceRule{"reduce", always<QuantizationRule::kFloat>, permute, kReaders};

}  // namespace octet
