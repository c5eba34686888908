#include "kernels/conv2d/dense_strip_avx512.h"

namespace octet {

const DenseKernel kDenseAvx512{run_tiles_avx512<VectorsAvx512>, VectorsAvx512::kLanes, 2, kTilesAvx512};

}  // namespace octet
