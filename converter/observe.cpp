#include "converter/observe.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "converter/data/dataset.h"
#include "octet/session.hpp"

namespace octet {
namespace {

struct Worker {
  std::optional<Session> session;
  StatsTable stats;
};

}  // namespace

Result<StatsTable> observe_samples(const Model& model, const Dataset& data, std::span<const size_t> indices,
                                   int threads, const Progress& progress,
                                   const std::function<void(SampleSummary)>& tell) {
  std::vector<Worker> workers(static_cast<size_t>(std::max(threads, 1)));
  OCTET_CHECK(parallel_for(indices.size(), threads, progress, [&](int index, size_t i) -> Status {
    Worker& worker = workers[static_cast<size_t>(index)];
    if (!worker.session.has_value()) {
      OCTET_TRY(worker.session, Session::create(model, {.threads = 1}));
    }
    OCTET_TRY(const std::vector<Tensor> sample, data.sample(indices[i]));
    for (size_t k = 0; k < sample.size(); ++k) {
      std::memcpy(worker.session->input(k).data, sample[k].data(), static_cast<size_t>(sample[k].byte_count()));
    }
    std::map<std::string, Extremes> extremes;
    worker.session->run([&](const std::string& name, const TensorView& tensor) {
      if (tensor.type != DataType::kF32) return;
      worker.stats[name].observe(tensor.as<const float>());
      extremes[name] = extremes_of(tensor.as<const float>());
    });
    tell(summarize_sample(i, sample, std::move(extremes)));
    return {};
  }));
  // Merging is exact, so it does not matter which worker saw what.
  StatsTable stats;
  for (const Worker& worker : workers) merge_stats(stats, worker.stats);
  return stats;
}

Result<Observation> observe(const Model& model, const Dataset& data, std::span<const size_t> indices, int threads,
                            const Progress& progress) {
  TrendRecorder recorder(indices.size());
  OCTET_TRY(StatsTable stats, observe_samples(model, data, indices, threads, progress,
                                              [&](SampleSummary sample) { recorder.add(std::move(sample)); }));
  return Observation{std::move(stats), recorder.trends(), recorder.warnings()};
}

}  // namespace octet
