// Evaluation of one node whose inputs are constants, by the kernels that would run it.
#pragma once

#include <optional>
#include <vector>

#include "converter/graph.h"

namespace octet {

// What folding may take of one model: seconds. A file of a few hundred bytes can ask for years.
inline constexpr int64_t kMaxFoldingOperations = int64_t{1} << 32;
// And what memory: this much, and four times what the file holds.
inline constexpr int64_t kMaxFoldedBytes = int64_t{1} << 30;
// Of one constant: 256 MiB of f32.
inline constexpr int64_t kMaxFoldedElements = int64_t{1} << 26;

// A zero-filled tensor for a constant that has the size of a shape or an attribute, not that of bytes in a file. Takes
// its bytes from `bytes_left`; kUnsupported, with both numbers and before it is there, where they are more than that,
// or the elements more than kMaxFoldedElements.
Result<Tensor> make_constant(DataType type, const Shape& shape, int64_t& bytes_left);

// An estimate of what evaluate_constant would do: multiply-accumulates, comparisons, or elements read and written. 0
// where it computes nothing.
int64_t folding_operations(const Graph& graph, const Node& node);
// Takes them from `left`; kUnsupported with both numbers where they are more.
Status charge_folding(const Graph& graph, const Node& node, int64_t& left);
// Bytes of what evaluate_constant would compute.
int64_t folded_bytes(const Graph& graph, const Node& node);

// The node's outputs; nothing where an input is computed, where a shape_of asks for a dynamic dimension, where an
// output has more than kMaxFoldedElements, or where no kernel computes it.
std::optional<std::vector<Tensor>> evaluate_constant(const Graph& graph, const Node& node);

}  // namespace octet
