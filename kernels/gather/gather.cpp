#include "kernels/gather/gather.h"

#include <cstring>

#include "kernels/checks.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

// data as [outer][axis][slice bytes].
struct GatherPlan {
  int64_t outer = 1;
  int64_t axis = 0;
  int64_t index_count = 0;
  int64_t slice_bytes = 1;
  int fill = 0;  // the byte of what lies outside
  int threads = 1;
};

template <class Index>
void gather(const GatherPlan& plan, const char* data, const Index* indices, char* dst) {
  const int64_t grain = kElementsPerThread / plan.slice_bytes + 1;
  parallel_for(plan.threads, plan.outer * plan.index_count, grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t index = indices[i % plan.index_count];
      if (index < 0) index += plan.axis;
      char* to = dst + i * plan.slice_bytes;
      const auto bytes = static_cast<size_t>(plan.slice_bytes);
      if (index >= 0 && index < plan.axis) {
        std::memcpy(to, data + (i / plan.index_count * plan.axis + index) * plan.slice_bytes, bytes);
      } else {
        std::memset(to, plan.fill, bytes);
      }
    }
  });
}

bool supports_all(const Problem<GatherParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<GatherParams>& problem) {
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  const TensorDesc& data = problem.inputs[0];
  const auto axis = static_cast<int>(problem.params.axis);
  GatherPlan plan{.axis = data.shape[axis],
                  .index_count = problem.inputs[1].shape.element_count(),
                  .slice_bytes = element_bytes(data.type),
                  .fill = data.quant().zero_point,
                  .threads = problem.threads};
  for (int i = 0; i < axis; ++i) plan.outer *= data.shape[i];
  for (int i = axis + 1; i < data.shape.rank(); ++i) plan.slice_bytes *= data.shape[i];
  const bool wide = problem.inputs[1].type == DataType::kS64;
  return Kernel([plan, wide](const Buffers& buffers) {
    const auto* from = static_cast<const char*>(buffers.src[0]);
    auto* to = static_cast<char*>(buffers.dst[0]);
    if (wide) {
      gather(plan, from, static_cast<const int64_t*>(buffers.src[1]), to);
    } else {
      gather(plan, from, static_cast<const int32_t*>(buffers.src[1]), to);
    }
  });
}

constexpr KernelRow<GatherParams> kTable[] = {{"reference", Isa::kAny, supports_all, prepare_reference}};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const GatherParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 2, 2));
  const Shape& data = inputs[0].shape;
  const Shape& indices = inputs[1].shape;
  OCTET_CHECK(check_axis(params.kName, params.axis, data.rank()));
  const int rank = data.rank() - 1 + indices.rank();
  if (rank > Shape::kMaxRank) {
    return invalid(params.kName, "data " + data.to_string() + " and indices " + indices.to_string() + " give rank " +
                                     std::to_string(rank) + ", but the most is " + std::to_string(Shape::kMaxRank));
  }
  std::vector<int64_t> dims(data.begin(), data.begin() + params.axis);
  dims.insert(dims.end(), indices.begin(), indices.end());
  dims.insert(dims.end(), data.begin() + params.axis + 1, data.end());
  return single_output(params.kName, Shape(dims));
}

Status check_types(const GatherParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 2, 2, outputs));
  const TensorDesc& data = inputs[0];
  const bool indices_fit = plain(inputs[1], DataType::kS64) || plain(inputs[1], DataType::kS32);
  // The fill is one byte repeated: it cannot spell the zero point of a wider type.
  const bool fill_fits = element_bytes(data.type) == 1 || data.quant().zero_point == 0;
  if (data.type == outputs[0].type && same_quantization(data, outputs[0]) && indices_fit && fill_fits) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<GatherParams>> kernel_table(const GatherParams&) {
  return kTable;
}

}  // namespace octet
