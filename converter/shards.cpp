#include "converter/shards.h"

#include <cstring>
#include <mutex>

#include "converter/calibrate/calibration_table.h"

namespace octet {
namespace {

template <class T>
void put(std::string& text, const T& value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
T take(std::string_view& text) {
  T value{};
  std::memcpy(&value, text.data(), std::min(sizeof value, text.size()));
  text.remove_prefix(std::min(sizeof value, text.size()));
  return value;
}

}  // namespace

ShardSample::ShardSample(const SampleSummary& sample)
    : number(sample.number), hash(sample.hash), is_blank(sample.is_blank) {
  for (const auto& [name, extremes] : sample.values) values.push_back(extremes);
}

// The length of the table's text, the text, then each sample: number, hash, blank, extremes in the table's order.
Result<std::string> encode_share(const StatsTable& stats, const std::vector<ShardSample>& samples) {
  OCTET_TRY(const std::string table, calibration_text({"", "", samples.size(), stats}));
  std::string share;
  put(share, table.size());
  share += table;
  for (const ShardSample& sample : samples) {
    put(share, sample.number);
    put(share, sample.hash);
    put(share, sample.is_blank);
    for (const Extremes& extremes : sample.values) put(share, extremes);
  }
  return share;
}

Result<Observation> join_shares(const std::vector<std::string>& shares, size_t sample_count) {
  Observation seen;
  TrendRecorder recorder(sample_count);
  for (const std::string& share : shares) {
    std::string_view rest = share;
    const auto bytes = std::min(take<size_t>(rest), rest.size());
    OCTET_TRY(const CalibrationTable table, parse_calibration(std::string(rest.substr(0, bytes)), "a shard"));
    rest.remove_prefix(bytes);
    merge_stats(seen.stats, table.stats);
    for (uint64_t i = 0; i < table.sample_count; ++i) {
      SampleSummary sample;
      sample.number = take<size_t>(rest);
      sample.hash = take<uint64_t>(rest);
      sample.is_blank = take<bool>(rest);
      for (const auto& [name, value] : table.stats) sample.values[name] = take<Extremes>(rest);
      recorder.add(std::move(sample));
    }
  }
  seen.trends = recorder.trends();
  seen.warnings = recorder.warnings();
  return seen;
}

Result<Observation> observe_in_shards(const Model& model, const Dataset& data, std::span<const size_t> indices,
                                      int threads, const Progress& progress) {
  const int rank = shards().rank;
  const int count = shards().count;
  if (count == 1) return observe(model, data, indices, threads, progress);
  const auto first = [&](int r) { return indices.size() * static_cast<size_t>(r) / static_cast<size_t>(count); };
  const std::span<const size_t> share = indices.subspan(first(rank), first(rank + 1) - first(rank));
  std::mutex mutex;
  std::vector<ShardSample> samples;
  OCTET_TRY(const StatsTable stats, observe_samples(model, data, share, threads, progress, [&](SampleSummary sample) {
              sample.number += first(rank);
              const std::lock_guard lock(mutex);
              samples.emplace_back(sample);
            }));
  OCTET_TRY(const std::string said, encode_share(stats, samples));
  const std::vector<std::string> all = gather_shards(said);
  if (rank != 0) return Observation();
  return join_shares(all, indices.size());
}

}  // namespace octet
