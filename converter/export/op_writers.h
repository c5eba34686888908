// How each packed op is written in ONNX: a row per op.
#pragma once

#include "converter/export/qdq_writer.h"

namespace octet {

// Adds the nodes that a packed node stands for. kUnsupported, with the reason but without the node's name, where ONNX
// has none.
Status write_op(QdqWriter& writer, const PackedNode& node);

}  // namespace octet
