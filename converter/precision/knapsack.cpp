#include "converter/precision/knapsack.h"

#include <algorithm>
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

}  // namespace

std::vector<ParetoPoint> pareto_front(std::span<const std::vector<LayerOption>> layers) {
  std::vector<std::vector<State>> stages{{State{}}};
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
  }
  std::vector<ParetoPoint> front;
  for (const State& end : stages.back()) {
    ParetoPoint point{end.cost, end.error, std::vector<uint8_t>(layers.size())};
    const State* state = &end;
    for (size_t i = layers.size(); i-- > 0;) {
      point.choices[i] = state->option;
      state = &stages[i][state->before];
    }
    front.push_back(std::move(point));
  }
  return front;
}

}  // namespace octet
