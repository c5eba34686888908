// Empirical bias correction: b[o] -= E[W^ x^ + b^ + r^] - E[W x + b + r], layer by layer in the order of execution.
// x^ and the residual r^ come from the integer network so far, earlier layers corrected already; both means are taken
// before the activation, over all positions of all samples.
#include <map>

#include "converter/correct/method_list.h"
#include "converter/correct/probe.h"

namespace octet {
namespace {

using Means = std::map<std::string, std::vector<double>>;  // per channel, by tensor

// Sums per sample are added in the order of the samples, so that the result does not depend on threads.
class MeanTable {
 public:
  explicit MeanTable(size_t samples) : sums_(samples) {}

  void add(size_t sample, const std::string& name, const TensorView& tensor, QuantParams quant) {
    const auto channels = static_cast<double>(tensor.shape.rank() == 0 ? 1 : tensor.shape[tensor.shape.rank() - 1]);
    std::vector<double> sums = channel_sums(tensor, quant);
    const double rows = static_cast<double>(tensor.shape.element_count()) / channels;
    for (double& sum : sums) sum /= rows;
    sums_[sample][name] = std::move(sums);
  }
  Means means() const {
    Means found;
    for (const Means& sample : sums_) {
      for (const auto& [name, sums] : sample) {
        std::vector<double>& mean = found[name];
        mean.resize(sums.size());
        for (size_t c = 0; c < sums.size(); ++c) mean[c] += sums[c] / static_cast<double>(sums_.size());
      }
    }
    return found;
  }

 private:
  std::vector<Means> sums_;
};

// Before the activation, bias and residual included: of every layer of the float network, by the name of its output.
Result<Means> teacher_means(const CorrectionContext& context, const Graph& teacher) {
  OCTET_TRY(const PackedModel packed, lower_f32(teacher));
  const PackedModel opened = open_clamps(packed);
  std::map<std::string, std::string> wanted;  // by the name of the tensor to look at
  for (const PackedNode& node : opened.nodes) {
    if (!std::holds_alternative<Conv2dParams>(node.op) && !std::holds_alternative<FullyConnectedParams>(node.op)) {
      continue;
    }
    const std::string& name = opened.tensors[static_cast<size_t>(node.outputs[0])].name;
    wanted[name] = node.name;
  }
  MeanTable table(context.samples.size());
  OCTET_CHECK(run_samples(opened, context.samples, context.threads,
                          [&](size_t sample, const std::string& name, const TensorView& tensor) {
                            const auto found = wanted.find(name);
                            if (found != wanted.end()) table.add(sample, found->second, tensor, {});
                          }));
  return table.means();
}

// The same of one layer of the integer network.
Result<std::vector<double>> integer_mean(const CorrectionContext& context, const PackedModel& packed, size_t node) {
  const PackedModel probe = probe_layer(packed, node);
  MeanTable table(context.samples.size());
  std::map<std::string, QuantParams> wanted;
  for (const int32_t id : probe.outputs) {
    const PackedTensor& tensor = probe.tensors[static_cast<size_t>(id)];
    wanted[tensor.name] = tensor.desc().quant();
  }
  OCTET_CHECK(run_samples(probe, context.samples, context.threads,
                          [&](size_t sample, const std::string& name, const TensorView& tensor) {
                            const auto found = wanted.find(name);
                            if (found != wanted.end()) table.add(sample, name, tensor, found->second);
                          }));
  std::vector<double> sum;
  for (const auto& [name, mean] : table.means()) {
    sum.resize(mean.size());
    for (size_t c = 0; c < mean.size(); ++c) sum[c] += mean[c];
  }
  return sum;
}

}  // namespace

Result<int> correct_bias(const CorrectionContext& context, Draft& draft) {
  OCTET_TRY(const Means wanted, teacher_means(context, draft.teacher));
  OCTET_TRY(PackedModel packed, lower_draft(draft));
  int changed = 0;
  for (const DraftLayer& layer : draft_layers(draft, packed)) {
    Node& node = draft.graph.nodes[layer.node];
    OCTET_TRY(const std::vector<double> found, integer_mean(context, packed, layer.packed_node));
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
