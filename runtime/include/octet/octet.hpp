// octet runs neural networks as 8-bit integers: Model::load, Session::create, run.
#pragma once

#include "octet/model.hpp"
#include "octet/peak.h"
#include "octet/session.hpp"

namespace octet {

// "0.1.0"
const char* version();

// The highest instruction set that octet's kernels use on this CPU: "any", "sse41", "avx2", "avx512",
// "avx512_vnni", "avx512_vbmi". OCTET_MAX_ISA lowers it.
const char* cpu_isa();

}  // namespace octet
