// QOperator models: one node with scales and zero points among its inputs, instead of a node between Dequantize- and
// QuantizeLinear.
#pragma once

#include <vector>

#include "converter/import/source_model.h"

namespace octet {

// Turns QLinearConv and its like into the form with QuantizeLinear and DequantizeLinear, which says the same. A node
// that lacks inputs stays as it is, and is then not known. ConvInteger and MatMulInteger get their inputs as real
// numbers.
std::vector<SourceNode> expand_qoperators(const SourceModel& source);

}  // namespace octet
