// What this CPU can execute, as far as kernel tables need to know.
#pragma once

#include <span>

namespace octet {

// Levels are ordered: a level implies those before it.
enum class Isa { kAny, kSse41, kAvx2, kAvx512, kAvx512Vnni, kAvx512Vbmi };

// Whether kernels of this level may run: the CPU has it, the build contains it, and OCTET_MAX_ISA (a level's name;
// anything else is no cap) allows it. Read once per process.
bool is_available(Isa isa);

// Whether OCTET_MAX_ISA names a level.
bool isa_is_capped();

// The highest available level.
Isa best_isa();

// Whether the CPU multiplies bf16 in pairs (AVX512-BF16, AMX), and oneDNN may use that: OCTET_MAX_ISA has no level for
// it, so any cap rules it out, as do oneDNN's own below it. Elsewhere bf16 is widened to f32.
bool has_native_bf16();

// "any", "avx2", ...
const char* to_string(Isa isa);
// Of all levels, in their order.
std::span<const char* const> all_isa_names();

}  // namespace octet
