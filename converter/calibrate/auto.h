// --calibration auto: the method that serves each value best, judged by the layers that read it, never by the value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/calibrate/calibrate.h"
#include "converter/correct/objective.h"
#include "converter/lower.h"

namespace octet {

// A whole network calibrated one way, and how well its integers do.
struct CalibrationTrial {
  std::string name;  // a method's, or "mix"
  Objective objective;
  std::optional<Objective> corrected;  // behind a light bias correction
};

struct AutoCalibration {
  std::string name;                            // the best trial's
  std::map<std::string, std::string> methods;  // by value
  Ranges ranges;                               // what they give
  std::vector<CalibrationTrial> trials;        // every single method, then the mix
};

// "mse: output SQNR 21.30 dB, agreement 94.2 %"
std::string to_string(const CalibrationTrial& trial);

// First each value on its own: of the ranges that the methods give, the one that disturbs the outputs of the nodes that
// read the value least (reader_errors). Then the network: that mix, and every single method for all values, are lowered
// and run on integers; the least error of the outputs wins. So the answer is never worse than the best single method on
// the samples held out. Where a correction follows (`is_corrected`), the networks are judged behind a light bias
// correction, on a few samples: else the error that the weights make, which goes away, would hide what the ranges do. A
// network that is 3 dB behind before that is not looked at again.
//
// Methods that depend on the order of the samples take part where `trends` know it.
// kUnsupported: no output of the network is f32.
Result<AutoCalibration> calibrate_automatically(const Graph& graph, const StatsTable& stats, const TrendTable& trends,
                                                const CalibrationOptions& options, const QuantizeOptions& quantize,
                                                const SampleSplit& samples, bool is_corrected, int threads);

// The ranges that methods chosen by value give: for the statistics they were chosen on, or for those of the same
// network, rescaled.
Ranges ranges_by(const std::map<std::string, std::string>& methods, const StatsTable& stats, const TrendTable& trends,
                 const CalibrationOptions& options);

}  // namespace octet
