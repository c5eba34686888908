// What quantization costs, layer by layer: `octet compare`.
#pragma once

#include <string>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/data/dataset.h"
#include "converter/metrics.h"
#include "converter/parallel.h"
#include "converter/sample_trend.h"
#include "octet/model.hpp"

namespace octet {

struct LayerComparison {
  std::string name;  // the tensor, as both networks call it
  std::string node;  // the packed node that makes it
  std::string op;
  TensorError cumulative;  // everything before it quantized too
  TensorError isolated;    // only this node: its inputs are the float network's, quantized
  ActivationStats values;  // of the float network
  Extremes integers;       // the real numbers that the integers cover; empty for f32
  // Of a layer with weights (else empty): the numbers that its integers stand for, which corrections may have rescaled
  // (the float network's where the layer has none), and the greatest that they could be (0: any); how unlike the float
  // network's channels are: the largest max|w| of a channel over the median one.
  ActivationStats weights;
  float weight_bound = 0;
  double weight_range_ratio = 0;

  Extremes weight_range() const { return weight_bound > 0 ? Extremes{-weight_bound, weight_bound} : Extremes{}; }
  bool is_per_tensor = false;  // one scale for all weights
  bool is_rescaled = false;    // a correction changed the tensor's units, the file does not say how: no figures
  // Of an output of integers or booleans, which have no signal and no noise: its elements, and how many are the same.
  uint64_t whole_count = 0, equal_count = 0;

  bool is_whole() const { return whole_count > 0; }
  double agreement() const { return percent(equal_count, whole_count); }
  // No output of whole numbers, no tensor of lost units: one with decibels.
  bool has_figures() const { return !is_rescaled && !is_whole(); }
};

// Above this ratio one scale for all channels wastes a bit of most of them.
constexpr double kUnlikeChannels = 2;

struct Comparison {
  std::vector<LayerComparison> outputs;  // the model's outputs (isolated: the node that makes it)
  std::vector<LayerComparison> layers;   // every integer node's output, in the order of execution
};

// The nodes that lose most on their own, worst first, as --keep-float takes them.
std::string worst_nodes(const std::vector<LayerComparison>& layers);
// Layers with one scale for channels that are too unlike for it, separated by commas.
std::string unlike_channels(const std::vector<LayerComparison>& layers);

// Runs both on the samples. `reference` is an f32 lowering, `packed` the quantized network of the same graph: tensors
// are paired by name, the reference's in the units that corrections gave the packed network's (rescaling.h).
// kInvalidFile if they have none in common.
Result<Comparison> compare(const Model& reference, const Model& packed, const Dataset& data,
                           std::span<const size_t> indices, int threads, const Progress& progress);

}  // namespace octet
