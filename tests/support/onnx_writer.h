// ONNX files byte by byte, so that tests can make any file there is, damaged ones too, without protobuf.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace octet::test {

// A protobuf message under construction. Field numbers are those of onnx.proto.
struct Message {
  std::string bytes;

  Message& varint(int field, int64_t value) {
    put(static_cast<uint64_t>(field) << 3);
    put(static_cast<uint64_t>(value));
    return *this;
  }
  Message& text(int field, const std::string& value) {
    put(static_cast<uint64_t>(field) << 3 | 2);
    put(value.size());
    bytes += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes); }
  Message& fixed32(int field, float value) {
    put(static_cast<uint64_t>(field) << 3 | 5);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Message& fixed64(int field, double value) {
    put(static_cast<uint64_t>(field) << 3 | 1);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }

 private:
  void put(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
  }
};

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// TensorProto.DataType
enum OnnxType {
  kOnnxFloat = 1,
  kOnnxInt64 = 7,
  kOnnxString = 8,
  kOnnxBool = 9,
  kOnnxHalf = 10,
  kOnnxDouble = 11,
  kOnnxBfloat = 16
};

inline Message tensor_header(const std::string& name, const std::vector<int64_t>& dims, int type) {
  Message tensor;
  for (const int64_t dim : dims) tensor.varint(1, dim);
  return tensor.varint(2, type).text(8, name);
}
inline Message raw_tensor(const std::string& name, const std::vector<int64_t>& dims, int type, const std::string& raw) {
  return tensor_header(name, dims, type).text(9, raw);
}
inline Message float_tensor(const std::string& name, const std::vector<int64_t>& dims, const std::vector<float>& data) {
  return raw_tensor(name, dims, kOnnxFloat, raw_bytes(data));
}
inline Message external_tensor(const std::string& name, const std::vector<int64_t>& dims, const std::string& location,
                               const std::string& offset, const std::string& length) {
  const auto entry = [](const std::string& key, const std::string& value) {
    return Message{}.text(1, key).text(2, value);
  };
  Message tensor = tensor_header(name, dims, kOnnxFloat).message(13, entry("location", location));
  if (!offset.empty()) tensor.message(13, entry("offset", offset));
  if (!length.empty()) tensor.message(13, entry("length", length));
  return tensor.varint(14, 1);
}

// Dimensions below 1 are written by name.
inline Message value_info(const std::string& name, const std::vector<int64_t>& dims, int type = kOnnxFloat) {
  Message shape;
  for (const int64_t dim : dims) {
    shape.message(1, dim > 0 ? Message{}.varint(1, dim) : Message{}.text(2, "N"));
  }
  const Message tensor_type = Message{}.varint(1, type).message(2, shape);
  return Message{}.text(1, name).message(2, Message{}.message(1, tensor_type));
}

inline Message node(const std::string& op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::string& name = "",
                    const std::string& domain = "") {
  Message message;
  for (const std::string& input : inputs) message.text(1, input);
  for (const std::string& output : outputs) message.text(2, output);
  if (!name.empty()) message.text(3, name);
  message.text(4, op);
  if (!domain.empty()) message.text(7, domain);
  return message;
}
inline Message int_attribute(const std::string& name, int64_t value) {
  return Message{}.text(1, name).varint(3, value).varint(20, 2);
}
inline Message float_attribute(const std::string& name, float value) {
  return Message{}.text(1, name).fixed32(2, value).varint(20, 1);
}
inline Message graph_attribute(const std::string& name, const Message& graph) {
  return Message{}.text(1, name).message(6, graph).varint(20, 5);
}

struct OnnxFile {
  int64_t ir = 7, opset = 13;
  Message graph;

  OnnxFile& add_node(const Message& message) { return graph.message(1, message), *this; }
  OnnxFile& add_constant(const Message& message) { return graph.message(5, message), *this; }
  OnnxFile& add_input(const Message& message) { return graph.message(11, message), *this; }
  OnnxFile& add_output(const Message& message) { return graph.message(12, message), *this; }

  std::string bytes() const {
    const Message import = Message{}.text(1, "").varint(2, opset);
    return Message{}.varint(1, ir).message(7, graph).message(8, import).bytes;
  }
};

}  // namespace octet::test
