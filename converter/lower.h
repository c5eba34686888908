// From the float graph to the packed graph: f32 as it stands, or with integers by ranges and precisions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/given.h"
#include "converter/graph.h"
#include "converter/precision.h"
#include "converter/quantize.h"
#include "runtime/packed_model.h"

namespace octet {

// Every node in f32, with the same parameters and tensor names: how a float model runs, is calibrated and is compared.
// The constants share the graph's memory. kUnsupported: an op that only a float graph has is left.
Result<PackedModel> lower_f32(const Graph& graph);

struct QuantizeOptions {
  Precision layers = Precision::kInt8;  // else what matrix layers become, in a network of f32
  WeightScheme weights;
  ActivationScheme activations;
  std::set<std::string> keep_float;  // node names
  std::set<std::string> bf16;        // names of weighted nodes
  std::set<std::string> int4;        // names of integer layers whose weights have 4 bits
  int64_t int4_group_size = 0;       // of those
  // By node name, where a correction has fixed the scales of a layer's weights: one per output channel, or one.
  std::map<std::string, std::vector<float>> weight_scales;

  // How the weights of the layer become integers: `weights`, but for a layer of `int4` of 4 bits, in groups of its own.
  WeightScheme weights_of(const std::string& layer) const;
};

// int8 and bf16 where choose_precisions says so, or what choose_matrix_layers says. An activation keeps its name in the
// form in which it is made; others are "NAME:u8", "NAME:bf16" or "NAME:f32". Values that kSameRange ops connect share
// one range, the union of theirs. A weighted node or average pool whose readers are all float writes f32 straight from
// its accumulator. A bf16 layer has weights of bf16 and a bias of f32; it writes bf16 where nothing but bf16 nodes
// reads it, else f32.
//
// Of a weight-only layer the weights are integers, and all else is f32: a fully connected layer, even where the graph
// has a convolution.
//
// kInvalidFile: `ranges` lack a value; kUsage: keep_float names no node; kUnsupported: too many taps for s32.
Result<PackedModel> lower_int8(const Graph& graph, const Ranges& ranges, const QuantizeOptions& options,
                               std::vector<std::string>& notices);

// Without integers: weighted nodes in bf16, but those that `keep_float` names.
Result<PackedModel> lower_bf16(const Graph& graph, const std::set<std::string>& keep_float);

// A quantized model by its own integers, from take_given_integers: f32 elsewhere.
Result<PackedModel> lower_given(const Graph& graph, const GivenIntegers& given);

}  // namespace octet
