// Which rung of a ladder passes the accuracy gate, if each trial takes a full correction.
#pragma once

#include <cstddef>
#include <functional>

#include "octet/result.h"

namespace octet {

struct ClimbRules {
  size_t count = 0;                            // of rungs, by falling error
  std::function<bool(size_t)> is_promising;    // cheap to ask: worth a trial on the way up
  std::function<Result<bool>(size_t)> passes;  // a trial
  bool looks_below = false;                    // also among those that did not look promising
};

// Tries the promising rungs from the first on until one passes. With `looks_below` it then bisects between that one and
// the last that was tried before it: the smallest that passes, if of two rungs the one with less error passes more
// easily, in log2(count) further trials. `passes` keeps what it finds. Its errors.
Status climb(const ClimbRules& rules);

}  // namespace octet
