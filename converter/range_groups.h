// Which values must share a range.
#pragma once

#include <vector>

#include "converter/graph.h"
#include "converter/precision.h"

namespace octet {

// One per value: a value that stands for all those that int8 nodes of the rule kSameRange connect with it.
std::vector<ValueId> range_groups(const Graph& graph, const std::vector<Precision>& precisions);

}  // namespace octet
