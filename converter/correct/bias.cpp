// Empirical bias correction: b[o] -= E[W^ x^ + b^ + r^] - E[W x + b + r], layer by layer in the order of execution.
// x^ and the residual r^ come from the integer network so far, earlier layers corrected already; both means are taken
// before the activation, over all positions of all samples. E[W^ x^] is W^ E[x^]: the layer need not run.
#include <map>

#include "converter/correct/layer_geometry.h"
#include "converter/correct/method_list.h"
#include "converter/correct/probe.h"
#include "converter/correct/sample_front.h"

namespace octet {
namespace {

using Means = std::map<std::string, std::vector<double>>;  // per channel, by node

std::vector<double> channel_means(const TensorView& tensor, QuantParams quant) {
  std::vector<double> means = channel_sums(tensor, quant);
  const double rows = static_cast<double>(tensor.shape.element_count()) / static_cast<double>(means.size());
  for (double& mean : means) mean /= rows;
  return means;
}

// Before the activation, bias and residual included: of every layer of the float network, by the name of its output.
Result<Means> teacher_means(const CorrectionContext& context, const Draft& draft) {
  OCTET_TRY(const PackedModel packed, lower_f32(draft.teacher));
  const PackedModel opened = open_clamps(packed, draft.bounds);
  std::map<std::string, std::string> wanted;  // by the name of the tensor to look at
  for (const PackedNode& node : opened.nodes) {
    if (!std::holds_alternative<Conv2dParams>(node.op) && !std::holds_alternative<FullyConnectedParams>(node.op)) {
      continue;
    }
    const std::string& name = opened.tensors[static_cast<size_t>(node.outputs[0])].name;
    wanted[name] = node.name;
  }
  // Per sample, then in the order of the samples: sums do not depend on threads.
  std::vector<Means> samples(context.samples.size());
  OCTET_CHECK(run_samples(opened, context.samples, context.threads,
                          [&](size_t sample, const std::string& name, const TensorView& tensor) {
                            const auto found = wanted.find(name);
                            if (found != wanted.end()) samples[sample][found->second] = channel_means(tensor, {});
                          }));
  Means total;
  for (const Means& sample : samples) {
    for (const auto& [name, mean] : sample) {
      std::vector<double>& sum = total[name];
      sum.resize(mean.size());
      for (size_t c = 0; c < mean.size(); ++c) sum[c] += mean[c] / static_cast<double>(samples.size());
    }
  }
  return total;
}

// The same of one layer of the integer network: what its constants make of the mean patch of its source.
Result<std::vector<double>> integer_mean(const SampleFront& front, size_t samples, const Draft& draft,
                                         const PackedModel& packed, const DraftLayer& layer) {
  const LayerGeometry geometry(draft.graph, draft.graph.nodes[layer.node]);
  const PackedNode& node = packed.nodes[layer.packed_node];
  std::vector<int32_t> wanted{node.inputs[kConvSrc]};
  const bool has_residual = node.inputs.size() > kConvResidual && node.inputs[kConvResidual] >= 0;
  if (has_residual) wanted.push_back(node.inputs[kConvResidual]);
  std::vector<std::vector<double>> patches(samples);
  std::vector<std::vector<double>> residuals(samples);
  OCTET_CHECK(front.visit(packed, wanted, [&](size_t sample, size_t k, const TensorView& tensor) {
    const QuantParams quant = packed.tensors[static_cast<size_t>(wanted[k])].desc().quant();
    if (k == 0) patches[sample] = mean_patch(geometry, tensor, quant);
    if (k == 1) residuals[sample] = channel_means(tensor, quant);
  }));
  std::vector<double> mean = integer_bias(packed, layer);
  const std::vector<float> weights = integer_weights(packed, layer);
  const auto taps = static_cast<size_t>(geometry.taps());
  const auto share = 1 / static_cast<double>(samples);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t o = 0; o < mean.size(); ++o) {
      const double* patch = patches[i].data() + o / static_cast<size_t>(geometry.group_o()) * taps;
      double sum = has_residual ? residuals[i][o] : 0.0;
      for (size_t k = 0; k < taps; ++k) sum += static_cast<double>(weights[o * taps + k]) * patch[k];
      mean[o] += sum * share;
    }
  }
  return mean;
}

}  // namespace

Result<int> correct_bias(const CorrectionContext& context, Draft& draft) {
  OCTET_TRY(const Means wanted, teacher_means(context, draft));
  OCTET_TRY(PackedModel packed, lower_draft(draft));
  SampleFront front(context.samples, context.threads);
  int changed = 0;
  for (const DraftLayer& layer : draft_layers(draft, packed)) {
    Node& node = draft.graph.nodes[layer.node];
    OCTET_CHECK(front.advance(packed, layer.packed_node));
    OCTET_TRY(const std::vector<double> found, integer_mean(front, context.samples.size(), draft, packed, layer));
    const std::vector<double>& mean = wanted.at(node.name);
    std::vector<float> bias = layer_bias(draft.graph, node);
    for (size_t o = 0; o < bias.size(); ++o) {
      bias[o] = static_cast<float>(static_cast<double>(bias[o]) + mean[o] - found[o]);
    }
    set_layer_bias(draft.graph, node, bias);
    requantize_layer(draft, packed, layer);
    ++changed;
  }
  return changed;
}

}  // namespace octet
