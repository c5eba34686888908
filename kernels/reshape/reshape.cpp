#include "kernels/reshape/reshape.h"

#include <cstring>

#include "kernels/checks.h"

namespace octet {
namespace {

// A shape as a product: dynamic dimensions counted, the others multiplied.
struct Product {
  int64_t known = 1;
  int dynamic = 0;
};

Result<Product> product_of(const Shape& shape) {
  Product product;
  for (const int64_t dim : shape) {
    if (dim == Shape::kDynamic) {
      ++product.dynamic;
      continue;
    }
    const std::optional<int64_t> next = checked_multiply(product.known, dim);
    if (!next) return invalid(ReshapeParams::kName, "the elements of " + shape.to_string() + " cannot be counted");
    product.known = *next;
  }
  return product;
}

Error does_not_fit(const Shape& src, const std::vector<int64_t>& dims) {
  std::string text = "the elements of " + src.to_string() + " do not fit [";
  const char* separator = "";
  for (const int64_t dim : dims) {
    text += separator;
    text += std::to_string(dim);
    separator = ",";
  }
  text += "]";
  return invalid(ReshapeParams::kName, text);
}

// Dimension `dim`, at most -2, which stands at place i.
Result<int64_t> like_dim(int64_t dim, int i, const TensorDesc& like) {
  const int64_t axis = axis_of_like(dim);
  if (like.present && axis < like.shape.rank()) return like.shape[static_cast<int>(axis)];
  return invalid(ReshapeParams::kName,
                 "dimension " + std::to_string(i) + " is " + std::to_string(dim) +
                     (like.present ? ", but the tensor like which it is to be is " + like.shape.to_string()
                                   : ", but there is no tensor like which it is to be"));
}

bool supports_all(const Problem<ReshapeParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<ReshapeParams>& problem) {
  const int64_t bytes = problem.outputs[0].shape.element_count() * element_bytes(problem.outputs[0].type);
  return Kernel([bytes](const Buffers& buffers) {
    if (bytes > 0 && buffers.src[0] != buffers.dst[0]) {
      std::memcpy(buffers.dst[0], buffers.src[0], static_cast<size_t>(bytes));
    }
  });
}

constexpr KernelRow<ReshapeParams> kTable[] = {{"reference", Isa::kAny, supports_all, prepare_reference}};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const ReshapeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 2));
  const Shape& src = inputs[0].shape;
  if (params.dims.size() > Shape::kMaxRank) {
    return invalid(params.kName, std::to_string(params.dims.size()) + " dimensions, but the most are " +
                                     std::to_string(Shape::kMaxRank));
  }
  Shape dst{std::span<const int64_t>(params.dims)};
  Shape fixed = dst;  // dst with the -1 as 1
  int copied = 0;     // dynamic dimensions that 0 takes over: they cancel
  int rest = -1;
  bool is_open = false;  // a dimension of like is dynamic
  for (int i = 0; i < dst.rank(); ++i) {
    if (dst[i] < -1) {
      OCTET_TRY(dst[i], like_dim(dst[i], i, input_or_absent(inputs, kReshapeLike)));
      fixed[i] = dst[i];
      is_open |= dst[i] == Shape::kDynamic;
      continue;
    }
    if (dst[i] == -1 && rest >= 0) {
      return invalid(params.kName, "dimensions " + std::to_string(rest) + " and " + std::to_string(i) + " are both -1");
    }
    if (dst[i] == 0 && i >= src.rank()) {
      return invalid(params.kName, "dimension " + std::to_string(i) + " is to be copied from the shape " +
                                       src.to_string() + " of rank " + std::to_string(src.rank()));
    }
    if (dst[i] == -1) {
      rest = i;
      fixed[i] = 1;
    } else if (dst[i] == 0) {
      dst[i] = fixed[i] = src[i];
      copied += src[i] == Shape::kDynamic ? 1 : 0;
    }
  }
  if (is_open) return single_output(params.kName, dst);  // -1, if any, is dynamic, too
  OCTET_TRY(const Product given, product_of(src));
  OCTET_TRY(const Product wanted, product_of(fixed));
  const int dynamic = given.dynamic - copied;
  if (rest < 0) {
    // What is dynamic in src must be the factor by which the known dimensions differ.
    const bool fits = dynamic == 0 ? given.known == wanted.known : given.known == 0 || wanted.known % given.known == 0;
    if (!fits) return does_not_fit(src, params.dims);
  } else if (dynamic > 1) {
    dst[rest] = Shape::kDynamic;
  } else {
    // A dynamic dimension may be a product itself, as when a batch comes apart from the rows or heads it was joined
    // with: whatever it lacks, it may bring.
    const bool fits = wanted.known != 0 && (dynamic == 1 ? given.known != 0 : given.known % wanted.known == 0);
    if (!fits) return does_not_fit(src, params.dims);
    dst[rest] = dynamic == 1 ? Shape::kDynamic : given.known / wanted.known;
  }
  return single_output(params.kName, dst);
}

Status check_types(const ReshapeParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 2));
  return check_moves(params.kName, inputs.first(1), outputs);
}

std::span<const KernelRow<ReshapeParams>> kernel_table(const ReshapeParams&) {
  return kTable;
}

}  // namespace octet
