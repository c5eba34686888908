#include "converter/import/onnx_tensor.h"

#include <onnx/onnx_pb.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "converter/import/import_limits.h"
#include "runtime/half.h"

namespace octet {
namespace {

using onnx::TensorProto;

Error at_tensor(const TensorProto& proto, ErrorCode code, const std::string& what) {
  return {code, "the tensor '" + proto.name() + "' " + what};
}
Error invalid(const TensorProto& proto, const std::string& what) {
  return at_tensor(proto, ErrorCode::kInvalidFile, what);
}

// Bytes of an element as ONNX stores it.
int64_t stored_bytes(int type) {
  switch (type) {
    case TensorProto::DOUBLE:
    case TensorProto::INT64:
    case TensorProto::UINT64:
      return 8;
    case TensorProto::FLOAT:
    case TensorProto::INT32:
    case TensorProto::UINT32:
      return 4;
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::INT16:
    case TensorProto::UINT16:
      return 2;
    default:
      return 1;
  }
}

// Elements of a typed field as the bytes that raw_data would have held.
template <class Stored, class Field>
std::string to_raw(const Field& field) {
  std::string raw(static_cast<size_t>(field.size()) * sizeof(Stored), '\0');
  char* at = raw.data();
  for (const auto element : field) {
    const auto stored = static_cast<Stored>(element);
    std::memcpy(at, &stored, sizeof(Stored));
    at += sizeof(Stored);
  }
  return raw;
}

std::string typed_field(const TensorProto& proto) {
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
      return to_raw<float>(proto.float_data());
    case TensorProto::DOUBLE:
      return to_raw<double>(proto.double_data());
    case TensorProto::INT64:
      return to_raw<int64_t>(proto.int64_data());
    case TensorProto::UINT64:
      return to_raw<uint64_t>(proto.uint64_data());
    case TensorProto::UINT32:
      return to_raw<uint32_t>(proto.uint64_data());
    case TensorProto::INT32:
      return to_raw<int32_t>(proto.int32_data());
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return to_raw<uint16_t>(proto.int32_data());
    default:
      return to_raw<uint8_t>(proto.int32_data());
  }
}

float bfloat_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <class Stored, class Kept, class Convert>
void convert(const std::string& raw, Tensor& tensor, const Convert& to_kept) {
  const char* at = raw.data();
  for (Kept& element : tensor.as<Kept>()) {
    Stored stored;
    std::memcpy(&stored, at, sizeof stored);
    element = to_kept(stored);
    at += sizeof stored;
  }
}

// raw has exactly the bytes of the tensor's elements as ONNX stores them.
void fill(const std::string& raw, int type, Tensor& tensor) {
  const auto to_float = [](double x) { return static_cast<float>(x); };
  const auto to_s32 = [](auto x) { return static_cast<int32_t>(x); };
  const auto to_s64 = [](auto x) { return static_cast<int64_t>(x); };
  switch (type) {
    case TensorProto::DOUBLE:
      return convert<double, float>(raw, tensor, to_float);
    case TensorProto::FLOAT16:
      return convert<uint16_t, float>(raw, tensor, half_to_float);
    case TensorProto::BFLOAT16:
      return convert<uint16_t, float>(raw, tensor, bfloat_to_float);
    case TensorProto::INT16:
      return convert<int16_t, int32_t>(raw, tensor, to_s32);
    case TensorProto::UINT16:
      return convert<uint16_t, int32_t>(raw, tensor, to_s32);
    case TensorProto::UINT32:
      return convert<uint32_t, int64_t>(raw, tensor, to_s64);
    case TensorProto::UINT64:
      return convert<uint64_t, int64_t>(raw, tensor, to_s64);
    default:
      if (!raw.empty()) std::memcpy(tensor.data(), raw.data(), raw.size());
  }
}

struct ExternalPlace {
  std::string location;
  int64_t offset = 0;
  std::optional<int64_t> length;
};

Result<ExternalPlace> external_place(const TensorProto& proto) {
  ExternalPlace place;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") {
      place.location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      const std::string& text = entry.value();
      int64_t number = -1;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size() || number < 0) {
        return invalid(proto, "has the " + entry.key() + " '" + text + "' in its external file");
      }
      (entry.key() == "offset" ? place.offset : place.length.emplace()) = number;
    }
  }
  const std::filesystem::path path(place.location);
  bool inside = !place.location.empty() && path.is_relative() && place.location.find('\0') == std::string::npos;
  for (const auto& part : path) inside = inside && part != "..";
  if (!inside) {
    return invalid(proto, "lies in '" + place.location + "', which is no file below the model's folder");
  }
  return place;
}

}  // namespace

std::optional<DataType> type_of_onnx(int type) {
  switch (type) {
    case TensorProto::FLOAT:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::DOUBLE:
      return DataType::kF32;
    case TensorProto::UINT8:
      return DataType::kU8;
    case TensorProto::INT8:
      return DataType::kS8;
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::INT32:
      return DataType::kS32;
    case TensorProto::INT64:
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return DataType::kS64;
    case TensorProto::BOOL:
      return DataType::kBool;
    default:
      return std::nullopt;
  }
}

Result<Tensor> OnnxTensorReader::read(const TensorProto& proto) {
  const std::optional<DataType> type = type_of_onnx(proto.data_type());
  if (!type) {
    return at_tensor(
        proto, ErrorCode::kUnsupported,
        "has elements of ONNX's type " + std::to_string(proto.data_type()) + ", which octet does not have");
  }
  if (proto.dims_size() > Shape::kMaxRank) {
    return at_tensor(proto, ErrorCode::kUnsupported,
                     "has " + std::to_string(proto.dims_size()) + " dimensions, but at most " +
                         std::to_string(Shape::kMaxRank) + " are possible");
  }
  if (proto.has_segment()) return at_tensor(proto, ErrorCode::kUnsupported, "is stored in segments");
  Shape shape{std::vector<int64_t>(static_cast<size_t>(proto.dims_size()), 0)};
  for (int i = 0; i < proto.dims_size(); ++i) shape[i] = proto.dims(i);
  const int64_t count = shape.element_count();
  if (count < 0) return invalid(proto, "has the impossible shape " + shape.to_string());
  const int64_t bytes = count * stored_bytes(proto.data_type());

  std::string raw;
  if (proto.data_location() == TensorProto::EXTERNAL) {
    OCTET_TRY(raw, read_external(proto, bytes));
  } else {
    raw = proto.has_raw_data() ? proto.raw_data() : typed_field(proto);
  }
  if (raw.size() != static_cast<size_t>(bytes)) {
    return invalid(proto, "of shape " + shape.to_string() + " takes " + std::to_string(bytes) + " bytes, but has " +
                              std::to_string(raw.size()));
  }
  Tensor tensor(*type, shape);
  fill(raw, proto.data_type(), tensor);
  return tensor;
}

Result<std::string> OnnxTensorReader::read_external(const TensorProto& proto, int64_t bytes) {
  OCTET_TRY(const ExternalPlace place, external_place(proto));
  const std::filesystem::path path = std::filesystem::path(folder_) / place.location;
  std::error_code error;
  const auto file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return invalid(proto, "lies in '" + path.string() + "', which cannot be opened");
  if (place.length && *place.length != bytes) {
    return invalid(proto, "takes " + std::to_string(bytes) + " bytes, but has " + std::to_string(*place.length) +
                              " in '" + path.string() + "'");
  }
  if (place.offset > file_bytes || bytes > file_bytes - place.offset) {
    return invalid(proto, "takes " + std::to_string(bytes) + " bytes from byte " + std::to_string(place.offset) +
                              " of '" + path.string() + "', but the file has " + std::to_string(file_bytes));
  }
  if (files_.insert(path.lexically_normal()).second) file_bytes_ += file_bytes;
  read_bytes_ += bytes;
  if (const int64_t most = kMaxSharedBytes + 4 * file_bytes_; read_bytes_ > most) {
    return at_tensor(proto, ErrorCode::kUnsupported,
                     "lies in '" + path.string() + "', of which the constants up to here read " +
                         std::to_string(read_bytes_) + " bytes, but at most " + std::to_string(most) + " may be");
  }
  std::string raw(static_cast<size_t>(bytes), '\0');
  file.seekg(place.offset);
  file.read(raw.data(), bytes);
  if (!file && bytes > 0) return invalid(proto, "cannot be read from '" + path.string() + "'");
  return raw;
}

}  // namespace octet
