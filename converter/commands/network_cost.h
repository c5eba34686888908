// What a packed network costs beside the float model: bytes and latency.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "converter/load_model.h"
#include "converter/report/summary_html.h"

namespace octet {

// The errors of measure_latency.
Result<NetworkCost> measure_cost(const LoadedModel& packed, const LoadedModel& reference, int threads);

// bytes, compression, against_bytes, latency_ms, against_latency_ms, speedup.
nlohmann::ordered_json cost_json(const NetworkCost& cost);

}  // namespace octet
