#include "kernels/concat/concat.h"

#include <cstring>
#include <limits>

#include "kernels/checks.h"
#include "kernels/concat/concat_rows.h"
#include "kernels/lookup.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

// One input: in each of the `outer` blocks of dst it fills `bytes` bytes from `offset` on.
struct Part {
  int64_t offset = 0;
  int64_t bytes = 0;
  bool rescaled = false;
  LookupU8 table{};  // if rescaled
};

struct ConcatPlan {
  int64_t outer = 1;
  int64_t block_bytes = 0;
  int threads = 1;
  CopyRows copy_rows;
  LookupRows lookup_rows;
  std::vector<Part> parts;
};

void copy_rows_reference(const uint8_t* src, int64_t rows, int64_t n, int64_t pitch, uint8_t* dst) {
  for (int64_t row = 0; row < rows; ++row) std::memcpy(dst + row * pitch, src + row * n, static_cast<size_t>(n));
}

template <LookupRow kRow>
void lookup_rows(const uint8_t* table, const uint8_t* src, int64_t rows, int64_t n, int64_t pitch, uint8_t* dst) {
  for (int64_t row = 0; row < rows; ++row) kRow(table, src + row * n, n, dst + row * pitch);
}

// So much of dst is filled from all inputs before the next part of it: it stays in the first level cache.
constexpr int64_t kTileBytes = 16384;

void concat(const ConcatPlan& plan, const Buffers& buffers) {
  const int64_t grain = kElementsPerThread / plan.block_bytes + 1;
  const int64_t tile = kTileBytes / plan.block_bytes + 1;
  parallel_for(plan.threads, plan.outer, grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += tile) {
      const int64_t rows = std::min(tile, end - row);
      for (size_t k = 0; k < plan.parts.size(); ++k) {
        const Part& part = plan.parts[k];
        if (part.bytes == 0) continue;
        const auto* src = static_cast<const uint8_t*>(buffers.src[k]) + row * part.bytes;
        auto* dst = static_cast<uint8_t*>(buffers.dst[0]) + row * plan.block_bytes + part.offset;
        if (part.rescaled) {
          plan.lookup_rows(part.table.data(), src, rows, part.bytes, plan.block_bytes, dst);
        } else {
          plan.copy_rows(src, rows, part.bytes, plan.block_bytes, dst);
        }
      }
    }
  });
}

bool supports_all(const Problem<ConcatParams>&) {
  return true;
}

template <CopyRows kCopyRows, LookupRows kLookupRows>
Result<Kernel> prepare(const Problem<ConcatParams>& problem) {
  const TensorDesc& dst = problem.outputs[0];
  if (dst.shape.element_count() == 0) return Kernel([](const Buffers&) {});
  const auto axis = static_cast<int>(problem.params.axis);
  int64_t inner_bytes = element_bytes(dst.type);
  for (int i = axis + 1; i < dst.shape.rank(); ++i) inner_bytes *= dst.shape[i];
  ConcatPlan plan{.block_bytes = dst.shape[axis] * inner_bytes,
                  .threads = problem.threads,
                  .copy_rows = kCopyRows,
                  .lookup_rows = kLookupRows,
                  .parts = {}};
  for (int i = 0; i < axis; ++i) plan.outer *= dst.shape[i];
  int64_t offset = 0;
  for (const TensorDesc& src : problem.inputs) {
    Part part{.offset = offset, .bytes = src.shape[axis] * inner_bytes};
    offset += part.bytes;
    part.rescaled = !same_quantization(src, dst);
    if (part.rescaled) part.table = make_lookup(src.quant(), dst.quant(), [](float x) { return x; });
    plan.parts.push_back(part);
  }
  return Kernel([plan = std::move(plan)](const Buffers& buffers) { concat(plan, buffers); });
}

constexpr KernelRow<ConcatParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512vbmi", Isa::kAvx512Vbmi, supports_all, prepare<copy_rows_avx512, lookup_rows_avx512vbmi>},
    {"avx512", Isa::kAvx512, supports_all, prepare<copy_rows_avx512, lookup_rows<apply_lookup_avx512>>},
    {"avx2", Isa::kAvx2, supports_all, prepare<copy_rows_reference, lookup_rows<apply_lookup_avx2>>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<copy_rows_reference, lookup_rows<apply_lookup>>},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const ConcatParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, std::numeric_limits<size_t>::max()));
  Shape dst = inputs[0].shape;
  OCTET_CHECK(check_axis(params.kName, params.axis, dst.rank()));
  const auto axis = static_cast<int>(params.axis);
  for (size_t k = 1; k < inputs.size(); ++k) {
    if (!inputs[k].present) return invalid(params.kName, "lacks its input " + std::to_string(k));
    const Shape& src = inputs[k].shape;
    OCTET_CHECK(check_rank(params.kName, inputs[k], dst.rank()));
    for (int i = 0; i < dst.rank(); ++i) {
      if (i == axis && dst[i] != Shape::kDynamic && src[i] != Shape::kDynamic) {
        const std::optional<int64_t> sum = checked_add(dst[i], src[i]);
        if (!sum) {
          return invalid(params.kName,
                         std::to_string(dst[i]) + " and " + std::to_string(src[i]) + " along the axis are too many");
        }
        dst[i] = *sum;
      } else if (i == axis) {
        dst[i] = Shape::kDynamic;
      } else if (dst[i] == Shape::kDynamic) {
        dst[i] = src[i];
      } else if (src[i] != Shape::kDynamic && src[i] != dst[i]) {
        return invalid(params.kName, "input " + std::to_string(k) + " has " + std::to_string(src[i]) + " along axis " +
                                         std::to_string(i) + ", but input 0 has " + std::to_string(dst[i]));
      }
    }
  }
  return single_output(params.kName, dst);
}

Status check_types(const ConcatParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, std::numeric_limits<size_t>::max(), outputs));
  const TensorDesc& dst = outputs[0];
  for (const TensorDesc& src : inputs) {
    const bool rescales = per_tensor_u8(src) && per_tensor_u8(dst);
    const bool fits = src.present && src.type == dst.type && (same_quantization(src, dst) || rescales);
    if (!fits) return unsupported_types(params.kName, inputs, outputs);
  }
  return {};
}

std::span<const KernelRow<ConcatParams>> kernel_table(const ConcatParams&) {
  return kTable;
}

}  // namespace octet
