// What `octet convert` tells of a conversion: lines for people, one JSON object for programs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "converter/convert.h"

namespace octet {

// How many nodes run as integers, and how many there are.
std::pair<size_t, size_t> count_nodes(const PackedModel& model);

// What the gate found, with the 95 % interval of the drop. `limit`: --max-drop.
std::string gate_line(const GateResult& gate, double limit);

// A point of the Pareto table.
std::string rung_line(const MixRung& rung, const Conversion& conversion);

// "; --keep-float NAMES; bf16: NAMES; int4: NAMES" of the chosen point, each where there are any: with `keep_float`,
// the user's own list, the first gives the same layers to another conversion.
std::string chosen_line(const Conversion& conversion, const std::vector<std::string>& keep_float);

struct WrittenFile {
  std::string path;
  std::string precision;
  size_t bytes = 0;
};
// What stdout tells with --json.
std::string conversion_json(const Conversion& conversion, const ConvertOptions& options, const WrittenFile& file);

}  // namespace octet
