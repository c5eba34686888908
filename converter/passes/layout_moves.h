// The single steps of the layout pass: how a transpose passes one node. Each returns the number of rewrites, and takes
// the index of the node in graph.nodes; nodes before it do not change their places, unless it says so.
#pragma once

#include "converter/passes/permutation.h"
#include "converter/passes/rewrite.h"

namespace octet {

// nodes[i] is a transpose: joins it with one that makes its input, drops it if it then changes nothing, or uses an
// earlier one that does the same.
int join_transposes(Graph& graph, size_t i);

// nodes[i] reads transposed values: lets it read what was transposed, and transposes its output, in nodes[i + 1]. May
// insert reshapes or transposes of its other inputs before it.
int sink_transpose(Graph& graph, size_t i);
// The same for a reshape (layout_reshape.cpp), which has no rule of its own as it may split and join axes.
int sink_through_reshape(Graph& graph, size_t i);

// All that reads nodes[i]'s output is transpose(0,2,3,1): transposes its one computed input instead, before it.
int rise_transpose(Graph& graph, size_t i);

// Erases transposes that nobody reads; their names, if they are the source model's, go to the values they transposed.
void drop_unread_transposes(Graph& graph);

// The transpose that makes the value, or null.
const TransposeParams* transpose_of(const Graph& graph, ValueId id);

// Lets nodes[i] write a new value of another layout, and transposes that to the old one, in nodes[i + 1].
void transpose_output(Graph& graph, size_t i, const Permutation& q);

}  // namespace octet
