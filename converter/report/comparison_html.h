// `octet compare --html`: one self-contained page, pictures inline, nothing loaded from anywhere.
#pragma once

#include <string>

#include "converter/compare.h"

namespace octet {

// A complete HTML document. `title` is shown as it is given (escaped), `more` is HTML that goes before the tables.
std::string comparison_html(const Comparison& comparison, const std::string& title, size_t sample_count,
                            const std::string& keep_float, const std::string& more = {});

}  // namespace octet
