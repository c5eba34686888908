#include "kernels/binary/binary.h"

#include "kernels/binary/reference.h"
#include "kernels/checks.h"
#include "kernels/strides.h"

namespace octet {
namespace {

bool supports_all(const Problem<BinaryParams>&) {
  return true;
}

[[maybe_unused]] bool supports_u8(const Problem<BinaryParams>& problem) {
  return problem.outputs[0].type == DataType::kU8 && rescales_u8(problem.params.kind);
}

// sub is add with a negative factor.
template <BinaryU8Row kAddRow, BinaryU8Row kMulRow>
Result<Kernel> prepare_u8(const Problem<BinaryParams>& problem) {
  return prepare_binary_u8(problem, problem.params.kind == BinaryKind::kMul ? kMulRow : kAddRow);
}

constexpr KernelRow<BinaryParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512", Isa::kAvx512, supports_u8, prepare_u8<add_u8_row_avx512, mul_u8_row_avx512>},
    {"avx2", Isa::kAvx2, supports_u8, prepare_u8<add_u8_row_avx2, mul_u8_row_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare_binary_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const BinaryParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 2, 2));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), binary_functions().size()));
  OCTET_CHECK(check_clamp(params.kName, params.clamp));
  OCTET_TRY(const Shape dst, broadcast_shapes(params.kName, inputs[0].shape, inputs[1].shape));
  return single_output(params.kName, dst);
}

Status check_types(const BinaryParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 2, 2, outputs));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), binary_functions().size()));
  const BinaryFunction& function = binary_functions()[static_cast<size_t>(params.kind)];
  const auto all = [&](const auto& test) { return test(inputs[0]) && test(inputs[1]) && test(outputs[0]); };
  if (all([](const TensorDesc& t) { return plain(t, DataType::kF32); })) return {};
  const bool alike = same_quantization(inputs[0], outputs[0]) && same_quantization(inputs[1], outputs[0]);
  const bool u8 = function.u8 != nullptr && (rescales_u8(params.kind) || alike);
  if (u8 && all(per_tensor_u8)) return {};
  const bool s64 = function.s64 != nullptr && params.clamp.is_none();
  if (s64 && all([](const TensorDesc& t) { return plain(t, DataType::kS64); })) return {};
  return unsupported_types((std::string(params.kName) + " " + function.name).c_str(), inputs, outputs);
}

std::span<const KernelRow<BinaryParams>> kernel_table(const BinaryParams&) {
  return kTable;
}

// Each element is read before it is written; a broadcast input would be read again.
int in_place_input(const BinaryParams&, Descs inputs, Descs outputs) {
  for (int i = 0; i < 2; ++i) {
    const bool same = inputs[i].shape == outputs[0].shape && inputs[i].type == outputs[0].type;
    if (same && !inputs[i].is_constant()) return i;
  }
  return -1;
}

bool takes_u8(BinaryKind kind) {
  return binary_functions()[static_cast<size_t>(kind)].u8 != nullptr;
}

bool rescales_u8(BinaryKind kind) {
  return kind == BinaryKind::kAdd || kind == BinaryKind::kSub || kind == BinaryKind::kMul;
}

const char* to_string(BinaryKind kind) {
  const auto i = static_cast<uint64_t>(kind);
  return i < binary_functions().size() ? binary_functions()[i].name : "unknown";
}

}  // namespace octet
