// What the files of layers share, and the layers on images (tfjs_image_layers.cpp) for the table in tfjs_layers.cpp.
#pragma once

#include <cstdint>

#include "converter/import/tfjs.h"

namespace octet {

// An error unless the layer's data_format is channels_last.
Status check_channels_last(const TfjsLayer& layer);

// x behind the layer's own activation, if it has one.
Result<ValueId> activate(const TfjsLayer& layer, ValueId x);

// The layer's bias as a constant; kNoValue where it has none.
Result<ValueId> bias_or_none(const TfjsLayer& layer);

// conv2d with constant weights [O, KH, KW, C/groups] on the image x, whose size is that of the layer's input. Strides,
// dilations and padding are the layer's, or with `pointwise` none.
Result<ValueId> convolve(const TfjsLayer& layer, ValueId x, ValueId weights, int64_t groups, ValueId bias,
                         bool pointwise = false);

Result<ValueId> read_conv2d(const TfjsLayer& layer);
Result<ValueId> read_depthwise_conv2d(const TfjsLayer& layer);
Result<ValueId> read_separable_conv2d(const TfjsLayer& layer);
Result<ValueId> read_zero_padding2d(const TfjsLayer& layer);
Result<ValueId> read_cropping2d(const TfjsLayer& layer);
Result<ValueId> read_max_pooling2d(const TfjsLayer& layer);
Result<ValueId> read_average_pooling2d(const TfjsLayer& layer);
Result<ValueId> read_global_average_pooling2d(const TfjsLayer& layer);
Result<ValueId> read_global_max_pooling2d(const TfjsLayer& layer);
Result<ValueId> read_up_sampling2d(const TfjsLayer& layer);

}  // namespace octet
