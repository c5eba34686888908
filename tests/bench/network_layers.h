// The layers of the six networks that octet's speed is judged by, each shape once, with the network that has it first:
// what `octet inspect NET.octet --json` lists.
#pragma once

#include "kernels/pool2d/pool2d.h"

namespace octet::test {

// A convolution over [1, side, side, channels] to `outputs` channels; depthwise: one group per channel.
struct ConvLayer {
  const char* network;
  int64_t side, channels, outputs, kernel, stride, pad;
  bool depthwise, residual;
};

inline constexpr ConvLayer kConvLayers[] = {
    {"mobilenet_v1", 224, 3, 32, 3, 2, 1, false, false},     {"mobilenet_v1", 112, 32, 32, 3, 1, 1, true, false},
    {"mobilenet_v1", 112, 32, 64, 1, 1, 0, false, false},    {"mobilenet_v1", 112, 64, 64, 3, 2, 1, true, false},
    {"mobilenet_v1", 56, 64, 128, 1, 1, 0, false, false},    {"mobilenet_v1", 56, 128, 128, 3, 1, 1, true, false},
    {"mobilenet_v1", 56, 128, 128, 1, 1, 0, false, false},   {"mobilenet_v1", 56, 128, 128, 3, 2, 1, true, false},
    {"mobilenet_v1", 28, 128, 256, 1, 1, 0, false, false},   {"mobilenet_v1", 28, 256, 256, 3, 1, 1, true, false},
    {"mobilenet_v1", 28, 256, 256, 1, 1, 0, false, false},   {"mobilenet_v1", 28, 256, 256, 3, 2, 1, true, false},
    {"mobilenet_v1", 14, 256, 512, 1, 1, 0, false, false},   {"mobilenet_v1", 14, 512, 512, 3, 1, 1, true, false},
    {"mobilenet_v1", 14, 512, 512, 1, 1, 0, false, false},   {"mobilenet_v1", 14, 512, 512, 3, 2, 1, true, false},
    {"mobilenet_v1", 7, 512, 1024, 1, 1, 0, false, false},   {"mobilenet_v1", 7, 1024, 1024, 3, 1, 1, true, false},
    {"mobilenet_v1", 7, 1024, 1024, 1, 1, 0, false, false},  {"mobilenet_v2", 112, 32, 16, 1, 1, 0, false, false},
    {"mobilenet_v2", 112, 16, 96, 1, 1, 0, false, false},    {"mobilenet_v2", 112, 96, 96, 3, 2, 1, true, false},
    {"mobilenet_v2", 56, 96, 24, 1, 1, 0, false, false},     {"mobilenet_v2", 56, 24, 144, 1, 1, 0, false, false},
    {"mobilenet_v2", 56, 144, 144, 3, 1, 1, true, false},    {"mobilenet_v2", 56, 144, 24, 1, 1, 0, false, true},
    {"mobilenet_v2", 56, 144, 144, 3, 2, 1, true, false},    {"mobilenet_v2", 28, 144, 32, 1, 1, 0, false, false},
    {"mobilenet_v2", 28, 32, 192, 1, 1, 0, false, false},    {"mobilenet_v2", 28, 192, 192, 3, 1, 1, true, false},
    {"mobilenet_v2", 28, 192, 32, 1, 1, 0, false, true},     {"mobilenet_v2", 28, 192, 192, 3, 2, 1, true, false},
    {"mobilenet_v2", 14, 192, 64, 1, 1, 0, false, false},    {"mobilenet_v2", 14, 64, 384, 1, 1, 0, false, false},
    {"mobilenet_v2", 14, 384, 384, 3, 1, 1, true, false},    {"mobilenet_v2", 14, 384, 64, 1, 1, 0, false, true},
    {"mobilenet_v2", 14, 384, 96, 1, 1, 0, false, false},    {"mobilenet_v2", 14, 96, 576, 1, 1, 0, false, false},
    {"mobilenet_v2", 14, 576, 576, 3, 1, 1, true, false},    {"mobilenet_v2", 14, 576, 96, 1, 1, 0, false, true},
    {"mobilenet_v2", 14, 576, 576, 3, 2, 1, true, false},    {"mobilenet_v2", 7, 576, 160, 1, 1, 0, false, false},
    {"mobilenet_v2", 7, 160, 960, 1, 1, 0, false, false},    {"mobilenet_v2", 7, 960, 960, 3, 1, 1, true, false},
    {"mobilenet_v2", 7, 960, 160, 1, 1, 0, false, true},     {"mobilenet_v2", 7, 960, 320, 1, 1, 0, false, false},
    {"mobilenet_v2", 7, 320, 1280, 1, 1, 0, false, false},   {"squeezenet1_1", 224, 3, 64, 3, 2, 0, false, false},
    {"squeezenet1_1", 55, 64, 16, 1, 1, 0, false, false},    {"squeezenet1_1", 55, 16, 64, 1, 1, 0, false, false},
    {"squeezenet1_1", 55, 16, 64, 3, 1, 1, false, false},    {"squeezenet1_1", 55, 128, 16, 1, 1, 0, false, false},
    {"squeezenet1_1", 27, 128, 32, 1, 1, 0, false, false},   {"squeezenet1_1", 27, 32, 128, 1, 1, 0, false, false},
    {"squeezenet1_1", 27, 32, 128, 3, 1, 1, false, false},   {"squeezenet1_1", 27, 256, 32, 1, 1, 0, false, false},
    {"squeezenet1_1", 13, 256, 48, 1, 1, 0, false, false},   {"squeezenet1_1", 13, 48, 192, 1, 1, 0, false, false},
    {"squeezenet1_1", 13, 48, 192, 3, 1, 1, false, false},   {"squeezenet1_1", 13, 384, 48, 1, 1, 0, false, false},
    {"squeezenet1_1", 13, 384, 64, 1, 1, 0, false, false},   {"squeezenet1_1", 13, 64, 256, 1, 1, 0, false, false},
    {"squeezenet1_1", 13, 64, 256, 3, 1, 1, false, false},   {"squeezenet1_1", 13, 512, 64, 1, 1, 0, false, false},
    {"squeezenet1_1", 13, 512, 1000, 1, 1, 0, false, false}, {"resnet18", 224, 3, 64, 7, 2, 3, false, false},
    {"resnet18", 56, 64, 64, 3, 1, 1, false, false},         {"resnet18", 56, 64, 64, 3, 1, 1, false, true},
    {"resnet18", 56, 64, 128, 3, 2, 1, false, false},        {"resnet18", 28, 128, 128, 3, 1, 1, false, false},
    {"resnet18", 56, 64, 128, 1, 2, 0, false, true},         {"resnet18", 28, 128, 128, 3, 1, 1, false, true},
    {"resnet18", 28, 128, 256, 3, 2, 1, false, false},       {"resnet18", 14, 256, 256, 3, 1, 1, false, false},
    {"resnet18", 28, 128, 256, 1, 2, 0, false, true},        {"resnet18", 14, 256, 256, 3, 1, 1, false, true},
    {"resnet18", 14, 256, 512, 3, 2, 1, false, false},       {"resnet18", 7, 512, 512, 3, 1, 1, false, false},
    {"resnet18", 14, 256, 512, 1, 2, 0, false, true},        {"resnet18", 7, 512, 512, 3, 1, 1, false, true},
    {"resnet50", 56, 64, 64, 1, 1, 0, false, false},         {"resnet50", 56, 64, 256, 1, 1, 0, false, false},
    {"resnet50", 56, 64, 256, 1, 1, 0, false, true},         {"resnet50", 56, 256, 64, 1, 1, 0, false, false},
    {"resnet50", 56, 256, 128, 1, 1, 0, false, false},       {"resnet50", 56, 128, 128, 3, 2, 1, false, false},
    {"resnet50", 28, 128, 512, 1, 1, 0, false, false},       {"resnet50", 56, 256, 512, 1, 2, 0, false, true},
    {"resnet50", 28, 512, 128, 1, 1, 0, false, false},       {"resnet50", 28, 128, 512, 1, 1, 0, false, true},
    {"resnet50", 28, 512, 256, 1, 1, 0, false, false},       {"resnet50", 28, 256, 256, 3, 2, 1, false, false},
    {"resnet50", 14, 256, 1024, 1, 1, 0, false, false},      {"resnet50", 28, 512, 1024, 1, 2, 0, false, true},
    {"resnet50", 14, 1024, 256, 1, 1, 0, false, false},      {"resnet50", 14, 256, 1024, 1, 1, 0, false, true},
    {"resnet50", 14, 1024, 512, 1, 1, 0, false, false},      {"resnet50", 14, 512, 512, 3, 2, 1, false, false},
    {"resnet50", 7, 512, 2048, 1, 1, 0, false, false},       {"resnet50", 14, 1024, 2048, 1, 2, 0, false, true},
    {"resnet50", 7, 2048, 512, 1, 1, 0, false, false},       {"resnet50", 7, 512, 2048, 1, 1, 0, false, true},
    {"resnet8", 32, 3, 16, 3, 1, 1, false, false},           {"resnet8", 32, 16, 16, 3, 1, 1, false, false},
    {"resnet8", 32, 16, 16, 3, 1, 1, false, true},           {"resnet8", 32, 16, 32, 3, 2, 1, false, false},
    {"resnet8", 16, 32, 32, 3, 1, 1, false, false},          {"resnet8", 32, 16, 32, 1, 2, 0, false, true},
    {"resnet8", 16, 32, 64, 3, 2, 1, false, false},          {"resnet8", 8, 64, 64, 3, 1, 1, false, false},
    {"resnet8", 16, 32, 64, 1, 2, 0, false, true},
};

struct PoolLayer {
  const char* network;
  int64_t side, channels;
  PoolKind kind;
  int64_t pad;  // of a 3x3 window with stride 2; -1: global
  bool ceil_mode;
};

inline constexpr PoolLayer kPoolLayers[] = {
    {"mobilenet_v1", 7, 1024, PoolKind::kAverage, -1, false},
    {"mobilenet_v2", 7, 1280, PoolKind::kAverage, -1, false},
    {"squeezenet1_1", 111, 64, PoolKind::kMax, 0, true},
    {"squeezenet1_1", 55, 128, PoolKind::kMax, 0, true},
    {"squeezenet1_1", 27, 256, PoolKind::kMax, 0, true},
    {"squeezenet1_1", 13, 1000, PoolKind::kAverage, -1, false},
    {"resnet18", 112, 64, PoolKind::kMax, 1, false},
    {"resnet18", 7, 512, PoolKind::kAverage, -1, false},
    {"resnet50", 7, 2048, PoolKind::kAverage, -1, false},
    {"resnet8", 8, 64, PoolKind::kAverage, -1, false},
};

// [1, inputs] to [1, outputs], f32 scores.
struct FullyConnectedLayer {
  const char* network;
  int64_t inputs, outputs;
};

inline constexpr FullyConnectedLayer kFullyConnectedLayers[] = {
    {"mobilenet_v1", 1024, 1000}, {"mobilenet_v2", 1280, 1000}, {"resnet18", 512, 1000},
    {"resnet50", 2048, 1000},     {"resnet8", 64, 10},
};

// Two tensors [1, side, side, channels]: the expand branches of SqueezeNet, joined; the residuals of ResNet where they
// are not fused, added.
struct PairLayer {
  const char* network;
  int64_t side, channels;
};

inline constexpr PairLayer kConcatLayers[] = {
    {"squeezenet1_1", 55, 64}, {"squeezenet1_1", 27, 128}, {"squeezenet1_1", 13, 192}, {"squeezenet1_1", 13, 256}};
inline constexpr PairLayer kAddLayers[] = {{"mobilenet_v2", 56, 24}, {"mobilenet_v2", 14, 96}, {"resnet18", 56, 64},
                                           {"resnet50", 56, 256},    {"resnet50", 7, 2048},    {"resnet8", 32, 16}};

}  // namespace octet::test
