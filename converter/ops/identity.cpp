// identity: Identity, Dropout as it is when a network is used, and Expand where nothing is expanded.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

Status read_identity(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const ValueId result, reader.emit(IdentityParams{}, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

Status read_dropout(NodeReader& reader) {
  if (reader.opset() >= 12 && reader.has_input(2)) {
    const Tensor* training = reader.constant(2);
    if (training == nullptr || training->element_count() != 1 || *static_cast<const uint8_t*>(training->data()) != 0) {
      return reader.unsupported("it is in training mode");
    }
  }
  OCTET_CHECK(read_identity(reader));
  if (reader.node().outputs.size() < 2 || reader.node().outputs[1].empty()) return {};
  // The mask: nothing is dropped. Before opset 10 it had the type of the input.
  Tensor kept(DataType::kBool, Shape{});
  kept.as<uint8_t>()[0] = 1;
  const DataType type = reader.opset() < 10 ? reader.input_type(0) : DataType::kBool;
  Steps steps(reader);
  const ValueId mask =
      steps.where(steps.constant(kept), steps.constant(kept), steps.cast(reader.input(0), DataType::kBool));
  return steps.finish(steps.cast(mask, type), 1);
}

constexpr OpReader kReaders[] = {{"Identity", "identity", read_identity}, {"Dropout", "dropout", read_dropout}};

}  // namespace

constinit const OpRule kIdentityRule{"identity", always<QuantizationRule::kSameRange>, permute_nothing, kReaders};

}  // namespace octet
