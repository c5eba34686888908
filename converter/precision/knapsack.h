// The answer to: which option for each layer, if the whole may cost so much?
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
// exact, because a beaten part can be replaced by what beats it. Survivors, layer by layer, are as many as there are
// different sums of costs at most, and far fewer if costs and errors are not made to be hard.
//
// Where they would be more than `most_survivors` in all, the answer is exact for costs rounded to multiples of a unit,
// of which the whole range has most_survivors / layers: a point costs at most layers * unit more than it need. Its
// cost is the true one all the same.
struct ParetoFront {
  std::vector<ParetoPoint> points;
  int64_t unit = 1;  // 1: exact
};
constexpr size_t kMostSurvivors = size_t{1} << 21U;  // 50 MB of them
ParetoFront pareto_front(std::span<const std::vector<LayerOption>> layers, size_t most_survivors = kMostSurvivors);

}  // namespace octet
