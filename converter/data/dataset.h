// What --data names: samples, one tensor per model input, made when they are asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "converter/tensor.h"
#include "octet/model.hpp"
#include "octet/result.h"

namespace octet {

// Samples are read one at a time, so memory does not grow with their number. Thread-safe.
class Dataset {
 public:
  // data    PATH, or for models with several inputs NAME=PATH for each. PATH is a folder of images (searched
  //         recursively, in the order of their relative paths), one image, a list file (one image a line, relative to
  //         the list), or an .npy whose first axis counts the samples; that axis takes the place of the input's batch,
  //         or stands before an input of batch 1. Integer samples become f32 where the input is f32.
  // inputs  the model's
  // spec    how an image becomes an input; .npy samples are the input itself and ignore it
  // kInvalidFile: missing, empty, or not of the input's shape or type; kUsage: the spec, or inputs without data.
  static Result<Dataset> open(const std::vector<std::string>& data, const std::vector<TensorInfo>& inputs,
                              const std::string& spec);

  size_t size() const;
  // One tensor per model input, each with a batch of 1. kInvalidFile: names the sample; NaN and infinities are refused.
  Result<std::vector<Tensor>> sample(size_t index) const;
  // A sample's name: the image's path relative to the folder or as listed; empty for .npy samples.
  const std::string& name(size_t index) const;
  bool has_names() const;
  // min(count, size()) different indices in ascending order, the same for a seed on every machine.
  std::vector<size_t> choose(size_t count, uint64_t seed) const;
  // What was adapted while reading ("gray becomes RGB"), each once.
  std::vector<std::string> notices() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace octet
