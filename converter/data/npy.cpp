#include "converter/data/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "converter/atomic_file.h"
#include "runtime/half.h"
#include "runtime/mapped_file.h"

namespace octet {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// How elements stand in the file.
struct ElementType {
  std::string_view descr;
  DataType type;  // what they become
  int64_t bytes;  // in the file
};
constexpr ElementType kElementTypes[] = {
    {"<f4", DataType::kF32, 4}, {"<f8", DataType::kF32, 8}, {"<f2", DataType::kF32, 2}, {"|u1", DataType::kU8, 1},
    {"|i1", DataType::kS8, 1},  {"<i4", DataType::kS32, 4}, {"<i8", DataType::kS64, 8}, {"|b1", DataType::kBool, 1},
};

struct Layout {
  ElementType element;
  Shape shape;
  size_t data_offset = 0;
};

Error invalid(const std::string& path, const std::string& why) {
  return {ErrorCode::kInvalidFile, "'" + path + "': " + why};
}

// The text behind `'key':` in the header's Python literal.
std::optional<std::string_view> find_value(std::string_view header, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = quote + std::string(key) + quote;
    const size_t at = header.find(quoted);
    if (at == std::string_view::npos) continue;
    const size_t colon = header.find(':', at + quoted.size());
    if (colon == std::string_view::npos) return std::nullopt;
    const size_t start = header.find_first_not_of(" \t", colon + 1);
    return start == std::string_view::npos ? std::nullopt : std::optional(header.substr(start));
  }
  return std::nullopt;
}

// "(1, 3, 32)": the dimensions.
std::optional<Shape> parse_shape(std::string_view text) {
  if (text.empty() || text.front() != '(') return std::nullopt;
  text = text.substr(1, text.find(')') - 1);
  std::vector<int64_t> dims;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,\t"), text.size()));
    if (text.empty()) return Shape(std::span<const int64_t>(dims));
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0 || dims.size() == Shape::kMaxRank) return std::nullopt;
    dims.push_back(dim);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.empty() && text.front() == 'L') text.remove_prefix(1);  // Python 2's long
  }
}

Result<Layout> parse_header(const std::string& path, std::span<const std::byte> bytes) {
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (file.size() < 10 || !file.starts_with(kMagic)) return invalid(path, "not an .npy file");
  const int version = static_cast<uint8_t>(file[6]);
  if (version < 1 || version > 3) return invalid(path, ".npy version " + std::to_string(version) + ", not 1 to 3");
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (file.size() < 8 + length_bytes) return invalid(path, "the header is cut off");
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data() + 8, length_bytes);
  Layout layout{};
  layout.data_offset = 8 + length_bytes + header_bytes;
  if (layout.data_offset > file.size()) {
    return invalid(path, "the header ends at byte " + std::to_string(layout.data_offset) + ", but the file has " +
                             std::to_string(file.size()));
  }
  const std::string_view header = file.substr(8 + length_bytes, header_bytes);
  const auto descr = find_value(header, "descr");
  const auto order = find_value(header, "fortran_order");
  const auto shape = find_value(header, "shape");
  if (!descr || !order || !shape) return invalid(path, "the header lacks descr, fortran_order or shape");
  if (!order->starts_with("False")) return invalid(path, "the array is in Fortran order; save it in C order");
  const std::string_view name = descr->size() > 1 ? descr->substr(1, descr->find(descr->front(), 1) - 1) : "";
  const auto* const element = std::find_if(std::begin(kElementTypes), std::end(kElementTypes),
                                           [&](const ElementType& row) { return row.descr == name; });
  if (element == std::end(kElementTypes)) {
    return invalid(path, "elements of type '" + std::string(name.substr(0, 20)) + "' are not read");
  }
  const std::optional<Shape> dims = parse_shape(*shape);
  if (!dims) return invalid(path, "the shape is not a tuple of up to " + std::to_string(Shape::kMaxRank) + " sizes");
  layout.element = *element;
  layout.shape = *dims;
  const int64_t count = dims->element_count();
  const size_t available = file.size() - layout.data_offset;
  if (count < 0 || static_cast<uint64_t>(count) * static_cast<uint64_t>(element->bytes) != available) {
    return invalid(path, "the header says " + dims->to_string() + " elements of " + std::to_string(element->bytes) +
                             " bytes, but " + std::to_string(available) + " bytes follow");
  }
  return layout;
}

Tensor read_elements(const std::byte* from, const ElementType& element, const Shape& shape) {
  Tensor tensor(element.type, shape);
  const auto count = static_cast<size_t>(shape.element_count());
  if (element.bytes == element_bytes(element.type)) {
    if (count > 0) std::memcpy(tensor.data(), from, count * static_cast<size_t>(element.bytes));
    return tensor;
  }
  for (size_t i = 0; i < count; ++i) {
    if (element.bytes == 8) {
      double value = 0;
      std::memcpy(&value, from + 8 * i, sizeof value);
      tensor.as<float>()[i] = static_cast<float>(value);
    } else {
      uint16_t bits = 0;
      std::memcpy(&bits, from + 2 * i, sizeof bits);
      tensor.as<float>()[i] = half_to_float(bits);
    }
  }
  return tensor;
}

}  // namespace

struct NpySamples::File {
  std::string path;
  FileBytes file;
  Layout layout;
};

Result<Tensor> read_npy(const std::string& path) {
  OCTET_TRY(const FileBytes file, map_file(path));
  OCTET_TRY(const Layout layout, parse_header(path, file.bytes));
  return read_elements(file.bytes.data() + layout.data_offset, layout.element, layout.shape);
}

Status write_npy(const std::string& path, const TensorView& tensor) {
  const auto* const element = std::find_if(
      std::begin(kElementTypes), std::end(kElementTypes),
      [&](const ElementType& row) { return row.type == tensor.type && row.bytes == element_bytes(row.type); });
  std::string shape;
  for (const int64_t dim : tensor.shape) shape += std::to_string(dim) + ", ";
  if (tensor.shape.rank() != 1 && !shape.empty()) shape.resize(shape.size() - 2);
  std::string header =
      "{'descr': '" + std::string(element->descr) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file(kMagic);
  file += {'\x01', '\x00', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  file += header;
  file.append(static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.byte_count()));
  return write_file_atomically(path, std::as_bytes(std::span(file)));
}

Result<NpySamples> NpySamples::open(const std::string& path) {
  OCTET_TRY(FileBytes file, map_file(path));
  OCTET_TRY(const Layout layout, parse_header(path, file.bytes));
  if (layout.shape.rank() < 1 || layout.shape[0] < 1) {
    return invalid(path, "has the shape " + layout.shape.to_string() + ": no samples along its first axis");
  }
  NpySamples samples;
  samples.count_ = static_cast<size_t>(layout.shape[0]);
  samples.sample_shape_ = layout.shape;
  samples.sample_shape_[0] = 1;
  samples.file_ = std::make_shared<File>(File{path, std::move(file), layout});
  return samples;
}

DataType NpySamples::type() const {
  return file_->layout.element.type;
}

Result<Tensor> NpySamples::sample(size_t index) const {
  const Layout& layout = file_->layout;
  const auto bytes = static_cast<size_t>(sample_shape_.element_count() * layout.element.bytes);
  return read_elements(file_->file.bytes.data() + layout.data_offset + index * bytes, layout.element, sample_shape_);
}

}  // namespace octet
