// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/matmul/integer_tile.h"
#include "kernels/vectors_avx512.h"

namespace octet {
namespace {

// Products and sums in one instruction; VNNI's own form of u8 * s8 has no room for a zero point.
struct VectorsAvx512Vnni : VectorsAvx512 {
  static OCTET_INLINE void add_products(__m512i& sum, __m512i a, __m512i b) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
};

}  // namespace

const IntegerMatmulKernel kIntegerMatmulAvx512Vnni = kKernelOf<VectorsAvx512Vnni, 6>;

}  // namespace octet
