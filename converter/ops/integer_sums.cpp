#include "converter/ops/integer_sums.h"

#include <algorithm>

namespace octet {
namespace {

Error too_many_parts(const NodeReader& reader, int64_t depth) {
  return reader.unsupported("its sums over " + std::to_string(depth) + " products take more than " +
                            std::to_string(kMaxParts) + " parts that f32 counts");
}

}  // namespace

Status require_reals(const NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  for (const size_t i : {0, 1}) {
    const DataType type = reader.input_type(i);
    if (type == DataType::kF32) continue;
    if (reader.input_shape(2 + i).rank() > 1) {
      return reader.unsupported("its zero points are " + reader.input_shape(2 + i).to_string() +
                                ", not one for each row or column of its input " + reader.input_shape(i).to_string());
    }
    return reader.unsupported("its input " + std::to_string(i) + " is " + to_string(type) + ", in a form not read");
  }
  return {};
}

Result<std::vector<int64_t>> exact_parts(const NodeReader& reader, std::span<const int64_t> weights, int64_t depth,
                                         int64_t inner) {
  const auto step = static_cast<size_t>(inner);
  const size_t block = static_cast<size_t>(depth) * step;
  std::vector<int64_t> sums(block == 0 ? 0 : weights.size() / block * step, 0);
  std::vector<int64_t> cuts{0};
  for (int64_t k = 0; k < depth; ++k) {
    const auto at = [&](size_t i) { return weights[i / step * block + static_cast<size_t>(k) * step + i % step]; };
    bool is_full = false;
    for (size_t i = 0; i < sums.size(); ++i) {
      if (at(i) > kMaxExactWeight) {
        return reader.unsupported("its sums can reach " + std::to_string(255 * at(i)) +
                                  " over what cannot be split, but f32 counts to 16777216 only");
      }
      is_full = is_full || sums[i] + at(i) > kMaxExactWeight;
    }
    if (is_full) {
      if (cuts.size() == kMaxParts) return too_many_parts(reader, depth);
      cuts.push_back(k);
      std::fill(sums.begin(), sums.end(), 0);
    }
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += at(i);
  }
  cuts.push_back(depth);
  return cuts;
}

Result<std::vector<int64_t>> exact_parts(const NodeReader& reader, int64_t depth) {
  constexpr int64_t kStep = kMaxExactWeight / 255;
  if (depth > static_cast<int64_t>(kMaxParts) * kStep) return too_many_parts(reader, depth);
  std::vector<int64_t> cuts{0};
  for (int64_t k = kStep; k < depth; k += kStep) cuts.push_back(k);
  cuts.push_back(depth);
  return cuts;
}

}  // namespace octet
