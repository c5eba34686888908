#include "converter/precision/climb.h"

namespace octet {

Status climb(const ClimbRules& rules) {
  size_t low = 0;  // behind the last that was tried in vain
  size_t high = 0;
  for (; high < rules.count; ++high) {
    if (!rules.is_promising(high)) continue;
    OCTET_TRY(const bool is_passed, rules.passes(high));
    if (is_passed) break;
    low = high + 1;
  }
  if (high == rules.count || !rules.looks_below) return {};
  while (low < high) {
    const size_t middle = (low + high) / 2;
    OCTET_TRY(const bool is_passed, rules.passes(middle));
    (is_passed ? high : low) = is_passed ? middle : middle + 1;
  }
  return {};
}

}  // namespace octet
