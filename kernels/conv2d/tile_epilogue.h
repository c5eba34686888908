// From a tile's sums in registers to its pixels of dst, compiled once per ISA.
//
// V names the ISA's vectors (vectors_avx2.h and the like):
//   Int, Float                  of kLanes s32 or f32
//   pack, unpack                4 vectors of s32 to and from a vector of bytes, whose order is that of a ChannelBlock
//   load_pixels, store_pixels   up to 4 / kVectors pixels of `count` channels each, side by side in a vector of bytes
//   and what is called as the intrinsics that it is.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/always_inline.h"
#include "kernels/conv2d/channel_block.h"

namespace octet {
namespace {

// A number that is part of its type; std's own is code that every file would share.
template <int kI>
struct Constant {
  OCTET_INLINE constexpr operator int() const { return kI; }  // NOLINT: implicit, as std::integral_constant
};

// f(0), f(1), ... f(kCount - 1) with constants for numbers: arrays that are only indexed so live in registers.
template <int kCount, class F>
OCTET_INLINE void unroll(const F& f) {
  [&]<int... kI>(std::integer_sequence<int, kI...>) __attribute__((always_inline)) {
    (f(Constant<kI>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

// What is done to sums, chosen once per strip: general does everything that the numbers ask for.
enum EpilogueKind { kSimple = 0, kResidual = 1, kZeroPoint = 2, kGeneral = 4 };

template <class V>
OCTET_INLINE typename V::Float add_residual(typename V::Float scaled, typename V::Int residual,
                                            const Requantization& r) {
  const auto offset = V::sub(residual, V::set1(r.residual_zero_point));
  return V::fmadd(V::to_float(offset), V::set1(r.residual_scale), scaled);
}

template <class V>
OCTET_INLINE typename V::Float scale(typename V::Int sum, const ChannelBlock& block, int vector, bool bias_in_sum) {
  const auto multiplier = V::load(block.multiplier + vector * V::kLanes);
  auto scaled = V::to_float(sum);
  if (!bias_in_sum) scaled = V::add(scaled, V::load(block.bias + vector * V::kLanes));
  return V::mul(scaled, multiplier);
}

template <class V>
OCTET_INLINE typename V::Float clamp(typename V::Float scaled, const Requantization& r) {
  return V::min(V::max(scaled, V::set1(r.clamp_min)), V::set1(r.clamp_max));
}

template <class V, int kEpilogue>
OCTET_INLINE typename V::Int requantize(typename V::Int sum, const ChannelBlock& block, int vector,
                                        const Requantization& r, const typename V::Int* residual) {
  auto scaled = scale<V>(sum, block, vector, kEpilogue < kGeneral);
  if (residual != nullptr) scaled = add_residual<V>(scaled, *residual, r);
  // The packs saturate at both ends, but above 2^31 conversion fails.
  if constexpr (kEpilogue == kGeneral) scaled = V::min(clamp<V>(scaled, r), V::set1(255.0F));
  const auto rounded = V::round(scaled);
  if constexpr (kEpilogue == kGeneral || (kEpilogue & kZeroPoint) != 0) {
    return V::add(rounded, V::set1(r.dst_zero_point));
  }
  return rounded;
}

// The f32 results of one pixel: a group of four lanes holds four neighbouring channels.
template <class V, int kVectors>
OCTET_INLINE void store_f32(const typename V::Int (&sums)[kVectors], const ChannelBlock& block, const Requantization& r,
                            float* dst) {
  alignas(64) float lanes[kVectors][V::kLanes];
  unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
    V::store(lanes[q], clamp<V>(scale<V>(sums[q], block, q, false), r));
  });
  for (int64_t channel = 0; channel < block.count; ++channel) {
    const int64_t group = channel / (4 * kVectors), q = channel / 4 % kVectors;
    dst[channel] = lanes[q][group * 4 + channel % 4];
  }
}

// Where the pixels go: addresses of the first one, in bytes; the step from pixel to pixel in elements.
struct Destination {
  uint8_t* dst;  // f32 as Epilogue says
  int64_t step;
  const uint8_t* residual;  // like dst, or null
};

// kPixels pixels from number `pixel` on.
template <class V, int kVectors, int kPixels, int kEpilogue>
OCTET_INLINE void store_tile(const typename V::Int (&sums)[kPixels][kVectors], const ChannelBlock& block,
                             const Epilogue& epilogue, const Destination& to, int64_t pixel) {
  using Int = typename V::Int;
  if constexpr (kEpilogue == kGeneral) {
    if (epilogue.to_f32) {
      float* dst = reinterpret_cast<float*>(to.dst) + pixel * to.step;
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        store_f32<V>(sums[p], block, epilogue.requantization, dst + p * to.step);
      });
      return;
    }
  }
  constexpr int kGroup = 4 / kVectors;  // pixels packed at once
  const bool adds = kEpilogue == kGeneral ? to.residual != nullptr : (kEpilogue & kResidual) != 0;
  unroll<(kPixels + kGroup - 1) / kGroup>([&](auto group) __attribute__((always_inline)) {
    constexpr int kFirst = group * kGroup;
    constexpr int kCount = kFirst + kGroup <= kPixels ? kGroup : kPixels - kFirst;
    const int64_t offset = (pixel + kFirst) * to.step;
    Int old[4];
    if (adds) {
      const Int bytes = V::template load_pixels<kVectors, kCount>(to.residual + offset, to.step, block.count);
      V::template unpack<kVectors>(bytes, old);
    }
    Int rounded[4];
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      constexpr int kPixel = kFirst + i / kVectors, kVector = i % kVectors;
      if constexpr (kPixel >= kPixels || i >= kGroup * kVectors) {
        rounded[i] = V::set1(0);
      } else {
        rounded[i] = requantize<V, kEpilogue>(sums[kPixel][kVector], block, kVector, epilogue.requantization,
                                              adds ? &old[i] : nullptr);
      }
    });
    const Int bytes = V::template pack<kVectors>(rounded);
    V::template store_pixels<kVectors, kCount>(to.dst + offset, to.step, block.count, bytes);
  });
}

// The kind for a strip: an index into kinds that are all but kGeneral.
OCTET_INLINE int simple_kind(const Epilogue& epilogue, bool has_residual) {
  return (has_residual ? kResidual : 0) | (epilogue.requantization.dst_zero_point != 0 ? kZeroPoint : 0);
}

}  // namespace
}  // namespace octet
