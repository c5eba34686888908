#include "runtime/half.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace octet {
namespace {

constexpr uint32_t kInfinity = 0x7F800000U;  // of f32
constexpr uint32_t kExponentShift = 112U;    // between the biases of the exponents
constexpr float kLeastNormal = 0x1p-14F;
constexpr float kLeastInfinite = 65520.0F;  // half a step above the greatest half, 65504

}  // namespace

float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | kInfinity | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + kExponentShift) << 23 | mantissa << 13);
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);  // subnormal
  return sign != 0 ? -magnitude : magnitude;
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000U;
  const float magnitude = std::fabs(value);
  uint32_t half = 0;
  if (std::isnan(value)) {
    half = 0x7E00U | (bits >> 13 & 0x3FFU);
  } else if (magnitude >= kLeastInfinite) {
    half = 0x7C00U;
  } else if (magnitude < kLeastNormal) {
    half = static_cast<uint32_t>(std::nearbyintf(magnitude * 0x1p24F));  // 1024 is the least normal one
  } else {
    const uint32_t even = bits >> 13 & 1U;
    half = ((bits & 0x7FFFFFFFU) - (kExponentShift << 23) + 0xFFFU + even) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

std::optional<std::vector<std::byte>> pack_halves(std::span<const float> values) {
  std::vector<std::byte> bytes(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half = float_to_half(values[i]);
    if (std::bit_cast<uint32_t>(half_to_float(half)) != std::bit_cast<uint32_t>(values[i])) return std::nullopt;
    std::memcpy(bytes.data() + 2 * i, &half, 2);
  }
  return bytes;
}

void unpack_halves(std::span<const std::byte> bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half = 0;
    std::memcpy(&half, bytes.data() + 2 * i, 2);
    values[i] = half_to_float(half);
  }
}

}  // namespace octet
