// IEEE half precision, as files hold it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace octet {

// The same number as float, exactly: subnormals, infinities and the bits of a NaN too.
float half_to_float(uint16_t half);

// The nearest number, of two equally near the even one; infinite from 65520 on.
uint16_t float_to_half(float value);

// Two bytes a number, little-endian. Nothing where a number is no half.
std::optional<std::vector<std::byte>> pack_halves(std::span<const float> values);

// bytes is two bytes a value long.
void unpack_halves(std::span<const std::byte> bytes, std::span<float> values);

}  // namespace octet
