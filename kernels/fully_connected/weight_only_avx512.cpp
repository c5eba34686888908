// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/fully_connected/weight_only_tile.h"
#include "kernels/vectors_avx512.h"

namespace octet {
namespace {

struct WeightsAvx512 : VectorsAvx512 {
  static OCTET_INLINE __m512 weights_s8(const std::byte* from) {
    return to_float(_mm512_cvtepi8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(from))));
  }
  // A table in a register turns the low half byte of each lane into f32 at once.
  template <int i>
  static OCTET_INLINE __m512 weights_nibbles(const std::byte* from) {
    const __m512 table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
    return _mm512_permutexvar_ps(_mm512_srli_epi32(_mm512_load_si512(from), 4 * i), table);
  }
  static OCTET_INLINE __m512 factors(const uint8_t* from) {
    return to_float(_mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(from))));
  }
};

}  // namespace

const WeightOnlyKernel kWeightOnlyAvx512 = {
    {kPanelOf<WeightsAvx512, 3, 8>, kPanelOf<WeightsAvx512, 4, 4>, kPanelOf<WeightsAvx512, 4, 1>}};

}  // namespace octet
