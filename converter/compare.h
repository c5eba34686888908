// What quantization costs, layer by layer: `octet compare`.
#pragma once

#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/metrics.h"
#include "converter/parallel.h"
#include "octet/model.hpp"

namespace octet {

struct LayerComparison {
  std::string name;  // the tensor, as both networks call it
  std::string node;  // the packed node that makes it
  std::string op;
  TensorError cumulative;  // everything before it quantized too
  TensorError isolated;    // only this node: its inputs are the float network's, quantized
};

struct Comparison {
  std::vector<LayerComparison> outputs;  // the model's outputs (isolated: the node that makes it)
  std::vector<LayerComparison> layers;   // every integer node's output, in the order of execution
};

// Runs both on the samples. `reference` is an f32 lowering, `packed` the quantized network of the same graph: tensors
// are paired by name. kInvalidFile if they have none in common.
Result<Comparison> compare(const Model& reference, const Model& packed, const Dataset& data,
                           std::span<const size_t> indices, int threads, const Progress& progress);

}  // namespace octet
