// Where the time of a run goes: a row for every step of a session, as JSON and as a table.
#pragma once

#include <nlohmann/json.hpp>

#include "octet/octet.hpp"

namespace octet {

using Json = nlohmann::ordered_json;

// Runs the session `runs` times and keeps each step's least time. An array in the order of execution:
//   name, op, kernel, shape   as StepInfo has them; shape is the output's
//   ms                        the least time of this step; the sum over steps is a little less than the least run
//   share, cumulative_share   of that sum, in [0, 1]
//   macs, gops                multiply-accumulates, and twice that a second; 0 for steps without any
//   peak_share                gops over the peak of the step's arithmetic, int8 or f32
//   reference                 true where multiply-accumulates run on plain code: no fast kernel takes the step
Json profile_steps(Session& session, int runs, const PeakRates& peak);

// What measure_peak found: int8_gops, f32_gops, int8_instruction, f32_instruction.
Json peak_json(const PeakRates& peak);

// The table of profile_steps, and below it a line for each step that runs on plain code.
void print_profile(const Json& steps, const Json& peak);

}  // namespace octet
