// octet runs neural networks as 8-bit integers: Model::load, Session::create, run.
#pragma once

#include <span>

#include "octet/model.hpp"
#include "octet/peak.h"
#include "octet/session.hpp"

namespace octet {

// "0.1.0"
const char* version();

// The highest instruction set that octet's kernels use on this CPU, one of isa_names(). The environment variable
// OCTET_MAX_ISA lowers it.
const char* cpu_isa();

// "any", "sse41", "avx2", "avx512", "avx512_vnni", "avx512_vbmi": the lowest first. Any other value of OCTET_MAX_ISA is
// ignored, for a library prints nothing; a program that wants to refuse it finds the right ones here.
std::span<const char* const> isa_names();

}  // namespace octet
