// The range of a value whose channels were rescaled, where only its range before is known: a saved table's.
#pragma once

#include "converter/activation_stats.h"

namespace octet {

// Does to `saved` what rescaling did to the range of some samples: each end of it times after / before. An end that the
// samples do not have moves as the other does; where they have none at all, the range grows to `after`. What moved by
// less than a thousandth, which is rounding, stays `saved` to the bit.
//
// is_pow2  all three are ranges whose integers are a power of two apart: both ends move by one factor, which keeps that
Range rescaled_range(const Range& saved, const Range& before, const Range& after, bool is_pow2);

// The same, value by value. Values that `before` or `after` lacks keep their range.
Ranges rescaled_ranges(Ranges saved, const Ranges& before, const Ranges& after, bool is_pow2);

}  // namespace octet
