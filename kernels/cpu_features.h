// What this CPU can execute, as far as kernel tables need to know.
#pragma once

namespace octet {

// Levels are ordered: a level implies those before it.
enum class Isa { kAny, kSse41, kAvx2, kAvx512, kAvx512Vnni, kAvx512Vbmi };

// Whether kernels of this level may run: the CPU has it, the build contains it, and OCTET_MAX_ISA
// (any | sse41 | avx2 | avx512 | avx512_vnni | avx512_vbmi; default: no cap) allows it. Read once per process.
bool is_available(Isa isa);

// The highest available level.
Isa best_isa();

// "any", "avx2", ...
const char* to_string(Isa isa);

}  // namespace octet
