// The passes by name, for the table in passes.cpp. Each returns the number of its rewrites, and leaves shapes inferred;
// its file opens with its equation and its refusal.
#pragma once

#include "converter/graph.h"

namespace octet {

int fold_constants(Graph& graph);
int remove_identity(Graph& graph);
int fuse_activation(Graph& graph);
int matmul_to_conv(Graph& graph);
int merge_duplicates(Graph& graph);
int layout(Graph& graph);
int reduce_to_pool(Graph& graph);
int fold_pad(Graph& graph);
int fold_batch_norm(Graph& graph);
int fold_scale_shift(Graph& graph);
int sink_reshape(Graph& graph);
int fuse_bias(Graph& graph);
int fuse_residual(Graph& graph);
int fuse_clamp(Graph& graph);

}  // namespace octet
