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

// A node that has been made the same for every size by one of several forms: a resize by scales or like another value,
// or like one value or another. These readings do not tell which it is; another one tells, at a size where they part.
struct SizeChoice {
  struct Like {
    ValueId id = kNoValue;
    std::vector<int> axes;
  };
  ValueId made = kNoValue;
  std::vector<int> axes;    // of `made`
  std::vector<Like> likes;  // whose axes are as long in all readings
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
//   reshape to (n, h, w, c)     of h * w: like whatever value has h and w among its dimensions
//
//   x + copies of a constant    x + the constant, which broadcasts
//
// `graph`: equal to readings[0]; no pass may run on it any more where nodes follow other values, which they do only
// with `choices`: these get the nodes that have several forms. kUnsupported, with the node, for any other difference.
Status make_one_of(Graph& graph, std::span<const Graph> readings, std::vector<SizeChoice>* choices = nullptr);

// Whether `copies` is what `one` broadcasts to.
bool is_copies_of(const Tensor& one, const Tensor& copies);

}  // namespace octet
