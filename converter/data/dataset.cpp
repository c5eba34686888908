#include "converter/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <variant>

#include "converter/atomic_file.h"
#include "converter/data/npy.h"
#include "octet/image.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

// An .npy's samples as one input takes them.
struct ArraySamples {
  std::string path;
  NpySamples samples;
  DataType type;  // the input's
  Shape shape;    // of a sample, with the input's batch axis
};

struct ImageSamples {
  std::vector<std::string> names;  // as shown, and matched with labels
  std::vector<std::string> paths;
  Preprocessing preprocessing;
  ImageInput input;
};

using Source = std::variant<ImageSamples, ArraySamples>;

size_t size_of(const Source& source) {
  if (const auto* images = std::get_if<ImageSamples>(&source)) return images->paths.size();
  return std::get<ArraySamples>(source).samples.size();
}

Error invalid(const std::string& path, const std::string& why) {
  return {ErrorCode::kInvalidFile, "'" + path + "': " + why};
}

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view kKnown[] = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".pnm"};
  return std::find(std::begin(kKnown), std::end(kKnown), extension) != std::end(kKnown);
}

Result<ImageSamples> images_of_folder(const std::string& folder) {
  ImageSamples images;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored) || !has_image_extension(it->path())) continue;
    images.names.push_back(it->path().lexically_relative(folder).string());
  }
  if (error) return invalid(folder, error.message());
  if (images.names.empty()) return invalid(folder, "holds no images (jpg, png, bmp, ppm)");
  std::sort(images.names.begin(), images.names.end());
  for (const std::string& name : images.names) images.paths.push_back((fs::path(folder) / name).string());
  return images;
}

Result<ImageSamples> images_of_list(const std::string& path) {
  OCTET_TRY(const std::string text, read_text_file(path));
  ImageSamples images;
  const fs::path folder = fs::path(path).parent_path();
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line.find('\0') != std::string::npos) return invalid(path, "is neither an .npy file nor a list of images");
    images.paths.push_back(fs::path(line).is_absolute() ? line : (folder / line).string());
    images.names.push_back(std::move(line));
  }
  if (images.paths.empty()) return invalid(path, "lists no images");
  return images;
}

bool fits(const Shape& input, const Shape& sample) {
  return input.rank() == sample.rank() && std::equal(input.begin(), input.end(), sample.begin(),
                                                     [](auto a, auto b) { return a == Shape::kDynamic || a == b; });
}

bool is_integer(DataType type) {
  return type != DataType::kF32;
}

Result<ArraySamples> arrays_of_npy(NpySamples samples, const std::string& path, const TensorInfo& input) {
  if (samples.type() != input.type && !(input.type == DataType::kF32 && is_integer(samples.type()))) {
    return invalid(path, std::string("is ") + to_string(samples.type()) + ", but the input '" + input.name + "' is " +
                             to_string(input.type));
  }
  // The sample as a batch of one: in place of the input's batch, whatever that is, or without one.
  const Shape one = samples.sample_shape();
  Shape batch_of_one = input.shape;
  if (batch_of_one.rank() > 0) batch_of_one[0] = 1;
  if (fits(batch_of_one, one)) return ArraySamples{path, std::move(samples), input.type, one};
  const Shape inner(std::span<const int64_t>(one.begin() + 1, one.end()));
  if (fits(input.shape, inner)) return ArraySamples{path, std::move(samples), input.type, inner};
  return invalid(path, "has samples of " + inner.to_string() + ", but the input '" + input.name + "' is " +
                           input.shape.to_string());
}

Result<ImageSamples> single_image(const std::string& path) {
  ImageSamples images;
  images.paths.push_back(path);
  images.names.push_back(fs::path(path).filename().string());
  return images;
}

Result<Source> open_source(const std::string& path, const TensorInfo& input, const std::string& spec) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(path, ignored);
  if (!is_folder) {
    Result<NpySamples> samples = NpySamples::open(path);
    if (samples.ok()) {
      OCTET_TRY(ArraySamples arrays, arrays_of_npy(std::move(*samples), path, input));
      return Source(std::move(arrays));
    }
    if (fs::path(path).extension() == ".npy") return samples.error();
  }
  OCTET_TRY(ImageSamples images, is_folder                   ? images_of_folder(path)
                                 : has_image_extension(path) ? single_image(path)
                                                             : images_of_list(path));
  if (input.type != DataType::kF32) {
    return Error{ErrorCode::kUnsupported,
                 "the input '" + input.name + "' is " + to_string(input.type) + ": images become f32; give an .npy"};
  }
  OCTET_TRY(images.preprocessing, Preprocessing::parse(spec.empty() ? "raw" : spec));
  OCTET_TRY(images.input, resolve_input(images.preprocessing, input.shape, input.name));
  return Source(std::move(images));
}

// The path for each input: NAME=PATH, or PATH alone for a model's only input.
Result<std::vector<std::string>> paths_of(const std::vector<std::string>& data, const std::vector<TensorInfo>& inputs) {
  std::vector<std::string> paths(inputs.size());
  for (const std::string& option : data) {
    size_t which = inputs.size();
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (option.starts_with(inputs[i].name + "=")) which = i;
    }
    const bool is_named = which < inputs.size();
    const bool is_other_name = option.find('=') < option.find('/') && !std::filesystem::exists(option);
    if (!is_named && inputs.size() == 1 && !is_other_name) which = 0;
    if (which == inputs.size()) {
      std::string names;
      for (const TensorInfo& input : inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
      return Error{ErrorCode::kUsage, "--data '" + option + "' is not NAME=PATH with an input's name: " + names};
    }
    if (!paths[which].empty()) {
      return Error{ErrorCode::kUsage, "--data is given twice for the input '" + inputs[which].name + "'"};
    }
    paths[which] = is_named ? option.substr(inputs[which].name.size() + 1) : option;
    if (paths[which].empty()) return Error{ErrorCode::kUsage, "--data '" + option + "' has no path"};
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!paths[i].empty()) continue;
    return Error{ErrorCode::kUsage,
                 "no --data for the input '" + inputs[i].name + "' (--data " + inputs[i].name + "=PATH)"};
  }
  return paths;
}

// Values of an integer tensor, exactly where f32 has them.
Tensor to_f32(const Tensor& tensor) {
  Tensor converted(DataType::kF32, tensor.shape());
  const auto copy = [&]<class T>(T) {
    const std::span<const T> from = tensor.as<T>();
    std::transform(from.begin(), from.end(), converted.as<float>().begin(), [](T v) { return static_cast<float>(v); });
  };
  switch (tensor.type()) {
    case DataType::kF32:
      return tensor;
    case DataType::kU8:
    case DataType::kBool:
      copy(uint8_t{});
      break;
    case DataType::kS8:
      copy(int8_t{});
      break;
    case DataType::kS32:
      copy(int32_t{});
      break;
    case DataType::kS64:
      copy(int64_t{});
      break;
    case DataType::kBf16:  // no .npy holds it
      break;
  }
  return converted;
}

// A single one would be in every mean over the samples.
Status check_finite(const Tensor& tensor, const std::string& path, const std::string& what) {
  if (tensor.type() != DataType::kF32) return {};
  const std::span<const float> values = tensor.as<float>();
  const auto bad = std::count_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == 0) return {};
  return invalid(path, what + std::to_string(bad) + " NaN or infinite numbers beside " +
                           std::to_string(static_cast<ptrdiff_t>(values.size()) - bad) + " finite ones");
}

// Steele, Lea and Flood 2014: a small generator with the same numbers everywhere.
uint64_t splitmix64(uint64_t& state) {
  state += 0x9E3779B97F4A7C15U;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace

struct Dataset::State {
  std::vector<Source> sources;  // one per model input
  std::mutex mutex;
  std::vector<std::string> notices;
};

Result<Dataset> Dataset::open(const std::vector<std::string>& data, const std::vector<TensorInfo>& inputs,
                              const std::string& spec) {
  Dataset dataset;
  dataset.state_ = std::make_shared<State>();
  OCTET_TRY(const std::vector<std::string> paths, paths_of(data, inputs));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string& path = paths[i];
    OCTET_TRY(Source source, open_source(path, inputs[i], spec));
    if (!dataset.state_->sources.empty() && size_of(source) != dataset.size()) {
      return invalid(path, "has " + std::to_string(size_of(source)) + " samples, but another input " +
                               std::to_string(dataset.size()));
    }
    if (spec.empty() && std::holds_alternative<ImageSamples>(source)) {
      dataset.state_->notices.push_back("nobody says how images become the input '" + inputs[i].name +
                                        "': pixels go in as 0..255 (--preprocess)");
    }
    dataset.state_->sources.push_back(std::move(source));
  }
  return dataset;
}

size_t Dataset::size() const {
  return size_of(state_->sources[0]);
}

Result<std::vector<Tensor>> Dataset::sample(size_t index) const {
  std::vector<Tensor> tensors;
  for (const Source& source : state_->sources) {
    if (const auto* arrays = std::get_if<ArraySamples>(&source)) {
      OCTET_TRY(Tensor tensor, arrays->samples.sample(index));
      tensor = tensor.reshaped(arrays->shape);
      tensors.push_back(arrays->type == DataType::kF32 ? to_f32(tensor) : tensor);
      OCTET_CHECK(check_finite(tensors.back(), arrays->path, "its sample [" + std::to_string(index) + "] holds "));
      continue;
    }
    const auto& images = std::get<ImageSamples>(source);
    std::vector<std::string> notices;
    const bool is_gray = images.preprocessing.color == Preprocessing::Color::kGray;
    OCTET_TRY(const Image image, load_image(images.paths[index], &notices, {.keep_gray = is_gray}));
    Tensor tensor(DataType::kF32, images.input.shape());
    const Status done = preprocess(image, images.preprocessing, images.input, tensor.as<float>());
    if (!done.ok()) return Error{done.error().code, "'" + images.paths[index] + "': " + done.error().message};
    OCTET_CHECK(check_finite(tensor, images.paths[index], "becomes "));
    tensors.push_back(std::move(tensor));
    if (notices.empty()) continue;
    const std::lock_guard lock(state_->mutex);
    for (std::string& notice : notices) {
      // "PATH: what": what, once, is enough for a whole folder.
      const std::string what = notice.substr(notice.rfind(": ") == std::string::npos ? 0 : notice.rfind(": "));
      const bool known = std::any_of(state_->notices.begin(), state_->notices.end(),
                                     [&](const std::string& other) { return other.ends_with(what); });
      if (!known) state_->notices.push_back(std::move(notice));
    }
  }
  return tensors;
}

bool Dataset::has_names() const {
  return std::holds_alternative<ImageSamples>(state_->sources[0]);
}

const std::string& Dataset::name(size_t index) const {
  static const std::string none;
  return has_names() ? std::get<ImageSamples>(state_->sources[0]).names[index] : none;
}

std::vector<size_t> Dataset::choose(size_t count, uint64_t seed) const {
  std::vector<size_t> indices(size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  count = std::min(count, indices.size());
  // Fisher-Yates for the first `count`. The modulo's bias is below 2^-40 for any data set there is.
  for (size_t i = 0; i < count; ++i) std::swap(indices[i], indices[i + splitmix64(seed) % (indices.size() - i)]);
  indices.resize(count);
  std::sort(indices.begin(), indices.end());
  return indices;
}

std::vector<std::string> Dataset::notices() const {
  const std::lock_guard lock(state_->mutex);
  return state_->notices;
}

}  // namespace octet
