// transpose: Transpose.
#include "converter/ops/rules.h"

namespace octet {
namespace {

Status read_transpose(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  std::vector<int64_t> reversed;
  for (int axis = reader.input_shape(0).rank() - 1; axis >= 0; --axis) reversed.push_back(axis);
  TransposeParams params;
  OCTET_TRY(params.permutation, reader.attribute("perm", reversed));
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {{"Transpose", "transpose", read_transpose}};

}  // namespace

constinit const OpRule kTransposeRule{"transpose", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
