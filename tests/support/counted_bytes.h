// Replaces the functions of a program that allocate, and counts bytes. For one source file of a program, which no
// sanitizer watches: those replace malloc themselves.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace octet::test {

inline std::atomic<int64_t> live_bytes = 0, peak_bytes = 0;

inline void* counted(void* memory) {
  const int64_t live = live_bytes += static_cast<int64_t>(malloc_usable_size(memory));
  if (live > peak_bytes) peak_bytes = live;
  return memory;
}

// The most bytes that lived while `function` ran, above those before.
template <class F>
int64_t peak_of(const F& function) {
  const int64_t before = live_bytes;
  peak_bytes = before;
  function();
  return peak_bytes - before;
}

}  // namespace octet::test

// glibc's own, behind the names that are replaced. operator new calls malloc or aligned_alloc.
extern "C" {
void* __libc_malloc(size_t);            // NOLINT
void* __libc_memalign(size_t, size_t);  // NOLINT
void __libc_free(void*);                // NOLINT

__attribute__((visibility("default"))) void* malloc(size_t bytes) {  // NOLINT(misc-definitions-in-headers)
  return octet::test::counted(__libc_malloc(bytes));
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment,  // NOLINT(misc-definitions-in-headers)
                                                           size_t bytes) {
  return octet::test::counted(__libc_memalign(alignment, bytes));
}
__attribute__((visibility("default"))) void free(void* memory) {  // NOLINT(misc-definitions-in-headers)
  octet::test::live_bytes -= static_cast<int64_t>(malloc_usable_size(memory));
  __libc_free(memory);
}
}
