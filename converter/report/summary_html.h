// The top of a page about a network: what it costs, and what it lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "converter/compare.h"
#include "converter/convert.h"

namespace octet {

// A packed network beside the float model that it was made from.
struct NetworkCost {
  int64_t bytes = 0, reference_bytes = 0;           // of the file; of a float model, of its constants
  double latency_ms = 0, reference_latency_ms = 0;  // of a run at batch 1
};

// A heading and a table: bytes, latency, the signal over noise of each output, and the accuracy gate where there was
// one.
std::string summary_html(const NetworkCost& cost, const Comparison& comparison,
                         const std::optional<GateResult>& gate = std::nullopt);

}  // namespace octet
