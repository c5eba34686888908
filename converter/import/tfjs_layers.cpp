// The layers of Keras that are read: one function each, and the table. (On images: tfjs_image_layers.cpp.)
#include <algorithm>
#include <cmath>

#include "converter/import/tfjs_layers.h"

namespace octet {
namespace {

// On the last axis, whatever stands before it.
Result<ValueId> read_dense(const TfjsLayer& layer) {
  const int rank = layer.shape().rank();
  const WeightForm form = rank == 4 ? WeightForm::kPointwise : rank == 2 ? WeightForm::kMatrix : WeightForm::kStored;
  OCTET_TRY(const ValueId kernel, layer.constant("kernel", 2, form));
  OCTET_TRY(const ValueId bias, bias_or_none(layer));
  ValueId x = kNoValue;
  if (rank == 4) {
    OCTET_TRY(x, convolve(layer, layer.input(), kernel, 1, bias, true));
  } else if (rank == 2) {
    std::vector<ValueId> inputs{layer.input(), kernel};
    if (bias != kNoValue) inputs.push_back(bias);
    OCTET_TRY(x, layer.reader.emit(FullyConnectedParams{}, std::move(inputs)));
  } else {
    OCTET_TRY(x, layer.reader.emit(MatmulParams{}, {layer.input(), kernel}));
    if (bias != kNoValue) {
      OCTET_TRY(x, layer.reader.emit(BinaryParams{}, {x, bias}));
    }
  }
  return activate(layer, x);
}

Result<ValueId> read_batch_normalization(const TfjsLayer& layer) {
  const int rank = layer.shape().rank();
  int64_t axis = -1;
  if (layer.config.has("axis")) {
    OCTET_TRY(const JsonAt field, layer.config.field("axis"));
    if (field.json.is_array() && field.json.size() == 1) {
      OCTET_TRY(const auto axes, field.as_integers());
      axis = axes[0];
    } else {
      OCTET_TRY(axis, field.as_integer());
    }
  }
  OCTET_TRY(axis, layer.reader.normalize_axis(axis, rank));
  OCTET_TRY(const double epsilon, layer.config.number_or("epsilon", 1e-3));
  OCTET_TRY(const bool scale, layer.config.bool_or("scale", true));
  OCTET_TRY(const bool center, layer.config.bool_or("center", true));
  if (layer.shape()[static_cast<int>(axis)] < 1) {
    return layer.reader.unsupported("the number of channels is unknown");
  }
  OCTET_TRY(const ValueId mean, layer.constant("moving_mean", 1));
  OCTET_TRY(const ValueId variance, layer.constant("moving_variance", 1));
  // What is absent is as long as what is there, not as the input claims.
  OCTET_TRY(const ValueId gamma,
            scale ? layer.constant("gamma", 1) : layer.constant("moving_mean", 1, WeightForm::kOnes, "gamma"));
  OCTET_TRY(const ValueId beta,
            center ? layer.constant("beta", 1) : layer.constant("moving_mean", 1, WeightForm::kZeros, "beta"));
  return layer.reader.emit(BatchNormParams{static_cast<float>(epsilon), axis},
                           {layer.input(), gamma, beta, mean, variance});
}

Result<ValueId> read_activation(const TfjsLayer& layer) {
  OCTET_TRY(const JsonAt field, layer.config.field("activation"));
  OCTET_TRY(const std::string name, field.as_string());
  return tfjs_activation(layer.reader, layer.input(), name);
}

Result<ValueId> read_relu(const TfjsLayer& layer) {
  OCTET_TRY(const double max_value, layer.config.number_or("max_value", INFINITY));
  OCTET_TRY(const double slope, layer.config.number_or("negative_slope", 0));
  OCTET_TRY(const double threshold, layer.config.number_or("threshold", 0));
  if (threshold != 0) return layer.reader.unsupported("the threshold " + std::to_string(threshold) + " is not 0");
  if (slope == 0) {
    return layer.reader.emit(UnaryParams{UnaryKind::kClip, 0, static_cast<float>(max_value)}, {layer.input()});
  }
  OCTET_TRY(const ValueId leaky,
            layer.reader.emit(UnaryParams{UnaryKind::kLeakyRelu, static_cast<float>(slope), 0}, {layer.input()}));
  if (max_value == INFINITY) return leaky;
  return layer.reader.emit(UnaryParams{UnaryKind::kClip, -INFINITY, static_cast<float>(max_value)}, {leaky});
}

Result<ValueId> read_leaky_relu(const TfjsLayer& layer) {
  OCTET_TRY(const double keras2, layer.config.number_or("alpha", 0.3));
  OCTET_TRY(const double slope, layer.config.number_or("negative_slope", keras2));
  return layer.reader.emit(UnaryParams{UnaryKind::kLeakyRelu, static_cast<float>(slope), 0}, {layer.input()});
}

Result<ValueId> read_elu(const TfjsLayer& layer) {
  OCTET_TRY(const double alpha, layer.config.number_or("alpha", 1));
  return layer.reader.emit(UnaryParams{UnaryKind::kElu, static_cast<float>(alpha), 0}, {layer.input()});
}

Result<ValueId> read_softmax(const TfjsLayer& layer) {
  OCTET_TRY(int64_t axis, layer.config.integer_or("axis", -1));
  OCTET_TRY(axis, layer.reader.normalize_axis(axis, layer.shape().rank()));
  return layer.reader.emit(SoftmaxParams{axis}, {layer.input()});
}

Result<ValueId> read_flatten(const TfjsLayer& layer) {
  OCTET_CHECK(check_channels_last(layer));
  return layer.reader.emit(ReshapeParams{{0, -1}}, {layer.input()});
}

Result<ValueId> read_reshape(const TfjsLayer& layer) {
  OCTET_TRY(const JsonAt field, layer.config.field("target_shape"));
  OCTET_TRY(const auto target, field.as_integers());
  std::vector<int64_t> dims{0};
  for (const int64_t dim : target) {
    if (dim == 0 || dim < -1) return field.invalid("the dimension " + std::to_string(dim) + " is none");
    dims.push_back(dim);
  }
  return layer.reader.emit(ReshapeParams{std::move(dims)}, {layer.input()});
}

Result<ValueId> read_permute(const TfjsLayer& layer) {
  OCTET_TRY(const JsonAt field, layer.config.field("dims"));
  OCTET_TRY(auto permutation, field.as_integers());  // the batch, axis 0, is not counted
  permutation.insert(permutation.begin(), 0);
  return layer.reader.emit(TransposeParams{std::move(permutation)}, {layer.input()});
}

// What trains a network and does nothing when it is used.
Result<ValueId> read_identity(const TfjsLayer& layer) {
  return layer.reader.emit(IdentityParams{}, {layer.input()});
}

Result<ValueId> emit_chain(const TfjsLayer& layer, BinaryKind kind) {
  const size_t inputs = layer.reader.node().inputs.size();
  if (inputs < 2) return layer.reader.invalid("has " + std::to_string(inputs) + " inputs, but needs 2 or more");
  ValueId x = layer.input(0);
  for (size_t i = 1; i < inputs; ++i) {
    OCTET_TRY(x, layer.reader.emit(BinaryParams{.kind = kind}, {x, layer.input(i)}));
  }
  return x;
}

template <BinaryKind kind>
Result<ValueId> read_chain(const TfjsLayer& layer) {
  return emit_chain(layer, kind);
}

Result<ValueId> read_average(const TfjsLayer& layer) {
  OCTET_TRY(const ValueId sum, emit_chain(layer, BinaryKind::kAdd));
  const float share = 1.0F / static_cast<float>(layer.reader.node().inputs.size());
  const ValueId constant = layer.reader.add_constant(Tensor::f32({}, std::array{share}), "share");
  return layer.reader.emit(BinaryParams{.kind = BinaryKind::kMul}, {sum, constant});
}

Result<ValueId> read_concatenate(const TfjsLayer& layer) {
  OCTET_TRY(int64_t axis, layer.config.integer_or("axis", -1));
  OCTET_TRY(axis, layer.reader.normalize_axis(axis, layer.shape().rank()));
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < layer.reader.node().inputs.size(); ++i) inputs.push_back(layer.input(i));
  return layer.reader.emit(ConcatParams{axis}, std::move(inputs));
}

Result<ValueId> read_rescaling(const TfjsLayer& layer) {
  OCTET_TRY(const double scale, layer.config.number_or("scale", 1));
  OCTET_TRY(const double offset, layer.config.number_or("offset", 0));
  const auto scalar = [&](double number, const char* name) {
    return layer.reader.add_constant(Tensor::f32({}, std::array{static_cast<float>(number)}), name);
  };
  OCTET_TRY(const ValueId scaled,
            layer.reader.emit(BinaryParams{.kind = BinaryKind::kMul}, {layer.input(), scalar(scale, "scale")}));
  return layer.reader.emit(BinaryParams{}, {scaled, scalar(offset, "offset")});
}

constexpr std::array kLayerTypes{
    TfjsLayerType{"Conv2D", read_conv2d},
    TfjsLayerType{"DepthwiseConv2D", read_depthwise_conv2d},
    TfjsLayerType{"SeparableConv2D", read_separable_conv2d},
    TfjsLayerType{"Dense", read_dense},
    TfjsLayerType{"BatchNormalization", read_batch_normalization},
    TfjsLayerType{"BatchNormalizationV1", read_batch_normalization},
    TfjsLayerType{"Activation", read_activation},
    TfjsLayerType{"ReLU", read_relu},
    TfjsLayerType{"LeakyReLU", read_leaky_relu},
    TfjsLayerType{"ELU", read_elu},
    TfjsLayerType{"Softmax", read_softmax},
    TfjsLayerType{"ZeroPadding2D", read_zero_padding2d},
    TfjsLayerType{"Cropping2D", read_cropping2d},
    TfjsLayerType{"MaxPooling2D", read_max_pooling2d},
    TfjsLayerType{"AveragePooling2D", read_average_pooling2d},
    TfjsLayerType{"GlobalAveragePooling2D", read_global_average_pooling2d},
    TfjsLayerType{"GlobalMaxPooling2D", read_global_max_pooling2d},
    TfjsLayerType{"Flatten", read_flatten},
    TfjsLayerType{"Reshape", read_reshape},
    TfjsLayerType{"Permute", read_permute},
    TfjsLayerType{"Dropout", read_identity},
    TfjsLayerType{"SpatialDropout2D", read_identity},
    TfjsLayerType{"AlphaDropout", read_identity},
    TfjsLayerType{"GaussianDropout", read_identity},
    TfjsLayerType{"GaussianNoise", read_identity},
    TfjsLayerType{"ActivityRegularization", read_identity},
    TfjsLayerType{"Add", read_chain<BinaryKind::kAdd>},
    TfjsLayerType{"Subtract", read_chain<BinaryKind::kSub>},
    TfjsLayerType{"Multiply", read_chain<BinaryKind::kMul>},
    TfjsLayerType{"Maximum", read_chain<BinaryKind::kMax>},
    TfjsLayerType{"Minimum", read_chain<BinaryKind::kMin>},
    TfjsLayerType{"Average", read_average},
    TfjsLayerType{"Concatenate", read_concatenate},
    TfjsLayerType{"UpSampling2D", read_up_sampling2d},
    TfjsLayerType{"Rescaling", read_rescaling},
};

struct Activation {
  std::string_view name;
  UnaryParams params;
};

// hard_sigmoid is Keras 2's: max(0, min(1, 0.2 x + 0.5)).
constexpr std::array kActivations{
    Activation{"relu", {UnaryKind::kClip, 0, INFINITY}},
    Activation{"relu6", {UnaryKind::kClip, 0, 6}},
    Activation{"sigmoid", {UnaryKind::kSigmoid}},
    Activation{"tanh", {UnaryKind::kTanh}},
    Activation{"elu", {UnaryKind::kElu, 1}},
    Activation{"softplus", {UnaryKind::kSoftplus}},
    Activation{"softsign", {UnaryKind::kSoftsign}},
    Activation{"hard_sigmoid", {UnaryKind::kHardSigmoid, 0.2F, 0.5F}},
    Activation{"swish", {UnaryKind::kSilu}},
    Activation{"silu", {UnaryKind::kSilu}},
    Activation{"exponential", {UnaryKind::kExp}},
    Activation{"leaky_relu", {UnaryKind::kLeakyRelu, 0.2F}},
};

Tensor filled(const Shape& shape, float number) {
  Tensor tensor(DataType::kF32, shape);
  std::ranges::fill(tensor.as<float>(), number);
  return tensor;
}

Tensor in_form(const Tensor& weight, WeightForm form) {
  const Shape& shape = weight.shape();
  switch (form) {
    case WeightForm::kStored:
      return weight;
    case WeightForm::kMatrix:
      return transposed(weight, std::array<int64_t, 2>{1, 0});
    case WeightForm::kPointwise:
      return transposed(weight, std::array<int64_t, 2>{1, 0}).reshaped({shape[1], 1, 1, shape[0]});
    case WeightForm::kConv:
      return transposed(weight, std::array<int64_t, 4>{3, 0, 1, 2});
    case WeightForm::kDepthwise:
      return transposed(weight, std::array<int64_t, 4>{2, 3, 0, 1})
          .reshaped({shape[2] * shape[3], shape[0], shape[1], 1});
    case WeightForm::kZeros:
      return filled(shape, 0);
    case WeightForm::kOnes:
      return filled(shape, 1);
  }
  return weight;
}

}  // namespace

Status check_channels_last(const TfjsLayer& layer) {
  OCTET_TRY(const std::string format, layer.config.string_or("data_format", "channels_last"));
  if (format == "channels_last") return {};
  return layer.reader.unsupported("the data_format '" + format + "'; only channels_last is read");
}

Result<ValueId> activate(const TfjsLayer& layer, ValueId x) {
  if (!layer.config.has("activation")) return x;
  OCTET_TRY(const JsonAt field, layer.config.field("activation"));
  OCTET_TRY(const std::string name, field.as_string());
  return tfjs_activation(layer.reader, x, name);
}

Result<ValueId> bias_or_none(const TfjsLayer& layer) {
  OCTET_TRY(const bool use_bias, layer.config.bool_or("use_bias", true));
  if (!use_bias) return kNoValue;
  return layer.constant("bias", 1);
}

Result<ValueId> TfjsLayer::constant(const char* name, int rank, WeightForm form, const char* suffix) const {
  const Tensor* tensor = weights.find(reader.node().name, name);
  if (tensor == nullptr) return reader.invalid("the weight '" + reader.node().name + "/" + name + "' is missing");
  if (tensor->type() != DataType::kF32 || tensor->shape().rank() != rank) {
    return reader.invalid(std::string("the weight '") + name + "' is " + to_string(tensor->type()) + " " +
                          tensor->shape().to_string() + ", but needs f32 and " + std::to_string(rank) + " dimensions");
  }
  constants.read_bytes += tensor->byte_count();
  if (constants.read_bytes > constants.most_bytes) {
    return reader.unsupported("the calls of layers up to here read " + std::to_string(constants.read_bytes) +
                              " bytes of weights, but at most " + std::to_string(constants.most_bytes) + " may be");
  }
  const auto [at, is_new] = constants.made.try_emplace({tensor, form}, kNoValue);
  if (is_new) at->second = reader.add_constant(in_form(*tensor, form), suffix == nullptr ? name : suffix);
  return at->second;
}

std::span<const TfjsLayerType> tfjs_layer_types() {
  return kLayerTypes;
}

Result<ValueId> tfjs_activation(NodeReader& reader, ValueId x, const std::string& name) {
  if (name == "linear") return x;
  if (name == "softmax") {
    return reader.emit(SoftmaxParams{reader.graph().value(x).shape.rank() - 1}, {x});
  }
  const auto row =
      std::find_if(kActivations.begin(), kActivations.end(), [&](const Activation& a) { return a.name == name; });
  if (row == kActivations.end()) return reader.unsupported("the activation '" + name + "'");
  return reader.emit(row->params, {x});
}

}  // namespace octet
