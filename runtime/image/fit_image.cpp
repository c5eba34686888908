#include <algorithm>
#include <cmath>
#include <exception>

#include "octet/image.hpp"
#include "runtime/image/resample.h"

namespace octet {
namespace {

using Fit = Preprocessing::Fit;

// An image that is to be made whole between two steps may not be larger than one that may be loaded.
constexpr int64_t kMaxIntermediatePixels = ImageOptions{}.max_pixels;

Image in_color(const Image& image, Preprocessing::Color color) {
  const auto pixel_count = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  if (color == Preprocessing::Color::kGray) {
    if (image.channels == 1) return image;
    Image gray{image.width, image.height, 1, std::vector<uint8_t>(pixel_count)};
    for (size_t i = 0; i < pixel_count; ++i) {
      const uint8_t* p = &image.pixels[3 * i];
      gray.pixels[i] = static_cast<uint8_t>((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16);
    }
    return gray;
  }
  Image out{image.width, image.height, 3, std::vector<uint8_t>(pixel_count * 3)};
  const bool swap = color == Preprocessing::Color::kBgr;
  for (size_t i = 0; i < pixel_count; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      out.pixels[3 * i + c] = image.channels == 1 ? image.pixels[i] : image.pixels[3 * i + (swap ? 2 - c : c)];
    }
  }
  return out;
}

image::ResampleGeometry whole(const Image& image, int64_t scaled_width, int64_t scaled_height) {
  return {0, 0, static_cast<float>(image.width), static_cast<float>(image.height), scaled_width, scaled_height,
          0, 0, static_cast<int>(scaled_width),  static_cast<int>(scaled_height)};
}

// `image` at (x, y) on a canvas of one colour; what lies outside is cut off.
Image paste(const Image& image, int width, int height, int64_t x, int64_t y, const std::array<uint8_t, 3>& color) {
  const auto channels = static_cast<size_t>(image.channels);
  Image canvas{width, height, image.channels, std::vector<uint8_t>(static_cast<size_t>(width) * height * channels)};
  for (size_t i = 0; i < canvas.pixels.size(); ++i) canvas.pixels[i] = color[i % channels];
  const int64_t left = std::max<int64_t>(x, 0);
  const int64_t right = std::min<int64_t>(x + image.width, width);
  for (int64_t row = std::max<int64_t>(y, 0); left < right && row < std::min<int64_t>(y + image.height, height);
       ++row) {
    const auto src = image.pixels.begin() + ((row - y) * image.width + left - x) * image.channels;
    std::copy(src, src + (right - left) * image.channels,
              canvas.pixels.begin() + (row * width + left) * image.channels);
  }
  return canvas;
}

// resize=N and crop=center, of which only the part that survives the crop is computed.
Result<Image> resize_and_crop(const Image& image, const Preprocessing& p, int64_t scaled_width, int64_t scaled_height,
                              int width, int height) {
  const auto offset = [](int64_t side, int crop) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(side - crop) / 2));
  };
  // torchvision pads first, by floor(missing / 2) before, and then crops at 0.
  const auto place = [&](int64_t side, int crop) { return side < crop ? -((crop - side) / 2) : offset(side, crop); };
  const int64_t x = place(scaled_width, width);
  const int64_t y = place(scaled_height, height);
  image::ResampleGeometry geometry = whole(image, scaled_width, scaled_height);
  geometry.x = std::max<int64_t>(x, 0);
  geometry.y = std::max<int64_t>(y, 0);
  geometry.width = static_cast<int>(std::min<int64_t>(scaled_width, width));
  geometry.height = static_cast<int>(std::min<int64_t>(scaled_height, height));
  OCTET_TRY(Image window, image::resample(image, p.filter, geometry));
  if (window.width == width && window.height == height) return window;
  return paste(window, width, height, std::max<int64_t>(-x, 0), std::max<int64_t>(-y, 0), {0, 0, 0});
}

// The largest part in the middle with the aspect of width x height, scaled.
Result<Image> crop_to_aspect(const Image& image, const Preprocessing& p, int width, int height) {
  const double aspect = static_cast<double>(width) / height;
  double part_width = image.width;
  double part_height = image.height;
  if (part_width / part_height >= aspect) {
    part_width = aspect * part_height;
  } else {
    part_height = part_width / aspect;
  }
  image::ResampleGeometry geometry = whole(image, width, height);
  const double left = (image.width - part_width) * 0.5;
  const double top = (image.height - part_height) * 0.5;
  geometry.left = static_cast<float>(left);
  geometry.top = static_cast<float>(top);
  geometry.right = std::min(static_cast<float>(left + part_width), static_cast<float>(image.width));
  geometry.bottom = std::min(static_cast<float>(top + part_height), static_cast<float>(image.height));
  return image::resample(image, p.filter, geometry);
}

Result<Image> letterbox(const Image& image, const Preprocessing& p, int width, int height) {
  const double aspect = static_cast<double>(image.width) / image.height;
  int inner_width = width;
  int inner_height = height;
  if (aspect > static_cast<double>(width) / height) {
    inner_height = static_cast<int>(std::nearbyint(static_cast<double>(image.height) / image.width * width));
  } else {
    inner_width = static_cast<int>(std::nearbyint(aspect * height));
  }
  inner_width = std::clamp(inner_width, 1, width);
  inner_height = std::clamp(inner_height, 1, height);
  OCTET_TRY(const Image inner, image::resample(image, p.filter, whole(image, inner_width, inner_height)));
  std::array<uint8_t, 3> fill{};
  for (size_t c = 0; c < fill.size(); ++c) {
    const double zero = std::nearbyint(p.mean[c] / p.scale[c]);
    fill[c] = zero > 0 ? static_cast<uint8_t>(std::min(zero, 255.0)) : uint8_t{0};  // also where a scale is 0
  }
  return paste(inner, width, height, static_cast<int64_t>(std::nearbyint((width - inner_width) * 0.5)),
               static_cast<int64_t>(std::nearbyint((height - inner_height) * 0.5)), fill);
}

// The f32 of each pixel value in one channel.
std::array<float, 256> channel_values(const Preprocessing& p, size_t c) {
  std::array<float, 256> values{};
  for (size_t v = 0; v < values.size(); ++v) {
    values[v] = static_cast<float>((static_cast<double>(v) * p.scale[c] - p.mean[c]) / p.std[c]);
  }
  return values;
}

// Whether `dst_count` elements are what `input` has, and the colours of `preprocessing` what its channels are.
Status check_target(const Preprocessing& preprocessing, const ImageInput& input, int64_t dst_count) {
  if (dst_count == input.element_count() && input.channels == preprocessing.channels()) return {};
  return Error{ErrorCode::kUsage, "an input of " + input.shape().to_string() + " has " +
                                      std::to_string(input.element_count()) + " elements; the buffer has " +
                                      std::to_string(dst_count) + ", the colour " +
                                      std::to_string(preprocessing.channels()) + " channels"};
}

Result<Image> fit(const Image& image, const Preprocessing& p, int width, int height) {
  Image current = in_color(image, p.color);
  int64_t scaled_width = image.width;
  int64_t scaled_height = image.height;
  if (p.resize > 0) {
    // N * longer / shorter in integers: no rounding before the floor, and at most 2^62.
    const int64_t shorter = std::min(scaled_width, scaled_height);
    scaled_width = p.resize * scaled_width / shorter;
    scaled_height = p.resize * scaled_height / shorter;
  }
  if (p.crop == Preprocessing::Crop::kCenter) {
    return resize_and_crop(current, p, scaled_width, scaled_height, width, height);
  }
  if (scaled_width != current.width || scaled_height != current.height) {
    if (scaled_width > kMaxIntermediatePixels / scaled_height) {
      return Error{ErrorCode::kUsage,
                   "resize=" + std::to_string(p.resize) + " without crop=center makes " + std::to_string(scaled_width) +
                       "x" + std::to_string(scaled_height) + " pixels of an image of " + std::to_string(image.width) +
                       "x" + std::to_string(image.height) + "; the limit is " + std::to_string(kMaxIntermediatePixels)};
    }
    OCTET_TRY(current, image::resample(current, p.filter, whole(current, scaled_width, scaled_height)));
  }
  if (current.width == width && current.height == height) return current;
  switch (p.fit) {
    case Fit::kStretch:
      break;
    case Fit::kCrop:
      return crop_to_aspect(current, p, width, height);
    case Fit::kLetterbox:
      return letterbox(current, p, width, height);
  }
  return image::resample(current, p.filter, whole(current, width, height));
}

}  // namespace

Result<Image> fit_image(const Image& image, const Preprocessing& preprocessing, int width, int height) {
  const auto text = [](int64_t w, int64_t h) { return std::to_string(w) + "x" + std::to_string(h); };
  if (image.width < 1 || image.height < 1 || (image.channels != 1 && image.channels != 3) ||
      image.pixels.size() != static_cast<size_t>(image.width) * image.height * image.channels) {
    return Error{ErrorCode::kUsage, "an image of " + text(image.width, image.height) + " with " +
                                        std::to_string(image.channels) + " channels and " +
                                        std::to_string(image.pixels.size()) + " bytes"};
  }
  const int longest = std::max({image.width, image.height, width, height});
  if (width < 1 || height < 1 || width > kMaxIntermediatePixels / height || longest > ImageOptions::kMaxSide) {
    return Error{ErrorCode::kUsage,
                 "no image of " + text(image.width, image.height) + " pixels can be made to " + text(width, height)};
  }
  try {
    return fit(image, preprocessing, width, height);
  } catch (const std::exception&) {
    return Error{ErrorCode::kResource,
                 "no memory to make " + text(image.width, image.height) + " pixels into " + text(width, height)};
  }
}

void normalize(const Image& fitted, const Preprocessing& preprocessing, Preprocessing::Layout layout,
               std::span<float> dst) {
  const auto channels = static_cast<size_t>(fitted.channels);
  std::array<std::array<float, 256>, 3> table;
  for (size_t c = 0; c < 3; ++c) table[c] = channel_values(preprocessing, c);
  const size_t pixel_count = fitted.pixels.size() / channels;
  const bool planar = layout == Preprocessing::Layout::kNchw;
  for (size_t i = 0; i < pixel_count; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      dst[planar ? c * pixel_count + i : i * channels + c] = table[c][fitted.pixels[i * channels + c]];
    }
  }
}

PixelInput pixel_input(const Preprocessing& preprocessing, Preprocessing::Layout layout) {
  PixelInput pixels{.channel_axis = layout == Preprocessing::Layout::kNchw ? 1 : 3, .values = {}};
  for (int c = 0; c < preprocessing.channels(); ++c) {
    pixels.values.push_back(channel_values(preprocessing, static_cast<size_t>(c)));
  }
  return pixels;
}

Status preprocess(const Image& image, const Preprocessing& preprocessing, const ImageInput& input,
                  const TensorView& dst) {
  if (dst.type == DataType::kF32) return preprocess(image, preprocessing, input, dst.as<float>());
  if (dst.type != DataType::kU8) {
    return Error{ErrorCode::kUsage, std::string("an image cannot be an input of ") + to_string(dst.type)};
  }
  OCTET_CHECK(check_target(preprocessing, input, dst.shape.element_count()));
  OCTET_TRY(const Image fitted, fit_image(image, preprocessing, input.width, input.height));
  std::copy(fitted.pixels.begin(), fitted.pixels.end(), dst.as<uint8_t>().begin());
  return {};
}

Status preprocess(const Image& image, const Preprocessing& preprocessing, const ImageInput& input,
                  std::span<float> dst) {
  OCTET_CHECK(check_target(preprocessing, input, static_cast<int64_t>(dst.size())));
  OCTET_TRY(const Image fitted, fit_image(image, preprocessing, input.width, input.height));
  normalize(fitted, preprocessing, input.layout, dst);
  return {};
}

}  // namespace octet
