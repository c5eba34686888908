#include "octet/image.hpp"

namespace octet {
namespace {

using Layout = Preprocessing::Layout;

bool fits(int64_t dim, int64_t wanted) {
  return dim == wanted || dim == Shape::kDynamic;
}

}  // namespace

Shape ImageInput::shape() const {
  if (layout == Layout::kNchw) return {1, channels, height, width};
  return {1, height, width, channels};
}

Result<ImageInput> resolve_input(const Preprocessing& preprocessing, const Shape& input_shape,
                                 const std::string& name) {
  const std::string model = "input '" + name + "' is " + input_shape.to_string();
  const auto usage = [&](const std::string& what) { return Error{ErrorCode::kUsage, model + ", " + what}; };
  if (input_shape.rank() != 4) return usage("which no image can be (4 dimensions are needed)");

  ImageInput input;
  input.channels = preprocessing.channels();
  const bool nchw = fits(input_shape[1], input.channels);
  const bool nhwc = fits(input_shape[3], input.channels);
  // Where both fit, a stated channel count decides against a dynamic one, and NCHW is the more usual.
  const bool nhwc_is_stated = input_shape[3] == input.channels && input_shape[1] != input.channels;
  input.layout = preprocessing.layout.value_or(nhwc_is_stated || !nchw ? Layout::kNhwc : Layout::kNchw);
  if (!(input.layout == Layout::kNchw ? nchw : nhwc)) {
    const std::string layout = preprocessing.layout ? (nchw ? " in layout nhwc" : " in layout nchw") : "";
    return usage("but the preprocessing makes " + std::to_string(input.channels) + " channels" + layout);
  }

  const int row_axis = input.layout == Layout::kNchw ? 2 : 1;
  const int64_t model_height = input_shape[row_axis];
  const int64_t model_width = input_shape[row_axis + 1];
  if (preprocessing.width > 0) {
    if (!fits(model_width, preprocessing.width) || !fits(model_height, preprocessing.height)) {
      return usage("but the preprocessing makes " + std::to_string(preprocessing.width) + "x" +
                   std::to_string(preprocessing.height) + " pixels (width x height)");
    }
    input.width = preprocessing.width;
    input.height = preprocessing.height;
    return input;
  }
  if (model_width == Shape::kDynamic || model_height == Shape::kDynamic) {
    return usage("so the preprocessing must say size=WIDTHxHEIGHT");
  }
  if (model_width < 1 || model_height < 1 || model_width > ImageOptions::kMaxSide ||
      model_height > ImageOptions::kMaxSide) {
    return usage("which is no image's size");
  }
  input.width = static_cast<int>(model_width);
  input.height = static_cast<int>(model_height);
  return input;
}

}  // namespace octet
