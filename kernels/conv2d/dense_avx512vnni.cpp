#include "kernels/conv2d/dense_strip_avx512.h"

namespace octet {
namespace {

struct Vectors : VectorsAvx512 {
  // sum += u8 * s8, four products a lane; in assembly as without VNNI.
  static OCTET_INLINE void add_products(__m512i& sum, __m512i u, __m512i s) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
  }
};

}  // namespace

const DenseKernel kDenseAvx512Vnni{run_tiles_avx512<Vectors>, VectorsAvx512::kLanes, 1, kTilesAvx512};

}  // namespace octet
