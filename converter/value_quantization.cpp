#include "converter/value_quantization.h"

#include <algorithm>
#include <optional>

#include "converter/range_groups.h"

namespace octet {
namespace {

std::optional<Range> range_of(const Value& value, const Ranges& ranges) {
  if (value.is_constant()) {
    if (value.type != DataType::kF32) return std::nullopt;
    Range range;
    for (const float v : value.constant->as<float>()) {
      range.min = std::min(range.min, v);
      range.max = std::max(range.max, v);
    }
    return range;
  }
  const auto found = ranges.find(value.name);
  if (found == ranges.end()) return std::nullopt;
  return found->second;
}

}  // namespace

ValueQuantization::ValueQuantization(const Graph& graph, const std::vector<Precision>& precisions, const Ranges& ranges,
                                     const ActivationScheme& scheme)
    : groups_(range_groups(graph, precisions)) {
  std::map<ValueId, Range> united;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const std::optional<Range> range = range_of(graph.values[i], ranges);
    if (!range.has_value()) continue;
    Range& group = united[groups_[i]];
    group.min = std::min(group.min, range->min);
    group.max = std::max(group.max, range->max);
  }
  for (const auto& [id, range] : united) params_[id] = u8_params(range, scheme);
}

ValueQuantization::ValueQuantization(const Graph& graph, const GivenIntegers& given) {
  for (size_t i = 0; i < graph.values.size(); ++i) {
    groups_.push_back(static_cast<ValueId>(i));
    const auto found = given.values.find(graph.values[i].name);
    if (found != given.values.end()) params_[groups_[i]] = found->second;
  }
}

const QuantParams* ValueQuantization::find(ValueId id) const {
  const auto found = params_.find(groups_[static_cast<size_t>(id)]);
  return found == params_.end() ? nullptr : &found->second;
}

}  // namespace octet
