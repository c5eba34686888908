// The bodies of If and Loop, as importers find them inside a node, and as nodes among others.
#pragma once

#include "converter/import/source_model.h"

namespace octet {

// Names that the body reads and does not define, each once.
std::vector<std::string> outer_names(const SourceModel& body);

// The body with `prefix` before each name that it defines, and before its nodes' names: it can stand among others, once
// for each prefix.
SourceModel with_prefix(SourceModel body, const std::string& prefix);

}  // namespace octet
