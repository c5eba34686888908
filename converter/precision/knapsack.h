// The exact answer to: which option for each layer, if the whole may cost so much?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octet {

// One way to run a layer. Costs are whole numbers of any unit (nanoseconds, bytes), of either sign.
struct LayerOption {
  int64_t cost = 0;
  double error = 0;
};

struct ParetoPoint {
  int64_t cost = 0;
  double error = 0;
  std::vector<uint8_t> choices;  // per layer, the index of its option
};

// All combinations (one option per layer) that no other one beats: cost is the sum of the options' costs, error the
// sum of their errors; none is cheaper with as little error, or as cheap with less. By rising cost, falling error.
// Every layer has at least one option.
//
// Nemhauser and Ullmann 1969: layer by layer, every survivor takes every option, and what is beaten is dropped. That is
// exact, because a beaten part can be replaced by what beats it. At most max(cost) - min(cost) + 1 points survive, so
// coarse units bound time and memory.
std::vector<ParetoPoint> pareto_front(std::span<const std::vector<LayerOption>> layers);

}  // namespace octet
