// cumulative_sum: CumSum.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

Status read_cum_sum(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const auto axis, reader.attribute_or_input("axis", 1));
  if (!axis || axis->size() != 1) return reader.invalid("its axis is not one number");
  CumulativeSumParams params;
  OCTET_TRY(params.axis, reader.normalize_axis(axis->front(), reader.input_shape(0).rank()));
  OCTET_TRY(const int64_t exclusive, reader.attribute("exclusive", int64_t{0}));
  OCTET_TRY(const int64_t reverse, reader.attribute("reverse", int64_t{0}));
  params.exclusive = exclusive != 0;
  params.reverse = reverse != 0;
  Steps steps(reader);
  const ValueId sums = steps.main().op(params, {steps.widen(reader.input(0))});
  return steps.finish(steps.cast(sums, reader.input_type(0)));
}

constexpr OpReader kReaders[] = {{"CumSum", "cumulative_sum", read_cum_sum}};

}  // namespace

constinit const OpRule kCumulativeSumRule{"cumulative_sum", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
