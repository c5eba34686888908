// The tiles of dense_strip.h that the 32 registers of AVX-512 hold.
#pragma once

#include "kernels/conv2d/dense_strip.h"
#include "kernels/vectors_avx512.h"

namespace octet {
namespace {

template <class V>
void run_tiles_avx512(const DenseStrip& strip, const ChannelBlock& block, const DenseNumbers& numbers) {
  switch (block.width) {
    case 64:
      return run_strip<V, 4, 6, 3>(strip, block, numbers);
    case 48:
      return run_strip<V, 3, 7, 1>(strip, block, numbers);
    case 32:
      return run_strip<V, 2, 12, 4>(strip, block, numbers);
    default:
      return run_strip<V, 1, 16, 8>(strip, block, numbers);
  }
}

constexpr DenseTile kTilesAvx512[] = {{48, 7, true}, {64, 6, false}, {32, 12, false}, {16, 16, false}};

}  // namespace
}  // namespace octet
