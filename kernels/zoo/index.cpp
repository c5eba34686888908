#include "kernels/zoo/index.h"

#include <cstring>

#include "kernels/checks.h"
#include "kernels/strides.h"

namespace octet {
namespace {

bool is_scatter(const IndexParams& params) {
  return params.kind == IndexKind::kScatterElements || params.kind == IndexKind::kScatterNd;
}
bool by_element(const IndexParams& params) {
  return params.kind == IndexKind::kGatherElements || params.kind == IndexKind::kScatterElements;
}

Error misfit(const IndexParams& params, Descs inputs) {
  std::string text = "data " + inputs[0].shape.to_string() + " and indices " + inputs[1].shape.to_string();
  if (is_scatter(params)) text += " and updates " + inputs[2].shape.to_string();
  return invalid(params.kName, text + " do not fit each other");
}

// --- shapes ---

Status check_elements(const IndexParams& params, Descs inputs) {
  const Shape& data = inputs[0].shape;
  const Shape& indices = inputs[1].shape;
  OCTET_CHECK(check_axis(params.kName, params.axis, data.rank()));
  if (indices.rank() != data.rank()) return misfit(params, inputs);
  for (int i = 0; i < data.rank(); ++i) {
    const bool known = indices[i] != Shape::kDynamic && data[i] != Shape::kDynamic;
    if (i != params.axis && known && indices[i] > data[i]) return misfit(params, inputs);
  }
  if (is_scatter(params) && inputs[2].shape != indices) return misfit(params, inputs);
  return {};
}

// indices[..., depth] choose slices of data behind its first batch_dims axes: the shape of what they choose.
Result<Shape> slices_shape(const IndexParams& params, Descs inputs) {
  const Shape& data = inputs[0].shape;
  const Shape& indices = inputs[1].shape;
  const int64_t batch = params.batch_dims;
  if (indices.rank() < 1 || batch < 0 || batch >= std::min(data.rank(), indices.rank())) return misfit(params, inputs);
  for (int i = 0; i < batch; ++i) {
    if (data[i] != indices[i]) return misfit(params, inputs);
  }
  const int64_t depth = indices[indices.rank() - 1];
  if (depth < 1 || depth > data.rank() - batch) return misfit(params, inputs);
  std::vector<int64_t> dims(indices.begin(), indices.end() - 1);
  dims.insert(dims.end(), data.begin() + batch + depth, data.end());
  if (dims.size() > Shape::kMaxRank) return misfit(params, inputs);
  return Shape(dims);
}

Result<std::vector<Shape>> shapes(const IndexParams& params, Descs inputs) {
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), 4));
  OCTET_CHECK(check_enum(params.kName, "reduction", static_cast<int64_t>(params.reduction), 5));
  const size_t count = is_scatter(params) ? 3 : 2;
  OCTET_CHECK(check_input_count(params.kName, inputs, count, count));
  if (by_element(params)) {
    OCTET_CHECK(check_elements(params, inputs));
    return single_output(params.kName, inputs[is_scatter(params) ? 0 : 1].shape);
  }
  if (is_scatter(params) && params.batch_dims != 0) return misfit(params, inputs);
  OCTET_TRY(const Shape slices, slices_shape(params, inputs));
  if (!is_scatter(params)) return single_output(params.kName, slices);
  if (inputs[2].shape != slices) return misfit(params, inputs);
  return single_output(params.kName, inputs[0].shape);
}

Status types(const IndexParams& params, Descs inputs, Descs outputs) {
  const size_t count = is_scatter(params) ? 3 : 2;
  OCTET_CHECK(check_arity(params.kName, inputs, count, count, outputs));
  const DataType type = inputs[0].type;
  const bool fits = plain(inputs[0], type) && plain(inputs[1], DataType::kS64) && plain(outputs[0], type) &&
                    (!is_scatter(params) || plain(inputs[2], type));
  const bool reduces = type == DataType::kF32 || type == DataType::kS64;
  if (fits && (params.reduction == ScatterReduction::kNone || reduces)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

// --- kernels ---

// Combines n updates with what is there.
using Combine = void (*)(const char* updates, int64_t n, char* dst);

template <class T, ScatterReduction kReduction>
void combine(const char* updates, int64_t n, char* dst) {
  const auto* from = reinterpret_cast<const T*>(updates);
  auto* to = reinterpret_cast<T*>(dst);
  // Unsigned sums and products wrap by definition.
  using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  for (int64_t i = 0; i < n; ++i) {
    const auto a = static_cast<Wide>(to[i]);
    const auto b = static_cast<Wide>(from[i]);
    if constexpr (kReduction == ScatterReduction::kAdd) {
      to[i] = static_cast<T>(a + b);
    } else if constexpr (kReduction == ScatterReduction::kMul) {
      to[i] = static_cast<T>(a * b);
    } else if constexpr (kReduction == ScatterReduction::kMin) {
      to[i] = std::min(to[i], from[i]);
    } else {
      to[i] = std::max(to[i], from[i]);
    }
  }
}

template <class T>
Combine combine_for(ScatterReduction reduction) {
  switch (reduction) {
    case ScatterReduction::kAdd:
      return combine<T, ScatterReduction::kAdd>;
    case ScatterReduction::kMul:
      return combine<T, ScatterReduction::kMul>;
    case ScatterReduction::kMin:
      return combine<T, ScatterReduction::kMin>;
    case ScatterReduction::kMax:
      return combine<T, ScatterReduction::kMax>;
    case ScatterReduction::kNone:
      break;
  }
  return nullptr;
}

// Where the slices that the indices choose lie in data: slice i has `slice` elements.
struct Places {
  StridedLoop<1> loop;                      // by element: over indices, in strides of data without the axis
  int64_t count = 0, depth = 1;             // slices, and indices for each
  int64_t slice = 1;                        // elements
  std::vector<int64_t> dims, strides;       // of the indexed axes of data
  int64_t per_batch = 0, batch_stride = 0;  // gather_nd: slices and elements of a batch

  // Calls f(i, element) for each slice, with element -1 where an index lies outside.
  template <class F>
  void for_each(const int64_t* indices, const F& f) const {
    Walker<1> at(loop, loop.shape.rank(), 0);
    for (int64_t i = 0; i < count; ++i) {
      int64_t element = per_batch > 0 ? i / per_batch * batch_stride : at.offset(0);
      for (int64_t k = 0; k < depth && element >= 0; ++k) {
        int64_t index = indices[i * depth + k];
        if (index < 0 && index >= -dims[k]) index += dims[k];
        element = index >= 0 && index < dims[k] ? element + index * strides[k] : -1;
      }
      f(i, element);
      if (per_batch == 0) at.next();
    }
  }
};

Places places_of(const Problem<IndexParams>& problem) {
  const IndexParams& params = problem.params;
  const Shape& data = problem.inputs[0].shape;
  const Shape& indices = problem.inputs[1].shape;
  const Dims strides = row_major_strides(data);
  Places places;
  if (by_element(params)) {
    const auto axis = static_cast<int>(params.axis);
    places.loop = {indices, {strides}, {}};
    places.loop.strides[0][axis] = 0;
    places.count = indices.element_count();
    places.dims = {data[axis]};
    places.strides = {strides[axis]};
    return places;
  }
  const int last = indices.rank() - 1;
  const auto batch = static_cast<int>(params.batch_dims);
  places.depth = indices[last];
  places.count = indices.element_count() / places.depth;
  int64_t batches = 1;
  for (int i = 0; i < batch; ++i) batches *= data[i];
  places.per_batch = batches == 0 ? 0 : places.count / batches;
  places.batch_stride = batches == 0 ? 0 : data.element_count() / batches;
  for (int i = batch; i < batch + places.depth; ++i) {
    places.dims.push_back(data[i]);
    places.strides.push_back(strides[i]);
  }
  for (int i = batch + static_cast<int>(places.depth); i < data.rank(); ++i) places.slice *= data[i];
  return places;
}

Result<Kernel> prepare(const Problem<IndexParams>& problem) {
  const DataType type = problem.inputs[0].type;
  const int64_t bytes = element_bytes(type);
  const int64_t data_count = problem.inputs[0].shape.element_count();
  const bool scatters = is_scatter(problem.params);
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  if (problem.inputs[1].shape.element_count() == 0) {
    return Kernel([data_bytes = static_cast<size_t>(data_count * bytes)](const Buffers& buffers) {
      std::memcpy(buffers.dst[0], buffers.src[0], data_bytes);
    });
  }
  const Places places = places_of(problem);
  const Combine combine = type == DataType::kS64 ? combine_for<int64_t>(problem.params.reduction)
                                                 : combine_for<float>(problem.params.reduction);
  return Kernel([places, bytes, data_count, scatters, combine](const Buffers& buffers) {
    const auto* data = static_cast<const char*>(buffers.src[0]);
    const auto* indices = static_cast<const int64_t*>(buffers.src[1]);
    auto* dst = static_cast<char*>(buffers.dst[0]);
    const auto slice_bytes = static_cast<size_t>(places.slice * bytes);
    if (!scatters) {
      places.for_each(indices, [&](int64_t i, int64_t element) {
        char* to = dst + static_cast<size_t>(i) * slice_bytes;
        if (element >= 0) {
          std::memcpy(to, data + element * bytes, slice_bytes);
        } else {
          std::memset(to, 0, slice_bytes);
        }
      });
      return;
    }
    const auto* updates = static_cast<const char*>(buffers.src[2]);
    std::memcpy(dst, data, static_cast<size_t>(data_count * bytes));
    places.for_each(indices, [&](int64_t i, int64_t element) {
      const char* from = updates + static_cast<size_t>(i) * slice_bytes;
      if (element < 0) return;
      if (combine == nullptr) {
        std::memcpy(dst + element * bytes, from, slice_bytes);
      } else {
        combine(from, places.slice, dst + element * bytes);
      }
    });
  });
}

}  // namespace

template <>
const ZooFunctions<IndexParams>& zoo_functions<IndexParams>() {
  static constexpr ZooFunctions<IndexParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
