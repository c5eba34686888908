// A session that is fed pixels: when that is possible, and the steps that take them.
#pragma once

#include "octet/session.hpp"
#include "runtime/packed_model.h"
#include "runtime/step_patterns.h"

namespace octet {

// The shape [N, H, W, C] in which a model's only input takes pixels. `shapes` has one for each tensor, concrete.
// kUsage: `pixels` do not describe that input. kUnsupported: the model does more to its image than quantize it.
Result<Shape> pixel_shape(const PackedModel& model, const PixelInput& pixels, std::span<const Shape> shapes);

// quantize(x) -> transpose(0,2,3,1), x an NCHW image
bool matches_pixels_nchw(const PatternContext& context, size_t first);
// quantize(x), x an image whose channels are last (or the only one)
bool matches_pixels(const PatternContext& context, size_t first);
// dst[..., c] = quantize_u8(values[c][src[..., c]]), in either layout of the model, from one table a channel
Result<Kernel> prepare_pixels(const PatternContext& context, size_t first);

}  // namespace octet
