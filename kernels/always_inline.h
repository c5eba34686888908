// For functions that must become part of their caller: loops over registers, and bodies compiled once per ISA.
#pragma once

#define OCTET_INLINE inline __attribute__((always_inline))
