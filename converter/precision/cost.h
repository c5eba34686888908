// What it costs to have layers in another precision than int8: measured time on this machine, or bytes of the file.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "converter/correct/draft.h"
#include "converter/precision.h"

namespace octet {

enum class CostKind { kLatency, kBytes };

// Microseconds of one run at batch 1 on one thread: the sum of every step's least time, so that what else the machine
// does hardly shows.
Result<double> measure_latency_us(const PackedModel& model);

// Bytes of the packed file.
int64_t file_bytes(const PackedModel& model);

// Per layer, how much more the integer network costs if this layer is kF32, kBf16 or kInt4 (which is cheaper, and so
// below 0), in nanoseconds or bytes. Steps that are the same in both networks are left out of the difference, so their
// jitter does; what converts between u8 and floats around the layer, and fusions that it ends, are in it. Float
// neighbours share such steps: a sum over several layers is the most that they cost.
Result<std::vector<int64_t>> layer_costs(const Draft& draft, std::span<const std::string> layers, Precision precision,
                                         CostKind kind);

// The draft with these layers kF32, kBf16 or kInt4, beside those that are already.
Draft with_layers(const Draft& draft, const std::set<std::string>& layers, Precision precision);

}  // namespace octet
