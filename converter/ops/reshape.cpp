// reshape: Reshape, Flatten, Squeeze and Unsqueeze.
#include <algorithm>

#include "converter/ops/rules.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

Status finish(NodeReader& reader, Ints dims) {
  OCTET_TRY(const ValueId result, reader.emit(ReshapeParams{std::move(dims)}, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

Status read_reshape(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const auto dims, reader.attribute_or_input("shape", 1));
  if (!dims) return reader.invalid("it has no shape");
  OCTET_TRY(const int64_t allow_zero, reader.attribute("allowzero", int64_t{0}));
  if (allow_zero != 0 && std::find(dims->begin(), dims->end(), 0) != dims->end()) {
    return reader.unsupported("it makes a tensor without elements (allowzero)");
  }
  return finish(reader, *dims);
}

// To [product of the axes before `axis`, product of the rest].
Status read_flatten(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape& src = reader.input_shape(0);
  OCTET_TRY(int64_t axis, reader.attribute("axis", int64_t{1}));
  if (axis != src.rank()) {
    OCTET_TRY(axis, reader.normalize_axis(axis, src.rank()));
  }
  if (axis == 0) return finish(reader, {1, -1});
  if (axis == 1) return finish(reader, {0, -1});
  int64_t rest = 1;
  for (int i = static_cast<int>(axis); i < src.rank(); ++i) rest *= std::max<int64_t>(src[i], 1);
  return finish(reader, {-1, rest});
}

// The dimensions of a reshape that moves axis old_axes[i] (-1: a new one of size 1) to place i. Axis 0, which may be a
// batch of any size, is not written as a number.
Ints placed_dims(const Shape& src, const std::vector<int>& old_axes) {
  Ints dims;
  for (size_t i = 0; i < old_axes.size(); ++i) {
    const int axis = old_axes[i];
    dims.push_back(axis < 0 ? 1 : axis > 0 ? src[axis] : i == 0 ? 0 : -1);
  }
  return dims;
}

Status read_squeeze(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape& src = reader.input_shape(0);
  OCTET_TRY(const auto given, reader.attribute_or_input("axes", 1));
  Ints axes;
  if (given) {
    OCTET_TRY(axes, normalize_axes(reader, *given, src.rank()));
  } else {
    for (int i = 0; i < src.rank(); ++i) {
      if (src[i] == 1) axes.push_back(i);
    }
  }
  std::vector<int> kept;
  for (int i = 0; i < src.rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      kept.push_back(i);
    } else if (src[i] != 1) {
      return reader.invalid("axis " + std::to_string(i) + " of " + src.to_string() + " is not of size 1");
    }
  }
  return finish(reader, placed_dims(src, kept));
}

Status read_unsqueeze(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape& src = reader.input_shape(0);
  OCTET_TRY(const auto given, reader.attribute_or_input("axes", 1));
  if (!given) return reader.invalid("it has no axes");
  const size_t rank = static_cast<size_t>(src.rank()) + given->size();
  if (rank > Shape::kMaxRank) {
    return reader.unsupported("its result has rank " + std::to_string(rank) + ", but at most " +
                              std::to_string(Shape::kMaxRank) + " are possible");
  }
  OCTET_TRY(const Ints axes, normalize_axes(reader, *given, static_cast<int>(rank)));
  std::vector<int> old_axes(rank, 0);
  for (const int64_t axis : axes) {
    if (old_axes[static_cast<size_t>(axis)] < 0) {
      return reader.invalid("the axis " + std::to_string(axis) + " is given twice");
    }
    old_axes[static_cast<size_t>(axis)] = -1;
  }
  int next = 0;
  for (int& axis : old_axes) {
    if (axis == 0) axis = next++;
  }
  return finish(reader, placed_dims(src, old_axes));
}

constexpr OpReader kReaders[] = {
    {"Reshape", "reshape", read_reshape},
    {"Flatten", "flatten", read_flatten},
    {"Squeeze", "squeeze", read_squeeze},
    {"Unsqueeze", "unsqueeze", read_unsqueeze},
};

}  // namespace

constinit const OpRule kReshapeRule{"reshape", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
