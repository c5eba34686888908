// What a source model's names say of its own integers, while its nodes are read one by one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "converter/import/quantized_values.h"
#include "converter/import/source_model.h"

namespace octet {

// The graph's value for each name that has been read.
using ValueNames = std::map<std::string, ValueId, std::less<>>;

// The integer type of a value that the graph keeps as real numbers, or null.
const IntegerType* integers_of_name(const QuantizedValues& quantized, const ValueNames& names, const std::string& name);

// A node that only moves, selects or orders integers of its inputs, written for the real numbers that these stand for.
struct MovedIntegers {
  IntegerType type;  // of its outputs, but for indices
  SourceNode node;
};
std::optional<MovedIntegers> moved_integers(const QuantizedValues& quantized, const ValueNames& names,
                                            const Graph& graph, const SourceNode& node);

// Whether an Add of integers folds their zero points into one offset (see BinaryParams): what importers know of a node.
inline constexpr const char* kFoldsZeroPoints = "folds_zero_points";
void note_sum(const SourceNode& node, GivenTable& given);

// Keeps in mind how the constants of a node that has been read were quantized, where it is a layer or turns weights
// around.
void note_constants(QuantizedValues& quantized, const ValueNames& names, const SourceNode& node, GivenTable& given);

}  // namespace octet
