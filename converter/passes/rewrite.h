// What passes share: safe replacement of values, constants per channel, and scaling of a layer's weights.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "converter/graph.h"

namespace octet {

bool is_graph_input(const Graph& graph, ValueId id);

// Whether all readers of `from` may read `to` with every graph output keeping its name: an output cannot become a graph
// input, a constant, or another output.
bool is_replaceable(const Graph& graph, ValueId from, ValueId to);

// Whether an importer or a pass made the name up ("node:op"), as against a tensor's name in the source model.
bool is_made_up(const Graph& graph, ValueId id);

// The one number that an f32 constant is, or nothing.
std::optional<float> number_of(const Value& value);

// `to` stands for `from` from here on, and gets the better of the two names. Requires is_replaceable.
void take_over(Graph& graph, ValueId from, ValueId to);

// The node's place in graph.nodes, which holds it.
size_t index_of(const Graph& graph, const Node& node);

// The producer of `id` if it is a Params node and nothing else reads `id`; else null.
template <class Params>
Node* sole_producer(Graph& graph, ValueId id) {
  if (id == kNoValue || graph.use_count(id) != 1) return nullptr;
  Node* node = graph.producer(id);
  return node != nullptr && node->is<Params>() ? node : nullptr;
}

// The one node that reads the elements of `id`, if `id` is no graph output; else null.
Node* sole_user(Graph& graph, ValueId id);

// Node input i becomes `tensor`, under the name of the constant that it replaces if nobody else reads that one,
// which lets go of its bytes then.
void replace_constant(Graph& graph, Node& node, size_t i, Tensor tensor, std::string_view name);

// A constant f32 operand that broadcasts against `shape` (the other operand's) and varies along `axis` only, as one
// number per channel; nothing if it is no such constant, or if broadcasting would enlarge the other operand.
std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId constant, const Shape& shape, int axis);

// A convolution or fully connected layer whose constants may be changed: f32 weights that are constant, bias constant
// or absent.
bool is_weighted(const Graph& graph, const Node& node);
// Whether more arithmetic may follow on the layer's output: no residual, no clamp.
bool is_linear(const Node& node);
int64_t output_channels(const Graph& graph, const Node& weighted);
int64_t input_channels(const Graph& graph, const Node& weighted);

// layer(x) * k + shift, per output channel, in double: w * k[o], b * k[o] + shift[o].
void scale_outputs(Graph& graph, Node& weighted, std::span<const double> k, std::span<const double> shift);
// layer(x * k + shift), per input channel, in double: w * k[c], b + sum over taps of w * shift[c].
void scale_inputs(Graph& graph, Node& weighted, std::span<const double> k, std::span<const double> shift);
// Whether scale_inputs may have this shift: taps in the padding read 0, not the shift.
bool accepts_input_shift(const Node& weighted, std::span<const double> shift);

// Of the dimensions: how many are dynamic, and the product of the others.
int dynamic_count(const Shape& shape);
int64_t known_elements(const Shape& shape);

// `dims` of a reshape that makes `to` of `from`: a dynamic dimension is copied where it stays in place, else it is what
// is left over. A single one stays where the known ones make as much; of several, those that stand where one stood are
// taken to stay.
std::vector<int64_t> reshape_dims(const Shape& from, const Shape& to);

}  // namespace octet
