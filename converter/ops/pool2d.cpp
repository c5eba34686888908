// pool2d: MaxPool, AveragePool and their global forms.
#include "converter/ops/rules.h"

namespace octet {
namespace {

QuantizationRule quantization(const Graph&, const Node& node) {
  return node.as<Pool2dParams>()->kind == PoolKind::kMax ? QuantizationRule::kSameRange : QuantizationRule::kOwnRange;
}

template <PoolKind kind>
Status read_pool(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const Window window, read_window(reader, {}));
  Pool2dParams params{.kind = kind,
                      .kernel = window.kernel,
                      .strides = window.strides,
                      .dilations = window.dilations,
                      .pads = window.pads};
  OCTET_TRY(const int64_t ceil_mode, reader.attribute("ceil_mode", int64_t{0}));
  params.ceil_mode = ceil_mode != 0;
  if (kind == PoolKind::kAverage) {
    OCTET_TRY(const int64_t include_pad, reader.attribute("count_include_pad", int64_t{0}));
    params.count_include_pad = include_pad != 0;
  }
  return emit_image_op(reader, params);
}

// Images are pooled; over any other number of axes the same is a reduction.
template <PoolKind kind>
Status read_global_pool(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const int rank = reader.input_shape(0).rank();
  if (rank == 4) return emit_image_op(reader, Pool2dParams{.kind = kind, .global = true});
  if (rank < 3) return reader.invalid("its input has the shape " + reader.input_shape(0).to_string());
  ReduceParams params{.kind = kind == PoolKind::kMax ? ReduceKind::kMax : ReduceKind::kMean, .keep_dims = true};
  for (int axis = 2; axis < rank; ++axis) params.axes.push_back(axis);
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {
    {"MaxPool", "max_pool", read_pool<PoolKind::kMax>},
    {"AveragePool", "average_pool", read_pool<PoolKind::kAverage>},
    {"GlobalMaxPool", "global_max_pool", read_global_pool<PoolKind::kMax>},
    {"GlobalAveragePool", "global_average_pool", read_global_pool<PoolKind::kAverage>},
};

}  // namespace

constinit const OpRule kPool2dRule{"pool2d", quantization, nullptr, kReaders};

}  // namespace octet
