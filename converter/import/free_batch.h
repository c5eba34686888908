// The batch: a network that a file describes for one sample, or for any number, runs for any number where it can.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "converter/readings.h"

namespace octet {

// How the file speaks of the batch.
struct BatchHints {
  std::set<std::string> dynamic_inputs;  // inputs whose first dimension the file leaves open (1 in the graph)
  std::set<std::string> reshapes;        // nodes whose dims the file spells out, with the batch of 1 among them perhaps
};

// Makes the first dimension of inputs dynamic: the file's dynamic ones; where there are none, or that fails, all of
// first dimension 1. The graph stays as it was unless every shape can be inferred with N, and every output's first
// dimension is N; and
//   where the file leaves the batch open: the network, read with 2 and 3, is the same (make_one_of()), and what it
//   computes of the batch is so at any number (check_arithmetic());
//   where the file says 1, or its operations take none of 2 to 8 and 16 (and it decides nothing by a size): no node
//   mixes samples. Then reshape(x, [1, a, b]) becomes reshape(x, [0, a, b]).
// Warns, with the node and what to do, of an open batch that stays at 1. `arithmetic`: that made the graph.
void free_batch(Graph& graph, const SizeArithmetic& arithmetic, const BatchHints& hints, const ReadAtShapes& read,
                std::vector<std::string>& warnings);

}  // namespace octet
