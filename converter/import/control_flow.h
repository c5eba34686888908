// The bodies of If and Loop, as importers find them inside a node, and as nodes among others.
#pragma once

#include "converter/import/source_model.h"

namespace octet {

// Names that the body reads and does not define, each once.
std::vector<std::string> outer_names(const SourceModel& body);

// The body with `prefix` before each name that it defines, and before its nodes' names: it can stand among others, once
// for each prefix.
SourceModel with_prefix(SourceModel body, const std::string& prefix);

// What reading the body once costs: the bodies within it are copied too, whether they run or not.
struct BodySize {
  size_t nodes = 0;
  size_t names = 0;  // of inputs, outputs, constants, and what nodes read and write
  size_t bytes = 0;  // of these, of the nodes' names and of their attributes
  int64_t constant_bytes = 0;
};
BodySize size_of(const SourceModel& body);

// The nodes that reading it once, with a prefix of so many bytes, costs as much as (import_limits.h).
size_t cost_of(const BodySize& size, size_t prefix_bytes);

}  // namespace octet
