// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/conv2d/vectors_avx2.h"
#include "kernels/matmul/integer_tile.h"

namespace octet {

const IntegerMatmulKernel kIntegerMatmulAvx2 = kKernelOf<VectorsAvx2, 2>;

}  // namespace octet
