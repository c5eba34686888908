// slice: Slice, and Split as one slice per output.
#include <limits>

#include "converter/ops/rules.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// Attributes before opset 10, inputs from it on.
Status read_slice(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const auto starts, reader.attribute_or_input("starts", 1));
  OCTET_TRY(const auto ends, reader.attribute_or_input("ends", 2));
  OCTET_TRY(const auto axes, reader.attribute_or_input("axes", 3));
  OCTET_TRY(const auto steps, reader.attribute_or_input("steps", 4));
  if (!starts || !ends) return reader.invalid("it has no starts or no ends");
  SliceParams params{.starts = *starts, .ends = *ends};
  const size_t count = starts->size();
  for (size_t i = 0; i < count; ++i) params.axes.push_back(static_cast<int64_t>(i));
  if (axes) params.axes = *axes;
  params.steps = steps ? *steps : Ints(count, 1);
  OCTET_TRY(params.axes, normalize_axes(reader, params.axes, reader.input_shape(0).rank()));
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

// Sizes of the parts: an attribute before opset 13, an input from it on; else equal parts, since opset 18 with a
// smaller last one.
Result<Ints> split_sizes(const NodeReader& reader, int64_t dim) {
  OCTET_TRY(const auto given, reader.attribute_or_input("split", 1));
  const auto count = static_cast<int64_t>(reader.node().outputs.size());
  if (given) {
    if (given->size() == reader.node().outputs.size()) return *given;
    return reader.invalid("it has " + std::to_string(given->size()) + " sizes for " + std::to_string(count) +
                          " outputs");
  }
  OCTET_TRY(const int64_t wanted, reader.attribute("num_outputs", count));
  if (wanted != count) {
    return reader.invalid("num_outputs is " + std::to_string(wanted) + ", but it has " + std::to_string(count));
  }
  const int64_t size = (dim + count - 1) / count;
  Ints sizes(static_cast<size_t>(count), size);
  sizes.back() = dim - size * (count - 1);
  if (sizes.back() < 0 || (sizes.back() != size && reader.opset() < 18)) {
    return reader.invalid(std::to_string(dim) + " elements do not split into " + std::to_string(count) + " parts");
  }
  return sizes;
}

Status read_split(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape src = reader.input_shape(0);
  OCTET_TRY(int64_t axis, reader.attribute("axis", int64_t{0}));
  OCTET_TRY(axis, reader.normalize_axis(axis, src.rank()));
  const int64_t dim = src[static_cast<int>(axis)];
  OCTET_TRY(const Ints sizes, split_sizes(reader, dim));
  int64_t start = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > dim - start) {
      return reader.invalid("its part " + std::to_string(i) + " of " + std::to_string(sizes[i]) + " elements from " +
                            std::to_string(start) + " on does not lie in " + std::to_string(dim));
    }
    const SliceParams params{{axis}, {start}, {start + sizes[i]}, {1}};
    start += sizes[i];
    if (reader.node().outputs[i].empty()) continue;
    OCTET_TRY(const ValueId part, reader.emit(params, {reader.input(0)}));
    reader.set_output(i, part);
  }
  if (start == dim) return {};
  return reader.invalid("its parts have " + std::to_string(start) + " of " + std::to_string(dim) + " elements");
}

bool permute(Graph&, Node& node, std::span<const int64_t> permutation) {
  for (int64_t& axis : node.as<SliceParams>()->axes) axis = permuted_axis(axis, permutation);
  return true;
}

constexpr OpReader kReaders[] = {{"Slice", "slice", read_slice}, {"Split", "split", read_split}};

}  // namespace

constinit const OpRule kSliceRule{"slice", always<QuantizationRule::kSameRange>, permute, kReaders};

}  // namespace octet
