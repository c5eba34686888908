// The order in which the nodes of a source model can be read.
#pragma once

#include <map>

#include "converter/import/source_model.h"

namespace octet {

// Where a name comes from: node index, or kFromOutside for graph inputs and constants.
constexpr int kFromOutside = -1;
using Writers = std::map<std::string, int, std::less<>>;

// Indices of the nodes that the outputs need, each after those it reads, in the file's order where that is possible.
// Names without a writer are taken as given. kInvalidFile: a cycle, whose nodes the error names.
Result<std::vector<int>> order_nodes(const std::vector<SourceNode>& nodes, const Writers& writers,
                                     const std::vector<std::string>& outputs);

}  // namespace octet
