// What a conversion tried and what it kept, as a part of its HTML report.
#pragma once

#include <span>
#include <string>

#include "converter/calibrate/auto.h"
#include "converter/correct/correct.h"

namespace octet {

// A table of the calibrations that `auto` judged, and one of the corrections with the figures of their guards; nothing
// where there are none.
std::string choices_html(std::span<const CalibrationTrial> trials, std::span<const CorrectionStep> corrections);

}  // namespace octet
