// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/matmul/integer_tile.h"
#include "kernels/vectors_avx2.h"

namespace octet {

const IntegerMatmulKernel kIntegerMatmulAvx2 = kKernelOf<VectorsAvx2, 2>;

}  // namespace octet
