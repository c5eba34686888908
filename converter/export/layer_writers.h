// How layers with weights are written in ONNX: an overload per op, for op_writers.cpp.
#pragma once

#include "converter/export/qdq_writer.h"

namespace octet {

// As write_op.
Status write_layer(QdqWriter& writer, const PackedNode& node, const Conv2dParams& params);
Status write_layer(QdqWriter& writer, const PackedNode& node, const FullyConnectedParams& params);

}  // namespace octet
