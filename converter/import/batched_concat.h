// concat(constant[1, ...], x[N, ...]): a class token, for one, that every sample of a batch is to get a copy of.
#pragma once

#include <cstddef>

#include "converter/graph.h"

namespace octet {

// Where nodes[index] is a concat along another axis than the first, of f32 constants of one sample beside inputs of a
// dynamic batch, sums that broadcast take its place:
//   concat(c, x) -> pad(x) + concat(c, 0)
// The new nodes stand from nodes[index] on; the shapes of their outputs are still to be inferred. kUnsupported where
// the zeros take more than `bytes_left`, from which they are taken (make_constant).
Status replace_batched_concat(Graph& graph, size_t index, int64_t& bytes_left);

}  // namespace octet
