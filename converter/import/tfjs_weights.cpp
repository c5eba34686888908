#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "converter/import/tfjs.h"

namespace octet {
namespace {

struct StoredType {
  std::string_view name;       // in the manifest
  std::string_view read_name;  // for read_tensor; empty where TensorFlow.js alone has it
  int64_t bytes;
};

constexpr std::array kTypes{StoredType{"float32", "f32", 4}, StoredType{"float16", "f16", 2},
                            StoredType{"int32", "s32", 4}, StoredType{"uint8", "u8", 1}, StoredType{"uint16", "", 2}};

const StoredType* find_type(std::string_view name) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const StoredType& t) { return t.name == name; });
  return found == kTypes.end() ? nullptr : &*found;
}

std::string reversed(const std::string& text) {
  return {text.rbegin(), text.rend()};
}

// real = q * scale + min
struct Quantization {
  double scale = 1;
  double min = 0;
};

Tensor dequantize(const Tensor& stored, const Quantization& by) {
  Tensor tensor(DataType::kF32, stored.shape());
  const auto apply = [&](auto q) { return static_cast<float>(q * by.scale + by.min); };
  if (stored.type() == DataType::kU8) {
    const auto source = stored.as<uint8_t>();
    std::transform(source.begin(), source.end(), tensor.as<float>().begin(), apply);
  } else {
    const auto source = stored.as<int32_t>();
    std::transform(source.begin(), source.end(), tensor.as<float>().begin(), apply);
  }
  return tensor;
}

// uint16 has no DataType: as s32.
Tensor widen(std::string_view bytes, const WeightRange& range) {
  Tensor tensor(DataType::kS32, range.shape);
  const char* source = bytes.data() + range.offset;
  for (int32_t& element : tensor.as<int32_t>()) {
    uint16_t value = 0;
    std::memcpy(&value, source, 2);
    element = value;
    source += 2;
  }
  return tensor;
}

// The tensor at range.offset; `size` gets the bytes it takes.
Result<Tensor> read_weight(const JsonAt& at, const WeightRange& range, std::string_view bytes, const std::string& file,
                           int64_t& size) {
  OCTET_TRY(const JsonAt dtype_field, at.field("dtype"));
  OCTET_TRY(const std::string dtype, dtype_field.as_string());
  std::string stored_as = dtype;
  std::optional<Quantization> quantization;
  if (at.has("quantization")) {
    OCTET_TRY(const JsonAt field, at.field("quantization"));
    OCTET_TRY(stored_as, field.string_or("dtype", dtype));
    if (stored_as != "float16") {
      quantization.emplace();
      OCTET_TRY(quantization->scale, field.number_or("scale", 1));
      OCTET_TRY(quantization->min, field.number_or("min", 0));
      if (stored_as != "uint8" && stored_as != "uint16") {
        return field.invalid("the dtype '" + stored_as + "' is not one of uint8, uint16, float16");
      }
    }
  }
  const StoredType* type = find_type(stored_as);
  if (type == nullptr || (type->read_name.empty() && !quantization)) {
    return at.invalid("the dtype '" + stored_as + "' is not one of float32, float16, int32, uint8");
  }
  size = range.shape.element_count() * type->bytes;
  const auto available = static_cast<int64_t>(bytes.size());
  if (size > available - range.offset) {
    return at.invalid("tensor '" + range.name + "' ends at byte " + std::to_string(range.offset + size) +
                      ", but its shards (" + file + ") have " + std::to_string(available));
  }
  if (type->read_name.empty()) return dequantize(widen(bytes, range), *quantization);
  OCTET_TRY(Tensor tensor, read_tensor(range, type->read_name, bytes, file));
  return quantization ? dequantize(tensor, *quantization) : tensor;
}

}  // namespace

Result<TfjsWeights> TfjsWeights::read(const JsonAt& manifest, WeightFiles& files) {
  TfjsWeights weights;
  std::set<std::filesystem::path> shards;
  OCTET_TRY(const auto groups, manifest.list());
  for (const JsonAt& group : groups) {
    OCTET_TRY(const JsonAt paths_field, group.field("paths"));
    OCTET_TRY(const auto paths, paths_field.as_strings());
    for (const std::string& path : paths) {
      const bool is_new = shards.insert(std::filesystem::path(path).lexically_normal()).second;
      if (!is_new) return paths_field.invalid("the shard '" + path + "' is listed twice");
    }
    std::string bytes;
    std::string names;
    for (const std::string& path : paths) {
      const Result<std::string_view> shard = files.read(path);
      if (!shard.ok()) return group.invalid(shard.error().message);
      bytes += *shard;
      names += (names.empty() ? "" : ", ") + path;
    }
    OCTET_TRY(const JsonAt list, group.field("weights"));
    OCTET_TRY(const auto entries, list.list());
    int64_t offset = 0;
    for (const JsonAt& entry : entries) {
      WeightRange range;
      OCTET_TRY(const JsonAt name, entry.field("name"));
      OCTET_TRY(range.name, name.as_string());
      OCTET_TRY(const JsonAt shape, entry.field("shape"));
      OCTET_TRY(range.shape, read_shape(shape));
      range.offset = offset;
      int64_t size = 0;
      OCTET_TRY(Tensor tensor, read_weight(entry, range, bytes, names, size));
      offset += size;
      if (!weights.tensors_.emplace(reversed(range.name), std::move(tensor)).second) {
        return entry.invalid("the tensor '" + range.name + "' is there twice");
      }
    }
    if (offset != static_cast<int64_t>(bytes.size())) {
      return group.invalid("its tensors take " + std::to_string(offset) + " bytes, but its shards (" + names +
                           ") have " + std::to_string(bytes.size()));
    }
  }
  return weights;
}

const Tensor* TfjsWeights::find(const std::string& layer, const std::string& weight) const {
  std::string wanted = reversed(layer + "/" + weight);
  if (const auto exact = tensors_.find(wanted); exact != tensors_.end()) return &exact->second;
  wanted += '/';
  const auto is_scoped = [&](auto at) { return at != tensors_.end() && at->first.starts_with(wanted); };
  const auto found = tensors_.lower_bound(wanted);
  if (!is_scoped(found) || is_scoped(std::next(found))) return nullptr;
  return &found->second;
}

int64_t TfjsWeights::byte_count() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += tensor.byte_count();
  return bytes;
}

}  // namespace octet
