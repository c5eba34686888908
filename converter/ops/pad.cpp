// pad: Pad.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// Before opset 11 all is in attributes; from it on pads and value are inputs, from 18 on the axes they are for too.
// What lies beyond one end comes from the other, of what negative pads leave: a gather along each axis.
Status read_wrap(NodeReader& reader, const PadParams& params) {
  constexpr int64_t kMaxWraps = 16;  // more is a mistake, or an attack
  const Shape src = reader.input_shape(0);
  Steps steps(reader);
  ValueId x = reader.input(0);
  for (int axis = 0; axis < src.rank(); ++axis) {
    const int64_t before = params.before[static_cast<size_t>(axis)], after = params.after[static_cast<size_t>(axis)];
    if (before == 0 && after == 0) continue;
    const int64_t size = src[axis];
    const int64_t most = kMaxWraps * size;
    const bool fits = before >= -most && before <= most && after >= -most && after <= most;
    if (size < 1 || !fits || size + before + after < 1) {
      return reader.unsupported("it wraps axis " + std::to_string(axis) + " of " + std::to_string(size) + " by " +
                                std::to_string(before) + " and " + std::to_string(after));
    }
    const int64_t first = std::max<int64_t>(-before, 0);
    const int64_t kept = size - first - std::max<int64_t>(-after, 0);
    if (kept < 1) {
      return reader.unsupported("of axis " + std::to_string(axis) + " of " + std::to_string(size) + " its pads " +
                                std::to_string(before) + " and " + std::to_string(after) + " leave nothing to wrap");
    }
    OCTET_TRY(Tensor places, reader.make_constant(DataType::kS64, {size + before + after}));
    for (int64_t i = 0; i < places.element_count(); ++i) {
      places.as<int64_t>()[static_cast<size_t>(i)] = first + ((i - std::max<int64_t>(before, 0)) % kept + kept) % kept;
    }
    x = steps.op(GatherParams{axis}, {x, steps.constant(std::move(places))}, steps.type(x));
  }
  return steps.finish(x == reader.input(0) ? steps.main().op(IdentityParams{}, {x}, steps.type(x)) : x);
}

Status read_pad(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const auto rank = static_cast<size_t>(reader.input_shape(0).rank());
  OCTET_TRY(const auto pads, reader.attribute_or_input("pads", 1));
  if (!pads) return reader.invalid("it has no pads");
  OCTET_TRY(const auto given_axes, reader.attribute_or_input("axes", 3));
  Ints axes;
  for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  if (given_axes) {
    OCTET_TRY(axes, normalize_axes(reader, *given_axes, static_cast<int>(rank)));
  }
  if (pads->size() != 2 * axes.size()) {
    return reader.invalid("it has " + std::to_string(pads->size()) + " pads for " + std::to_string(axes.size()) +
                          " axes");
  }
  PadParams params{.before = Ints(rank, 0), .after = Ints(rank, 0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    params.before[static_cast<size_t>(axes[i])] = (*pads)[i];
    params.after[static_cast<size_t>(axes[i])] = (*pads)[axes.size() + i];
  }
  OCTET_TRY(params.value, reader.attribute("value", 0.0F));
  if (!reader.has_attribute("value") && reader.has_input(2)) {
    const Tensor* value = reader.constant(2);
    if (value == nullptr || value->element_count() != 1) {
      return reader.unsupported("its value is not a constant of one element");
    }
    if (value->type() == DataType::kBool) {
      params.value = value->as<uint8_t>()[0] != 0 ? 1 : 0;
    } else if (value->type() != DataType::kF32) {
      OCTET_TRY(const Ints number, reader.constant_ints(2));
      params.value = static_cast<float>(number[0]);
    } else {
      OCTET_TRY(const std::vector<float> number, reader.constant_floats(2));
      params.value = number[0];
    }
  }
  OCTET_TRY(const std::string mode, reader.attribute("mode", std::string("constant")));
  if (mode == "reflect") {
    params.mode = PadMode::kReflect;
  } else if (mode == "edge") {
    params.mode = PadMode::kEdge;
  } else if (mode == "wrap") {
    return read_wrap(reader, params);
  } else if (mode != "constant") {
    return reader.unsupported("its mode is '" + mode + "'");
  }
  Steps steps(reader);
  const ValueId padded = steps.main().op(params, {steps.widen(reader.input(0))});
  return steps.finish(steps.cast(padded, reader.input_type(0)));
}

// A constant that u8 of the input's range may not hold needs f32.
QuantizationRule quantization(const Graph&, const Node& node) {
  const auto& params = *node.as<PadParams>();
  const bool integer = params.mode != PadMode::kConstant || params.value == 0;
  return integer ? QuantizationRule::kSameRange : QuantizationRule::kFloat;
}

bool permute(Graph&, Node& node, std::span<const int64_t> permutation) {
  auto& params = *node.as<PadParams>();
  params.before = permuted_list(params.before, permutation);
  params.after = permuted_list(params.after, permutation);
  return true;
}

constexpr OpReader kReaders[] = {{"Pad", "pad", read_pad}};

}  // namespace

constinit const OpRule kPadRule{"pad", quantization, permute, kReaders};

}  // namespace octet
