// From an image file to a model's input tensor: loading, the preprocessing spec, geometry, colour, normalization.
//
// Link target octet_image (the runtime itself knows no images). Nothing here throws, prints or keeps state: every
// function may be called from several threads at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/result.h"
#include "octet/session.hpp"
#include "octet/types.h"

namespace octet {

// Rows from top to bottom, pixels from left to right, the channels of a pixel beside each other.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 3;             // 3, or 1 for gray
  std::vector<uint8_t> pixels;  // height * width * channels
};

struct ImageOptions {
  // No side is longer: keeps the 32-bit sums of resampling from overflowing, whatever the filter.
  static constexpr int kMaxSide = 1 << 20;

  // A file whose header promises more pixels is refused before anything is allocated for them.
  int64_t max_pixels = int64_t{1} << 27;
  // Gray files give one channel instead of three equal ones (for models whose input is gray).
  bool keep_gray = false;
};

// Reads jpg, png, bmp, ppm and pgm by content, whatever the file is called. The result is RGB, 8 bits: an alpha channel
// is dropped, gray becomes RGB, 16 bits become 8. Each of the three is noted as "PATH: what" in `notices` (if not
// null), unless the list has that notice already, of whatever path. Orientation tags and colour profiles are not
// applied. Of a file as much is read as its first bytes justify: 64 KiB of what is no image, 64 MiB and 18 bytes a
// pixel of what is one.
//
// kInvalidFile: missing, no image, truncated, damaged, too many pixels. kResource: no memory.
Result<Image> load_image(const std::string& path, std::vector<std::string>* notices = nullptr,
                         const ImageOptions& options = {});
// The same from memory; `name` stands for the path in errors and notices.
Result<Image> load_image(std::span<const std::byte> bytes, const std::string& name,
                         std::vector<std::string>* notices = nullptr, const ImageOptions& options = {});

// How an image becomes an input. Geometry, in this order:
//   resize  N > 0: scales the shorter side to N, the longer to floor(N * longer / shorter), at least 1 (torchvision)
//   crop    center: cuts width x height out of the middle, offset = round_half_even((side - crop) / 2); where the image
//           is smaller, black is added on both sides (torchvision)
//   fit     what turns the rest into width x height: stretch; crop (the largest centred part of that aspect, scaled;
//           Pillow's ImageOps.fit); letterbox (scaled to fit inside, the rest filled with the pixel that becomes 0;
//           Pillow's ImageOps.pad)
// Filters are Pillow's, bit for bit: their support grows when shrinking. Then, per channel in the order of `color`:
//   input = (pixel * scale - mean) / std
struct Preprocessing {
  enum class Crop { kNone, kCenter };
  enum class Fit { kStretch, kCrop, kLetterbox };
  enum class Filter { kBilinear, kBicubic, kArea, kNearest };
  enum class Color { kRgb, kBgr, kGray };  // gray = (19595 R + 38470 G + 7471 B + 32768) / 65536
  enum class Layout { kNchw, kNhwc };

  int width = 0;  // 0: the model's
  int height = 0;
  int resize = 0;  // 0: none
  Crop crop = Crop::kNone;
  Fit fit = Fit::kStretch;
  Filter filter = Filter::kBilinear;
  Color color = Color::kRgb;
  std::array<double, 3> scale{1, 1, 1};
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> std{1, 1, 1};
  std::optional<Layout> layout;  // none: the model's

  // Reads `preset`, `key=value,...` or `preset,key=value,...`; what is not said is as in the preset `raw`.
  // kUsage: an unknown preset, key or value; names the nearest.
  static Result<Preprocessing> parse(std::string_view spec);
  // Every key that is set, in one order; parse() gives the same Preprocessing back.
  std::string to_string() const;

  int channels() const { return color == Color::kGray ? 1 : 3; }
  friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

// The presets, for help texts: {name, spec}.
struct PreprocessingPreset {
  std::string_view name;
  std::string_view spec;
};
std::span<const PreprocessingPreset> preprocessing_presets();

// What a model's input asks for.
struct ImageInput {
  int width = 0;
  int height = 0;
  int channels = 3;
  Preprocessing::Layout layout = Preprocessing::Layout::kNchw;

  int64_t element_count() const { return int64_t{1} * width * height * channels; }
  // 1x3x224x224 or 1x224x224x3
  Shape shape() const;
};

// Joins the spec with a model's input shape: [N, C, H, W] or [N, H, W, C], any dimension dynamic. `name` is the
// input's. kUsage: they do not fit, no image can be that input, or neither says the size.
Result<ImageInput> resolve_input(const Preprocessing& preprocessing, const Shape& input_shape, const std::string& name);

// Geometry and colour: a width x height image with the channels in the order of `color`. Memory is bounded by the
// source and the result, not by what lies between; but resize without a crop makes an image of its own, of at most 2^27
// pixels. Work is bounded by the two and the product of the source's height and the result's width, at most 2^27, for
// rows come first. kUsage: more pixels than that in between.
Result<Image> fit_image(const Image& image, const Preprocessing& preprocessing, int width, int height);

// (pixel * scale - mean) / std in the given layout, computed in f64, rounded once. dst has as many elements as pixels.
void normalize(const Image& fitted, const Preprocessing& preprocessing, Preprocessing::Layout layout,
               std::span<float> dst);

// The values that normalize() gives each pixel, for a session that takes pixels instead of an f32 image:
//   Session::create(model, {.pixels = pixel_input(preprocessing, input.layout)})
// gives the outputs of a session that is fed normalize()'s images, byte for byte.
PixelInput pixel_input(const Preprocessing& preprocessing, Preprocessing::Layout layout);

// fit_image into a session's input: normalized where that is f32, the pixels themselves where it is u8. `dst` must have
// input.element_count() elements, else kUsage.
Status preprocess(const Image& image, const Preprocessing& preprocessing, const ImageInput& input,
                  const TensorView& dst);

// fit_image and normalize; dst.size() must be input.element_count(), else kUsage.
Status preprocess(const Image& image, const Preprocessing& preprocessing, const ImageInput& input,
                  std::span<float> dst);

}  // namespace octet
