// top_k: TopK, ArgMax, ArgMin and Hardmax.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

// Values and indices; integers are compared as s64.
Result<std::vector<ValueId>> emit_top_k(NodeReader& reader, const TopKParams& params) {
  Steps steps(reader);
  const ValueId src = steps.widen(reader.input(0));
  OCTET_TRY(auto outputs, reader.emit_outputs(params, {src}, {steps.type(src), DataType::kS64}));
  outputs[0] = steps.cast(outputs[0], reader.input_type(0));
  return outputs;
}

Status read_top_k(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  TopKParams params;
  OCTET_TRY(params.axis, reader.attribute("axis", int64_t{-1}));
  OCTET_TRY(params.axis, reader.normalize_axis(params.axis, reader.input_shape(0).rank()));
  OCTET_TRY(const int64_t largest, reader.attribute("largest", int64_t{1}));
  params.largest = largest != 0;
  OCTET_TRY(const auto count, reader.attribute_or_input("k", 1));
  if (!count || count->size() != 1) return reader.invalid("its k is not one number");
  params.count = count->front();
  OCTET_TRY(const auto outputs, emit_top_k(reader, params));
  reader.set_output(0, outputs[0]);
  reader.set_output(1, outputs[1]);
  return {};
}

Result<TopKParams> best_along(const NodeReader& reader, int64_t default_axis) {
  OCTET_CHECK(reader.require_inputs(1));
  TopKParams params;
  OCTET_TRY(params.axis, reader.attribute("axis", default_axis));
  OCTET_TRY(params.axis, reader.normalize_axis(params.axis, reader.input_shape(0).rank()));
  return params;
}

template <bool largest>
Status read_arg(NodeReader& reader) {
  OCTET_TRY(TopKParams params, best_along(reader, 0));
  params.largest = largest;
  OCTET_TRY(const int64_t last, reader.attribute("select_last_index", int64_t{0}));
  params.last = last != 0;
  OCTET_TRY(const int64_t keep_dims, reader.attribute("keepdims", int64_t{1}));
  const Shape src = reader.input_shape(0);
  OCTET_TRY(const auto outputs, emit_top_k(reader, params));
  Steps steps(reader);
  ValueId indices = outputs[1];
  if (keep_dims == 0) {
    std::vector<int64_t> dims(src.begin(), src.end());
    if (params.axis != 0) dims[0] = 0;
    dims.erase(dims.begin() + params.axis);
    indices = steps.reshape(indices, dims);
  }
  return steps.finish(indices);
}

// 1 where the largest element is, the first of equal ones; before opset 13 the axes from `axis` on are one.
Status read_hardmax(NodeReader& reader) {
  const bool coerces = reader.opset() < 13;
  OCTET_TRY(TopKParams params, best_along(reader, coerces ? 1 : -1));
  const Shape src = reader.input_shape(0);
  if (coerces && params.axis != src.rank() - 1) return reader.unsupported("it takes several axes as one");
  OCTET_TRY(const auto outputs, emit_top_k(reader, params));
  const int64_t count = src[static_cast<int>(params.axis)];
  std::vector<int64_t> dims(static_cast<size_t>(src.rank()), 1);
  dims[static_cast<size_t>(params.axis)] = count;
  OCTET_TRY(Tensor places, reader.make_constant(DataType::kS64, Shape(dims)));
  for (int64_t i = 0; i < count; ++i) places.as<int64_t>()[i] = i;
  Steps steps(reader);
  const ValueId hit = steps.compare(CompareKind::kEqual, outputs[1], steps.constant(std::move(places)));
  return steps.finish(steps.cast(hit, reader.input_type(0)));
}

constexpr OpReader kReaders[] = {
    {"TopK", "top_k", read_top_k},
    {"ArgMax", "arg_max", read_arg<true>},
    {"ArgMin", "arg_min", read_arg<false>},
    {"Hardmax", "", read_hardmax},
};

}  // namespace

constinit const OpRule kTopKRule{"top_k", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
