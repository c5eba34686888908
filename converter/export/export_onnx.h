// The way out: a packed model as a standard ONNX file in QDQ form, for programs that are not octet.
#pragma once

#include <string>

#include "octet/result.h"
#include "runtime/packed_model.h"

namespace octet {

// The bytes of an ONNX model (opset 17) with the inputs, outputs, integers, scales and zero points of `model`:
// QuantizeLinear and DequantizeLinear around each op that runs on integers, weights s8, biases s32, channels first.
// A runtime that fuses the pattern runs the same integers; one that does not computes the same real numbers in f32.
// A residual that octet adds inside a convolution is an Add on the convolution's f32 result, because its sum has no
// integers of its own in between; with `exact_residuals` that convolution computes with whole numbers (scales of 1), so
// that f32 rounds nothing, and the factors of octet's own arithmetic stand behind it. Preprocessing and class names go
// into the metadata ("octet.preprocess", "octet.class_names", a line each), and the additions of integers that do not
// fold their zero points ("octet.separate_zero_points", a line each). kUnsupported: ops without a form in ONNX, all of
// them by name; a build without libonnx.
Result<std::string> export_onnx(const PackedModel& model, bool exact_residuals = false);

}  // namespace octet
