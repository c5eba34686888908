#include "converter/passes/layout_moves.h"

#include <algorithm>

#include "converter/op_rule.h"

namespace octet {
namespace {

std::string made_up_name(const Node& node) {
  return node.name + ":" + op_name(node.op);
}

// Elements, with a dynamic batch taken as 1.
int64_t elements(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= std::max<int64_t>(dim, 1);
  return count;
}

ValueId output_of(const Node& node) {
  return node.outputs.size() == 1 ? node.outputs[0] : kNoValue;
}

// Data inputs whose layout the op's rule changes: everything but indices and statistics.
bool is_computed(const Graph& graph, ValueId id) {
  return id != kNoValue && !graph.value(id).is_constant();
}

// A value of rank `rank`: the same elements behind leading dimensions of size 1, as broadcasting reads them.
Shape lifted(const Shape& shape, int rank) {
  Shape result(std::vector<int64_t>(static_cast<size_t>(rank), 1));
  for (int i = 0; i < shape.rank(); ++i) result[rank - shape.rank() + i] = shape[i];
  return result;
}

// What it takes to let a node read an input in the other layout.
struct Adaptation {
  ValueId source = kNoValue;  // set: the input is transposed already, read this instead
  Shape shape;                // else: the input under this shape, with q's inverse applied; a view if `free`
  bool free = true;
};

std::optional<Adaptation> adapt(const Graph& graph, const Node& node, ValueId id, const Permutation& q) {
  if (const TransposeParams* transpose = transpose_of(graph, id); transpose != nullptr && transpose->permutation == q) {
    return Adaptation{graph.producer(id)->input(0), {}, true};
  }
  const int rank = static_cast<int>(q.size());
  Shape shape = graph.value(id).shape;
  if (shape.rank() != rank && (!node.is<BinaryParams>() || shape.rank() > rank)) return std::nullopt;
  shape = lifted(shape, rank);
  return Adaptation{kNoValue, shape, is_view_of(shape, inverse(q))};
}

// Puts the inverse transpose of an input before nodes[i], which moves up by the number of nodes inserted.
ValueId insert_inverse(Graph& graph, size_t& i, ValueId id, const Adaptation& it, const Permutation& p) {
  const std::string name = graph.nodes[i].name;
  const DataType type = graph.value(id).type;
  const Shape target = permuted(it.shape, p);
  if (it.free) {
    const std::vector<int64_t> dims = reshape_dims(graph.value(id).shape, target);
    const ValueId result = graph.add_value(name + ":reshape", type, target);
    graph.insert_node(i++, name + ":reshape", ReshapeParams{dims}, {id}, {result});
    return result;
  }
  if (graph.value(id).shape != it.shape) {
    const std::vector<int64_t> dims = reshape_dims(graph.value(id).shape, it.shape);
    const ValueId wide = graph.add_value(name + ":reshape", type, it.shape);
    graph.insert_node(i++, name + ":reshape", ReshapeParams{dims}, {id}, {wide});
    id = wide;
  }
  const ValueId result = graph.add_value(name + ":transpose", type, target);
  graph.insert_node(i++, name + ":transpose", TransposeParams{p}, {id}, {result});
  return result;
}

// Whether dropping the transposes of a node's inputs pays for those that its other inputs then need.
bool pays(Graph& graph, const Node& node, const std::vector<Adaptation>& adaptations, const Permutation& q) {
  int64_t cost = 0;
  int64_t gain = 0;
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    if (adaptations[k].source != kNoValue) {
      if (graph.use_count(node.inputs[k]) == 1) gain += elements(graph.value(node.inputs[k]).shape);
    } else if (!adaptations[k].free) {
      cost += elements(adaptations[k].shape);
    }
  }
  if (cost == 0) return true;
  // Only an inverse that rises, away from here, keeps the sweeps from undoing each other.
  if (q != kToChannelsFirst) return false;
  const std::vector<Node*> users = graph.users(output_of(node));
  const bool cancels =
      !graph.is_output(output_of(node)) && std::all_of(users.begin(), users.end(), [](const Node* user) {
        return user->is<TransposeParams>() && user->as<TransposeParams>()->permutation == kToChannelsLast;
      });
  if (cancels) gain += elements(graph.value(output_of(node)).shape);
  return cost + elements(graph.value(output_of(node)).shape) * (cancels ? 0 : 1) <= gain;
}

// A reduction that drops its axes has another rank at its output than an op's rule speaks of.
int sink_through_reduce(Graph& graph, size_t i, const Permutation& q) {
  Node& node = graph.nodes[i];
  auto* reduce = node.as<ReduceParams>();
  std::vector<bool> dropped(q.size(), false);
  for (int64_t& axis : reduce->axes) {
    axis = q[static_cast<size_t>(axis)];
    dropped[static_cast<size_t>(axis)] = true;
  }
  std::sort(reduce->axes.begin(), reduce->axes.end());
  // The axes that stay, in the new order, and what transposes them back.
  Permutation rank_among(q.size(), 0);
  int64_t kept = 0;
  for (size_t axis = 0; axis < q.size(); ++axis) rank_among[axis] = dropped[axis] ? -1 : kept++;
  Permutation back;
  for (const int64_t axis : q) {
    if (!dropped[static_cast<size_t>(axis)]) back.push_back(rank_among[static_cast<size_t>(axis)]);
  }
  graph.nodes.set_input(node, 0, graph.producer(node.inputs[0])->input(0));
  if (!is_identity(back)) transpose_output(graph, i, back);
  return 1;
}

}  // namespace

const TransposeParams* transpose_of(const Graph& graph, ValueId id) {
  if (id == kNoValue) return nullptr;
  const Node* node = graph.producer(id);
  return node != nullptr ? node->as<TransposeParams>() : nullptr;
}

void transpose_output(Graph& graph, size_t i, const Permutation& q) {
  const ValueId old = graph.nodes[i].outputs[0];
  const Shape shape = permuted(graph.value(old).shape, inverse(q));
  const ValueId made = graph.add_value(made_up_name(graph.nodes[i]), graph.value(old).type, shape);
  graph.nodes.set_output(graph.nodes[i], 0, made);
  graph.insert_node(i + 1, graph.nodes[i].name + ":transpose", TransposeParams{q}, {made}, {old});
}

int join_transposes(Graph& graph, size_t i) {
  Node& node = graph.nodes[i];
  const ValueId output = node.outputs[0];
  if (graph.use_count(output) == 0) return 0;
  auto& permutation = node.as<TransposeParams>()->permutation;
  int count = 0;
  if (const TransposeParams* before = transpose_of(graph, node.input(0))) {
    permutation = join(before->permutation, permutation);
    graph.nodes.set_input(node, 0, graph.producer(node.input(0))->input(0));
    ++count;
  }
  const ValueId source = node.input(0);
  if (is_identity(permutation)) {
    if (!is_replaceable(graph, output, source)) return count;
    take_over(graph, output, source);
    return count + 1;
  }
  for (const Node* earlier : graph.users(source)) {
    if (earlier == &node) break;
    const auto* same = earlier->as<TransposeParams>();
    if (same == nullptr || same->permutation != permutation) continue;
    if (!is_replaceable(graph, output, earlier->outputs[0])) continue;
    take_over(graph, output, earlier->outputs[0]);
    return count + 1;
  }
  return count;
}

int sink_transpose(Graph& graph, size_t i) {
  const Node& node = graph.nodes[i];
  if (output_of(node) == kNoValue || graph.use_count(node.outputs[0]) == 0) return 0;
  const auto moves = [&](ValueId id) {
    const TransposeParams* transpose = transpose_of(graph, id);
    return transpose != nullptr && transpose->permutation != kToChannelsLast;
  };
  const auto found = std::find_if(node.inputs.begin(), node.inputs.end(), moves);
  if (found == node.inputs.end()) return 0;
  const Permutation q = transpose_of(graph, *found)->permutation;
  const Permutation p = inverse(q);
  if (node.is<ReshapeParams>()) return sink_through_reshape(graph, i);
  if (const auto* reduce = node.as<ReduceParams>(); reduce != nullptr && !reduce->keep_dims) {
    return sink_through_reduce(graph, i, q);
  }
  const OpRule& rule = op_rule(node.op);
  if (rule.permute == nullptr) return 0;

  std::vector<Adaptation> adaptations;
  for (const ValueId id : node.inputs) {
    if (!is_computed(graph, id)) {
      adaptations.emplace_back();
      continue;
    }
    const auto adaptation = adapt(graph, node, id, q);
    if (!adaptation) return 0;
    adaptations.push_back(*adaptation);
  }
  if (!pays(graph, node, adaptations, q) || !rule.permute(graph, graph.nodes[i], p)) return 0;
  for (size_t k = 0; k < adaptations.size(); ++k) {
    const ValueId id = graph.nodes[i].inputs[k];
    if (!is_computed(graph, id)) continue;
    const ValueId source = adaptations[k].source;
    const ValueId adapted = source != kNoValue ? source : insert_inverse(graph, i, id, adaptations[k], p);
    graph.nodes.set_input(graph.nodes[i], k, adapted);
  }
  transpose_output(graph, i, q);
  return 1;
}

int rise_transpose(Graph& graph, size_t i) {
  const Node& node = graph.nodes[i];
  const ValueId output = output_of(node);
  if (output == kNoValue || graph.is_output(output) || graph.value(output).shape.rank() != 4) return 0;
  if (node.is<TransposeParams>() || node.is<ReduceParams>()) return 0;
  const OpRule& rule = op_rule(node.op);
  if (rule.permute == nullptr) return 0;
  const std::vector<Node*> users = graph.users(output);
  const bool wanted = !users.empty() && std::all_of(users.begin(), users.end(), [&](const Node* user) {
    return user->is<TransposeParams>() && user->as<TransposeParams>()->permutation == kToChannelsLast;
  });
  const auto computed = [&](ValueId id) { return is_computed(graph, id); };
  if (!wanted || std::count_if(node.inputs.begin(), node.inputs.end(), computed) != 1) return 0;
  const auto place = std::find_if(node.inputs.begin(), node.inputs.end(), computed) - node.inputs.begin();
  const ValueId input = node.inputs[static_cast<size_t>(place)];
  if (graph.value(input).shape.rank() != 4) return 0;
  std::vector<ValueId> results;
  for (const Node* user : users) results.push_back(user->outputs[0]);
  // Graph outputs keep their transposes.
  if (std::any_of(results.begin(), results.end(), [&](ValueId id) { return graph.is_output(id); })) return 0;
  if (!rule.permute(graph, graph.nodes[i], kToChannelsLast)) return 0;

  const std::string name = graph.nodes[i].name;
  const Value& value = graph.value(input);
  const Shape shape = permuted(value.shape, kToChannelsLast);
  const ValueId risen = graph.add_value(name + ":transpose", value.type, shape);
  const Shape made_shape = permuted(graph.value(output).shape, kToChannelsLast);
  const ValueId made = graph.add_value(made_up_name(graph.nodes[i]), graph.value(output).type, made_shape);
  graph.nodes.set_input(graph.nodes[i], static_cast<size_t>(place), risen);
  graph.nodes.set_output(graph.nodes[i], 0, made);
  for (const ValueId result : results) take_over(graph, result, made);
  graph.nodes.erase_if([&](const Node& user) { return user.input(0) == output; });
  if (is_made_up(graph, made)) graph.swap_names(made, output);
  graph.insert_node(i, name + ":transpose", TransposeParams{kToChannelsLast}, {input}, {risen});
  return 1;
}

void drop_unread_transposes(Graph& graph) {
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (!node.is<TransposeParams>() || graph.use_count(node.outputs[0]) != 0) continue;
    const ValueId from = node.outputs[0];
    const ValueId to = node.input(0);
    if (!is_made_up(graph, from) && is_made_up(graph, to)) graph.swap_names(from, to);
    graph.nodes.erase(i);
  }
}

}  // namespace octet
