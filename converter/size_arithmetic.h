// What a network computes of the sizes of its inputs while it is read: by it a reading at a few sizes is shown to hold
// at all of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "converter/import/node_reader.h"

namespace octet {

// One node of the source whose outputs came to be constants because shapes are known; or a decision of If or Loop.
struct SizeStep {
  std::string key;  // unique, and the same in every reading
  std::string node, op_type;
  struct Value {
    ValueId id = kNoValue;
    Tensor tensor;
  };
  std::vector<std::optional<Value>> inputs;  // nothing: absent, or computed when the network runs
  std::vector<std::optional<Value>> outputs;
};

// The steps of one reading, in order. Tensors share their bytes with the graph's constants.
class SizeArithmetic {
 public:
  using Names = std::map<std::string, ValueId, std::less<>>;
  // Notes a node that has been read, if its outputs are constants that follow from shapes.
  void note(const SourceNode& node, const Graph& graph, const Names& names);
  // Notes that what an If or Loop becomes depends on a constant.
  void note_decision(const SourceNode& node, const std::string& name, const Graph& graph, const Names& names);

  const std::vector<SizeStep>& steps() const { return steps_; }

 private:
  bool follows_from_shapes(const SourceNode& node, const Graph& graph, const Names& names) const;

  std::vector<SizeStep> steps_;
  std::set<ValueId> of_shapes_;  // constants
};

enum class OpenSize {
  kBatch,  // the readings are at 1, 2 and 3
  kImage,  // at any sizes that differ
};

// Whether what several readings do alike they do at every size from 1 on. `shapes`: of each reading, for messages.
//
// Sums, differences, products of two, and what only moves numbers, are checked by the readings themselves: what a line
// or parabola does at 1, 2 and 3 it does everywhere. The rest is checked here, where it gets a number that differs
// between the readings:
//   comparisons, Max, Clip   fine where the number stays on one side, by its least value at any size (a size == -1)
//   Div, Floor, Cast         fine where nothing is lost to rounding; of images, where the result differs as well
//   other functions          of a batch refused; of images fine where the result differs as well
//   Min, Mod, ArgMax, ...    refused, as are conditions of If, Where and Loop, and indices into constants
// kUnsupported, with the node and what it gets.
Status check_arithmetic(std::span<const SizeArithmetic> readings, std::span<const std::string> shapes, OpenSize open);

}  // namespace octet
