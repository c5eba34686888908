// index: GatherElements, GatherND, ScatterElements (Scatter) and ScatterND.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

Status read_reduction(const NodeReader& reader, IndexParams& params) {
  OCTET_TRY(const std::string name, reader.attribute("reduction", std::string("none")));
  constexpr std::string_view kNames[] = {"none", "add", "mul", "min", "max"};  // as ScatterReduction
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name != kNames[i]) continue;
    params.reduction = static_cast<ScatterReduction>(i);
    return {};
  }
  return reader.invalid("its reduction is '" + name + "'");
}

template <IndexKind kind>
Status read_index(NodeReader& reader) {
  constexpr bool kElements = kind == IndexKind::kGatherElements || kind == IndexKind::kScatterElements;
  constexpr bool kScatters = kind == IndexKind::kScatterElements || kind == IndexKind::kScatterNd;
  OCTET_CHECK(reader.require_inputs(kScatters ? 3 : 2));
  IndexParams params{.kind = kind};
  if (kElements) {
    OCTET_TRY(params.axis, reader.attribute("axis", int64_t{0}));
    OCTET_TRY(params.axis, reader.normalize_axis(params.axis, reader.input_shape(0).rank()));
  }
  if (kind == IndexKind::kGatherNd) {
    OCTET_TRY(params.batch_dims, reader.attribute("batch_dims", int64_t{0}));
  }
  if (kScatters) OCTET_CHECK(read_reduction(reader, params));
  Steps steps(reader);
  std::vector<ValueId> inputs{reader.input(0), steps.cast(reader.input(1), DataType::kS64)};
  if (kScatters) inputs.push_back(reader.input(2));
  return steps.finish(steps.main().op(params, std::move(inputs)));
}

constexpr OpReader kReaders[] = {
    {"GatherElements", "gather_elements", read_index<IndexKind::kGatherElements>},
    {"GatherND", "gather_nd", read_index<IndexKind::kGatherNd>},
    {"Scatter", "", read_index<IndexKind::kScatterElements>},
    {"ScatterElements", "scatter_elements", read_index<IndexKind::kScatterElements>},
    {"ScatterND", "scatter_nd", read_index<IndexKind::kScatterNd>},
};

}  // namespace

constinit const OpRule kIndexRule{"index", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
