// The first half of the pipeline: a float network, its samples, and the ranges of its values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/convert.h"
#include "converter/correct/draft.h"
#include "converter/correct/sample_run.h"
#include "converter/data/dataset.h"

namespace octet {

// The data, drawn as --samples and --seed say.
struct DrawnData {
  Dataset data;
  std::vector<size_t> indices;  // to observe and to fit to
  std::vector<size_t> gate;     // with labels, one sample in five: nothing else ever sees it
};

struct CalibratedNetwork {
  Draft draft;                                 // not corrected yet
  std::map<std::string, std::string> methods;  // that chose the ranges, by value
  std::optional<DrawnData> drawn;              // none: saved tables alone
  std::optional<SampleSplit> samples;          // none: without data, or if nothing needs them
  int threads = 1;
  Ranges pixels;  // of the values that have the integers of the input, if those are pixels: pixel_grid.h

  // With a saved table beside data to correct on: what the data alone would have chosen. Elsewhere none.
  std::optional<Ranges> data_ranges;

  // Ranges for a network whose values were rescaled, chosen by the same methods. Of a saved table, whose samples nobody
  // can run again, those of its values that were not rescaled stay, and the others follow the data. Needs `drawn`.
  Result<Ranges> calibrate_again(const ConvertOptions& options, const Graph& graph) const;
  // By the same methods, from the data alone. Needs `drawn`.
  Result<Ranges> calibrate_on_data(const ConvertOptions& options, const Graph& graph) const;
};

// Checks the options, imports and folds; preprocessing and class names are those that will be stored.
Result<Graph> load_float_graph(const ConvertOptions& options, Conversion& result);

// For matrix layers alone, whose values have no ranges: with data its samples, for corrections.
Result<CalibratedNetwork> uncalibrated_network(const ConvertOptions& options, const Graph& graph);

// Observes and calibrates. Of several processes only the first gets ranges: elsewhere result.is_shard is set.
Result<CalibratedNetwork> calibrate_network(const ConvertOptions& options, const Graph& graph, Conversion& result);

}  // namespace octet
