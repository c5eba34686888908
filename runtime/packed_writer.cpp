#include <algorithm>
#include <cstring>
#include <type_traits>

#include "runtime/packed_bytes.h"

namespace octet {
namespace {

class Writer {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof value);
  }
  void put(const std::string& text) {
    put(static_cast<uint32_t>(text.size()));
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), p, p + text.size());
  }
  template <class T>
  void put_list(std::span<const T> items) {
    put(static_cast<uint32_t>(items.size()));
    for (const T& item : items) put(item);
  }

  // The visitor of a Params struct's fields.
  void operator()(const char*, int64_t value) { tagged(FieldType::kInteger, value); }
  void operator()(const char*, bool value) { tagged(FieldType::kInteger, int64_t{value}); }
  void operator()(const char*, float value) { tagged(FieldType::kReal, value); }
  void operator()(const char*, const Clamp& clamp) { reals(std::array{clamp.min, clamp.max}); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char*, Enum value) { tagged(FieldType::kInteger, static_cast<int64_t>(value)); }
  template <size_t n>
  void operator()(const char*, const std::array<int64_t, n>& list) {
    integers(list);
  }
  template <size_t n>
  void operator()(const char*, const std::array<float, n>& list) {
    reals(list);
  }
  void operator()(const char*, const std::vector<int64_t>& list) { integers(list); }
  void operator()(const char*, const std::vector<float>& list) { reals(list); }

  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  template <class T>
  void tagged(FieldType type, T value) {
    put(static_cast<uint8_t>(type));
    put(value);
  }
  void integers(std::span<const int64_t> list) {
    put(static_cast<uint8_t>(FieldType::kIntegers));
    put_list(list);
  }
  void reals(std::span<const float> list) {
    put(static_cast<uint8_t>(FieldType::kReals));
    put_list(list);
  }

  std::vector<std::byte> bytes_;
};

// Whether field `count` (the first one is 1) must be in the file. Those that an op got later stay out of it where they
// are false, so that an octet from before them reads the file.
template <class Params, class T>
bool is_needed([[maybe_unused]] uint16_t count, [[maybe_unused]] const T& value) {
  if constexpr (requires { Params::kFirstFields; } && std::is_same_v<T, bool>) {
    return count <= Params::kFirstFields || value;
  } else {
    return true;
  }
}

// How many fields go into the file.
template <class Params>
uint16_t count_fields(const Params& params) {
  uint16_t count = 0;
  uint16_t needed = 0;
  auto counter = [&](const char*, const auto& value) {
    ++count;
    if (is_needed<Params>(count, value)) needed = count;
  };
  params.visit_fields(params, counter);
  return needed;
}

// Writes the first `left` fields.
struct FieldWriter {
  Writer& out;
  uint16_t left;

  template <class T>
  void operator()(const char* name, const T& value) {
    if (left == 0) return;
    --left;
    out(name, value);
  }
};

// A tensor's data as the file has it.
struct FileData {
  uint64_t offset = kNoData;
  uint64_t bytes = 0;
  std::vector<std::byte> small;  // of file_bits each; empty: as in memory
};

// What file_bits asks for; nothing where the values do not allow it.
std::optional<std::vector<std::byte>> small_form(const PackedTensor& tensor) {
  const auto count = static_cast<size_t>(tensor.data_bytes) / static_cast<size_t>(element_bytes(tensor.type));
  if (count == 0) return std::nullopt;
  if (tensor.file_bits == 4 && tensor.type == DataType::kS8) {
    return pack_nibbles({static_cast<const int8_t*>(tensor.data), count}, nibble_layout(tensor));
  }
  if (tensor.file_bits == 16 && tensor.type == DataType::kF32) {
    return pack_halves({static_cast<const float*>(tensor.data), count});
  }
  return std::nullopt;
}

// The least version that has such layers and tensors; small forms are seen to where they are packed.
uint32_t least_version(const PackedModel& model) {
  uint32_t version = 1;
  for (const PackedTensor& tensor : model.tensors) {
    if (tensor.type == DataType::kBf16) version = std::max(version, kVersionOfBf16);
  }
  for (const PackedNode& node : model.nodes) {
    const auto type = [&](size_t i) { return model.tensors[static_cast<size_t>(node.inputs[i])].type; };
    if (std::holds_alternative<RecurrentParams>(node.op) && type(kRecurrentW) == DataType::kS8) {
      version = std::max(version, kVersionOfRecurrentIntegers);
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (reads_only_shape(node.op, i)) version = std::max(version, kVersionOfShapeInputs);
    }
    if (!std::holds_alternative<FullyConnectedParams>(node.op)) continue;
    if (type(0) == DataType::kF32 && type(1) == DataType::kS8) version = std::max(version, kVersionOfWeightOnly);
  }
  return version;
}

std::vector<std::byte> write_graph(const PackedModel& model, std::span<const FileData> data, uint32_t version) {
  Writer out;
  out.put(model.name);
  out.put(model.preprocessing);
  out.put(static_cast<uint32_t>(model.class_names.size()));
  for (const std::string& name : model.class_names) out.put(name);
  out.put(static_cast<uint32_t>(model.metadata.size()));
  for (const auto& [key, value] : model.metadata) {
    out.put(key);
    out.put(value);
  }
  out.put(static_cast<uint32_t>(model.tensors.size()));
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const PackedTensor& tensor = model.tensors[i];
    out.put(tensor.name);
    out.put(static_cast<uint8_t>(tensor.type));
    out.put_list(std::span(tensor.shape.begin(), tensor.shape.end()));
    out.put_list(std::span(tensor.scales));
    out.put_list(std::span(tensor.zero_points));
    out.put(static_cast<int32_t>(tensor.axis));
    out.put(data[i].offset);
    out.put(data[i].bytes);
    if (version >= 2) {
      const bool is_small = !data[i].small.empty();
      out.put(static_cast<uint8_t>(is_small ? tensor.file_bits : 8));
      out.put(static_cast<uint32_t>(is_small ? tensor.file_group : 0));
    }
  }
  out.put(static_cast<uint32_t>(model.nodes.size()));
  for (const PackedNode& node : model.nodes) {
    out.put(node.name);
    out.put(op_id(node.op));
    std::visit(
        [&](const auto& params) {
          const uint16_t count = count_fields(params);
          out.put(count);
          FieldWriter writer{out, count};
          params.visit_fields(params, writer);
        },
        node.op);
    out.put_list(std::span(node.inputs));
    out.put_list(std::span(node.outputs));
  }
  out.put_list(std::span(model.inputs));
  out.put_list(std::span(model.outputs));
  return out.take();
}

}  // namespace

std::vector<std::byte> write_model(const PackedModel& model) {
  std::vector<FileData> data(model.tensors.size());
  size_t data_bytes = 0;
  uint32_t version = least_version(model);
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const PackedTensor& tensor = model.tensors[i];
    if (tensor.data == nullptr) continue;
    data[i] = {data_bytes, static_cast<uint64_t>(tensor.data_bytes), {}};
    if (auto small = small_form(tensor)) {
      data[i].bytes = small->size();
      data[i].small = std::move(*small);
      version = std::max(version, tensor.file_bits == 4 ? kVersionOf4Bits : kVersionOfHalves);
    }
    data_bytes = align(data_bytes + data[i].bytes);
  }
  const std::vector<std::byte> graph = write_graph(model, data, version);
  PackedHeader header{};
  header.magic = kPackedMagic;
  header.version = version;
  header.header_bytes = kPackedHeaderBytes;
  header.graph_offset = kPackedHeaderBytes;
  header.graph_bytes = graph.size();
  header.data_offset = align(header.graph_offset + graph.size());
  header.data_bytes = data_bytes;
  header.file_bytes = header.data_offset + data_bytes;

  std::vector<std::byte> bytes(header.file_bytes);
  std::memcpy(bytes.data() + header.graph_offset, graph.data(), graph.size());
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const PackedTensor& tensor = model.tensors[i];
    if (tensor.data == nullptr) continue;
    const void* from = data[i].small.empty() ? tensor.data : data[i].small.data();
    std::memcpy(bytes.data() + header.data_offset + data[i].offset, from, data[i].bytes);
  }
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum = checksum(bytes);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace octet
