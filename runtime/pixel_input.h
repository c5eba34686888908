// A session that is fed pixels: when that is possible, and the steps that take them.
#pragma once

#include "octet/session.hpp"
#include "runtime/packed_model.h"
#include "runtime/step_patterns.h"

namespace octet {

// The shape [N, H, W, C] in which a model's only input takes pixels. `shapes` has one for each tensor, concrete.
// kUsage: `pixels` do not describe that input. kUnsupported: the model does more to its image than quantize it.
Result<Shape> pixel_shape(const PackedModel& model, const PixelInput& pixels, std::span<const Shape> shapes);

// An image chain that the model's input starts, if the session is fed pixels.
size_t matches_pixels(const PatternContext& context, size_t first);
// dst[..., c] = quantize_u8(values[c][src[..., c]] * scale + shift), in either layout of the model, padded, from one
// table a channel.
Result<Kernel> prepare_pixels(const PatternContext& context, size_t first);

}  // namespace octet
