// Rescaling of the channels of values, so that the layers around them fit one scale.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/correct/channel_groups.h"

namespace octet {

// What r_i of a channel makes equal: the weights that make it and those that read it, or the value and the latter.
enum class RangeOf { kWeights, kValue };

// Per group of find_channel_groups: channels that reach the activation's bound may pass it by r_i / excess where they
// want an r_i above that. Infinity: none may.
using Excess = std::vector<double>;

// Works on a draft once; equalize.cpp has the equations.
class Equalizer {
 public:
  Equalizer(Draft& draft, std::map<std::string, ChannelStats> stats, RangeOf range_of);

  size_t group_count() const { return groups_.size(); }
  // Those with channels that reach the activation's bound.
  std::vector<size_t> cut_groups() const;
  // Returns the number of layers that changed.
  int run(const Excess& excess);
  // After run(): per group, how far any channel passes the bound, as a factor; 1: none does.
  std::vector<double> passed() const;

 private:
  Node& layer(size_t node) { return draft_.graph.nodes[node]; }
  ChannelStats& stats(size_t node) { return stats_.at(draft_.graph.nodes[node].name); }
  bool is_cut(size_t maker, size_t channel);
  void drop_bounds();
  void keep_bounds(size_t group);
  std::vector<double> least_factors(size_t group);
  std::vector<double> choose(size_t group, double excess);
  std::vector<double> quietest(size_t group, const std::vector<double>& ranges);
  bool has_free_readers(const ChannelGroup& group);
  std::vector<double> maker_ranges(size_t maker);
  void rescale(size_t group, const std::vector<double>& r);

  Draft& draft_;
  std::map<std::string, ChannelStats> stats_;
  RangeOf range_of_;
  std::vector<ChannelGroup> groups_;
  std::vector<std::vector<bool>> cut_;      // per group and channel: the samples reach the bound
  std::vector<std::vector<double>> total_;  // the product of all r so far
  std::vector<bool> is_settled_;            // per group: quietest() chose
};

}  // namespace octet
