// Sums of products of 8-bit integers, which f32 counts exactly up to 2^24.
#pragma once

#include "converter/import/node_reader.h"

namespace octet {

// Greatest sums of |w| over which f32 sums of w * x are exact, x being at most 255 from 0.
inline constexpr int64_t kMaxExactWeight = (int64_t{1} << 24) / 255;

// An error unless inputs 0 and 1 are there, as the real numbers that expand_qoperators makes of them.
Status require_reals(const NodeReader& reader);

// Each part is a layer of its own: more of them are a mistake, or an attack.
inline constexpr size_t kMaxParts = 128;

// Where to cut [0, depth) so that f32 counts the sum over each part: 0, ..., depth. `weights` is [outer, depth, inner],
// each element the |w| that one step along the depth adds to one sum. kUnsupported, with both numbers, where one step
// is too much already, or where there are more than kMaxParts.
Result<std::vector<int64_t>> exact_parts(const NodeReader& reader, std::span<const int64_t> weights, int64_t depth,
                                         int64_t inner);
// The same where any step along the depth may add 255 to each sum.
Result<std::vector<int64_t>> exact_parts(const NodeReader& reader, int64_t depth);

}  // namespace octet
