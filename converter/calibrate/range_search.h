// The search that the methods with an objective over two ends share.
#pragma once

#include <functional>
#include <utility>

namespace octet {

// argmin of cost(min, max) over low <= min <= 0 <= max <= high, min < max. Two-sided: every pair of shares 2^(-k/2) of
// `low`, `high` and of 0, then a pattern search around the best pair with steps down to 2^-12. Ties go to the wider
// range. `low` <= 0 <= `high` after each is widened to 0; in units of a histogram's bins.
std::pair<double, double> cheapest_range(double low, double high,
                                         const std::function<double(double min, double max)>& cost);

}  // namespace octet
