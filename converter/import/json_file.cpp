#include "converter/import/json_file.h"

#include <filesystem>
#include <optional>
#include <set>

#include "converter/atomic_file.h"
#include "runtime/half.h"

namespace octet {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{256} << 20;
constexpr int kMaxDepth = 128;
// A parsed value takes up to some 80 bytes where its text takes two. Tensors and nodes are a dozen values each.
constexpr int64_t kMaxValues = int64_t{1} << 22;

Error invalid_file(const std::string& path, const std::string& what) {
  return {ErrorCode::kInvalidFile, path + ": " + what};
}

std::string line_and_column(std::string_view text, size_t position) {
  size_t line = 1;
  size_t column = 1;
  for (size_t i = 0; i < std::min(position, text.size()); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

struct Excess {
  size_t position;
  std::string what;
};

// Where the text first has more than is taken, before anything is made of it. Strings are skipped.
std::optional<Excess> find_excess(std::string_view text) {
  int depth = 0;
  int64_t values = 1;  // at most: the first, one behind each bracket and one behind each comma
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return Excess{i, "nested deeper than " + std::to_string(kMaxDepth)};
      ++values;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',') {
      ++values;
    }
    if (values > kMaxValues) return Excess{i, "more than " + std::to_string(kMaxValues) + " values"};
  }
  return std::nullopt;
}

// "an object", "a string"
std::string kind_of(const Json& json) {
  const std::string name = json.is_array() ? "list" : json.type_name();
  return (name == "object" ? "an " : "a ") + name;
}

}  // namespace

Error JsonAt::invalid(const std::string& what) const {
  return {ErrorCode::kInvalidFile, where + ": " + what};
}

bool JsonAt::has(const char* field) const {
  return json.is_object() && json.contains(field) && !json.at(field).is_null();
}

Result<JsonAt> JsonAt::field(const char* name) const {
  if (!json.is_object()) return invalid("is " + kind_of(json) + ", not an object");
  const auto found = json.find(name);
  if (found == json.end()) return invalid("the field '" + std::string(name) + "' is missing");
  return JsonAt{*found, where + ": " + name};
}

Result<JsonList> JsonAt::list() const {
  if (!json.is_array()) return invalid("is " + kind_of(json) + ", not a list");
  return JsonList(*this);
}

Result<std::string> JsonAt::as_string() const {
  if (!json.is_string()) return invalid("is " + kind_of(json) + ", not a string");
  return json.get<std::string>();
}

Result<int64_t> JsonAt::as_integer() const {
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return invalid("the number " + json.dump() + " is too large");
  }
  if (json.is_number_integer()) return json.get<int64_t>();
  return invalid("is " + kind_of(json) + ", not an integer");
}

Result<double> JsonAt::as_number() const {
  if (!json.is_number()) return invalid("is " + kind_of(json) + ", not a number");
  const double number = json.get<double>();
  if (!std::isfinite(number)) return invalid("the number is not finite");
  return number;
}

Result<bool> JsonAt::as_bool() const {
  if (!json.is_boolean()) return invalid("is " + kind_of(json) + ", not true or false");
  return json.get<bool>();
}

Result<std::vector<std::string>> JsonAt::as_strings() const {
  OCTET_TRY(const auto elements, list());
  std::vector<std::string> strings;
  for (const JsonAt& element : elements) {
    OCTET_TRY(std::string text, element.as_string());
    strings.push_back(std::move(text));
  }
  return strings;
}

Result<std::vector<int64_t>> JsonAt::as_integers() const {
  OCTET_TRY(const auto elements, list());
  std::vector<int64_t> integers;
  for (const JsonAt& element : elements) {
    OCTET_TRY(const int64_t integer, element.as_integer());
    integers.push_back(integer);
  }
  return integers;
}

Result<std::string> JsonAt::string_or(const char* name, const std::string& otherwise) const {
  return has(name) ? field(name)->as_string() : otherwise;
}

Result<int64_t> JsonAt::integer_or(const char* name, int64_t otherwise) const {
  return has(name) ? field(name)->as_integer() : otherwise;
}

Result<double> JsonAt::number_or(const char* name, double otherwise) const {
  return has(name) ? field(name)->as_number() : otherwise;
}

Result<bool> JsonAt::bool_or(const char* name, bool otherwise) const {
  return has(name) ? field(name)->as_bool() : otherwise;
}

Result<Json> read_json_file(const std::string& path) {
  OCTET_TRY(const std::string text, read_text_file(path, kMaxTextBytes));
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return invalid_file(path, "the file is empty");
  if (const std::optional<Excess> excess = find_excess(text)) {
    return invalid_file(path, line_and_column(text, excess->position) + ": " + excess->what);
  }
  try {
    std::vector<std::set<std::string>> open_objects;
    std::string repeated;
    Json json = Json::parse(text, [&](int, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
      if (event == Json::parse_event_t::object_end) open_objects.pop_back();
      if (event == Json::parse_event_t::key && !open_objects.back().insert(parsed.get<std::string>()).second) {
        repeated = parsed.get<std::string>();
      }
      return true;
    });
    if (!repeated.empty()) return invalid_file(path, "an object has two fields '" + repeated + "'");
    if (!json.is_object()) return invalid_file(path, "holds " + kind_of(json) + ", not an object");
    return json;
  } catch (const Json::parse_error& error) {
    // error.byte counts from 1, and is one past the end where the text breaks off.
    const size_t position = error.byte > 0 ? error.byte - 1 : 0;
    const std::string what = position >= text.size() ? "the file breaks off" : "this is no JSON";
    return invalid_file(path, line_and_column(text, position) + ": " + what);
  } catch (const Json::exception&) {
    return invalid_file(path, "a number is out of range");
  }
}

WeightFiles::WeightFiles(const std::string& json_path)
    : folder_(std::filesystem::path(json_path).parent_path().string()) {
  if (!folder_.empty() && !folder_.ends_with('/')) folder_ += '/';
}

Result<std::string_view> WeightFiles::read(const std::string& name) {
  const std::filesystem::path path(name);
  bool inside = !name.empty() && path.is_relative() && name.find('\0') == std::string::npos;
  for (const auto& part : path) inside = inside && part != "..";
  if (!inside) {
    return Error{ErrorCode::kInvalidFile,
                 "the weights file '" + name + "' is not a relative path below the model's folder"};
  }
  const std::string key = path.lexically_normal();
  auto found = files_.find(key);
  if (found == files_.end()) {
    OCTET_TRY(std::vector<std::byte> bytes, read_file(folder_ + name, INT64_MAX));
    byte_count_ += static_cast<int64_t>(bytes.size());
    found = files_.emplace(key, std::move(bytes)).first;
  }
  return std::string_view(reinterpret_cast<const char*>(found->second.data()), found->second.size());
}

std::vector<std::string> WeightFiles::paths() const {
  std::vector<std::string> paths;
  for (const auto& [name, bytes] : files_) paths.push_back(folder_ + name);
  return paths;
}

Result<Shape> read_shape(const JsonAt& at) {
  OCTET_TRY(const std::vector<int64_t> dims, at.as_integers());
  if (dims.size() > Shape::kMaxRank) {
    return at.invalid("has " + std::to_string(dims.size()) + " dimensions, but at most " +
                      std::to_string(Shape::kMaxRank) + " are possible");
  }
  for (const int64_t dim : dims) {
    if (dim < 0) return at.invalid("the dimension " + std::to_string(dim) + " is negative");
  }
  const Shape shape(dims);
  if (shape.element_count() < 0) {
    return at.invalid("the shape " + shape.to_string() + " has more than " + std::to_string(Shape::kMaxElements) +
                      " elements");
  }
  return shape;
}

Result<Tensor> read_tensor(const WeightRange& range, std::string_view dtype, std::string_view bytes,
                           const std::string& file) {
  struct Type {
    std::string_view name;
    DataType type;
    int64_t stored_bytes;
  };
  static constexpr std::array kTypes{Type{"f32", DataType::kF32, 4}, Type{"f16", DataType::kF32, 2},
                                     Type{"s8", DataType::kS8, 1},   Type{"u8", DataType::kU8, 1},
                                     Type{"s32", DataType::kS32, 4}, Type{"s64", DataType::kS64, 8}};
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.name == dtype; });
  const auto invalid = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidFile, "tensor '" + range.name + "' " + what};
  };
  if (type == kTypes.end()) {
    return invalid("has the dtype '" + std::string(dtype) + "', not one of f32, f16, s8, u8, s32, s64");
  }
  const int64_t count = range.shape.element_count();
  const auto available = static_cast<int64_t>(bytes.size());
  if (range.offset < 0) return invalid("starts at byte " + std::to_string(range.offset));
  // No overflow: count is at most 2^40.
  if (range.offset > available || count * type->stored_bytes > available - range.offset) {
    const uint64_t end = static_cast<uint64_t>(range.offset) + static_cast<uint64_t>(count * type->stored_bytes);
    return invalid("ends at byte " + std::to_string(end) + ", but '" + file + "' has " + std::to_string(available));
  }
  Tensor tensor(type->type, range.shape);
  const char* source = bytes.data() + range.offset;
  if (dtype != "f16") {
    if (count > 0) std::memcpy(tensor.data(), source, static_cast<size_t>(tensor.byte_count()));
    return tensor;
  }
  for (float& element : tensor.as<float>()) {
    uint16_t half = 0;
    std::memcpy(&half, source, 2);
    element = half_to_float(half);
    source += 2;
  }
  return tensor;
}

}  // namespace octet
