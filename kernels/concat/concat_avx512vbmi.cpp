// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/concat/concat_rows.h"
#include "kernels/lookup_avx512vbmi.h"

namespace octet {

void lookup_rows_avx512vbmi(const uint8_t* entries, const uint8_t* src, int64_t rows, int64_t n, int64_t pitch,
                            uint8_t* dst) {
  const Table table = load_table(entries);
  for (int64_t row = 0; row < rows; ++row, src += n, dst += pitch) look_up_row(table, src, n, dst);
}

}  // namespace octet
