// Non-maximum suppression: of boxes that overlap, the best one stays.
#pragma once

#include <algorithm>

#include "kernels/zoo/slot.h"

namespace octet {

// For each sample and class: boxes by falling score (of equal scores the lowest index first), as long as the score
// exceeds score_threshold; one whose intersection over union with a chosen box exceeds iou_threshold is left out, and
// at most max_boxes are chosen.
//
// How many rows there are depends on the data: they stand at the front of dst, all others are -1.
//
// inputs   boxes   f32 [N, B, 4]: two opposite corners y1, x1, y2, x2, with `centers` x, y, width, height
//          scores  f32 [N, C, B]
// outputs  dst     s64 [N * C * min(B, max_boxes), 3]: sample, class, box
struct NonMaxSuppressionParams {
  static constexpr const char* kName = "non_max_suppression";
  static constexpr bool kIsZoo = true;

  int64_t max_boxes = 0;  // >= 0
  float iou_threshold = 0;
  float score_threshold = 0;  // -inf: every score will do
  bool centers = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("max_boxes", self.max_boxes);
    visit("iou_threshold", self.iou_threshold);
    visit("score_threshold", self.score_threshold);
    visit("centers", self.centers);
  }
};

// Each box that is chosen is compared with all.
inline int64_t count_operations(const NonMaxSuppressionParams& params, Descs inputs, Descs) {
  return inputs[1].shape.element_count() * std::min(inputs[0].shape[1], params.max_boxes);
}

}  // namespace octet
