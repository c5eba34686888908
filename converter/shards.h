// One command in several processes (`mpirun -n 4 octet convert ...`): each observes a share of the samples.
#pragma once

#include <string>
#include <vector>

#include "converter/observe.h"

namespace octet {

struct Shards {
  int rank = 0;  // of this process
  int count = 1;
};

// In a build with OCTET_MPI: joins the other processes while it lives, if mpirun started this one. One, in main().
class ShardScope {
 public:
  ShardScope();
  ~ShardScope();
  ShardScope(const ShardScope&) = delete;
  ShardScope& operator=(const ShardScope&) = delete;
};

// {0, 1} where nothing was joined.
Shards shards();
// What every process says, at rank 0, by rank; nothing elsewhere. All processes must call it.
std::vector<std::string> gather_shards(const std::string& text);
// After an error, which others might wait for: ends all processes with this exit code. Returns where this is the only
// one.
void abandon_shards(int exit_code);

// observe(), a share of the samples in each process. At rank 0 the observation is that of one process, to the last bit;
// elsewhere it is empty.
Result<Observation> observe_in_shards(const Model& model, const Dataset& data, std::span<const size_t> indices,
                                      int threads, const Progress& progress);

// What a process keeps of a sample until all are sent: a SampleSummary, but for the names, which the table has once.
struct ShardSample {
  explicit ShardSample(const SampleSummary& sample);

  size_t number = 0;
  uint64_t hash = 0;
  bool is_blank = false;
  std::vector<Extremes> values;  // in the order of the names
};

// What observe_in_shards sends: of some samples, statistics and summaries. For tests. Every sample has all of the
// table's values.
Result<std::string> encode_share(const StatsTable& stats, const std::vector<ShardSample>& samples);
Result<Observation> join_shares(const std::vector<std::string>& shares, size_t sample_count);

}  // namespace octet
