#include "runtime/batch_slices.h"

#include <algorithm>

namespace octet {
namespace {

std::vector<TensorDesc> descs_of(const PackedModel& model, std::span<const Shape> shapes,
                                 const std::vector<int32_t>& ids) {
  std::vector<TensorDesc> descs;
  for (const int32_t id : ids) {
    if (id < 0) {
      descs.push_back({.present = false});
      continue;
    }
    descs.push_back(model.tensors[static_cast<size_t>(id)].desc());
    descs.back().shape = shapes[static_cast<size_t>(id)];
  }
  return descs;
}

// Whether `many` is `one` with `samples` instead of 1 in axis 0.
bool counts_samples(const Shape& one, const Shape& many, int64_t samples) {
  return one.rank() > 0 && one.rank() == many.rank() && one[0] == 1 && many[0] == samples &&
         std::equal(one.begin() + 1, one.end(), many.begin() + 1);
}

}  // namespace

std::vector<Shape> sample_shapes(const PackedModel& model, std::span<const Shape> shapes) {
  if (model.inputs.empty()) return {};
  const Shape& first = shapes[static_cast<size_t>(model.inputs[0])];
  const int64_t samples = first.rank() > 0 ? first[0] : 1;
  if (samples < 2) return {};
  std::vector<Shape> inputs;
  for (const int32_t id : model.inputs) {
    inputs.push_back(shapes[static_cast<size_t>(id)]);
    if (inputs.back().rank() == 0 || inputs.back()[0] != samples) return {};
    inputs.back()[0] = 1;
  }
  const auto is_constant = [&](int32_t id) { return model.tensors[static_cast<size_t>(id)].data != nullptr; };
  if (std::any_of(model.outputs.begin(), model.outputs.end(), is_constant)) return {};
  Result<std::vector<Shape>> one = infer_model_shapes(model, inputs);
  if (!one.ok()) return {};
  for (const PackedNode& node : model.nodes) {
    for (const std::vector<int32_t>* ids : {&node.inputs, &node.outputs}) {
      for (const int32_t id : *ids) {
        if (id < 0 || is_constant(id)) continue;
        const auto at = static_cast<size_t>(id);
        if (!counts_samples((*one)[at], shapes[at], samples)) return {};
      }
    }
    const auto node_inputs = descs_of(model, *one, node.inputs), outputs = descs_of(model, *one, node.outputs);
    if (!keeps_samples_apart(node.op, node_inputs, outputs)) return {};
  }
  return std::move(*one);
}

int64_t slice_samples(int64_t samples, int64_t sample_arena_bytes) {
  int64_t count = std::clamp<int64_t>(kSliceBytes / std::max<int64_t>(sample_arena_bytes, 1), 1, samples);
  while (samples % count != 0) --count;
  return count;
}

}  // namespace octet
