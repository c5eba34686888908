// Several nodes as one step: the table of patterns that the plan tries before it plans a node alone.
#pragma once

#include <span>

#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

// What a pattern sees: the model, concrete shapes, and how often each tensor is read (graph outputs count).
struct PatternContext {
  const PackedModel& model;
  std::span<const Shape> shapes;
  std::span<const int> use_counts;
  int threads;
  PackedConstants* packed = nullptr;   // for the Problems of a pattern's kernels
  const PixelInput* pixels = nullptr;  // if the session is fed pixels
};

// A match covers nodes[first] .. nodes[first + count - 1]; the step reads the first one's inputs and writes the last
// one's outputs; the tensors between are never made.
struct StepPattern {
  const char* name;
  size_t count;
  bool (*matches)(const PatternContext& context, size_t first);
  Result<Kernel> (*prepare)(const PatternContext& context, size_t first);
};

std::span<const StepPattern> step_patterns();

}  // namespace octet
