// Several nodes as one step: the table of patterns that the plan tries before it plans a node alone.
#pragma once

#include <span>

#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

// What a pattern sees: the model, concrete shapes, and whether the session is fed pixels.
struct PatternContext {
  const PackedModel& model;
  std::span<const Shape> shapes;
  int threads;
  const PixelInput* pixels = nullptr;  // if the session is fed pixels
};

// A match covers nodes[first] .. nodes[first + count - 1], where `count` is what `matches` returns, 0 for no match; the
// step reads the first one's inputs and writes the last one's outputs; the tensors between are never made.
struct StepPattern {
  const char* name;
  size_t (*matches)(const PatternContext& context, size_t first);
  Result<Kernel> (*prepare)(const PatternContext& context, size_t first);
};

std::span<const StepPattern> step_patterns();

}  // namespace octet
