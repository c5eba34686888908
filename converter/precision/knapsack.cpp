#include "converter/precision/knapsack.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

namespace octet {
namespace {

// A survivor after some layers: the last option taken, and whom it continues.
struct State {
  int64_t cost = 0;
  double error = 0;
  uint32_t before = 0;
  uint8_t option = 0;
};

// The states that no other beats, by rising cost; of equal ones, the first option of the first predecessor.
std::vector<State> undominated(std::vector<State> states) {
  std::sort(states.begin(), states.end(), [](const State& a, const State& b) {
    return std::tie(a.cost, a.error, a.before, a.option) < std::tie(b.cost, b.error, b.before, b.option);
  });
  std::vector<State> kept;
  for (const State& state : states) {
    if (kept.empty() || state.error < kept.back().error) kept.push_back(state);
  }
  return kept;
}

using Layers = std::span<const std::vector<LayerOption>>;

// The survivors after each number of layers; nothing if they are more than `most` in all.
std::optional<std::vector<std::vector<State>>> survivors(Layers layers, size_t most) {
  std::vector<std::vector<State>> stages{{State{}}};
  size_t count = 1;
  for (const std::vector<LayerOption>& options : layers) {
    std::vector<State> next;
    const std::vector<State>& last = stages.back();
    next.reserve(last.size() * options.size());
    for (size_t i = 0; i < last.size(); ++i) {
      for (size_t k = 0; k < options.size(); ++k) {
        next.push_back({last[i].cost + options[k].cost, last[i].error + options[k].error, static_cast<uint32_t>(i),
                        static_cast<uint8_t>(k)});
      }
    }
    stages.push_back(undominated(std::move(next)));
    count += stages.back().size();
    if (count > most) return std::nullopt;
  }
  return stages;
}

// With which costs have most_survivors / layers steps.
int64_t coarse_unit(Layers layers, size_t most_survivors) {
  int64_t range = 0;
  for (const std::vector<LayerOption>& options : layers) {
    const auto [least, most] = std::minmax_element(
        options.begin(), options.end(), [](const LayerOption& a, const LayerOption& b) { return a.cost < b.cost; });
    range += most->cost - least->cost;
  }
  const size_t steps = std::max<size_t>(most_survivors / layers.size(), 1);
  return range / static_cast<int64_t>(steps) + 1;
}

std::vector<std::vector<LayerOption>> rounded(Layers layers, int64_t unit) {
  std::vector<std::vector<LayerOption>> coarse(layers.begin(), layers.end());
  for (std::vector<LayerOption>& options : coarse) {
    for (LayerOption& option : options) {
      option.cost = std::llround(static_cast<double>(option.cost) / static_cast<double>(unit));
    }
  }
  return coarse;
}

// What the survivors of all layers have chosen.
std::vector<ParetoPoint> points_of(const std::vector<std::vector<State>>& stages, Layers layers) {
  std::vector<ParetoPoint> points;
  for (const State& end : stages.back()) {
    ParetoPoint point{0, end.error, std::vector<uint8_t>(layers.size())};
    const State* state = &end;
    for (size_t i = layers.size(); i-- > 0;) {
      point.choices[i] = state->option;
      point.cost += layers[i][state->option].cost;
      state = &stages[i][state->before];
    }
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace

ParetoFront pareto_front(Layers layers, size_t most_survivors) {
  if (const auto exact = survivors(layers, most_survivors)) return {points_of(*exact, layers), 1};
  const int64_t unit = coarse_unit(layers, most_survivors);
  return {points_of(*survivors(rounded(layers, unit), SIZE_MAX), layers), unit};
}

}  // namespace octet
