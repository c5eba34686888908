#include "converter/correct/sample_run.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <random>

#include "converter/parallel.h"

namespace octet {
namespace {

constexpr size_t kHeldOutShare = 5;  // one in five

template <class T>
void add_rows(std::span<const T> values, size_t channels, std::vector<double>& sums) {
  for (size_t i = 0; i < values.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(values[i + c]);
  }
}

}  // namespace

Result<SampleSplit> load_samples(const Dataset& data, std::span<const size_t> indices, uint64_t seed, int threads) {
  OCTET_TRY(const Sample first, data.sample(indices[0]));
  int64_t bytes = 1;
  for (const Tensor& tensor : first) bytes += tensor.byte_count();
  const size_t count = std::clamp<size_t>(static_cast<size_t>(kSampleBytes / bytes), 2, indices.size() + 1) - 1;
  std::vector<Sample> samples(count);
  OCTET_CHECK(parallel_for(count, threads, {}, [&](int, size_t i) -> Status {
    OCTET_TRY(samples[i], data.sample(indices[i * indices.size() / count]));
    return {};
  }));

  // std::shuffle may differ between standard libraries; this does not.
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  for (size_t i = count - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
  const size_t held_out = std::max<size_t>(count / kHeldOutShare, 1);
  std::rotate(order.begin(), order.begin() + static_cast<ptrdiff_t>(held_out), order.end());
  std::vector<Sample> ordered;
  for (const size_t i : order) ordered.push_back(std::move(samples[i]));
  return SampleSplit(std::move(ordered), held_out);
}

Status run_samples(const PackedModel& model, std::span<const Sample> samples, int threads, const SampleVisitor& visit) {
  const Model shared = Model::from_packed(std::make_shared<PackedModel>(model));
  std::vector<std::optional<Session>> sessions(static_cast<size_t>(std::max(threads, 1)));
  return parallel_for(samples.size(), threads, {}, [&](int worker, size_t i) -> Status {
    std::optional<Session>& session = sessions[static_cast<size_t>(worker)];
    if (!session.has_value()) {
      OCTET_TRY(session, Session::create(shared, {.threads = 1}));
    }
    for (size_t k = 0; k < samples[i].size(); ++k) {
      std::memcpy(session->input(k).data, samples[i][k].data(), static_cast<size_t>(samples[i][k].byte_count()));
    }
    session->run([&](const std::string& name, const TensorView& tensor) { visit(i, name, tensor); });
    return {};
  });
}

std::vector<double> channel_sums(const TensorView& tensor, QuantParams quant) {
  const Shape& shape = tensor.shape;
  const auto channels = static_cast<size_t>(shape.rank() == 0 ? 1 : shape[shape.rank() - 1]);
  std::vector<double> sums(channels);
  if (tensor.type == DataType::kF32) {
    add_rows(std::span<const float>(tensor.as<float>()), channels, sums);
  } else {
    add_rows(std::span<const uint8_t>(tensor.as<uint8_t>()), channels, sums);
    const double rows =
        channels == 0 ? 0.0 : static_cast<double>(shape.element_count()) / static_cast<double>(channels);
    for (double& sum : sums) sum = static_cast<double>(quant.scale) * (sum - rows * quant.zero_point);
  }
  return sums;
}

}  // namespace octet
