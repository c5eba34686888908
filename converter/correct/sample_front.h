// Runs of a packed model over samples, layer by layer, that do not begin at the inputs each time.
#pragma once

#include <span>
#include <vector>

#include "converter/correct/sample_run.h"

namespace octet {

// The activations of all samples at one place of a model: what its nodes before the front have made and the nodes
// behind it still read. The model may change behind the front from one call to the next, in its constants alone.
class SampleFront {
 public:
  static constexpr int64_t kFrontBytes = int64_t{256} << 20;

  // At the model's inputs. The samples must outlive it.
  SampleFront(std::span<const Sample> samples, int threads, int64_t most_bytes = kFrontBytes)
      : samples_(samples), threads_(threads), most_bytes_(most_bytes) {}

  // Moves the front to before node `node`, unless what it would hold takes more than `most_bytes`: then it stays where
  // it is, and the next runs are longer.
  Status advance(const PackedModel& model, size_t node);

  // Runs the model from the front to the tensors `wanted`, and visits them: visit(sample, k, tensor) for wanted[k],
  // from several threads, but never twice at once for one sample.
  using Visitor = std::function<void(size_t sample, size_t k, const TensorView& tensor)>;
  Status visit(const PackedModel& model, const std::vector<int32_t>& wanted, const Visitor& visit) const;

 private:
  std::span<const Sample> samples_;
  int threads_;
  int64_t most_bytes_;
  bool is_at_inputs_ = true;
  std::vector<int32_t> ids_;     // tensors of the front
  std::vector<Sample> tensors_;  // per sample, as ids_
};

}  // namespace octet
