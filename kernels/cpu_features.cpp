#include "kernels/cpu_features.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace octet {
namespace {

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

Isa capped() {
  const Isa detected = detect();
  const char* cap = std::getenv("OCTET_MAX_ISA");
  if (cap == nullptr) return detected;
  for (const Isa isa : {Isa::kAny, Isa::kSse41, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kAvx512Vbmi}) {
    if (std::strcmp(cap, to_string(isa)) == 0) return isa < detected ? isa : detected;
  }
  return detected;
}

}  // namespace

Isa best_isa() {
  static const Isa isa = capped();
  return isa;
}

bool is_available(Isa isa) {
  return isa <= best_isa();
}

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::kAny:
      return "any";
    case Isa::kSse41:
      return "sse41";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512_vnni";
    case Isa::kAvx512Vbmi:
      return "avx512_vbmi";
  }
  return "any";
}

}  // namespace octet
