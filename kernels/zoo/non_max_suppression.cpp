#include "kernels/zoo/non_max_suppression.h"

#include <cmath>

#include "kernels/checks.h"

namespace octet {
namespace {

Result<std::vector<Shape>> shapes(const NonMaxSuppressionParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 2, 2));
  OCTET_CHECK(check_rank(params.kName, inputs[0], 3));
  OCTET_CHECK(check_rank(params.kName, inputs[1], 3));
  const Shape& boxes = inputs[0].shape;
  const Shape& scores = inputs[1].shape;
  if (boxes[2] != 4 || boxes[0] != scores[0] || boxes[1] != scores[2]) {
    return invalid(params.kName, "boxes " + boxes.to_string() + " and scores " + scores.to_string());
  }
  if (params.max_boxes < 0) return invalid(params.kName, "at most " + std::to_string(params.max_boxes) + " boxes");
  if (std::isnan(params.iou_threshold) || std::isnan(params.score_threshold)) {
    return invalid(params.kName, "a threshold is no number");
  }
  int64_t rows = Shape::kDynamic;
  if (boxes.is_concrete() && scores.is_concrete()) {
    const auto lists = checked_multiply(scores[0], scores[1]);
    const auto all = lists ? checked_multiply(*lists, std::min(boxes[1], params.max_boxes)) : std::nullopt;
    if (!all) return invalid(params.kName, "boxes " + boxes.to_string() + " and scores " + scores.to_string());
    rows = *all;
  }
  return single_output(params.kName, {rows, 3});
}

Status types(const NonMaxSuppressionParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 2, 2, outputs));
  const bool f32 = plain(inputs[0], DataType::kF32) && plain(inputs[1], DataType::kF32);
  if (f32 && plain(outputs[0], DataType::kS64)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

struct Box {
  float top, left, bottom, right;

  Box(const float* at, bool centers) {
    if (centers) {
      left = at[0] - at[2] / 2, right = at[0] + at[2] / 2;
      top = at[1] - at[3] / 2, bottom = at[1] + at[3] / 2;
    } else {
      top = std::min(at[0], at[2]), bottom = std::max(at[0], at[2]);
      left = std::min(at[1], at[3]), right = std::max(at[1], at[3]);
    }
  }
  float area() const { return (bottom - top) * (right - left); }
};

bool overlap(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0) || !(width > 0)) return false;
  const float both = height * width;
  const float either = a.area() + b.area() - both;
  return either > 0 && both / either > threshold;
}

Result<Kernel> prepare(const Problem<NonMaxSuppressionParams>& problem) {
  const Shape scores_shape = problem.inputs[1].shape;
  std::vector<int64_t> candidates, chosen;
  candidates.reserve(static_cast<size_t>(scores_shape[2]));
  chosen.reserve(static_cast<size_t>(std::min(scores_shape[2], problem.params.max_boxes)));
  return Kernel([params = problem.params, samples = scores_shape[0], classes = scores_shape[1], count = scores_shape[2],
                 size = problem.outputs[0].shape.element_count(), candidates = std::move(candidates),
                 chosen = std::move(chosen)](const Buffers& buffers) mutable {  // a copy would have no capacity
    const auto* all_boxes = static_cast<const float*>(buffers.src[0]);
    const auto* all_scores = static_cast<const float*>(buffers.src[1]);
    auto* dst = static_cast<int64_t*>(buffers.dst[0]);
    std::fill_n(dst, size, int64_t{-1});
    for (int64_t list = 0; list < samples * classes; ++list) {
      const float* boxes = all_boxes + list / classes * count * 4;
      const float* scores = all_scores + list * count;
      candidates.clear();
      chosen.clear();
      for (int64_t i = 0; i < count; ++i) {
        if (scores[i] > params.score_threshold) candidates.push_back(i);
      }
      std::sort(candidates.begin(), candidates.end(),
                [&](int64_t a, int64_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
      for (const int64_t i : candidates) {
        if (static_cast<int64_t>(chosen.size()) >= params.max_boxes) break;
        const Box box(boxes + 4 * i, params.centers);
        const bool clear = std::none_of(chosen.begin(), chosen.end(), [&](int64_t k) {
          return overlap(box, Box(boxes + 4 * k, params.centers), params.iou_threshold);
        });
        if (!clear) continue;
        chosen.push_back(i);
        *dst++ = list / classes;
        *dst++ = list % classes;
        *dst++ = i;
      }
    }
  });
}

}  // namespace

template <>
const ZooFunctions<NonMaxSuppressionParams>& zoo_functions<NonMaxSuppressionParams>() {
  static constexpr ZooFunctions<NonMaxSuppressionParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
