// The batch: a network that a file describes for one sample, or for any number, runs for any number where it can.
#pragma once

#include <set>
#include <string>

#include "converter/graph.h"

namespace octet {

// How the file speaks of the batch.
struct BatchHints {
  std::vector<ValueId> dynamic_inputs;  // inputs whose first dimension the file leaves open (1 in the graph)
  std::set<std::string> reshapes;       // nodes whose dims the file spells out, with the batch of 1 among them perhaps
};

// Makes the first dimension of inputs dynamic:
//   f(x[1, ...]) -> f(x[N, ...]),  reshape(x, [1, a, b]) -> reshape(x, [0, a, b])
// Inputs: the file's dynamic ones; where there are none, or that fails, all of first dimension 1.
// Refused (false, the graph as it was) unless every shape can be inferred with N and with 2, every output's first
// dimension is N, and, where the file says 1, no node mixes samples.
bool free_batch(Graph& graph, const BatchHints& hints);

}  // namespace octet
