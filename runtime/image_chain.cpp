#include "runtime/image_chain.h"

#include <algorithm>

namespace octet {
namespace {

class Reader {
 public:
  Reader(const PackedModel& model, size_t first) : model_(model), at_(first) {}

  std::optional<ImageChain> read(size_t first) {
    chain_.src = node().inputs[0];
    const PackedTensor& src = model_.tensors[static_cast<size_t>(chain_.src)];
    if (src.type != DataType::kF32 || src.shape.rank() != 4) return std::nullopt;
    const PackedNode* pad = take<PadParams>();
    const PackedNode* scale = take_binary(BinaryKind::kMul);
    const PackedNode* shift = take_binary(BinaryKind::kAdd);
    const PackedNode* quantize = take<QuantizeParams>();
    if (quantize == nullptr) return std::nullopt;
    chain_.quant = model_.tensors[static_cast<size_t>(quantize->outputs[0])].desc().quant();
    const auto* transpose = at_end() ? nullptr : std::get_if<TransposeParams>(&node().op);
    if (transpose != nullptr && transpose->permutation == std::vector<int64_t>{0, 2, 3, 1}) {
      chain_.has_transpose = take<TransposeParams>() != nullptr;
    }
    channel_axis_ = chain_.has_transpose ? 1 : 3;
    channels_ = src.shape[channel_axis_];
    if (!read_pads(pad) || !read_constants(scale, 1, chain_.scale) || !read_constants(shift, 0, chain_.shift)) {
      return std::nullopt;
    }
    chain_.count = at_ - first;
    return std::move(chain_);
  }

 private:
  bool at_end() const { return at_ == model_.nodes.size(); }
  const PackedNode& node() const { return model_.nodes[at_]; }

  // The node here, if it has this op and goes on with what the chain has made, which nobody else reads.
  template <class Params>
  const PackedNode* take() {
    if (at_end() || !std::holds_alternative<Params>(node().op)) return nullptr;
    const PackedNode& taken = node();
    if (made_ >= 0 && (taken.inputs[0] != made_ || count_readers(model_, made_) != 1)) return nullptr;
    made_ = taken.outputs[0];
    ++at_;
    return &taken;
  }

  const PackedNode* take_binary(BinaryKind kind) {
    const auto* params = at_end() ? nullptr : std::get_if<BinaryParams>(&node().op);
    return params != nullptr && params->kind == kind && params->clamp.is_none() ? take<BinaryParams>() : nullptr;
  }

  bool read_pads(const PackedNode* pad) {
    if (pad == nullptr) return true;
    const auto& params = std::get<PadParams>(pad->op);
    const size_t y = channel_axis_ == 1 ? 2 : 1;
    if (params.mode != PadMode::kConstant || params.value != 0) return false;
    for (size_t axis = 0; axis < 4; ++axis) {
      const int64_t before = params.before[axis];
      const int64_t after = params.after[axis];
      if (axis != y && axis != y + 1 && (before != 0 || after != 0)) return false;
      if (before < 0 || after < 0) return false;
    }
    chain_.pads = {params.before[y], params.before[y + 1], params.after[y], params.after[y + 1]};
    return true;
  }

  bool read_constants(const PackedNode* binary, float neutral, std::vector<float>& values) const {
    values = {neutral};
    if (binary == nullptr) return true;
    const PackedTensor& constant = model_.tensors[static_cast<size_t>(binary->inputs[1])];
    if (constant.data == nullptr || constant.type != DataType::kF32) return false;
    const Shape& shape = constant.shape;
    const int axis = channel_axis_ - (4 - shape.rank());  // of the constant, aligned at the last axis
    const int64_t count = shape.element_count();
    if (shape.rank() > 4 || (count != 1 && (axis < 0 || shape[axis] != count || count != channels_))) return false;
    const auto* data = static_cast<const float*>(constant.data);
    values.assign(data, data + count);
    return true;
  }

  const PackedModel& model_;
  size_t at_;
  int32_t made_ = -1;
  int channel_axis_ = 3;
  int64_t channels_ = 0;
  ImageChain chain_;
};

}  // namespace

int64_t count_readers(const PackedModel& model, int32_t tensor) {
  int64_t count = std::count(model.outputs.begin(), model.outputs.end(), tensor);
  for (const PackedNode& node : model.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == tensor && !reads_only_shape(node.op, i)) ++count;
    }
  }
  return count;
}

std::optional<ImageChain> read_image_chain(const PackedModel& model, size_t first) {
  return Reader(model, first).read(first);
}

}  // namespace octet
