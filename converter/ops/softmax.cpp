// softmax: Softmax and LogSoftmax.
#include <algorithm>

#include "converter/ops/rules.h"

namespace octet {
namespace {

// Before opset 13 the axes from `axis` on are one: softmax over all of them. The batch stays an axis of its own.
Status read_flattened(NodeReader& reader, int64_t axis, bool log) {
  const Shape src = reader.input_shape(0);
  int64_t before = 1;
  int64_t count = 1;
  for (int i = 1; i < src.rank(); ++i) (i < axis ? before : count) *= std::max<int64_t>(src[i], 1);
  std::vector<int64_t> back(src.begin(), src.end());
  back[0] = axis == 0 ? -1 : 0;
  const std::vector<int64_t> matrix =
      axis == 0 ? std::vector<int64_t>{1, 1, -1} : std::vector<int64_t>{0, before, count};
  OCTET_TRY(const ValueId flat, reader.emit_step(ReshapeParams{matrix}, {reader.input(0)}));
  OCTET_TRY(const ValueId softmax, reader.emit(SoftmaxParams{2, log}, {flat}));
  OCTET_TRY(const ValueId result, reader.emit_step(ReshapeParams{back}, {softmax}));
  reader.set_output(0, result);
  return {};
}

template <bool log>
Status read_softmax(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape& src = reader.input_shape(0);
  const bool coerces = reader.opset() < 13;
  OCTET_TRY(int64_t axis, reader.attribute("axis", coerces ? int64_t{1} : int64_t{-1}));
  // A vector has no axis 1; as a matrix [elements, 1] it would become all ones.
  OCTET_TRY(axis, reader.normalize_axis(axis, src.rank()));
  const bool rest_is_one = std::all_of(src.begin() + axis + 1, src.end(), [](int64_t dim) { return dim == 1; });
  if (coerces && !rest_is_one) return read_flattened(reader, axis, log);
  OCTET_TRY(const ValueId result, reader.emit(SoftmaxParams{axis, log}, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

bool permute(Graph&, Node& node, std::span<const int64_t> permutation) {
  auto& params = *node.as<SoftmaxParams>();
  params.axis = permuted_axis(params.axis, permutation);
  return true;
}

constexpr OpReader kReaders[] = {
    {"Softmax", "softmax", read_softmax<false>},
    {"LogSoftmax", "log_softmax", read_softmax<true>},
};

}  // namespace

constinit const OpRule kSoftmaxRule{"softmax", always<QuantizationRule::kFloat>, permute, kReaders};

}  // namespace octet
