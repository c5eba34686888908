// conv_transpose: ConvTranspose as a convolution that makes all pixels between the input's at once.
//
// Output p (before padding is cut off) takes x[i] w[k] where i * s + k = p. With p = m s + r only taps k = r + s t
// count, and then i = m - t: for each of the s phases r a convolution of ceil(K / s) taps, whose outputs are
// interleaved. All phases together are one convolution with s * s times the channels, followed by a depth-to-space.
#include "converter/ops/conv_transpose.h"

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// The channels of the convolution: in groups; in each, for every phase, the output channels.
struct PhaseChannels {
  int64_t groups = 1, phases = 1;
  int64_t outputs = 1;  // of a group

  int64_t count() const { return groups * phases * outputs; }
  // The transposed convolution's output channel that channel i makes pixels of: in its group, and of all.
  int64_t in_group(int64_t i) const { return i % outputs; }
  int64_t of_all(int64_t i) const { return i / (phases * outputs) * outputs + in_group(i); }
};

// One spatial axis.
struct Axis {
  int64_t size = 1, kernel = 1, stride = 1, dilation = 1;
  int64_t pad_before = 0, pad_after = 0, output_padding = 0;

  int64_t reach() const { return dilation * (kernel - 1) + 1; }
  int64_t taps() const { return (reach() + stride - 1) / stride; }
  int64_t output() const { return (size - 1) * stride + reach() + output_padding - pad_before - pad_after; }
  // Convolution outputs that cover the transposed convolution's.
  int64_t steps() const { return (std::max<int64_t>(pad_before + output(), 1) + stride - 1) / stride; }
};

// The attributes of height and width; of a single spatial axis, those of the width.
Status read_axes(const NodeReader& reader, size_t spatial, std::array<Axis, 2>& axes) {
  const auto list = [&](const char* name, size_t count, int64_t otherwise) -> Result<Ints> {
    OCTET_TRY(Ints values, reader.attribute(name, Ints(count, otherwise)));
    if (values.size() != count) {
      return reader.invalid("the attribute '" + std::string(name) + "' has " + std::to_string(values.size()) +
                            " values, not " + std::to_string(count));
    }
    for (const int64_t value : values) {
      if (value < 0 || value > INT32_MAX) {
        return reader.invalid("the attribute '" + std::string(name) + "' has the value " + std::to_string(value));
      }
    }
    return values;
  };
  OCTET_TRY(const Ints strides, list("strides", spatial, 1));
  OCTET_TRY(const Ints dilations, list("dilations", spatial, 1));
  OCTET_TRY(const Ints pads, list("pads", 2 * spatial, 0));
  OCTET_TRY(const Ints output_padding, list("output_padding", spatial, 0));
  OCTET_TRY(const std::string auto_pad, reader.attribute("auto_pad", std::string("NOTSET")));
  Ints output_shape;
  if (reader.has_attribute("output_shape")) {
    OCTET_TRY(output_shape, list("output_shape", spatial, 0));
  }
  for (size_t i = 0; i < spatial; ++i) {
    Axis& axis = axes[2 - spatial + i];
    axis.stride = strides[i], axis.dilation = dilations[i], axis.output_padding = output_padding[i];
    if (axis.stride < 1 || axis.dilation < 1) return reader.invalid("a stride or a dilation is 0");
    axis.pad_before = pads[i], axis.pad_after = pads[spatial + i];
    const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
    if (!same && output_shape.empty()) continue;
    const int64_t wanted = output_shape.empty() ? axis.size * axis.stride : output_shape[i];
    axis.pad_before = axis.pad_after = 0;
    const int64_t total = axis.output() - wanted;
    if (total < 0) {
      axis.output_padding -= total;
    } else {
      axis.pad_before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      axis.pad_after = total - axis.pad_before;
    }
  }
  return {};
}

// w [C, O / G, KH, KW] as the weights [G * sh * sw * O / G, TH, TW, C / G] of the convolution, phases within groups.
Result<Tensor> phase_weights(NodeReader& reader, const Tensor& weights, int64_t groups,
                             const std::array<Axis, 2>& axes) {
  const Shape& shape = weights.shape();
  const int64_t inputs = shape[0] / groups, outputs = shape[1];
  const auto& [rows, columns] = axes;
  OCTET_TRY(Tensor result, reader.make_constant(DataType::kF32, {groups * rows.stride * columns.stride * outputs,
                                                                 rows.taps(), columns.taps(), inputs}));
  float* dst = result.as<float>().data();
  const float* src = weights.as<float>().data();
  // Tap t of a phase stands at TH - 1 - t of its window; it is the kernel's tap r + s t, if there is one.
  const auto tap = [](const Axis& axis, int64_t phase, int64_t place) -> int64_t {
    const int64_t dense = phase + axis.stride * (axis.taps() - 1 - place);
    return dense < axis.reach() && dense % axis.dilation == 0 ? dense / axis.dilation : -1;
  };
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t phase = 0; phase < rows.stride * columns.stride; ++phase) {
      for (int64_t o = 0; o < outputs; ++o) {
        for (int64_t y = 0; y < rows.taps(); ++y) {
          for (int64_t x = 0; x < columns.taps(); ++x) {
            const int64_t ky = tap(rows, phase / columns.stride, y);
            const int64_t kx = tap(columns, phase % columns.stride, x);
            for (int64_t c = 0; c < inputs; ++c, ++dst) {
              const int64_t at = (((g * inputs + c) * outputs + o) * rows.kernel + ky) * columns.kernel + kx;
              *dst = ky < 0 || kx < 0 ? 0.0F : src[at];
            }
          }
        }
      }
    }
  }
  return result;
}

// The bias of each output channel, for every phase.
Result<Tensor> phase_bias(NodeReader& reader, const Tensor& bias, const PhaseChannels& channels) {
  OCTET_TRY(Tensor result, reader.make_constant(DataType::kF32, {channels.count()}));
  for (int64_t i = 0; i < channels.count(); ++i) result.as<float>()[i] = bias.as<float>()[channels.of_all(i)];
  return result;
}

// For each channel of the convolution the entry `place` says of `values`, or the only one.
template <class T, class Place>
std::vector<T> for_phases(const std::vector<T>& values, const PhaseChannels& channels, const Place& place) {
  const bool is_only = values.size() == 1;
  std::vector<T> result(is_only ? 1 : static_cast<size_t>(channels.count()), values.front());
  for (size_t i = 0; !is_only && i < result.size(); ++i) {
    result[i] = values[static_cast<size_t>(place(static_cast<int64_t>(i)))];
  }
  return result;
}

Status read_conv_transpose(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  if (reader.constant(1) == nullptr) return reader.unsupported("its weights are computed, not a constant");
  const Tensor weights = *reader.constant(1);
  const Shape src = reader.input_shape(0);
  const Shape& shape = weights.shape();
  const std::string shapes = "its input has the shape " + src.to_string() + ", its weights " + shape.to_string();
  if (shape.rank() != src.rank()) return reader.invalid(shapes);
  if (src.rank() != 3 && src.rank() != 4) return reader.unsupported(shapes + "; octet reads 1-D and 2-D convolutions");
  if (weights.type() != DataType::kF32) {
    return reader.unsupported("its weights are " + std::string(to_string(weights.type())) + ", not f32");
  }
  OCTET_TRY(const int64_t groups, reader.attribute("group", int64_t{1}));
  if (groups < 1 || shape[0] != src[1] || shape[0] % groups != 0 || weights.element_count() == 0) {
    return reader.invalid(shapes + ", in " + std::to_string(groups) + " groups");
  }
  const auto spatial = static_cast<size_t>(src.rank() - 2);
  std::array<Axis, 2> axes;
  for (size_t i = 0; i < spatial; ++i) {
    axes[2 - spatial + i].size = src[static_cast<int>(2 + i)];
    axes[2 - spatial + i].kernel = shape[static_cast<int>(2 + i)];
  }
  // As strides and dilations are at most INT32_MAX too, nothing that is computed of an axis overflows.
  for (const Axis& axis : axes) {
    if (axis.size <= INT32_MAX && axis.kernel <= INT32_MAX) continue;
    return reader.unsupported(shapes + ", with more than " + std::to_string(INT32_MAX) + " pixels along an axis");
  }
  OCTET_CHECK(read_axes(reader, spatial, axes));
  const auto& [rows, columns] = axes;
  const int64_t phases = rows.stride * columns.stride, outputs = shape[1] * groups;
  for (const Axis& axis : axes) {
    if (axis.size >= 1 && axis.output() >= 1 && axis.output() <= INT32_MAX && axis.taps() <= INT32_MAX) continue;
    return reader.invalid(shapes + ": " + std::to_string(axis.output()) + " outputs along an axis");
  }
  if (phases > kMaxFoldedElements / outputs) {
    return reader.unsupported(shapes + ", with " + std::to_string(phases) + " pixels between two of the input's, but " +
                              "at most " + std::to_string(kMaxFoldedElements / outputs) + " are possible");
  }

  Steps steps(reader);
  ValueId x = reader.input(0);
  if (spatial == 1) x = steps.reshape(x, {0, 0, 1, src[2]});
  const Tensor image_weights = weights.reshaped({shape[0], shape[1], rows.kernel, columns.kernel});
  OCTET_TRY(Tensor phased, phase_weights(reader, image_weights, groups, axes));
  std::vector<ValueId> inputs{steps.transpose(x, {0, 2, 3, 1}), reader.add_constant(std::move(phased), "weights")};
  if (reader.has_input(2)) {
    const Tensor* bias = reader.constant(2);
    if (bias == nullptr || bias->type() != DataType::kF32) return reader.unsupported("its bias is no f32 constant");
    if (bias->element_count() != outputs) {
      return reader.invalid("its bias has " + std::to_string(bias->element_count()) + " elements for " +
                            std::to_string(outputs) + " channels");
    }
    OCTET_TRY(Tensor phased_bias, phase_bias(reader, *bias, {groups, phases, shape[1]}));
    inputs.push_back(reader.add_constant(std::move(phased_bias), "bias"));
  }
  Conv2dParams conv{.groups = groups};
  for (size_t i = 0; i < 2; ++i) {
    conv.pads[i] = axes[i].taps() - 1;
    conv.pads[i + 2] = std::max<int64_t>(axes[i].steps() - axes[i].size, 0);
  }
  ValueId y = steps.main().op(conv, std::move(inputs));
  const Shape made = steps.shape(y);
  if (phases > 1) {
    y = steps.reshape(y, {0, made[1], made[2], groups, rows.stride, columns.stride, shape[1]});
    y = steps.transpose(y, {0, 1, 4, 2, 5, 3, 6});
    y = steps.reshape(y, {0, made[1] * rows.stride, made[2] * columns.stride, outputs});
  }
  SliceParams cut;
  for (size_t i = 0; i < 2; ++i) {
    const Axis& axis = axes[i];
    if (axis.pad_before == 0 && axis.output() == made[static_cast<int>(1 + i)] * axis.stride) continue;
    cut.axes.push_back(static_cast<int64_t>(1 + i));
    cut.starts.push_back(axis.pad_before);
    cut.ends.push_back(axis.pad_before + axis.output());
    cut.steps.push_back(1);
  }
  if (!cut.axes.empty()) y = steps.op(cut, {y});
  y = steps.transpose(y, {0, 3, 1, 2});
  if (spatial == 1) y = steps.reshape(y, {0, outputs, columns.output()});
  return steps.finish(y);
}

constexpr OpReader kReaders[] = {{"ConvTranspose", "conv_transpose", read_conv_transpose}};

}  // namespace

GivenLayer transposed_layer(const SourceNode& node, const GivenConstant& weights, const GivenConstant* bias) {
  PhaseChannels channels{node.int_attribute("group", 1), 1, weights.integers.shape()[1]};
  if (const auto* strides = node.attribute<Ints>("strides")) {
    for (const int64_t stride : *strides) channels.phases *= stride;
  }
  GivenLayer layer{weights, {}};
  const auto in_group = [&](int64_t i) { return channels.in_group(i); };
  const auto of_all = [&](int64_t i) { return channels.of_all(i); };
  layer.weights.scales = for_phases(weights.scales, channels, in_group);
  layer.weights.zero_points = for_phases(weights.zero_points, channels, in_group);
  layer.weights.axis = 0;
  if (bias == nullptr || bias->type != DataType::kS32) return layer;
  // Scales along another axis of a bias that has several are not those of channels.
  const auto outputs = static_cast<size_t>(channels.groups * channels.outputs);
  if (bias->scales.size() != 1 && bias->scales.size() != outputs) return layer;
  layer.bias = *bias;
  layer.bias->scales = for_phases(bias->scales, channels, of_all);
  layer.bias->zero_points = for_phases(bias->zero_points, channels, of_all);
  layer.bias->integers = Tensor(DataType::kS32, {channels.count()});
  for (int64_t i = 0; i < channels.count(); ++i) {
    layer.bias->integers.as<int32_t>()[i] = bias->integers.as<int32_t>()[channels.of_all(i)];
  }
  return layer;
}

constinit const OpRule kConvTransposeRule{"conv_transpose", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
