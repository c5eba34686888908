// Lists of counts as short printable text, for histograms in JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

// Base64 VLQ, as in source maps: each count is written as its difference from the one before it (from 0 at first), the
// difference d as the number 2 |d| + (d < 0), that number in groups of 5 bits, lowest first, each group one character
// of A-Z a-z 0-9 + /, plus 32 if another group follows. Neighbouring bins are alike, so most take two characters.
//
// counts  each <= ActivationStats::kMaxCount
std::string encode_counts(std::span<const uint64_t> counts);

// Nothing if the text has a foreign character, breaks off within a number, holds a number that is not written in its
// shortest form, a count below 0 or above kMaxCount, or more than `max_counts`.
std::optional<std::vector<uint64_t>> decode_counts(std::string_view text, size_t max_counts);

}  // namespace octet
