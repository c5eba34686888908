// `octet sensitivity --html`: one self-contained page, nothing loaded from anywhere.
#pragma once

#include <span>
#include <string>

#include "converter/precision/sensitivity.h"

namespace octet {

// A complete HTML document. `rows` in the order to show; `title` is shown as it is given (escaped).
std::string sensitivity_html(std::span<const LayerSensitivity> rows, const std::string& title,
                             const std::string& method, size_t sample_count, const std::string& keep_float);

}  // namespace octet
