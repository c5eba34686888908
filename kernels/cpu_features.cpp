#include "kernels/cpu_features.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>

namespace octet {
namespace {

constexpr const char* kNames[] = {"any", "sse41", "avx2", "avx512", "avx512_vnni", "avx512_vbmi"};

Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  Isa best = Isa::kAny;
  if (__builtin_cpu_supports("sse4.1")) best = Isa::kSse41;
  if (best == Isa::kSse41 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::kAvx2;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (best == Isa::kAvx2 && avx512) best = Isa::kAvx512;
  if (best == Isa::kAvx512 && __builtin_cpu_supports("avx512vnni")) best = Isa::kAvx512Vnni;
  if (best == Isa::kAvx512Vnni && __builtin_cpu_supports("avx512vbmi")) best = Isa::kAvx512Vbmi;
  return best;
#else
  return Isa::kAny;
#endif
}

// What OCTET_MAX_ISA names.
std::optional<Isa> find_cap() {
  const char* cap = std::getenv("OCTET_MAX_ISA");
  if (cap == nullptr) return std::nullopt;
  const auto* found = std::ranges::find(kNames, std::string_view(cap));
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<Isa>(found - std::begin(kNames));
}

}  // namespace

Isa best_isa() {
  static const Isa isa = std::min(detect(), find_cap().value_or(Isa::kAvx512Vbmi));
  return isa;
}

bool isa_is_capped() {
  return find_cap().has_value();
}

bool is_available(Isa isa) {
  return isa <= best_isa();
}

const char* to_string(Isa isa) {
  return kNames[static_cast<size_t>(isa)];
}

std::span<const char* const> all_isa_names() {
  return kNames;
}

}  // namespace octet
