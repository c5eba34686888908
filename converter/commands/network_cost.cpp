#include "converter/commands/network_cost.h"

#include <nlohmann/json.hpp>

#include "converter/evaluate.h"

namespace octet {

Result<NetworkCost> measure_cost(const LoadedModel& packed, const LoadedModel& reference, int threads) {
  OCTET_TRY(const auto latency, measure_latency(packed.model, reference.model, threads));
  return NetworkCost{packed.file_bytes, reference.file_bytes, latency.first, latency.second};
}

nlohmann::ordered_json cost_json(const NetworkCost& cost) {
  return {{"bytes", cost.bytes},
          {"compression", static_cast<double>(cost.reference_bytes) / static_cast<double>(cost.bytes)},
          {"against_bytes", cost.reference_bytes},
          {"latency_ms", cost.latency_ms},
          {"against_latency_ms", cost.reference_latency_ms},
          {"speedup", cost.reference_latency_ms / cost.latency_ms}};
}

}  // namespace octet
