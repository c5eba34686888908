// The integers of a value that the graph keeps as the real numbers they stand for.
#pragma once

#include "converter/import/node_reader.h"

namespace octet {

// Emits the value as the source has it: u8 or s8, not quantized in octet's sense.
Result<ValueId> emit_integers(NodeReader& reader, ValueId real, const IntegerType& type);

}  // namespace octet
