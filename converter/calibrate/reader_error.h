// What a range costs the layers that read a value.
#pragma once

#include <span>
#include <vector>

#include "converter/correct/sample_run.h"
#include "converter/graph.h"
#include "converter/precision.h"
#include "converter/quantize.h"

namespace octet {

// Values that share a range, and ranges that could be theirs.
struct RangeQuestion {
  ValueId group;  // as range_groups() numbers them
  std::vector<QuantParams> candidates;
};

// For each question, per candidate, the mean over the nodes that read the values as integers of E[(y - y^)^2] / Var[y]:
// y is what the node makes of the float network's values, y^ what it makes of them once the values of the group, and
// only they, have gone through the integers of the candidate. Where no such node is, the values' own error counts.
//
// groups      range_groups() of the graph
// precisions  per node
// samples     one float run each, and one run of every reader per candidate
Result<std::vector<std::vector<double>>> reader_errors(const Graph& graph, std::span<const ValueId> groups,
                                                       const std::vector<Precision>& precisions,
                                                       std::span<const RangeQuestion> questions,
                                                       std::span<const Sample> samples, int threads);

}  // namespace octet
