#include "converter/correct/layer_rows.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "converter/correct/layer_geometry.h"
#include "converter/correct/probe.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

constexpr size_t kJudgeShare = 8;  // one sample in eight
constexpr int64_t kMaxRows = 16384;

// `count` different numbers below `size`, spread evenly, in random order. 0 < count <= size.
std::vector<int64_t> draw_positions(int64_t size, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int64_t> positions;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t first = k * size / count;
    const int64_t end = (k + 1) * size / count;
    positions.push_back(first + static_cast<int64_t>(random() % static_cast<uint64_t>(end - first)));
  }
  for (size_t i = positions.size() - 1; i > 0; --i) std::swap(positions[i], positions[random() % (i + 1)]);
  return positions;
}

// Where the rows of a sample go: row k of sample i is row k * samples + i.
struct Target {
  LayerRows* rows;
  int64_t first, step;
};

class Sampler {
 public:
  Sampler(LayerProblem& problem, const LayerGeometry& geometry, size_t samples, int64_t positions, int64_t per_sample,
          uint64_t seed)
      : problem_(problem), geometry_(geometry), samples_(samples) {
    judged_ = samples == 1 ? 0 : std::max<size_t>(samples / kJudgeShare, 1);
    for (size_t i = 0; i < samples; ++i) positions_.push_back(draw_positions(positions, per_sample, seed + i));
    problem.fit.count = per_sample * static_cast<int64_t>(samples - judged_);
    problem.judge.count = per_sample * static_cast<int64_t>(judged_);
    for (LayerRows* rows : {&problem.fit, &problem.judge}) {
      rows->src.resize(static_cast<size_t>(problem.groups * rows->count * problem.taps));
      rows->target.resize(static_cast<size_t>(problem.groups * rows->count * problem.outputs));
    }
  }

  void add_src(size_t sample, const TensorView& view, QuantParams quant) const {
    const auto [rows, first, step] = place(sample);
    const LayerGeometry& g = geometry_;
    const LayerImage image(g, view.shape);
    const int64_t group_c = g.group_c();
    const auto real = [&](int64_t i) {
      return view.type == DataType::kF32 ? static_cast<const float*>(view.data)[i]
                                         : dequantize(static_cast<const uint8_t*>(view.data)[i], quant);
    };
    for (size_t k = 0; k < positions_[sample].size(); ++k) {
      const int64_t row = first + static_cast<int64_t>(k) * step;
      const int64_t top = positions_[sample][k] / image.out_w * g.conv.strides[0] - g.conv.pads[0];
      const int64_t left = positions_[sample][k] % image.out_w * g.conv.strides[1] - g.conv.pads[1];
      for (int64_t tap = 0; tap < g.kh * g.kw; ++tap) {
        const int64_t y = top + tap / g.kw * g.conv.dilations[0];
        const int64_t x = left + tap % g.kw * g.conv.dilations[1];
        if (y < 0 || y >= image.h || x < 0 || x >= image.w) continue;
        const int64_t pixel = (y * image.w + x) * image.c;
        for (int64_t c = 0; c < g.c; ++c) {
          const int64_t at = ((c / group_c) * rows->count + row) * problem_.taps + tap * group_c + c % group_c;
          rows->src[static_cast<size_t>(at)] = real(pixel + c);
        }
      }
    }
  }
  void add_target(size_t sample, const TensorView& view) const {
    const auto values = view.as<const float>();
    add_outputs(sample, values.data(), place(sample).rows->target, [](float v) { return v; });
  }
  void add_residual(size_t sample, const TensorView& view, QuantParams quant) const {
    const auto values = view.as<const uint8_t>();
    add_outputs(sample, values.data(), place(sample).rows->residual, [&](uint8_t q) { return dequantize(q, quant); });
  }

 private:
  Target place(size_t sample) const {
    const bool judge = sample >= samples_ - judged_;
    return {judge ? &problem_.judge : &problem_.fit,
            static_cast<int64_t>(judge ? sample - (samples_ - judged_) : sample),
            static_cast<int64_t>(judge ? judged_ : samples_ - judged_)};
  }
  template <class T, class ToReal>
  void add_outputs(size_t sample, const T* values, std::vector<float>& to, ToReal to_real) const {
    const auto [rows, first, step] = place(sample);
    for (size_t k = 0; k < positions_[sample].size(); ++k) {
      const int64_t row = first + static_cast<int64_t>(k) * step;
      const T* pixel = values + positions_[sample][k] * geometry_.o;
      for (int64_t o = 0; o < geometry_.o; ++o) {
        const int64_t at = ((o / problem_.outputs) * rows->count + row) * problem_.outputs + o % problem_.outputs;
        to[static_cast<size_t>(at)] = to_real(pixel[o]);
      }
    }
  }

  LayerProblem& problem_;
  const LayerGeometry& geometry_;
  size_t samples_, judged_;
  std::vector<std::vector<int64_t>> positions_;  // per sample
};

// The node that stands for the draft's node `name` in the float network.
size_t find_node(const PackedModel& opened, const std::string& name) {
  const auto found =
      std::find_if(opened.nodes.begin(), opened.nodes.end(), [&](const PackedNode& node) { return node.name == name; });
  return static_cast<size_t>(found - opened.nodes.begin());
}

// What the layer's output can be: the clamp, within the integers' range.
Clamp representable(const PackedTensor& output, const Node& node) {
  Clamp clamp = *clamp_of(node);
  if (output.type == DataType::kU8) {
    const QuantParams quant = output.desc().quant();
    clamp.min = std::max(clamp.min, dequantize(0, quant));
    clamp.max = std::min(clamp.max, dequantize(255, quant));
  }
  return clamp;
}

}  // namespace

Result<LayerProblem> sample_layer(const CorrectionContext& context, LayerFronts& fronts, const Draft& draft,
                                  const PackedModel& packed, const PackedModel& opened, const DraftLayer& layer) {
  const Node& node = draft.teacher.nodes[layer.node];
  const PackedNode& packed_node = packed.nodes[layer.packed_node];
  const auto tensor = [&](int32_t id) -> const PackedTensor& { return packed.tensors[static_cast<size_t>(id)]; };
  const LayerGeometry geometry(draft.teacher, node);
  LayerProblem problem;
  problem.groups = geometry.groups();
  problem.taps = geometry.taps();
  problem.outputs = geometry.group_o();
  problem.activation = representable(tensor(packed_node.outputs[0]), node);

  std::vector<Shape> input_shapes;
  for (const Tensor& input : context.samples[0]) input_shapes.push_back(input.shape());
  OCTET_TRY(const std::vector<Shape> shapes, infer_model_shapes(packed, input_shapes));
  const LayerImage image(geometry, shapes[static_cast<size_t>(packed_node.inputs[kConvSrc])]);
  const int64_t positions = image.out_h * image.out_w;
  const auto samples = static_cast<int64_t>(context.samples.size());
  const int64_t row_floats = problem.groups * (problem.taps + problem.outputs);
  const int64_t rows = std::min(kMaxRows, kRowBytes / (row_floats * static_cast<int64_t>(sizeof(float))));
  const int64_t per_sample = std::clamp<int64_t>(rows / samples, 1, positions);
  Sampler sampler(problem, geometry, context.samples.size(), positions, per_sample,
                  context.seed + 1000003 * static_cast<uint64_t>(layer.node));

  std::vector<int32_t> wanted{packed_node.inputs[kConvSrc]};
  if (packed_node.inputs.size() > kConvResidual && packed_node.inputs[kConvResidual] >= 0) {
    wanted.push_back(packed_node.inputs[kConvResidual]);
    problem.fit.residual.resize(problem.fit.target.size());
    problem.judge.residual.resize(problem.judge.target.size());
  }
  OCTET_CHECK(fronts.integer.advance(packed, layer.packed_node));
  OCTET_CHECK(fronts.integer.visit(packed, wanted, [&](size_t sample, size_t k, const TensorView& view) {
    const QuantParams quant = tensor(wanted[k]).desc().quant();
    k == 0 ? sampler.add_src(sample, view, quant) : sampler.add_residual(sample, view, quant);
  }));
  const size_t target = find_node(opened, node.name);
  OCTET_CHECK(fronts.teacher.advance(opened, target));
  OCTET_CHECK(
      fronts.teacher.visit(opened, {opened.nodes[target].outputs[0]},
                           [&](size_t sample, size_t, const TensorView& view) { sampler.add_target(sample, view); }));
  if (problem.judge.count == 0) problem.judge = problem.fit;
  return problem;
}

}  // namespace octet
