#include "converter/correct/layer_rows.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "converter/correct/probe.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

constexpr size_t kJudgeShare = 8;  // one sample in eight
constexpr int64_t kMaxRows = 16384;

// The layer as a convolution; a fully connected one has a window of 1x1 on an image of 1x1.
struct Geometry {
  Conv2dParams conv;
  int64_t kh = 1, kw = 1, c = 1, o = 1;  // c, o: of all groups

  Geometry(const Graph& graph, const Node& node) {
    const Shape& weights = graph.value(node.input(kConvWeights)).shape;
    if (const auto* params = node.as<Conv2dParams>()) conv = *params;
    o = weights[0];
    c = weights[weights.rank() - 1] * conv.groups;
    if (weights.rank() == 4) {
      kh = weights[1];
      kw = weights[2];
    }
  }
};

// Images as the layer sees them: rank 4, or rank 2 for a fully connected layer.
struct Image {
  int64_t h = 1, w = 1, c = 1;

  explicit Image(const Shape& shape) : c(shape[shape.rank() - 1]) {
    if (shape.rank() == 4) {
      h = shape[1];
      w = shape[2];
    }
  }
};

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
  Sampler(LayerProblem& problem, const Geometry& geometry, size_t samples, int64_t positions, int64_t per_sample,
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
    const Image image(view.shape);
    const auto [rows, first, step] = place(sample);
    const Geometry& g = geometry_;
    const int64_t out_w =
        (image.w + g.conv.pads[1] + g.conv.pads[3] - g.conv.dilations[1] * (g.kw - 1) - 1) / g.conv.strides[1] + 1;
    const int64_t group_c = g.c / g.conv.groups;
    const auto q = view.as<const uint8_t>();
    for (size_t k = 0; k < positions_[sample].size(); ++k) {
      const int64_t row = first + static_cast<int64_t>(k) * step;
      const int64_t top = positions_[sample][k] / out_w * g.conv.strides[0] - g.conv.pads[0];
      const int64_t left = positions_[sample][k] % out_w * g.conv.strides[1] - g.conv.pads[1];
      for (int64_t tap = 0; tap < g.kh * g.kw; ++tap) {
        const int64_t y = top + tap / g.kw * g.conv.dilations[0];
        const int64_t x = left + tap % g.kw * g.conv.dilations[1];
        if (y < 0 || y >= image.h || x < 0 || x >= image.w) continue;
        const uint8_t* pixel = q.data() + (y * image.w + x) * image.c;
        for (int64_t c = 0; c < g.c; ++c) {
          const int64_t at = ((c / group_c) * rows->count + row) * problem_.taps + tap * group_c + c % group_c;
          rows->src[static_cast<size_t>(at)] = dequantize(pixel[c], quant);
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
  const Geometry& geometry_;
  size_t samples_, judged_;
  std::vector<std::vector<int64_t>> positions_;  // per sample
};

int32_t output_of(const PackedModel& opened, const std::string& node_name) {
  const auto found = std::find_if(opened.nodes.begin(), opened.nodes.end(),
                                  [&](const PackedNode& node) { return node.name == node_name; });
  return found->outputs[0];
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

Result<LayerProblem> sample_layer(const CorrectionContext& context, const Draft& draft, const PackedModel& packed,
                                  const PackedModel& opened, const DraftLayer& layer) {
  const Node& node = draft.teacher.nodes[layer.node];
  const PackedNode& packed_node = packed.nodes[layer.packed_node];
  const auto tensor = [&](int32_t id) -> const PackedTensor& { return packed.tensors[static_cast<size_t>(id)]; };
  const Geometry geometry(draft.teacher, node);
  LayerProblem problem;
  problem.groups = geometry.conv.groups;
  problem.taps = geometry.kh * geometry.kw * geometry.c / problem.groups;
  problem.outputs = geometry.o / problem.groups;
  problem.activation = representable(tensor(packed_node.outputs[0]), node);

  const int32_t target_id = output_of(opened, node.name);
  const PackedModel float_part = cut_model(opened, {target_id});
  std::vector<Shape> input_shapes;
  for (const Tensor& input : context.samples[0]) input_shapes.push_back(input.shape());
  OCTET_TRY(const std::vector<Shape> shapes, infer_model_shapes(float_part, input_shapes));
  const Shape out = shapes[static_cast<size_t>(float_part.outputs[0])];
  const int64_t positions = out.element_count() / geometry.o;
  const auto samples = static_cast<int64_t>(context.samples.size());
  const int64_t row_floats = problem.groups * (problem.taps + problem.outputs);
  const int64_t rows = std::min(kMaxRows, kRowBytes / (row_floats * static_cast<int64_t>(sizeof(float))));
  const int64_t per_sample = std::clamp<int64_t>(rows / samples, 1, positions);
  Sampler sampler(problem, geometry, context.samples.size(), positions, per_sample,
                  context.seed + 1000003 * static_cast<uint64_t>(layer.node));

  const int32_t src_id = packed_node.inputs[kConvSrc];
  const int32_t residual_id = packed_node.inputs.size() > kConvResidual ? packed_node.inputs[kConvResidual] : -1;
  std::vector<int32_t> wanted{src_id};
  if (residual_id >= 0) {
    wanted.push_back(residual_id);
    problem.fit.residual.resize(problem.fit.target.size());
    problem.judge.residual.resize(problem.judge.target.size());
  }
  OCTET_CHECK(run_samples(cut_model(packed, wanted), context.samples, context.threads,
                          [&](size_t sample, const std::string& name, const TensorView& view) {
                            if (name == tensor(src_id).name) {
                              sampler.add_src(sample, view, tensor(src_id).desc().quant());
                            }
                            if (residual_id >= 0 && name == tensor(residual_id).name) {
                              sampler.add_residual(sample, view, tensor(residual_id).desc().quant());
                            }
                          }));
  const std::string target_name = opened.tensors[static_cast<size_t>(target_id)].name;
  OCTET_CHECK(run_samples(float_part, context.samples, context.threads,
                          [&](size_t sample, const std::string& name, const TensorView& view) {
                            if (name == target_name) sampler.add_target(sample, view);
                          }));
  if (problem.judge.count == 0) problem.judge = problem.fit;
  return problem;
}

}  // namespace octet
