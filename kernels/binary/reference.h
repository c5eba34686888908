// The table of binary functions and their inner loops.
#pragma once

#include <cstdint>

#include "kernels/binary/binary.h"
#include "kernels/binary/binary_u8.h"

namespace octet {

// Inner loops over n elements: a and b advance by steps of their own, dst by one. Null where a type is not taken.
struct BinaryFunction {
  BinaryKind kind;
  const char* name;
  void (*f32)(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t n, const Clamp& clamp,
              float* dst);
  void (*s64)(const int64_t* a, int64_t a_step, const int64_t* b, int64_t b_step, int64_t n, int64_t* dst);
  BinaryU8Row u8;
};

// In the order of BinaryKind.
std::span<const BinaryFunction> binary_functions();

Result<Kernel> prepare_binary_reference(const Problem<BinaryParams>& problem);
// A u8 problem with the inner loop `row`.
Result<Kernel> prepare_binary_u8(const Problem<BinaryParams>& problem, BinaryU8Row row);

}  // namespace octet
