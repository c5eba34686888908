// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/matmul/integer_tile.h"
#include "kernels/vectors_avx512.h"

namespace octet {

const IntegerMatmulKernel kIntegerMatmulAvx512 = kKernelOf<VectorsAvx512, 6>;

}  // namespace octet
