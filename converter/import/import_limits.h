// How much a model's file may ask of the importer: a small file can ask for work and memory without end.
#pragma once

#include <span>
#include <vector>

#include "converter/import/source_model.h"

namespace octet {

// A rewrite costs time in proportion to the nodes, and there may be one for each node: more of them would take minutes,
// and no network has them.
inline constexpr size_t kMaxNodes = 20000;
inline constexpr size_t kMaxNodeValues = 1024;  // that one node reads, or makes
inline constexpr size_t kMaxConstants = 40000;
// What all nodes become, constants among them: a product of integers is thousands of nodes where it is deep.
inline constexpr size_t kMaxValues = 4 * kMaxNodes + kMaxConstants;
// A body that runs again gives all of its names anew: this many cost what a node does.
inline constexpr size_t kNamesPerNode = 8;
// As many bytes of names and attributes, and as many values of JSON, cost what a node does where they are copied.
inline constexpr size_t kNameBytesPerNode = 4096;
inline constexpr size_t kJsonValuesPerNode = 256;
// What one output beyond the first costs, for a split becomes a slice for each, with transposes around it.
inline constexpr size_t kNodesPerOutput = 8;
// What folding may compute, and take, says constant_folding.h.

// Tensors of JSON may share their place in a file: together they may be this much, and four times what the files hold.
inline constexpr int64_t kMaxSharedBytes = int64_t{1} << 26;

// kUnsupported: "OWNER has COUNT WHAT, but at most MOST are read"
Error too_many(const std::string& owner, size_t count, const char* what, size_t most);

// `nodes`: of the source, quantized operations spelled out. kUnsupported, with both numbers, where there is too much of
// anything; kInvalidFile where there is no output.
Status check_counts(const SourceModel& source, std::span<const SourceNode> nodes);
// The same for what the nodes that have been read became.
Status check_values(const Graph& graph);

// Of the graph's constants from a value on.
int64_t constant_bytes(const Graph& graph, size_t first_value);

// A rewrite, or quantization, may give each reader of a constant one of its own: bytes that no file holds.
class ConstantReaders {
 public:
  // Of the constants that the nodes from `first_node` on read: those that have been read before.
  int64_t shared_bytes(const Graph& graph, size_t first_node);

 private:
  std::vector<bool> is_read_;  // per value
};

}  // namespace octet
