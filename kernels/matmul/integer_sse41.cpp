// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/matmul/integer_tile.h"
#include "kernels/vectors_sse41.h"

namespace octet {

const IntegerMatmulKernel kIntegerMatmulSse41 = kKernelOf<VectorsSse41, 2>;

}  // namespace octet
