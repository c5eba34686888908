// Dense convolution with asymmetric weights, which lie in [-255, 255] once their zero point is taken off:
//   sum x (q - z) = sum x a + sum x b     a: (q - z) saturated to [-127, 127], b: the rest
// b is 0 but for the few widest weights (and 128 at most: then it is 127 and 1). So the channels of src that one of
// them reads are appended to each pixel, b to the weights, and another row of the table does it all at once, exactly.
#include <memory>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

constexpr int32_t kLimit = 127;

// The convolution that runs instead, with the constants that it reads.
struct Split {
  std::vector<int64_t> appended;  // channels of src, as often as needed
  std::vector<int8_t> weights;    // [O, KH, KW, C + appended]
  std::vector<uint8_t> src;       // [N, H, W, C + appended]
  Conv2dParams params;
  std::vector<TensorDesc> inputs;
  std::vector<const void*> addresses;
  Kernel kernel;
};

// How often the weight's remainders of at most 127 are appended behind the first part.
int parts_behind(int32_t weight) {
  return (std::abs(weight) - 1) / kLimit;
}

// Part 0 is the weight saturated, part i what is left of it after i parts.
int8_t part(int32_t weight, int i) {
  const int32_t left = std::max(0, std::abs(weight) - i * kLimit);
  return static_cast<int8_t>(std::min(left, kLimit) * (weight < 0 ? -1 : 1));
}

void split(const Problem<Conv2dParams>& problem, Split& result) {
  const Conv2dSizes s(problem);
  const TensorDesc& desc = problem.inputs[kConvWeights];
  const auto weight = [&](int64_t o, int64_t tap, int64_t c) {
    return desc.as<int8_t>()[(o * s.kh * s.kw + tap) * s.c + c] - weight_zero_point(desc, o);
  };
  std::vector<int> parts(static_cast<size_t>(s.c), 0);
  for (int64_t o = 0; o < s.o; ++o) {
    for (int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
      for (int64_t c = 0; c < s.c; ++c) {
        int& most = parts[static_cast<size_t>(c)];
        most = std::max(most, parts_behind(weight(o, tap, c)));
      }
    }
  }
  std::vector<int> part_of;
  for (int64_t c = 0; c < s.c; ++c) {
    for (int i = 1; i <= parts[static_cast<size_t>(c)]; ++i) {
      result.appended.push_back(c);
      part_of.push_back(i);
    }
  }
  result.weights.reserve(static_cast<size_t>(s.o * s.kh * s.kw) * (static_cast<size_t>(s.c) + result.appended.size()));
  for (int64_t o = 0; o < s.o; ++o) {
    for (int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
      for (int64_t c = 0; c < s.c; ++c) result.weights.push_back(part(weight(o, tap, c), 0));
      for (size_t i = 0; i < part_of.size(); ++i) {
        result.weights.push_back(part(weight(o, tap, result.appended[i]), part_of[i]));
      }
    }
  }
}

void append_channels(const uint8_t* src, int64_t pixels, int64_t channels, int threads, Split& to) {
  const auto more = static_cast<int64_t>(to.appended.size());
  parallel_for(threads, pixels, kElementsPerThread / (channels + more) + 1, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint8_t* from = src + i * channels;
      uint8_t* pixel = std::copy_n(from, channels, to.src.data() + i * (channels + more));
      for (const int64_t c : to.appended) *pixel++ = from[c];
    }
  });
}

}  // namespace

bool split_weights_supports(const Problem<Conv2dParams>& problem) {
  return problem.inputs[kConvSrc].type == DataType::kU8 && has_weight_zero_points(problem.inputs) &&
         problem.params.groups == 1;
}

Result<Kernel> prepare_split_weights(const Problem<Conv2dParams>& problem) {
  auto plan = std::make_shared<Split>();
  split(problem, *plan);
  const Conv2dSizes s(problem);
  const int64_t channels = s.c + static_cast<int64_t>(plan->appended.size());
  const int64_t pixels = s.n * s.h * s.w;
  plan->params = problem.params;
  plan->inputs.assign(problem.inputs.begin(), problem.inputs.end());
  plan->inputs[kConvSrc].shape[3] = channels;
  TensorDesc& weights = plan->inputs[kConvWeights];
  weights.shape[3] = channels;
  weights.zero_points = {};
  weights.data = plan->weights.data();
  if (!plan->appended.empty()) plan->src.resize(static_cast<size_t>(pixels * channels));
  // The weights are this kernel's own, so what is made of them is shared with no other.
  const Problem<Conv2dParams> inner{plan->params,    plan->inputs, problem.outputs,
                                    problem.threads, nullptr,      problem.scratchpad};
  OCTET_TRY(SelectedKernel selected, select_kernel(kernel_table(plan->params), inner));
  plan->kernel = std::move(selected.kernel);
  plan->addresses.resize(plan->inputs.size());
  return Kernel([plan, pixels, src_channels = s.c, threads = problem.threads](const Buffers& buffers) {
    std::copy_n(buffers.src, plan->addresses.size(), plan->addresses.begin());
    if (!plan->appended.empty()) {
      append_channels(static_cast<const uint8_t*>(buffers.src[kConvSrc]), pixels, src_channels, threads, *plan);
      plan->addresses[kConvSrc] = plan->src.data();
    }
    plan->addresses[kConvWeights] = plan->weights.data();
    plan->kernel({plan->addresses.data(), buffers.dst});
  });
}

}  // namespace octet
