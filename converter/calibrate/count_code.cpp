#include "converter/calibrate/count_code.h"

#include "converter/activation_stats.h"

namespace octet {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int kGroupBits = 5;
constexpr uint64_t kMore = 1U << kGroupBits;
// A difference lies within +-2^62, and 2 |d| + sign takes 64 bits.
constexpr int kMaxShift = 60;

}  // namespace

std::string encode_counts(std::span<const uint64_t> counts) {
  std::string text;
  uint64_t previous = 0;
  for (const uint64_t count : counts) {
    uint64_t rest = count >= previous ? (count - previous) << 1 : ((previous - count) << 1) + 1;
    previous = count;
    do {
      const uint64_t group = rest % kMore;
      rest /= kMore;
      text += kAlphabet[group + (rest > 0 ? kMore : 0)];
    } while (rest > 0);
  }
  return text;
}

std::optional<std::vector<uint64_t>> decode_counts(std::string_view text, size_t max_counts) {
  std::vector<uint64_t> counts;
  uint64_t previous = 0;
  uint64_t number = 0;
  int shift = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    const uint64_t group = digit % kMore;
    if (shift > kMaxShift || (shift == kMaxShift && group >= 16)) return std::nullopt;
    number |= group << shift;
    shift += kGroupBits;
    if (digit >= kMore) continue;
    if ((group == 0 && shift > kGroupBits) || number == 1 || counts.size() == max_counts) return std::nullopt;
    const uint64_t distance = number >> 1;
    const bool falls = number % 2 == 1;
    if (distance > (falls ? previous : ActivationStats::kMaxCount - previous)) return std::nullopt;
    previous = falls ? previous - distance : previous + distance;
    counts.push_back(previous);
    number = 0;
    shift = 0;
  }
  if (shift > 0) return std::nullopt;
  return counts;
}

}  // namespace octet
