// A batch in slices: a net whose activations do not fit into the near caches runs faster sample after sample.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/packed_model.h"

namespace octet {

// Activations of a slice shall stay within this: half of a second level cache as CPUs have them today.
inline constexpr int64_t kSliceBytes = int64_t{512} << 10;

// The shapes of all tensors for one sample, if `shapes` (of all tensors, concrete) are those of several samples that no
// node mixes: every activation has them in axis 0. Else empty.
std::vector<Shape> sample_shapes(const PackedModel& model, std::span<const Shape> shapes);

// How many of `samples` to run at once, given the arena of one: the most that stay within kSliceBytes and divide
// `samples`, at least 1.
int64_t slice_samples(int64_t samples, int64_t sample_arena_bytes);

}  // namespace octet
