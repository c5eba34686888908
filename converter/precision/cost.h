// What it costs to keep layers f32 or bf16: measured time on this machine, or bytes of the file.
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

// Per layer, how much more the integer network costs if this layer is f32 or bf16, in nanoseconds or bytes. Steps that
// are the same in both networks are left out of the difference, so their jitter does; what converts between u8 and
// floats around the layer, and fusions that it ends, are in it. Float neighbours share such steps: a sum over several
// layers is the most that they cost.
Result<std::vector<int64_t>> raise_costs(const Draft& draft, std::span<const std::string> layers, Precision to,
                                         CostKind kind);

// The draft with these layers f32 or bf16, beside those that are already.
Draft raised(const Draft& draft, const std::set<std::string>& layers, Precision to);

}  // namespace octet
