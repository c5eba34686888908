#include "kernels/parallel.h"

#include <omp.h>

namespace octet {

int thread_index() {
  return ThreadTeam::current() != nullptr || ThreadTeam::in_piece() ? ThreadTeam::index() : omp_get_thread_num();
}

void run_pieces(int threads, int64_t pieces, ThreadTeam::Piece piece, const void* f) {
  if (ThreadTeam* team = ThreadTeam::current()) return team->run(pieces, piece, f);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int64_t i = 0; i < pieces; ++i) piece(f, i);
}

}  // namespace octet
