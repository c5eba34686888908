#include "kernels/softmax/softmax_row.h"
#include "kernels/softmax/softmax_row_impl.h"

namespace octet {

void softmax_row_avx512(const float* src, int64_t n, int64_t /*stride*/, bool log, float* dst) {
  if (log) {
    softmax_row_impl(src, n, 1, true, dst);
  } else {
    softmax_row_impl(src, n, 1, false, dst);
  }
}

}  // namespace octet
