#include "kernels/conv2d/depthwise_strip.h"
#include "kernels/vectors_avx2.h"
#include "kernels/vectors_sse41.h"

namespace octet {
namespace {

constexpr DepthwiseTile kTiles[] = {{run_strip<VectorsAvx2, 3>, 32, 8}, {run_strip<VectorsSse41, 3>, 16, 4}};

}  // namespace

const std::span<const DepthwiseTile> kDepthwiseAvx2 = kTiles;

}  // namespace octet
