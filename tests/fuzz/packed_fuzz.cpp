// Packed files. Sizes and checksum in the header are made right first: damage that they find is found in one step, and
// what lies behind them is to be reached.
#include <cstring>
#include <vector>

#include "octet/model.hpp"
#include "octet/zoo.h"
#include "runtime/hash.h"
#include "runtime/packed_format.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  octet::use_zoo();
  const std::span<const std::byte> input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> bytes(input.begin(), input.end());
  if (size >= octet::kPackedHeaderBytes) {
    const auto total = static_cast<uint64_t>(size);
    std::memcpy(&bytes[16], &total, sizeof total);
    const auto all = std::span<const std::byte>(bytes);
    const uint64_t sum = octet::xxh64(all.subspan(octet::kPackedHeaderBytes), octet::xxh64(all.first(56)));
    std::memcpy(&bytes[56], &sum, sizeof sum);
  }
  const octet::Result<octet::Model> model = octet::Model::from_memory(bytes);
  if (model.ok()) octet::fuzz::run_small(*model);
  return 0;
}
