// The class of each sample, and the names of classes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converter/data/dataset.h"

namespace octet {

// One label per sample of `data`. Images: lines `file index` (a comma serves too); a file is its name as the data has
// it, or its last part, on either side; lines for other files are ignored. .npy samples: one index a line.
// class_count  if > 0, every label is below it
// kInvalidFile: a bad line by its number and text, a sample without a label, a file name that fits several samples or
// has several labels, a wrong count.
Result<std::vector<int64_t>> load_labels(const std::string& path, const Dataset& data, int64_t class_count = 0);

// How many classes a model's scores are for: all dimensions but the batch (scores may be N x C x 1 x 1).
int64_t class_count(const Shape& scores);

// One name a line; as many as there are classes. kInvalidFile: a wrong count, an empty line
// between names.
Result<std::vector<std::string>> load_class_names(const std::string& path, const Shape& scores);

}  // namespace octet
