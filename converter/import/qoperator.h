// QOperator models: one node with scales and zero points among its inputs, instead of a node between Dequantize- and
// QuantizeLinear.
#pragma once

#include <vector>

#include "converter/import/source_model.h"

namespace octet {

// Turns QLinearConv and its like into the form with QuantizeLinear and DequantizeLinear, which says the same. A node
// that lacks inputs, or has others than it can have, stays as it is, refused. ConvInteger and MatMulInteger get their
// inputs as real numbers. What is made of a node is named after it and its input: "conv:input_3".
std::vector<SourceNode> expand_qoperators(const SourceModel& source);

}  // namespace octet
