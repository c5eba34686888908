// The u8 parameters of each value that has an integer form, after values that must share a range were united.
#pragma once

#include <map>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/given.h"
#include "converter/graph.h"
#include "converter/precision.h"
#include "converter/quantize.h"

namespace octet {

class ValueQuantization {
 public:
  ValueQuantization(const Graph& graph, const std::vector<Precision>& precisions, const Ranges& ranges,
                    const ActivationScheme& scheme);
  // A quantized model's own.
  ValueQuantization(const Graph& graph, const GivenIntegers& given);

  // Null if the value, and all that share its range, are unknown to the ranges.
  const QuantParams* find(ValueId id) const;

 private:
  std::vector<ValueId> groups_;
  std::map<ValueId, QuantParams> params_;
};

}  // namespace octet
