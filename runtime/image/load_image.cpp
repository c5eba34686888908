#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include "runtime/image/image_formats.h"

namespace octet {
namespace image {

Status check_dimensions(int64_t width, int64_t height, int64_t max_pixels) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width <= 0 || height <= 0) return Error{ErrorCode::kInvalidFile, "is " + size + " pixels"};
  if (width > max_pixels / height || std::max(width, height) > ImageOptions::kMaxSide) {
    return Error{ErrorCode::kInvalidFile, "is " + size + " pixels by its header; the limit is " +
                                              std::to_string(max_pixels) + " in all and " +
                                              std::to_string(ImageOptions::kMaxSide) + " a side"};
  }
  return {};
}

}  // namespace image

namespace {

Error named(const std::string& name, const Error& error) {
  return {error.code, "'" + name + "' " + error.message};
}

void note(std::vector<std::string>* notices, const std::string& name, const std::string& what) {
  if (notices == nullptr) return;
  const std::string tail = ": " + what;
  const bool known = std::any_of(notices->begin(), notices->end(), [&](const std::string& notice) {
    return notice.size() >= tail.size() && notice.compare(notice.size() - tail.size(), tail.size(), tail) == 0;
  });
  if (!known) notices->push_back(name + tail);
}

Image gray_to_rgb(const Image& gray) {
  Image rgb{gray.width, gray.height, 3, std::vector<uint8_t>(gray.pixels.size() * 3)};
  for (size_t i = 0; i < gray.pixels.size(); ++i) {
    rgb.pixels[3 * i] = rgb.pixels[3 * i + 1] = rgb.pixels[3 * i + 2] = gray.pixels[i];
  }
  return rgb;
}

Result<image::Decoded> decode(image::Bytes bytes, int64_t max_pixels) {
  const image::Format format = image::format_of(bytes);
  if (format == image::Format::kUnknown) {
    return Error{ErrorCode::kInvalidFile,
                 bytes.empty() ? "is empty" : "is no image that octet reads (jpg, png, bmp, ppm, pgm)"};
  }
  if (format == image::Format::kPnm) return image::decode_pnm(bytes, max_pixels);
  return image::decode_with_stb(bytes, format, max_pixels);
}

Result<Image> load(image::Bytes bytes, const std::string& name, std::vector<std::string>* notices,
                   const ImageOptions& options) {
  Result<image::Decoded> decoded = decode(bytes, options.max_pixels);
  if (!decoded.ok()) return named(name, decoded.error());
  if (decoded->had_alpha) note(notices, name, "the alpha channel is dropped");
  if (decoded->was_16_bit) note(notices, name, "16 bits become 8");
  if (decoded->image.channels == 3 || options.keep_gray) return std::move(decoded->image);
  note(notices, name, "gray becomes RGB");
  return gray_to_rgb(decoded->image);
}

// How many bytes a file may have that starts with these: metadata, and once its dimensions are known as much beside as
// the longest encoding takes, text: 3 samples of "65535\n" a pixel.
Result<int64_t> most_bytes(image::Bytes start, image::Format format, int64_t max_pixels) {
  constexpr int64_t kMetadataBytes = int64_t{1} << 26, kBytesOfPixel = 18;
  const std::optional<image::Dimensions> found =
      format == image::Format::kPnm ? image::pnm_dimensions(start) : image::stb_dimensions(start, format);
  if (!found.has_value()) return kMetadataBytes;
  OCTET_CHECK(image::check_dimensions(found->width, found->height, max_pixels));
  return kMetadataBytes + kBytesOfPixel * found->width * found->height;
}

Result<std::vector<std::byte>> read_file(const std::string& path, int64_t max_pixels) {
  const auto failed = [&] {
    return Error{ErrorCode::kInvalidFile, "cannot read '" + path + "': " + std::strerror(errno)};
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return failed();
  std::vector<std::byte> bytes(size_t{1} << 16);
  size_t used = 0;
  for (;;) {  // by chunks: the size of what is no regular file is not known
    used += std::fread(bytes.data() + used, 1, bytes.size() - used, file.get());
    if (std::ferror(file.get()) != 0) return failed();
    if (used < bytes.size()) break;
    const image::Format format = image::format_of(bytes);
    if (format == image::Format::kUnknown) break;  // the rest changes nothing
    const Result<int64_t> most = most_bytes(bytes, format, max_pixels);
    if (!most.ok()) return named(path, most.error());
    if (static_cast<int64_t>(used) > *most) {
      return Error{ErrorCode::kInvalidFile, "'" + path + "' has more than " + std::to_string(*most) +
                                                " bytes, too many for an image of what its first bytes say"};
    }
    bytes.reserve(std::min(used * 2, static_cast<size_t>(*most) + 1));  // resize alone takes twice the bytes
    bytes.resize(bytes.capacity());
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

Result<Image> load_image(std::span<const std::byte> bytes, const std::string& name, std::vector<std::string>* notices,
                         const ImageOptions& options) {
  try {
    return load(bytes, name, notices, options);
  } catch (const std::exception&) {
    return Error{ErrorCode::kResource, "no memory to decode '" + name + "'"};
  }
}

Result<Image> load_image(const std::string& path, std::vector<std::string>* notices, const ImageOptions& options) {
  try {
    OCTET_TRY(const std::vector<std::byte> bytes, read_file(path, options.max_pixels));
    return load(bytes, path, notices, options);
  } catch (const std::exception&) {
    return Error{ErrorCode::kResource, "no memory to read '" + path + "'"};
  }
}

}  // namespace octet
