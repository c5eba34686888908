// Quantized models: the integers, scales and zero points that the model's own file gives, as a table beside the graph.
//
// In the graph a value that the file quantizes is written by a fake_quantize node, and constants are what their
// integers stand for. No pass looks through a fake_quantize, so what is rounded in the file is rounded here.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "converter/graph.h"
#include "converter/quantize.h"

namespace octet {

// How a constant of the file is quantized.
struct GivenConstant {
  DataType type = DataType::kS8;     // u8, s8 or s32
  std::vector<float> scales;         // one, or one per entry along `axis`
  std::vector<int32_t> zero_points;  // as many
  int axis = 0;
  Tensor integers;
};

// A layer by its node: what the file says of its weights (their scales in the order of the output channels) and bias.
struct GivenLayer {
  GivenConstant weights;
  std::optional<GivenConstant> bias;
};

// What an importer found.
struct GivenTable {
  std::map<std::string, GivenLayer> layers;        // by node
  std::map<std::string, GivenConstant> constants;  // by value, other than weights: operands of an addition
  std::map<std::string, bool> folds_zero_points;   // by node: additions of which the file says it (see BinaryParams)
};

// What lowering takes instead of ranges.
struct GivenIntegers {
  std::map<std::string, QuantParams> values;       // as u8, by value
  std::map<std::string, QuantizedWeights> layers;  // by node
  std::set<std::string> integer_nodes;
};

// Whether the graph came from a file that quantizes activations.
bool is_quantized(const Graph& graph);

// Which nodes run on the file's integers: those whose inputs are all quantized, and whose outputs are too, move
// integers unchanged, or leave the accumulator as f32. A fake_quantize that such a node does itself is removed from the
// graph; of a concat it moves to the inputs that have other scales. What cannot be exact stays f32, and `notices` say
// why.
GivenIntegers take_given_integers(Graph& graph, const GivenTable& table, const std::set<std::string>& keep_float,
                                  std::vector<std::string>& notices);

// The integers of a layer: weights bit by bit, as s8 without zero points where q - zero_point fits, else with them; the
// file's own bias where its scale is src_scale * weights_scale, else rounded to that. An error says why there are none.
Result<QuantizedWeights> given_weights(const Graph& graph, const Node& node, const GivenLayer& layer, QuantParams src);

}  // namespace octet
