// Open sizes: one packed file for images of every size that the network takes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/graph.h"
#include "converter/readings.h"
#include "octet/model.hpp"
#include "runtime/packed_model.h"

namespace octet {

// The dimensions of inputs, beside the batch, that a session may choose.
using OpenAxes = std::map<std::string, std::vector<int>>;  // by input

// What the float network was read at besides its own size: proof of what it does there.
struct SizeTrial {
  std::vector<Shape> inputs, outputs;
};

struct OpenSizes {
  OpenAxes axes;
  std::vector<SizeTrial> trials;
  std::string instead;  // "--input-shape x=1x3x6x8 ...": what else can be done
};

// The axes that the file leaves open; where it leaves none, height and width of images (inputs of four dimensions, of
// which the smaller of 1 and 3 counts the channels).
OpenAxes choose_open_axes(const Graph& graph, const OpenAxes& left_open);

// Makes a graph, read at one size, the same for every size: `read`, which runs all passes too, reads the network at
// other sizes, and make_one_of() rewrites what differs. kUnsupported, with the node, where it cannot (padding that
// depends on the size, positions in a constant), where what it computes of the size may turn out otherwise at another
// (check_arithmetic()), and where the network cannot be read at twice and three times its size. `arithmetic`: that made
// the graph.
Result<OpenSizes> free_sizes(Graph& graph, const SizeArithmetic& arithmetic, const OpenAxes& axes,
                             const ReadAtShapes& read);

// `model`, lowered from such a graph, with the axes open; and checked against the trials.
Result<PackedModel> with_open_sizes(PackedModel model, const OpenSizes& sizes);

// `model` with inputs of these shapes, for all that is not a session. A batch of 1 leaves an open batch open; inputs
// without a shape keep theirs. kUsage: no such input, or a shape that it does not take.
Result<Model> with_input_shapes(const Model& model, const std::map<std::string, Shape>& shapes);

}  // namespace octet
