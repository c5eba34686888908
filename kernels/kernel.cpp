#include "kernels/kernel.h"

#include <algorithm>

namespace octet {

const TensorDesc& input_or_absent(Descs inputs, size_t i) {
  static const TensorDesc absent{.present = false};
  return i < inputs.size() ? inputs[i] : absent;
}

Error unsupported_types(const char* op, Descs inputs, Descs outputs) {
  std::string text = std::string(op) + " does not take (";
  const auto describe = [&text](Descs descs) {
    const char* separator = "";
    for (const TensorDesc& desc : descs) {
      text += separator;
      separator = ", ";
      if (!desc.present) {
        text += "-";
        continue;
      }
      text += std::string(to_string(desc.type)) + " " + desc.shape.to_string();
      if (desc.is_quantized()) text += desc.scales.size() == 1 ? " quantized per tensor" : " quantized per channel";
    }
  };
  describe(inputs);
  text += ") -> (";
  describe(outputs);
  return {ErrorCode::kUnsupported, text + ")"};
}

Status check_input_count(const char* op, Descs inputs, size_t at_least, size_t at_most) {
  if (inputs.size() < at_least || inputs.size() > at_most) {
    return Error{ErrorCode::kInvalidFile, std::string(op) + " takes " + std::to_string(at_least) + " to " +
                                              std::to_string(at_most) + " inputs, not " +
                                              std::to_string(inputs.size())};
  }
  for (size_t i = 0; i < at_least; ++i) {
    if (!inputs[i].present) {
      return Error{ErrorCode::kInvalidFile, std::string(op) + " lacks its input " + std::to_string(i)};
    }
  }
  return {};
}

Status check_rank(const char* op, const TensorDesc& tensor, int rank) {
  if (tensor.shape.rank() == rank) return {};
  return Error{ErrorCode::kInvalidFile, std::string(op) + " takes a tensor of rank " + std::to_string(rank) +
                                            ", not the shape " + tensor.shape.to_string()};
}

bool same_quantization(const TensorDesc& a, const TensorDesc& b) {
  if (!a.is_quantized() || !b.is_quantized()) return a.is_quantized() == b.is_quantized();
  return a.scales.size() == 1 && b.scales.size() == 1 && a.quant() == b.quant();
}

bool per_tensor_u8(const TensorDesc& tensor) {
  return tensor.present && tensor.type == DataType::kU8 && tensor.scales.size() == 1;
}

bool plain(const TensorDesc& tensor, DataType type) {
  return tensor.present && tensor.type == type && !tensor.is_quantized();
}

bool activations_have_rank(Descs inputs, int rank) {
  return std::all_of(inputs.begin(), inputs.end(), [rank](const TensorDesc& input) {
    return !input.present || input.is_constant() || input.shape.rank() == rank;
  });
}

}  // namespace octet
