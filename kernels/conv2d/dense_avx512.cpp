#include "kernels/conv2d/dense_strip_avx512.h"

namespace octet {
namespace {

struct Vectors : VectorsAvx512 {
  // sum += s16 * s16, two products a lane. In assembly, as with VNNI.
  static OCTET_INLINE void add_products(__m512i& sum, __m512i a, __m512i b) {
    __m512i products;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sum), "=v"(products) : "v"(a), "v"(b));
  }
};

}  // namespace

const DenseKernel kDenseAvx512{run_tiles_avx512<Vectors>, VectorsAvx512::kLanes, 2, kTilesAvx512};

}  // namespace octet
