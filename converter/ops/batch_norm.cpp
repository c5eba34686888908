// batch_norm: BatchNormalization as it is when a network is used.
#include "converter/ops/rules.h"

namespace octet {
namespace {

Status read_batch_norm(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(5));
  OCTET_TRY(const int64_t training, reader.attribute("training_mode", int64_t{0}));
  if (training != 0) return reader.unsupported("it is in training mode");
  OCTET_TRY(const int64_t spatial, reader.attribute("spatial", int64_t{1}));
  if (spatial == 0) return reader.unsupported("it has statistics per position (spatial = 0)");
  for (size_t i = 1; i < 5; ++i) {
    if (reader.constant(i) == nullptr) {
      return reader.unsupported("its input " + std::to_string(i) + " is computed, not a constant");
    }
    if (reader.input_type(i) != DataType::kF32) {
      return reader.unsupported("its input " + std::to_string(i) + " is " + to_string(reader.input_type(i)));
    }
  }
  BatchNormParams params;
  OCTET_TRY(params.epsilon, reader.attribute("epsilon", 1e-5F));
  OCTET_TRY(params.axis, reader.attribute("axis", int64_t{1}));
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < 5; ++i) inputs.push_back(reader.input(i));
  OCTET_TRY(const ValueId result, reader.emit(params, std::move(inputs)));
  reader.set_output(0, result);
  return {};
}

bool permute(Graph&, Node& node, std::span<const int64_t> permutation) {
  auto& params = *node.as<BatchNormParams>();
  params.axis = permuted_axis(params.axis, permutation);
  return true;
}

constexpr OpReader kReaders[] = {{"BatchNormalization", "batch_norm", read_batch_norm}};

}  // namespace

constinit const OpRule kBatchNormRule{"batch_norm", always<QuantizationRule::kFloat>, permute, kReaders};

}  // namespace octet
