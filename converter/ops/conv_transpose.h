// A transposed convolution of a quantized model, once it is a convolution.
#pragma once

#include "converter/given.h"
#include "converter/import/node_reader.h"

namespace octet {

// What the file says of the integers of a ConvTranspose that has been read, in the order of the channels of the
// convolution that it became.
//
// weights  as the file has them, with one scale, or one for each entry along axis 1
// bias     null without one
GivenLayer transposed_layer(const SourceNode& node, const GivenConstant& weights, const GivenConstant* bias);

}  // namespace octet
