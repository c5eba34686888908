// AWQ (Lin et al. 2023, arXiv:2306.00978): the weights of a layer matter as much as what they are multiplied by is
// large. Those of input channels with large values are widened before they are rounded, and the values as much
// narrowed:
//
//   s_c = mean |x_c|^alpha,   x w = (x / s) (s w),   alpha of a grid with the least |X (w - Q(s w) / s)|^2
//
// over rows X that the layer reads in the network with integer weights. Several layers that read one value share its s,
// and their relative errors are added up.
//
// 1 / s goes into the layers that make the value (channel_groups.h): pools, additions and ReLU may lie between. Where
// that cannot be (inputs, normalizations, other activations, ReLU6's bound) the layer stays as it is.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "converter/correct/channel_groups.h"
#include "converter/correct/layer_rows.h"
#include "converter/correct/method_list.h"
#include "converter/correct/probe.h"
#include "converter/parallel.h"
#include "converter/passes/rewrite.h"
#include "kernels/training/linear_gradient.h"

namespace octet {
namespace {

constexpr size_t kAlphas = 21;  // 0, 0.05 ... 1
constexpr int64_t kMostRows = 512;
constexpr double kWidest = 1e3;  // s lies in [1 / kWidest, kWidest]

// A layer with integer weights, and rows that it reads.
struct Reader {
  std::string name;
  Tensor weights;          // [O, ..., taps] in real numbers
  std::vector<float> src;  // [rows][taps]
  int64_t rows = 0, taps = 0;
  double power = 0;  // of src times weights
};
using Readers = std::map<size_t, Reader>;  // by node

// The sum of squares of src times `weights`.
Result<double> power_of(const Reader& reader, const std::vector<float>& weights) {
  const auto outputs = static_cast<int64_t>(weights.size()) / reader.taps;
  OCTET_TRY(LinearGradient product,
            LinearGradient::create({1, reader.rows, reader.taps, outputs, reader.rows * reader.taps}));
  std::vector<float> dst(static_cast<size_t>(reader.rows * outputs));
  product.forward(reader.src.data(), weights.data(), dst.data());
  double sum = 0;
  for (const float y : dst) sum += static_cast<double>(y) * static_cast<double>(y);
  return sum;
}

// Of the layers that read a value of these groups.
Result<Readers> sample_readers(const CorrectionContext& context, Draft& draft, std::span<const ChannelGroup> groups) {
  std::set<size_t> wanted;
  for (const ChannelGroup& group : groups) wanted.insert(group.readers.begin(), group.readers.end());
  OCTET_TRY(const PackedModel packed, lower_draft(draft));
  OCTET_TRY(const PackedModel teacher, lower_f32(draft.teacher));
  const PackedModel opened = open_clamps(teacher, draft.bounds);
  LayerFronts fronts(context);
  Readers readers;
  for (const DraftLayer& layer : draft_layers(draft, packed)) {
    if (!wanted.contains(layer.node)) continue;
    OCTET_TRY(LayerProblem problem, sample_layer(context, fronts, draft, packed, opened, layer));
    const Node& node = draft.graph.nodes[layer.node];
    Reader reader{node.name, *draft.graph.value(node.input(kConvWeights)).constant, std::move(problem.fit.src),
                  std::min(problem.fit.count, kMostRows), problem.taps};
    reader.src.resize(static_cast<size_t>(reader.rows * reader.taps));
    reader.src.shrink_to_fit();
    OCTET_TRY(reader.power, power_of(reader, layer_weights(draft.graph, node)));
    readers.emplace(layer.node, std::move(reader));
  }
  return readers;
}

// |X (w - Q(s w) / s)|^2 / |X w|^2
Result<double> error_of(const Reader& reader, const std::vector<double>& s, const QuantizeOptions& options) {
  const auto weights = reader.weights.as<float>();
  const auto taps = static_cast<size_t>(reader.taps);
  Tensor scaled(DataType::kF32, reader.weights.shape());
  for (size_t i = 0; i < weights.size(); ++i) {
    scaled.as<float>()[i] = static_cast<float>(static_cast<double>(weights[i]) * s[i % taps]);
  }
  std::vector<std::string> notices;
  const QuantizedWeights quantized =
      quantize_weights(scaled, nullptr, {}, options.weights_of(reader.name), reader.name, notices);
  const auto integers = quantized.weights.as<int8_t>();
  std::vector<float> lost(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto scale = static_cast<double>(quantized.scales[i * quantized.scales.size() / weights.size()]);
    lost[i] = static_cast<float>(static_cast<double>(weights[i]) - scale * integers[i] / s[i % taps]);
  }
  OCTET_TRY(const double power, power_of(reader, lost));
  return reader.power > 0 ? power / reader.power : power;
}

// mean |x_c| over all rows of all readers.
std::vector<double> mean_values(std::span<const Reader* const> readers, size_t channels) {
  std::vector<double> means(channels, 0.0);
  for (const Reader* reader : readers) {
    for (size_t i = 0; i < reader->src.size(); ++i) {
      means[i % channels] += std::fabs(static_cast<double>(reader->src[i])) / static_cast<double>(reader->rows);
    }
  }
  return means;
}

// s, such that its extremes are each other's inverse; 1 for channels that are always 0.
std::vector<double> factors_of(const std::vector<double>& means, double alpha) {
  double least = INFINITY, most = 0;
  for (const double mean : means) {
    if (mean > 0) least = std::min(least, mean), most = std::max(most, mean);
  }
  std::vector<double> s;
  for (const double mean : means) {
    const double relative = mean > 0 ? mean / std::sqrt(least * most) : 1;
    s.push_back(std::clamp(std::pow(relative, alpha), 1 / kWidest, kWidest));
  }
  return s;
}

// The best s for the value; empty where none is better than 1.
Result<std::vector<double>> search(std::span<const Reader* const> readers, const ChannelGroup& group,
                                   const QuantizeOptions& options, int threads) {
  const std::vector<double> means = mean_values(readers, group.channels);
  std::vector<double> errors(kAlphas, 0.0);
  OCTET_CHECK(parallel_for(kAlphas, threads, {}, [&](int, size_t i) -> Status {
    const std::vector<double> s = factors_of(means, static_cast<double>(i) / (kAlphas - 1));
    for (const Reader* reader : readers) {
      OCTET_TRY(const double error, error_of(*reader, s, options));
      errors[i] += error;
    }
    return {};
  }));
  const auto best = static_cast<size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin());
  if (best == 0) return std::vector<double>();
  return factors_of(means, static_cast<double>(best) / (kAlphas - 1));
}

void rescale(Draft& draft, const ChannelGroup& group, const std::vector<double>& s) {
  rescale_channels(draft, group, s);
  for (const std::vector<size_t>& nodes : {group.makers, group.readers}) {
    for (const size_t node : nodes) draft.options.weight_scales.erase(draft.graph.nodes[node].name);
  }
}

// Whether nothing cuts the value from above.
bool is_unbounded(const Draft& draft, const ChannelGroup& group) {
  return std::all_of(group.makers.begin(), group.makers.end(),
                     [&](size_t maker) { return clamp_of(draft.graph.nodes[maker])->max == INFINITY; });
}

}  // namespace

Result<int> correct_awq(const CorrectionContext& context, Draft& draft) {
  if (draft.options.layers == Precision::kInt8) return 0;  // ranges of integer values would have to follow
  std::vector<ChannelGroup> groups = find_channel_groups(draft.graph);
  std::erase_if(groups, [&](const ChannelGroup& group) { return !is_unbounded(draft, group); });
  if (groups.empty()) return 0;
  OCTET_TRY(const Readers sampled, sample_readers(context, draft, groups));
  int changed = 0;
  for (const ChannelGroup& group : groups) {
    std::vector<const Reader*> readers;
    for (const size_t node : group.readers) {
      if (const auto found = sampled.find(node); found != sampled.end()) readers.push_back(&found->second);
    }
    if (readers.empty()) continue;
    OCTET_TRY(const std::vector<double> s, search(readers, group, draft.options, context.threads));
    if (s.empty()) continue;
    rescale(draft, group, s);
    changed += static_cast<int>(readers.size());
  }
  return changed;
}

}  // namespace octet
