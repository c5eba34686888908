// The Pareto table of mixed precision, as a part of a page.
#pragma once

#include <string>

#include "converter/convert.h"

namespace octet {

// A heading and a table of all rungs, the chosen one marked; empty where the conversion built no ladder.
std::string pareto_html(const Conversion& conversion);

}  // namespace octet
