// shape_of: Shape and Size.
#include "converter/ops/rules.h"

namespace octet {
namespace {

// The part of the dimensions that start and end choose (opset 15).
Status read_shape(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const int64_t rank = reader.input_shape(0).rank();
  ShapeOfParams params;
  OCTET_TRY(params.start, reader.attribute("start", int64_t{0}));
  OCTET_TRY(params.end, reader.attribute("end", rank));
  if (params.start < 0) params.start = std::max<int64_t>(params.start + rank, 0);
  if (params.end < 0) params.end = std::max<int64_t>(params.end + rank, 0);
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}, DataType::kS64));
  reader.set_output(0, result);
  return {};
}

Status read_size(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const ValueId shape, reader.emit_step(ShapeOfParams{}, {reader.input(0)}, DataType::kS64));
  OCTET_TRY(const ValueId result, reader.emit(ReduceParams{ReduceKind::kProd, {0}, false}, {shape}));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {{"Shape", "shape", read_shape}, {"Size", "size", read_size}};

}  // namespace

constinit const OpRule kShapeOfRule{"shape_of", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
