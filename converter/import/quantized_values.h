// What importers remember of a model's own integers while they read it.
#pragma once

#include <map>

#include "converter/given.h"

namespace octet {

// The integer type of one tensor: u8 or s8, per tensor.
struct IntegerType {
  DataType type = DataType::kU8;
  QuantParams quant;  // of that type

  // As u8: an s8's integers and zero point are 128 more.
  QuantParams as_u8() const { return {quant.scale, quant.zero_point + (type == DataType::kS8 ? 128 : 0)}; }
  friend bool operator==(const IntegerType&, const IntegerType&) = default;
};

struct QuantizedValues {
  // Values that are integers in the source, and in the graph the real numbers that these stand for.
  std::map<ValueId, IntegerType> integers;
  // f32 constants that are integers in the source.
  std::map<ValueId, GivenConstant> constants;
};

}  // namespace octet
