// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/fully_connected/weight_only_tile.h"
#include "kernels/vectors_avx2.h"

namespace octet {
namespace {

struct WeightsAvx2 : VectorsAvx2 {
  static OCTET_INLINE __m256 weights_s8(const std::byte* from) {
    return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  }
  template <int i>
  static OCTET_INLINE __m256 weights_nibbles(const std::byte* from) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return to_float(_mm256_srai_epi32(_mm256_slli_epi32(words, 28 - 4 * i), 28));
  }
  static OCTET_INLINE __m256 factors(const uint8_t* from) {
    return to_float(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  }
};

}  // namespace

const WeightOnlyKernel kWeightOnlyAvx2 = {
    {kPanelOf<WeightsAvx2, 1, 8>, kPanelOf<WeightsAvx2, 3, 4>, kPanelOf<WeightsAvx2, 3, 2>}};

}  // namespace octet
