#include "converter/precision/labelled_samples.h"

#include <algorithm>

#include "converter/data/labels.h"
#include "converter/evaluate.h"
#include "converter/parallel.h"

namespace octet {

Result<LabelledSamples> load_labelled_samples(const Dataset& data, std::span<const size_t> indices,
                                              const std::string& labels_file, int64_t class_count, int threads) {
  OCTET_TRY(const std::vector<int64_t> labels, load_labels(labels_file, data, class_count));
  OCTET_TRY(const Sample first, data.sample(indices[0]));
  int64_t bytes = 1;
  for (const Tensor& tensor : first) bytes += tensor.byte_count();
  const size_t count = std::clamp<size_t>(static_cast<size_t>(kSampleBytes / bytes), 1, indices.size());
  LabelledSamples found{std::vector<Sample>(count), {}};
  for (size_t i = 0; i < count; ++i) found.labels.push_back(labels[indices[i * indices.size() / count]]);
  OCTET_CHECK(parallel_for(count, threads, {}, [&](int, size_t i) -> Status {
    OCTET_TRY(found.samples[i], data.sample(indices[i * indices.size() / count]));
    return {};
  }));
  return found;
}

Result<std::vector<uint8_t>> find_right(const PackedModel& model, std::span<const Sample> samples,
                                        std::span<const int64_t> labels, int threads) {
  const PackedTensor& output = model.tensors[static_cast<size_t>(model.outputs[0])];
  if (output.type != DataType::kF32) {
    return Error{ErrorCode::kUnsupported,
                 "the first output '" + output.name + "' is " + to_string(output.type) + ", not a list of scores"};
  }
  std::vector<uint8_t> is_right(samples.size());
  OCTET_CHECK(run_samples(model, samples, threads, [&](size_t i, const std::string& name, const TensorView& view) {
    if (name != output.name) return;
    is_right[i] = is_among(view.as<float>(), labels[i], 1) ? 1 : 0;
  }));
  return is_right;
}

Result<size_t> count_right(const PackedModel& model, std::span<const Sample> samples, std::span<const int64_t> labels,
                           int threads) {
  OCTET_TRY(const std::vector<uint8_t> is_right, find_right(model, samples, labels, threads));
  return static_cast<size_t>(std::count(is_right.begin(), is_right.end(), 1));
}

}  // namespace octet
