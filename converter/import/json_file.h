// Untrusted JSON, read field by field: every accessor says where in the file it is and what is wrong. nlohmann/json's
// exceptions end here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "converter/tensor.h"
#include "octet/result.h"

namespace octet {

using Json = nlohmann::json;

class JsonList;

// A place in a JSON document: what is there, and how to speak of it ("model.json: tensors[3]").
struct JsonAt {
  const Json& json;
  std::string where;

  // kInvalidFile: "<where>: <what>"
  Error invalid(const std::string& what) const;

  bool is_object() const { return json.is_object(); }
  bool has(const char* field) const;  // present and not null
  // The field; an error where this is no object, or it lacks the field.
  Result<JsonAt> field(const char* name) const;
  // The elements; an error where this is no list.
  Result<JsonList> list() const;

  Result<std::string> as_string() const;
  Result<int64_t> as_integer() const;
  Result<double> as_number() const;  // finite
  Result<bool> as_bool() const;
  Result<std::vector<std::string>> as_strings() const;
  Result<std::vector<int64_t>> as_integers() const;

  // The field, or the default where it is absent or null; an error where it has another type.
  Result<std::string> string_or(const char* name, const std::string& otherwise) const;
  Result<int64_t> integer_or(const char* name, int64_t otherwise) const;
  Result<double> number_or(const char* name, double otherwise) const;
  Result<bool> bool_or(const char* name, bool otherwise) const;
};

// The elements of a list. Their places are named as they are asked for: a name takes many times the bytes of "0,".
class JsonList {
 public:
  explicit JsonList(const JsonAt& list) : list_(list) {}

  size_t size() const { return list_.json.size(); }
  bool empty() const { return list_.json.empty(); }
  JsonAt operator[](size_t i) const { return {list_.json[i], list_.where + "[" + std::to_string(i) + "]"}; }

  struct Iterator {
    const JsonList& list;
    size_t i;
    JsonAt operator*() const { return list[i]; }
    Iterator& operator++() { return ++i, *this; }
    bool operator!=(const Iterator& other) const { return i != other.i; }
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  JsonAt list_;
};

// kInvalidFile where the file is missing, empty, larger than 256 MiB, no JSON (with line and column), nested deeper
// than 128, of more than 4,194,304 values, no object, or an object in it has two fields of one name.
Result<Json> read_json_file(const std::string& path);

// A tensor's place in a file of weights.
struct WeightRange {
  std::string name;  // of the tensor, for messages
  Shape shape;
  int64_t offset = 0;  // bytes
};

// The binary files beside a JSON file, each read once, however its name is spelled. Names come from the file, so they
// must be relative and stay below its folder.
class WeightFiles {
 public:
  explicit WeightFiles(const std::string& json_path);

  // The whole file; alive as long as this.
  Result<std::string_view> read(const std::string& name);
  // Of all files read.
  int64_t byte_count() const { return byte_count_; }
  std::vector<std::string> paths() const;

 private:
  std::string folder_;  // ends with '/', or is empty
  std::map<std::string, std::vector<std::byte>> files_;
  int64_t byte_count_ = 0;
};

// A shape of known dimensions; an error where the rank, a dimension or their product is out of bounds.
Result<Shape> read_shape(const JsonAt& at);

// The tensor whose elements, little-endian, start at range.offset in `bytes`. dtype: f32, f16 (becomes f32), s8, u8,
// s32, s64, by those names. An error that names both numbers where the range does not lie in the file.
Result<Tensor> read_tensor(const WeightRange& range, std::string_view dtype, std::string_view bytes,
                           const std::string& file);

}  // namespace octet
