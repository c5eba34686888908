// The parts of the TensorFlow.js layers importer (tfjs.cpp): weights, layers, and topologies known by their weights.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "converter/import/json_file.h"
#include "converter/import/node_reader.h"

namespace octet {

// The weights of a manifest by name ("conv1/kernel"), in TensorFlow's layout.
class TfjsWeights {
 public:
  // Reads all groups: a group's shards, one behind the other, hold its tensors, one behind the other. Quantized tensors
  // (uint8, uint16, float16) become f32.
  static Result<TfjsWeights> read(const JsonAt& manifest, WeightFiles& files);

  // `layer`/`weight`, with or without a scope before it (an enclosing model's name); null if there is none, or if
  // several scopes have one.
  const Tensor* find(const std::string& layer, const std::string& weight) const;
  size_t count() const { return tensors_.size(); }
  int64_t byte_count() const;

 private:
  std::map<std::string, Tensor> tensors_;  // by the names' letters from the last one on: scopes stand behind
};

// What a constant of the graph is of a weight.
enum class WeightForm {
  kStored,     // the weight itself
  kMatrix,     // [I, O] -> [O, I]
  kPointwise,  // [I, O] -> [O, 1, 1, I]
  kConv,       // [KH, KW, I, O] -> [O, KH, KW, I]
  kDepthwise,  // [KH, KW, C, M] -> [C*M, KH, KW, 1]: output c*M + m reads channel c
  kZeros,      // of the weight's shape
  kOnes,
};

// The constants that are made of weights: each once, however often its layer is called.
struct TfjsConstants {
  std::map<std::pair<const Tensor*, WeightForm>, ValueId> made;
  int64_t most_bytes = 0;  // that calls may read: a rewrite may make a constant of its own for each
  int64_t read_bytes = 0;
};

// One call of one layer: NodeReader emits nodes under the layer's name and type; its inputs are the layer's.
struct TfjsLayer {
  NodeReader& reader;
  const JsonAt& config;
  const TfjsWeights& weights;
  TfjsConstants& constants;

  // The constant that the weight becomes, named after it or `suffix`; kInvalidFile if the weight is missing or has
  // another rank, kUnsupported if calls read too much.
  Result<ValueId> constant(const char* name, int rank, WeightForm form = WeightForm::kStored,
                           const char* suffix = nullptr) const;
  ValueId input(size_t i = 0) const { return reader.input(i); }
  const Shape& shape(size_t i = 0) const { return reader.input_shape(i); }
};

// How one type of layer becomes graph nodes: returns the layer's output.
struct TfjsLayerType {
  std::string_view class_name;
  Result<ValueId> (*read)(const TfjsLayer&);
};

std::span<const TfjsLayerType> tfjs_layer_types();

// x behind an activation by Keras' name: "relu", "softmax", ...
Result<ValueId> tfjs_activation(NodeReader& reader, ValueId x, const std::string& name);

// A network of Keras Applications that a file without topology is recognized as.
struct KnownTopology {
  const char* name;
  Json config;  // as a modelTopology would have it
};

// Recovers a topology from the names and shapes of the weights; nothing if they are those of no known network.
std::optional<KnownTopology> recover_topology(const TfjsWeights& weights);

}  // namespace octet
