// How the ops of the zoo are written in ONNX: an overload per op, for op_writers.cpp.
#pragma once

#include "converter/export/qdq_writer.h"

namespace octet {

// As write_op. They compute in f32 and whole numbers, with the axes in the packed order.
Status write_zoo(QdqWriter& writer, const PackedNode& node, const CompareParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const WhereParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const MathParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const TopKParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const CumulativeSumParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const IndexParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const NonMaxSuppressionParams& params);
Status write_zoo(QdqWriter& writer, const PackedNode& node, const RecurrentParams& params);

}  // namespace octet
