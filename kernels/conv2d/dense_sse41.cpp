#include "kernels/conv2d/dense_strip.h"
#include "kernels/vectors_sse41.h"

namespace octet {
namespace {

void run_tiles_sse41(const DenseStrip& strip, const ChannelBlock& block, const DenseNumbers& numbers) {
  block.width == 8 ? run_strip<VectorsSse41, 2, 6, 3>(strip, block, numbers)
                   : run_strip<VectorsSse41, 1, 12, 4>(strip, block, numbers);
}

// Of 16 registers, a tile takes 12 for its sums, 2 for weights, and one each for a pixel and for products.
constexpr DenseTile kTiles[] = {{8, 6, false}, {4, 12, false}};

}  // namespace

const DenseKernel kDenseSse41{run_tiles_sse41, VectorsSse41::kLanes, 2, kTiles};

}  // namespace octet
