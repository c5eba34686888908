// The channels of the convolution that a transposed one becomes.
#pragma once

#include <cstdint>

namespace octet {

// In groups; in each, for every phase (a pixel between two of the input's), the output channels.
struct PhaseChannels {
  int64_t groups = 1, phases = 1;
  int64_t outputs = 1;  // of a group

  int64_t count() const { return groups * phases * outputs; }
  // The transposed convolution's output channel that channel i makes pixels of: in its group, and of all.
  int64_t in_group(int64_t i) const { return i % outputs; }
  int64_t of_all(int64_t i) const { return i / (phases * outputs) * outputs + in_group(i); }
};

}  // namespace octet
