// identity: Identity, Dropout as it is when a network is used, and Expand where nothing is expanded.
#include "converter/ops/rules.h"

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
  return read_identity(reader);
}

constexpr OpReader kReaders[] = {{"Identity", "identity", read_identity}, {"Dropout", "dropout", read_dropout}};

}  // namespace

constinit const OpRule kIdentityRule{"identity", always<QuantizationRule::kSameRange>, permute_nothing, kReaders};

}  // namespace octet
