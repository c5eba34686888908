#include "converter/passes/passes.h"

#include <array>

#include "converter/passes/pass_list.h"

namespace octet {
namespace {

// Layout comes before all folding, so that a layer and what follows it meet without a transpose between them.
constexpr std::array kPasses{
    Pass{"fold_constants", "computes what depends on constants alone", fold_constants},
    Pass{"remove_identity", "drops nodes that change nothing, and joins reshapes", remove_identity},
    Pass{"fuse_activation", "puts one activation in the place of the arithmetic that spells it out", fuse_activation},
    Pass{"matmul_to_conv", "makes layers of matrix products with constant weights", matmul_to_conv},
    Pass{"merge_duplicates", "lets equal data movements of one value share a node", merge_duplicates},
    Pass{"layout", "moves transposes together until they cancel: images are NHWC", layout},
    Pass{"reduce_to_pool", "turns a mean or maximum over height and width into a global pool", reduce_to_pool},
    Pass{"fold_pad", "folds zero padding into convolutions and pools", fold_pad},
    Pass{"fold_batch_norm", "folds batch normalization into the layer before or after it", fold_batch_norm},
    Pass{"fold_scale_shift", "folds multiplication by constants into the layer before or after it", fold_scale_shift},
    Pass{"sink_reshape", "moves reshapes of a convolution's value behind what can be fused into it", sink_reshape},
    Pass{"fuse_bias", "folds addition of constants into a layer's bias", fuse_bias},
    Pass{"fuse_residual", "folds the addition of two values into the convolution that makes one of them",
         fuse_residual},
    Pass{"fuse_clamp", "folds ReLU, ReLU6 and Clip into the node that makes their input", fuse_clamp},
};

// Every rewrite removes a node, or moves a transpose one way; so few rounds are needed. The bound turns a pass that
// undoes another into an error instead of an endless loop.
constexpr int kMaxRounds = 32;
constexpr int kMaxRuns = 10000;

Error bug(const Pass& pass, const std::string& what) {
  return {ErrorCode::kInvalidFile, std::string("pass '") + pass.name + "': " + what};
}

}  // namespace

std::span<const Pass> passes() {
  return kPasses;
}

Status run_passes(Graph& graph, const std::function<void(const Pass&, int rewrites, const Graph&)>& observer) {
  for (int round = 0; round < kMaxRounds; ++round) {
    const Pass* active = nullptr;
    for (const Pass& pass : kPasses) {
      int rewrites = 0;
      for (int runs = 0; const int found = pass.run(graph); ++runs) {
        if (runs == kMaxRuns) return bug(pass, "does not come to an end");
        rewrites += found;
      }
      graph.remove_dead();
      const Status inferred = graph.infer();
      if (!inferred.ok()) return bug(pass, inferred.error().message);
      const Status verified = graph.verify();
      if (!verified.ok()) return bug(pass, verified.error().message);
      if (rewrites == 0) continue;
      active = &pass;
      if (observer) observer(pass, rewrites, graph);
    }
    if (active == nullptr) return {};
    if (round + 1 == kMaxRounds) return bug(*active, "still rewrites after " + std::to_string(kMaxRounds) + " rounds");
  }
  return {};
}

}  // namespace octet
