#include "converter/node_session.h"

#include <algorithm>
#include <map>

namespace octet {

Result<Session> session_of_node(const PackedModel& model, const PackedNode& node, std::vector<int32_t>& activations) {
  PackedModel alone;
  alone.storage = model.storage;
  std::map<int32_t, int32_t> ids;
  const auto add = [&](int32_t id) {
    if (id < 0) return id;
    const auto [found, is_new] = ids.try_emplace(id, static_cast<int32_t>(alone.tensors.size()));
    if (is_new) alone.tensors.push_back(model.tensors[static_cast<size_t>(id)]);
    return found->second;
  };
  std::vector<Shape> shapes;  // of one sample, whichever axis is the batch here
  PackedNode copy = node;
  for (int32_t& id : copy.inputs) id = add(id);
  for (int32_t& id : copy.outputs) id = add(id);
  for (const int32_t id : node.inputs) {
    if (id < 0 || model.tensors[static_cast<size_t>(id)].data != nullptr) continue;
    if (std::find(activations.begin(), activations.end(), id) != activations.end()) continue;
    activations.push_back(id);
    alone.inputs.push_back(ids[id]);
    Shape& shape = shapes.emplace_back(model.tensors[static_cast<size_t>(id)].shape);
    std::replace(shape.begin(), shape.end(), Shape::kDynamic, int64_t{1});
  }
  alone.outputs = copy.outputs;
  alone.nodes.push_back(std::move(copy));
  OCTET_CHECK(check_model(alone));
  return Session::create(Model::from_packed(std::make_shared<PackedModel>(std::move(alone))),
                         {.threads = 1, .input_shapes = std::move(shapes)});
}

}  // namespace octet
