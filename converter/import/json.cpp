// octet's own JSON with binary weights (converter/README.md, "octet JSON") becomes a SourceModel.
#include <set>

#include "converter/import/import_limits.h"
#include "converter/import/json_file.h"
#include "converter/import/source_model.h"
#include "converter/op_rule.h"

namespace octet {
namespace {

constexpr int64_t kVersion = 1;
// Attributes mean what ONNX's of this operator set do.
constexpr int kOpset = 13;

// Where ops are spoken of as ONNX does, or the JSON name itself where ONNX has no such op.
struct FoundOp {
  std::string op_type, domain;
};

FoundOp find_op(const std::string& name) {
  for (const OpRule* rule : op_rules()) {
    for (const OpReader& reader : rule->readers) {
      if (!reader.json.empty() && reader.json == name && !reader.onnx.empty()) return {std::string(reader.onnx), ""};
    }
  }
  return {name, kJsonDomain};
}

Result<Attribute> read_attribute(const JsonAt& at) {
  const Json& json = at.json;
  if (json.is_boolean()) return Attribute{int64_t{json.get<bool>()}};
  if (json.is_number_integer()) {
    OCTET_TRY(const int64_t integer, at.as_integer());
    return Attribute{integer};
  }
  if (json.is_number()) {
    OCTET_TRY(const double number, at.as_number());
    return Attribute{static_cast<float>(number)};
  }
  if (json.is_string()) return Attribute{json.get<std::string>()};
  if (!json.is_array()) return at.invalid("an attribute is a number, a string, true, false, or a list of these");
  if (!json.empty() && json[0].is_string()) {
    OCTET_TRY(auto strings, at.as_strings());
    return Attribute{std::move(strings)};
  }
  const bool integers =
      std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_number_integer(); });
  if (integers) {
    OCTET_TRY(auto numbers, at.as_integers());
    return Attribute{std::move(numbers)};
  }
  OCTET_TRY(const auto elements, at.list());
  std::vector<float> numbers;
  for (const JsonAt& element : elements) {
    OCTET_TRY(const double number, element.as_number());
    numbers.push_back(static_cast<float>(number));
  }
  return Attribute{std::move(numbers)};
}

Result<SourceNode> read_node(const JsonAt& at) {
  SourceNode node;
  OCTET_TRY(const JsonAt op, at.field("op"));
  OCTET_TRY(const std::string op_name, op.as_string());
  OCTET_TRY(const JsonAt inputs, at.field("inputs"));
  OCTET_TRY(node.inputs, inputs.as_strings());
  OCTET_TRY(const JsonAt outputs, at.field("outputs"));
  OCTET_TRY(node.outputs, outputs.as_strings());
  if (node.outputs.empty()) return at.invalid("a node has at least one output");
  OCTET_TRY(node.name, at.string_or("name", node.outputs[0]));
  FoundOp found = find_op(op_name);
  node.op_type = std::move(found.op_type);
  node.domain = std::move(found.domain);
  node.opset = kOpset;
  if (!at.has("attributes")) return node;
  OCTET_TRY(const JsonAt attributes, at.field("attributes"));
  if (!attributes.is_object()) return attributes.invalid("is not an object");
  for (const auto& [name, value] : attributes.json.items()) {
    OCTET_TRY(node.attributes[name], read_attribute({value, attributes.where + "." + name}));
  }
  return node;
}

Result<DataType> read_type(const JsonAt& at) {
  OCTET_TRY(const std::string name, at.as_string());
  for (const DataType type : {DataType::kF32, DataType::kU8, DataType::kS8, DataType::kS32, DataType::kS64}) {
    if (name == to_string(type)) return type;
  }
  return at.invalid("the dtype '" + name + "' is not one of f32, u8, s8, s32, s64");
}

Result<SourceInput> read_input(const JsonAt& at) {
  SourceInput input;
  OCTET_TRY(const JsonAt name, at.field("name"));
  OCTET_TRY(input.name, name.as_string());
  if (at.has("dtype")) {
    OCTET_TRY(input.type, read_type(*at.field("dtype")));
  }
  OCTET_TRY(const JsonAt shape, at.field("shape"));
  OCTET_TRY(const auto elements, shape.list());
  if (elements.size() > Shape::kMaxRank) {
    return shape.invalid("has " + std::to_string(elements.size()) + " dimensions, but at most " +
                         std::to_string(Shape::kMaxRank) + " are possible");
  }
  std::vector<int64_t> dims;
  for (const JsonAt& element : elements) {
    if (element.json.is_string()) {
      dims.push_back(Shape::kDynamic);
      continue;
    }
    OCTET_TRY(const int64_t dim, element.as_integer());
    if (dim < 1) return element.invalid("the dimension " + std::to_string(dim) + " is not at least 1");
    dims.push_back(dim);
  }
  input.shape = Shape(dims);
  return input;
}

Result<std::pair<std::string, Tensor>> read_constant(const JsonAt& at, const std::string& default_file,
                                                     WeightFiles& files) {
  WeightRange range;
  OCTET_TRY(const JsonAt name, at.field("name"));
  OCTET_TRY(range.name, name.as_string());
  const JsonAt named{at.json, at.where + " ('" + range.name + "')"};
  OCTET_TRY(const JsonAt dtype, named.field("dtype"));
  OCTET_TRY(const std::string type, dtype.as_string());
  OCTET_TRY(const JsonAt shape, named.field("shape"));
  OCTET_TRY(range.shape, read_shape(shape));
  OCTET_TRY(const JsonAt offset, named.field("offset"));
  OCTET_TRY(range.offset, offset.as_integer());
  OCTET_TRY(const std::string file, named.string_or("file", default_file));
  if (file.empty()) return named.invalid("there is neither a field 'file' nor a field 'weights' of the model");
  const Result<std::string_view> bytes = files.read(file);
  if (!bytes.ok()) return named.invalid(bytes.error().message);
  const Result<Tensor> tensor = read_tensor(range, type, *bytes, file);
  if (!tensor.ok()) return Error{tensor.error().code, at.where + ": " + tensor.error().message};
  return std::pair{range.name, *tensor};
}

Result<SourceModel> read_model(const JsonAt& model, WeightFiles& files) {
  SourceModel source;
  OCTET_TRY(const JsonAt format, model.field("format"));
  OCTET_TRY(const std::string format_name, format.as_string());
  if (format_name != "octet") return format.invalid("is '" + format_name + "', not 'octet'");
  OCTET_TRY(const JsonAt version_field, model.field("version"));
  OCTET_TRY(const int64_t version, version_field.as_integer());
  if (version != kVersion) {
    return Error{ErrorCode::kUnsupported, version_field.where + ": is " + std::to_string(version) +
                                              ", but this octet reads version " + std::to_string(kVersion)};
  }
  OCTET_TRY(source.name, model.string_or("name", ""));
  OCTET_TRY(source.preprocessing, model.string_or("preprocess", ""));
  if (model.has("class_names")) {
    OCTET_TRY(source.class_names, model.field("class_names")->as_strings());
  }

  OCTET_TRY(const JsonAt inputs, model.field("inputs"));
  OCTET_TRY(const auto input_list, inputs.list());
  for (const JsonAt& at : input_list) {
    OCTET_TRY(SourceInput input, read_input(at));
    source.inputs.push_back(std::move(input));
  }
  OCTET_TRY(const JsonAt outputs, model.field("outputs"));
  OCTET_TRY(source.outputs, outputs.as_strings());
  if (source.inputs.empty()) return inputs.invalid("a model has at least one input");
  if (source.outputs.empty()) return outputs.invalid("a model has at least one output");

  OCTET_TRY(const std::string default_file, model.string_or("weights", ""));
  OCTET_TRY(const JsonAt tensors, model.field("tensors"));
  OCTET_TRY(const auto tensor_list, tensors.list());
  std::set<std::string> names;
  int64_t bytes = 0;
  for (const JsonAt& at : tensor_list) {
    OCTET_TRY(auto constant, read_constant(at, default_file, files));
    if (!names.insert(constant.first).second) return at.invalid("the tensor '" + constant.first + "' is there twice");
    bytes += constant.second.byte_count();
    const int64_t most_bytes = kMaxSharedBytes + 4 * files.byte_count();
    if (bytes > most_bytes) {
      return Error{ErrorCode::kUnsupported, at.where + ": the tensors up to here take " + std::to_string(bytes) +
                                                " bytes, but at most " + std::to_string(most_bytes) + " are read"};
    }
    source.constants.push_back(std::move(constant));
  }

  OCTET_TRY(const JsonAt nodes, model.field("nodes"));
  OCTET_TRY(const auto node_list, nodes.list());
  for (const JsonAt& at : node_list) {
    OCTET_TRY(SourceNode node, read_node(at));
    source.nodes.push_back(std::move(node));
  }
  return source;
}

}  // namespace

Result<Graph> import_json(const std::string& path, const ImportOptions& options, ImportReport& report) {
  report.format = "octet JSON (version " + std::to_string(kVersion) + ")";
  OCTET_TRY(const Json json, read_json_file(path));
  WeightFiles files(path);
  OCTET_TRY(const SourceModel source, read_model({json, path}, files));
  report.files = files.paths();
  return build_graph(source, options, report);
}

}  // namespace octet
