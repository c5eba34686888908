#include "converter/correct/probe.h"

#include <algorithm>

namespace octet {
namespace {

Clamp* clamp_of(OpParams& op) {
  if (auto* conv = std::get_if<Conv2dParams>(&op)) return &conv->clamp;
  if (auto* layer = std::get_if<FullyConnectedParams>(&op)) return &layer->clamp;
  return nullptr;
}

}  // namespace

PackedModel cut_model(const PackedModel& model, const std::vector<int32_t>& inputs,
                      const std::vector<int32_t>& outputs) {
  std::vector<bool> given(model.tensors.size(), false);
  for (const int32_t id : inputs) given[static_cast<size_t>(id)] = true;
  std::vector<bool> needed(model.tensors.size(), false);
  for (const int32_t id : outputs) needed[static_cast<size_t>(id)] = true;
  std::vector<const PackedNode*> nodes;
  for (size_t i = model.nodes.size(); i-- > 0;) {
    const PackedNode& node = model.nodes[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(),
                     [&](int32_t id) { return needed[static_cast<size_t>(id)] && !given[static_cast<size_t>(id)]; })) {
      continue;
    }
    nodes.push_back(&node);
    for (const int32_t id : node.inputs) {
      if (id >= 0) needed[static_cast<size_t>(id)] = true;
    }
    for (const int32_t id : node.outputs) needed[static_cast<size_t>(id)] = true;
  }
  for (const int32_t id : inputs) needed[static_cast<size_t>(id)] = true;

  PackedModel part;
  part.name = model.name;
  part.storage = model.storage;
  std::vector<int32_t> ids(model.tensors.size(), -1);
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    if (!needed[i]) continue;
    ids[i] = static_cast<int32_t>(part.tensors.size());
    part.tensors.push_back(model.tensors[i]);
  }
  const auto renumbered = [&](std::vector<int32_t> list) {
    for (int32_t& id : list) id = id < 0 ? id : ids[static_cast<size_t>(id)];
    return list;
  };
  for (size_t i = nodes.size(); i-- > 0;) {
    part.nodes.push_back({nodes[i]->name, nodes[i]->op, renumbered(nodes[i]->inputs), renumbered(nodes[i]->outputs)});
  }
  part.inputs = renumbered(inputs);
  part.outputs = renumbered(outputs);
  return part;
}

namespace {

// Puts min(., bounds) between the last node and its output.
void bound_channels(PackedModel& model, const std::vector<double>& bounds) {
  const PackedNode last = model.nodes.back();
  const PackedTensor output = model.tensors[static_cast<size_t>(last.outputs[0])];
  const auto clamped = static_cast<int32_t>(model.tensors.size());
  model.tensors.push_back({.name = output.name + ":clamped", .type = DataType::kF32, .shape = output.shape});
  model.nodes.back().outputs = {clamped};

  struct Storage {
    std::shared_ptr<const void> others;
    Tensor bounds;
  };
  const Shape shape{static_cast<int64_t>(bounds.size())};
  const std::vector<float> values(bounds.begin(), bounds.end());
  const auto storage = std::make_shared<Storage>(Storage{model.storage, Tensor::f32(shape, values)});
  const auto constant = clamped + 1;
  model.tensors.push_back({.name = output.name + ":bounds",
                           .type = DataType::kF32,
                           .shape = shape,
                           .data = storage->bounds.data(),
                           .data_bytes = storage->bounds.byte_count()});
  model.storage = storage;
  model.nodes.push_back({last.name + ":bound", BinaryParams{BinaryKind::kMin}, {clamped, constant}, last.outputs});
}

}  // namespace

std::string unclamped_name(const std::string& tensor) {
  return tensor + ":unclamped";
}

PackedModel open_clamps(const PackedModel& model, const ChannelBounds& bounds) {
  PackedModel opened = model;
  opened.nodes.clear();
  for (const PackedNode& node : model.nodes) {
    opened.nodes.push_back(node);
    PackedNode& added = opened.nodes.back();
    Clamp* clamp = clamp_of(added.op);
    if (clamp == nullptr || clamp->is_none()) continue;
    const Clamp before = *clamp;
    *clamp = {};
    const int32_t output = node.outputs[0];
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(output)];
    const auto unclamped = static_cast<int32_t>(opened.tensors.size());
    opened.tensors.push_back({.name = unclamped_name(tensor.name), .type = DataType::kF32, .shape = tensor.shape});
    added.outputs = {unclamped};
    opened.nodes.push_back(
        {node.name + ":clamp", UnaryParams{UnaryKind::kClip, before.min, before.max}, {unclamped}, {output}});
    if (const auto found = bounds.find(node.name); found != bounds.end()) bound_channels(opened, found->second);
  }
  return opened;
}

}  // namespace octet
