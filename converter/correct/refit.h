// A layer's weights and biases by least squares.
#pragma once

#include "converter/correct/tune.h"

namespace octet {

// One step of Gauss and Newton from the float network's weights w and bias b, per output channel:
//
//   w += (Cov x^ + 0.3 mean(diag Cov x^) I)^-1 Cov(x^, e),   b += mean e - dw mean x^
//
// x^: what the layer reads in the integer network; e: what the float network makes of the same less what the layer
// makes of x^, 0 where the activation cuts. The large ridge keeps the weights near the float ones, which know more
// pictures than the samples show. A channel stays where the step does worse on rows that were not fitted to; a layer
// stays whose taps are more than ColumnRounding::kMaxTaps.
//
// Returns weights in real numbers, on no grid. kUnsupported, kResource: what the product's library says.
Result<TunedChannels> refit_layer(const LayerProblem& problem, const TunedChannels& start, int threads);

// b += mean e, with the weights as they are: what rounding them moved.
Result<TunedChannels> refit_biases(const LayerProblem& problem, const TunedChannels& start, int threads);

}  // namespace octet
