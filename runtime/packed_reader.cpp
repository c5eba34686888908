#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/packed_bytes.h"

namespace octet {
namespace {

Error damaged(const std::string& what) {
  return {ErrorCode::kInvalidFile, what};
}

// Reads the graph section. After the first failure every read gives zeros, and error() says what went wrong.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // What is being read, for messages.
  void set_context(std::string context) { context_ = std::move(context); }
  bool ok() const { return message_.empty(); }
  Error error() const { return damaged(message_); }
  void fail(const std::string& what) {
    if (ok()) message_ = context_ + ": " + what;
  }
  bool at_end() const { return at_ == bytes_.size(); }
  size_t position() const { return at_; }

  template <class T>
  T get() {
    T value{};
    if (!need(sizeof value)) return value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string get_string() {
    const size_t count = get_count(1);
    std::string text(reinterpret_cast<const char*>(bytes_.data() + at_), count);
    at_ += count;
    return text;
  }
  // A count of items of at least `item_bytes` each: never more than the section has left.
  size_t get_count(size_t item_bytes) {
    const size_t count = get<uint32_t>();
    return need(count * item_bytes) ? count : 0;
  }
  template <class T>
  std::vector<T> get_list() {
    std::vector<T> items(get_count(sizeof(T)));
    for (T& item : items) item = get<T>();
    return items;
  }

  // The visitor of a Params struct's fields: the first `fields_left` of them are in the file, the others keep their
  // defaults (a file from before they were added).
  void set_fields(uint16_t count) { fields_left_ = count; }
  uint16_t fields_left() const { return fields_left_; }
  void operator()(const char* name, int64_t& value) {
    if (expect(name, FieldType::kInteger)) value = get<int64_t>();
  }
  void operator()(const char* name, bool& value) {
    if (!expect(name, FieldType::kInteger)) return;
    const auto number = get<int64_t>();
    if (number != 0 && number != 1) fail(std::string(name) + " is " + std::to_string(number) + ", not 0 or 1");
    value = number == 1;
  }
  void operator()(const char* name, float& value) {
    if (expect(name, FieldType::kReal)) value = get<float>();
  }
  void operator()(const char* name, Clamp& clamp) {
    std::array<float, 2> bounds{clamp.min, clamp.max};
    (*this)(name, bounds);
    if (!(bounds[0] <= bounds[1])) fail(std::string(name) + " is empty or not a number");
    clamp = {bounds[0], bounds[1]};
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char* name, Enum& value) {
    if (expect(name, FieldType::kInteger)) value = static_cast<Enum>(get<int64_t>());
  }
  template <class T, size_t n>
  void operator()(const char* name, std::array<T, n>& list) {
    if (!expect(name, std::is_same_v<T, float> ? FieldType::kReals : FieldType::kIntegers)) return;
    const std::vector<T> items = get_list<T>();
    if (items.size() != n)
      return fail(std::string(name) + " has " + std::to_string(items.size()) + " items, not " + std::to_string(n));
    std::copy(items.begin(), items.end(), list.begin());
  }
  template <class T>
  void operator()(const char* name, std::vector<T>& list) {
    if (expect(name, std::is_same_v<T, float> ? FieldType::kReals : FieldType::kIntegers)) list = get_list<T>();
  }

 private:
  bool need(size_t count) {
    if (!ok()) return false;
    if (count <= bytes_.size() - at_) return true;
    fail("needs " + std::to_string(count) + " bytes at byte " + std::to_string(at_) +
         " of the graph section, which has " + std::to_string(bytes_.size()));
    return false;
  }
  bool expect(const char* name, FieldType type) {
    if (!ok() || fields_left_ == 0) return false;
    --fields_left_;
    const auto found = get<uint8_t>();
    if (ok() && found != static_cast<uint8_t>(type)) {
      fail(std::string(name) + " has the field type " + std::to_string(found) + ", not " +
           std::to_string(static_cast<int>(type)));
    }
    return ok();
  }

  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  uint16_t fields_left_ = 0;
  std::string context_ = "graph section";
  std::string message_;
};

Status check_header(const PackedHeader& header, std::span<const std::byte> bytes, Backing backing) {
  if (header.magic != kPackedMagic) return damaged("not an octet file (its first 8 bytes are not octet's)");
  if (header.version == 0 || header.version > kPackedVersion) {
    return damaged("the file has format version " + std::to_string(header.version) + ", but this octet reads up to " +
                   std::to_string(kPackedVersion));
  }
  if (header.file_bytes != bytes.size()) {
    return damaged("the header says " + std::to_string(header.file_bytes) + " bytes, but the file has " +
                   std::to_string(bytes.size()));
  }
  if (header.checksum != checksum(bytes, backing)) return damaged("the checksum does not match: the file is damaged");
  const auto inside = [&](uint64_t offset, uint64_t count) {
    return offset % kPackedAlignment == 0 && offset >= kPackedHeaderBytes && offset <= bytes.size() &&
           count <= bytes.size() - offset;
  };
  if (header.header_bytes != kPackedHeaderBytes || !inside(header.graph_offset, header.graph_bytes) ||
      !inside(header.data_offset, header.data_bytes)) {
    return damaged("a section lies outside the file of " + std::to_string(bytes.size()) + " bytes");
  }
  if (header.file_bytes != end_of_sections(header) && !has_sha256(header)) {
    return damaged("the sections end at byte " + std::to_string(end_of_sections(header)) + " of a file of " +
                   std::to_string(bytes.size()) + ", and behind them is more or less than a digest");
  }
  return {};
}

PackedTensor read_tensor(Reader& in, size_t index, std::span<const std::byte> data, uint32_t version) {
  in.set_context("tensor " + std::to_string(index));
  PackedTensor tensor;
  tensor.name = in.get_string();
  in.set_context("tensor '" + tensor.name + "'");
  tensor.type = static_cast<DataType>(in.get<uint8_t>());
  const std::vector<int64_t> dims = in.get_list<int64_t>();
  if (dims.size() > Shape::kMaxRank) {
    in.fail("has rank " + std::to_string(dims.size()) + ", above " + std::to_string(Shape::kMaxRank));
    return tensor;
  }
  tensor.shape = Shape(std::span(dims));
  tensor.scales = in.get_list<float>();
  tensor.zero_points = in.get_list<int32_t>();
  tensor.axis = in.get<int32_t>();
  const auto offset = in.get<uint64_t>();
  const auto count = in.get<uint64_t>();
  if (version >= 2) {
    tensor.file_bits = in.get<uint8_t>();
    tensor.file_group = in.get<uint32_t>();
    const bool is_known = tensor.file_bits == 8 || (tensor.file_bits == 4 && tensor.type == DataType::kS8) ||
                          (tensor.file_bits == 16 && tensor.type == DataType::kF32);
    if (!is_known) {
      in.fail("has " + std::to_string(tensor.file_bits) + " bits an element, not 8, 4 of s8 or 16 of f32");
    }
  }
  if (!in.ok() || offset == kNoData) return tensor;
  if (offset % kPackedAlignment != 0 || offset > data.size() || count > data.size() - offset) {
    in.fail("ends at byte " + std::to_string(offset + count) + " of the data section, which has " +
            std::to_string(data.size()));
    return tensor;
  }
  tensor.data = data.data() + offset;
  tensor.data_bytes = static_cast<int64_t>(count);
  return tensor;
}

PackedNode read_node(Reader& in, size_t index) {
  in.set_context("node " + std::to_string(index));
  PackedNode node;
  node.name = in.get_string();
  in.set_context("node '" + node.name + "'");
  const auto id = in.get<uint16_t>();
  const std::optional<OpParams> op = op_from_id(id);
  if (!op.has_value()) {
    in.fail("has the op number " + std::to_string(id) + ", which this octet does not know");
    return node;
  }
  node.op = *op;
  in.set_fields(in.get<uint16_t>());
  std::visit([&](auto& params) { params.visit_fields(params, in); }, node.op);
  if (in.fields_left() > 0)
    in.fail("has " + std::to_string(in.fields_left()) + " parameters that this octet does not know");
  node.inputs = in.get_list<int32_t>();
  node.outputs = in.get_list<int32_t>();
  return node;
}

// A constant's address is its identity, for the kernels that share what they pack of it: no two may lie in the same
// bytes.
Status check_constants_apart(const PackedModel& model) {
  std::vector<const PackedTensor*> constants;
  for (const PackedTensor& tensor : model.tensors) {
    if (tensor.data_bytes > 0) constants.push_back(&tensor);
  }
  const auto begin = [](const PackedTensor* tensor) { return static_cast<const std::byte*>(tensor->data); };
  std::ranges::sort(constants, {}, begin);
  const PackedTensor* before = nullptr;
  for (const PackedTensor* tensor : constants) {
    if (before != nullptr && begin(before) + before->data_bytes > begin(tensor)) {
      return damaged("the constants '" + before->name + "' and '" + tensor->name +
                     "' lie in the same bytes of the data section");
    }
    before = tensor;
  }
  return {};
}

struct alignas(kPackedAlignment) Line {
  std::byte bytes[kPackedAlignment];
};

// Bytes of a small tensor in the file. elements >= 0.
int64_t small_bytes(const PackedTensor& tensor, int64_t elements) {
  return tensor.file_bits == 16 ? 2 * elements : nibble_layout(tensor).byte_count();
}

// False where the bytes are no numbers. `to`: the tensor's elements.
bool unpack_small(const PackedTensor& tensor, int64_t elements, void* to) {
  const std::span bytes(static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.data_bytes));
  const auto count = static_cast<size_t>(elements);
  if (tensor.file_bits == 4) return unpack_nibbles(bytes, nibble_layout(tensor), {static_cast<int8_t*>(to), count});
  unpack_halves(bytes, {static_cast<float*>(to), count});
  return true;
}

// Gives tensors of 4 and 16 bits the form that they have in memory, which is the model's own. `needed_bytes`: what the
// rest takes.
Status unpack_constants(PackedModel& model, int64_t needed_bytes, int64_t max_bytes) {
  std::vector<std::vector<Line>> unpacked;
  for (PackedTensor& tensor : model.tensors) {
    if (tensor.file_bits == 8 || tensor.data == nullptr) continue;
    const int64_t elements = tensor.shape.element_count();  // below 0: dynamic
    // A shape must be believable before memory is taken for it.
    if (elements < 0 || elements / 2 > tensor.data_bytes || small_bytes(tensor, elements) != tensor.data_bytes) {
      return damaged("tensor '" + tensor.name + "' of " + std::to_string(tensor.file_bits) + " bits has " +
                     std::to_string(tensor.data_bytes) + " bytes, but its shape " + tensor.shape.to_string() +
                     " needs " + std::to_string(elements < 0 ? 0 : small_bytes(tensor, elements)));
    }
    const auto bytes = static_cast<size_t>(elements * element_bytes(tensor.type));
    needed_bytes += static_cast<int64_t>(align(bytes));
    OCTET_CHECK(check_memory(needed_bytes, max_bytes));
    void* to = unpacked.emplace_back(align(bytes) / sizeof(Line)).data();
    if (!unpack_small(tensor, elements, to)) {
      return damaged("tensor '" + tensor.name + "' holds what no number of 4 bits is");
    }
    tensor.data = to;
    tensor.data_bytes = static_cast<int64_t>(bytes);
  }
  if (unpacked.empty()) return {};
  struct Both {
    std::shared_ptr<const void> file;
    std::vector<std::vector<Line>> unpacked;
  };
  model.storage = std::make_shared<Both>(Both{std::move(model.storage), std::move(unpacked)});
  return {};
}

// Biases and the like lie between the weights: to read one, the system maps the pages around it. Copies keep the
// weights' pages out of memory.
void copy_small_constants(PackedModel& model) {
  constexpr int64_t kSmallBytes = 16384;
  const auto is_small = [](const PackedTensor& tensor) {
    return tensor.data != nullptr && tensor.data_bytes <= kSmallBytes;
  };
  const auto lines = [](const PackedTensor& tensor) {
    return align(static_cast<size_t>(tensor.data_bytes)) / sizeof(Line);
  };
  size_t count = 0;
  for (const PackedTensor& tensor : model.tensors) count += is_small(tensor) ? lines(tensor) : 0;
  auto copies = std::make_shared<std::vector<Line>>(count);
  Line* next = copies->data();
  for (PackedTensor& tensor : model.tensors) {
    if (!is_small(tensor)) continue;
    std::memcpy(next, tensor.data, static_cast<size_t>(tensor.data_bytes));
    tensor.data = next;
    next += lines(tensor);
  }
  struct Both {
    std::shared_ptr<const void> file;
    std::shared_ptr<std::vector<Line>> copies;
  };
  model.storage = std::make_shared<Both>(Both{std::move(model.storage), std::move(copies)});
}

}  // namespace

Status check_memory(int64_t needed_bytes, int64_t max_bytes) {
  if (needed_bytes <= max_bytes) return {};
  return Error{ErrorCode::kResource, "the model may take " + std::to_string(needed_bytes) +
                                         " bytes of memory, but is allowed " + std::to_string(max_bytes)};
}

Result<PackedModel> read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> storage, Backing backing,
                               int64_t max_bytes) {
  if (bytes.size() < kPackedHeaderBytes) {
    return damaged("the file has " + std::to_string(bytes.size()) + " bytes, fewer than a header of " +
                   std::to_string(kPackedHeaderBytes));
  }
  PackedHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  OCTET_CHECK(check_header(header, bytes, backing));
  // Neither overflows: both sizes are those of bytes in memory.
  const int64_t needed_bytes =
      static_cast<int64_t>(bytes.size()) + kMemoryOfGraphByte * static_cast<int64_t>(header.graph_bytes);
  OCTET_CHECK(check_memory(needed_bytes, max_bytes));

  Reader in(bytes.subspan(header.graph_offset, header.graph_bytes));
  const auto data = bytes.subspan(header.data_offset, header.data_bytes);
  PackedModel model;
  model.storage = std::move(storage);
  model.name = in.get_string();
  model.preprocessing = in.get_string();
  model.class_names.resize(in.get_count(sizeof(uint32_t)));
  for (std::string& name : model.class_names) name = in.get_string();
  for (size_t count = in.get_count(2 * sizeof(uint32_t)); count > 0; --count) {
    std::string key = in.get_string();
    model.metadata[std::move(key)] = in.get_string();
  }
  const size_t tensors = in.get_count(37);  // the bytes of a tensor with no name and rank 0
  model.tensors.reserve(tensors);
  for (size_t i = 0; i < tensors && in.ok(); ++i) model.tensors.push_back(read_tensor(in, i, data, header.version));
  in.set_context("graph section");
  const size_t nodes = in.get_count(16);  // the bytes of a node with no name, fields, inputs and outputs
  model.nodes.reserve(nodes);
  for (size_t i = 0; i < nodes && in.ok(); ++i) model.nodes.push_back(read_node(in, i));
  in.set_context("graph section");
  model.inputs = in.get_list<int32_t>();
  model.outputs = in.get_list<int32_t>();
  if (in.ok() && !in.at_end()) in.fail("has bytes left at " + std::to_string(in.position()));
  if (!in.ok()) return in.error();
  OCTET_CHECK(check_constants_apart(model));
  OCTET_CHECK(unpack_constants(model, needed_bytes, max_bytes));
  OCTET_CHECK(check_model(model));
  if (backing == Backing::kMappedFile) {
    copy_small_constants(model);
    release_pages(bytes);
    model.mapped = bytes;
  }
  return model;
}

}  // namespace octet
