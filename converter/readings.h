// Readings: one network as it was read for several input shapes, and the graph that is all of them.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "converter/graph.h"
#include "converter/size_arithmetic.h"

namespace octet {

struct Reading {
  Graph graph;
  SizeArithmetic arithmetic;  // that made it
};

// Reads the network anew for these input shapes.
using ReadAtShapes = std::function<Result<Reading>(const std::map<std::string, Shape>&)>;

// A resize that has been made the same for every size by one of several forms: by scales, or like one of `likes`. The
// readings do not tell which it is; another one tells, at a size where the forms part.
struct SizeChoice {
  ValueId resized = kNoValue;
  std::vector<ValueId> likes;
};

// "1x3x8x8, 1x4": for messages.
std::string input_shapes_text(const Graph& graph);

// What exporters compute of a size was folded into constants and parameters. Rewrites what differs between the
// readings, if it has a form without sizes:
//
//   reshape to (n, h * w, c)    0 copies a dimension, -1 takes what is left; a row of them where more follow the size
//
//   slice up to h - 1           its end counts from the end
//
//   resize to (2 h, 2 w)        by the scales (2, 2), where they are whole
//
//   resize to the size of y     like y: whatever value has its height and width in every reading
//
//   x + copies of a constant    x + the constant, which broadcasts
//
// `graph`: equal to readings[0]. kUnsupported, with the node, for any other difference. `choices`, unless null, gets
// the resizes that may follow several values.
Status make_one_of(Graph& graph, std::span<const Graph> readings, std::vector<SizeChoice>* choices = nullptr);

// Whether `copies` is what `one` broadcasts to.
bool is_copies_of(const Tensor& one, const Tensor& copies);

}  // namespace octet
