#include "kernels/conv2d/dense_strip.h"
#include "kernels/vectors_avx2.h"

namespace octet {
namespace {

void run_tiles_avx2(const DenseStrip& strip, const ChannelBlock& block, const DenseNumbers& numbers) {
  block.width == 16 ? run_strip<VectorsAvx2, 2, 6, 3>(strip, block, numbers)
                    : run_strip<VectorsAvx2, 1, 12, 4>(strip, block, numbers);
}

// Of 16 registers, a tile takes 12 for its sums, 2 for weights, and one each for a pixel and for products.
constexpr DenseTile kTiles[] = {{16, 6, false}, {8, 12, false}};

}  // namespace

const DenseKernel kDenseAvx2{run_tiles_avx2, VectorsAvx2::kLanes, 2, kTiles};

}  // namespace octet
