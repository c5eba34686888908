// Networks of Keras Applications, recognized by their weights: files that hold weights alone are common.
#include "converter/import/tfjs.h"

namespace octet {
namespace {

Json layer(const char* class_name, const std::string& name, Json config) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

// conv or depthwise convolution, batch normalization, ReLU6, as all of MobileNet's are. A stride of 2 pads below and
// right only, as TensorFlow's SAME does for even sizes.
void append_block(Json& layers, const char* class_name, const std::string& name, const std::string& id, int64_t kernel,
                  int64_t stride) {
  if (stride == 2) layers.push_back(layer("ZeroPadding2D", id + "_pad", {{"padding", {{0, 1}, {0, 1}}}}));
  layers.push_back(layer(class_name, name,
                         {{"kernel_size", {kernel, kernel}},
                          {"strides", {stride, stride}},
                          {"padding", stride == 2 ? "valid" : "same"},
                          {"use_bias", false}}));
  layers.push_back(layer("BatchNormalization", name + "_bn", {{"axis", -1}, {"epsilon", 1e-3}}));
  layers.push_back(layer("ReLU", name + "_relu", {{"max_value", 6.0}}));
}

// Howard et al. 2017 (arXiv:1704.04861), table 1, as keras.applications.mobilenet builds it.
std::optional<Json> recover_mobilenet(const TfjsWeights& weights) {
  constexpr std::array<int64_t, 13> kStrides{1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
  const auto has = [&](const std::string& name) { return weights.find(name, "kernel") != nullptr; };
  if (!has("conv1") || !has("conv_preds")) return std::nullopt;
  const int64_t classes = weights.find("conv_preds", "kernel")->shape()[3];

  Json layers = Json::array();
  layers.push_back(layer("InputLayer", "input_1", {{"batch_input_shape", {nullptr, 224, 224, 3}}}));
  append_block(layers, "Conv2D", "conv1", "conv1", 3, 2);
  for (size_t i = 0; i < kStrides.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    if (weights.find("conv_dw_" + number, "depthwise_kernel") == nullptr || !has("conv_pw_" + number))
      return std::nullopt;
    append_block(layers, "DepthwiseConv2D", "conv_dw_" + number, "conv_" + number, 3, kStrides[i]);
    append_block(layers, "Conv2D", "conv_pw_" + number, "conv_pw_" + number, 1, 1);
  }
  layers.push_back(layer("GlobalAveragePooling2D", "global_average_pooling2d_1", {{"keepdims", true}}));
  layers.push_back(layer("Conv2D", "conv_preds", {{"kernel_size", {1, 1}}, {"padding", "same"}}));
  layers.push_back(layer("Reshape", "reshape_2", {{"target_shape", {classes}}}));
  layers.push_back(layer("Activation", "act_softmax", {{"activation", "softmax"}}));
  return Json{{"class_name", "Sequential"}, {"config", {{"name", "mobilenet"}, {"layers", std::move(layers)}}}};
}

struct Row {
  const char* name;
  std::optional<Json> (*recover)(const TfjsWeights&);
};

constexpr std::array kRows{Row{"Keras MobileNet", recover_mobilenet}};

}  // namespace

std::optional<KnownTopology> recover_topology(const TfjsWeights& weights) {
  for (const Row& row : kRows) {
    if (std::optional<Json> config = row.recover(weights)) return KnownTopology{row.name, std::move(*config)};
  }
  return std::nullopt;
}

}  // namespace octet
