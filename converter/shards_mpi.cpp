// Processes that mpirun started.
#include <mpi.h>

#include <algorithm>
#include <cstdlib>

#include "converter/shards.h"

namespace octet {
namespace {

bool is_joined = false;

}  // namespace

ShardScope::ShardScope() {
  // Alone, MPI would start a daemon for nothing. PMIX_RANK: Open MPI 4 and 5, and Slurm; PMI_RANK: MPICH.
  if (std::getenv("PMIX_RANK") == nullptr && std::getenv("PMI_RANK") == nullptr) return;
  is_joined = MPI_Init(nullptr, nullptr) == MPI_SUCCESS;
}

ShardScope::~ShardScope() {
  if (is_joined) MPI_Finalize();
}

Shards shards() {
  Shards found;
  if (!is_joined) return found;
  MPI_Comm_rank(MPI_COMM_WORLD, &found.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &found.count);
  return found;
}

std::vector<std::string> gather_shards(const std::string& text) {
  if (!is_joined) return {text};
  const auto [rank, count] = shards();
  // In pieces that an int counts.
  constexpr size_t kPiece = size_t{1} << 30;
  std::vector<std::string> all(rank == 0 ? static_cast<size_t>(count) : 0);
  if (rank == 0) {
    all[0] = text;
    for (int from = 1; from < count; ++from) {
      uint64_t bytes = 0;
      MPI_Recv(&bytes, 1, MPI_UINT64_T, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      std::string& part = all[static_cast<size_t>(from)];
      part.resize(bytes);
      for (size_t at = 0; at < bytes; at += kPiece) {
        MPI_Recv(part.data() + at, static_cast<int>(std::min(kPiece, bytes - at)), MPI_CHAR, from, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
      }
    }
    return all;
  }
  const uint64_t bytes = text.size();
  MPI_Send(&bytes, 1, MPI_UINT64_T, 0, 0, MPI_COMM_WORLD);
  for (size_t at = 0; at < bytes; at += kPiece) {
    MPI_Send(text.data() + at, static_cast<int>(std::min(kPiece, bytes - at)), MPI_CHAR, 0, 0, MPI_COMM_WORLD);
  }
  return all;
}

void abandon_shards(int exit_code) {
  if (is_joined && shards().count > 1) MPI_Abort(MPI_COMM_WORLD, exit_code);
}

}  // namespace octet
