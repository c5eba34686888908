// ONNX files become SourceModels. What is valid is decided by octet's own rules; the parser is protobuf's.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <onnx/checker.h>
#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "converter/import/control_flow.h"
#include "converter/import/onnx_tensor.h"
#include "converter/import/quantized_names.h"
#include "converter/import/source_model.h"

namespace octet {
namespace {

constexpr int64_t kOldestOpset = 1, kNewestOpset = 21;
constexpr int64_t kOldestIr = 3, kNewestIr = 10;
constexpr int kMaxDepth = 100;  // of messages within messages
// Above it the checker would cost more than its warnings are worth.
constexpr int64_t kMaxCheckedBytes = int64_t{1} << 28;

// Operations whose first forms are not read: `before` that operator set. All others mean today what they meant at
// first, or are told apart by their readers.
struct OldForm {
  std::string_view op;
  int before;
};
constexpr OldForm kOldForms[] = {
    {"Pad", 2}, {"Tile", 6}, {"Cast", 6}, {"LSTM", 7}, {"GRU", 7}, {"RNN", 7},
};

Error not_onnx(const std::string& path, const std::string& why) {
  return {ErrorCode::kInvalidFile, "'" + path + "' is no ONNX model: " + why};
}

Status parse(const std::string& path, onnx::ModelProto& model) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return Error{ErrorCode::kInvalidFile, "the model '" + path + "' cannot be opened"};
  if (bytes > INT_MAX) {
    return Error{ErrorCode::kUnsupported,
                 "'" + path + "' has " + std::to_string(bytes) +
                     " bytes, but ONNX files end at 2147483647; keep weights in external data"};
  }
  if (bytes == 0) return not_onnx(path, "it is empty");
  google::protobuf::io::IstreamInputStream stream(&file);
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT_MAX);
  coded.SetRecursionLimit(kMaxDepth);
  if (!model.MergePartialFromCodedStream(&coded) || !coded.ConsumedEntireMessage()) {
    return not_onnx(path, "its " + std::to_string(bytes) + " bytes break off or are damaged after byte " +
                              std::to_string(coded.CurrentPosition()));
  }
  if (!model.has_ir_version()) return not_onnx(path, "it does not say its IR version");
  if (!model.has_graph()) return not_onnx(path, "it has no graph");
  return {};
}

std::string domain_name(const std::string& domain) {
  return domain == "ai.onnx" ? "" : domain;
}

class OnnxReader {
 public:
  OnnxReader(const onnx::ModelProto& model, const std::string& path, ImportReport& report)
      : model_(model), tensors_(std::filesystem::path(path).parent_path().string()), report_(report) {}

  Result<SourceModel> read() {
    OCTET_CHECK(read_versions());
    const onnx::GraphProto& graph = model_.graph();
    source_.name = graph.name();
    OCTET_CHECK(read_constants(graph, source_));
    read_inputs(graph);
    for (const auto& output : graph.output()) {
      if (output.type().value_case() != onnx::TypeProto::VALUE_NOT_SET && !output.type().has_tensor_type()) {
        unsupported(output.name(), "this output is no tensor");
      }
      source_.outputs.push_back(output.name());
    }
    for (const auto& node : graph.node()) {
      OCTET_CHECK(read_node(node, source_));
    }
    read_metadata();
    report_.files.assign(tensors_.files().begin(), tensors_.files().end());
    return std::move(source_);
  }

 private:
  void unsupported(const std::string& node, const std::string& reason) {
    report_.add({node, "", reason});
    source_.unreadable.insert(node);
  }

  // What `octet export` adds, and anything else that makes ONNX for octet may.
  void read_metadata() {
    for (const auto& entry : model_.metadata_props()) {
      if (entry.key() == "octet.preprocess") source_.preprocessing = entry.value();
      std::istringstream lines(entry.value());
      if (entry.key() == "octet.separate_zero_points") note_separate_zero_points(lines);
      if (entry.key() != "octet.class_names") continue;
      for (std::string name; std::getline(lines, name);) source_.class_names.push_back(name);
    }
  }

  // A line for each addition of u8 that folds no zero points, as those of other files do.
  void note_separate_zero_points(std::istream& lines) {
    std::set<std::string> names;
    for (std::string name; std::getline(lines, name);) names.insert(name);
    for (SourceNode& node : source_.nodes) {
      if (names.contains(node.name)) node.attributes[kFoldsZeroPoints] = int64_t{0};
    }
  }

  Status read_versions() {
    for (const auto& import : model_.opset_import()) opsets_[domain_name(import.domain())] = import.version();
    const int64_t ir = model_.ir_version();
    const auto found = opsets_.find("");
    if (found == opsets_.end()) {
      return Error{ErrorCode::kInvalidFile, "the model does not say the version of its operator set"};
    }
    const int64_t opset = found->second;
    report_.format = "ONNX (opset " + std::to_string(opset) + ", IR " + std::to_string(ir) + ")";
    if (opset < kOldestOpset || ir < kOldestIr) {
      return Error{ErrorCode::kUnsupported, "the model is " + report_.format + ", but octet reads from opset " +
                                                std::to_string(kOldestOpset) + " and IR " + std::to_string(kOldestIr) +
                                                " on"};
    }
    if (opset > kNewestOpset || ir > kNewestIr) {
      report_.warnings.push_back("the model is " + report_.format +
                                 ", newer than octet knows; it is read by the rules "
                                 "of opset " +
                                 std::to_string(kNewestOpset));
    }
    return {};
  }

  Status read_constants(const onnx::GraphProto& graph, SourceModel& model) {
    const size_t first = report_.problems.size();
    for (const auto& tensor : graph.initializer()) {
      Result<Tensor> read = tensors_.read(tensor);
      if (read.ok()) {
        model.constants.emplace_back(tensor.name(), std::move(*read));
      } else if (read.error().code == ErrorCode::kUnsupported ||
                 (read.error().code == ErrorCode::kInvalidFile && &model == &source_)) {
        const std::string& message = read.error().message;
        const std::string prefix = "the tensor '" + tensor.name() + "'";
        unsupported(tensor.name(), "this constant" + message.substr(std::min(prefix.size(), message.size())));
        report_.problems.back().code = read.error().code;
      } else {
        return read.error();
      }
    }
    for (const auto& sparse : graph.sparse_initializer())
      unsupported(sparse.values().name(), "this constant is sparse");
    count_rest(first);
    return {};
  }

  // A file of weights that is not there would be a line for each of them: from problem `first` on, a few are named.
  void count_rest(size_t first) {
    constexpr size_t kNamed = 8;
    auto& problems = report_.problems;
    if (problems.size() <= first + kNamed + 1) return;
    const auto rest = problems.begin() + static_cast<std::ptrdiff_t>(first + kNamed);
    const bool invalid = std::ranges::count(rest, problems.end(), ErrorCode::kInvalidFile, &ImportProblem::code) > 0;
    const std::string count = std::to_string(problems.end() - rest);
    problems.erase(rest, problems.end());
    problems.push_back({"", "", count + " more constants cannot be read",
                        invalid ? ErrorCode::kInvalidFile : ErrorCode::kUnsupported});
  }

  // In old files constants are listed among the inputs too.
  void read_inputs(const onnx::GraphProto& graph) {
    std::set<std::string> constants;
    for (const auto& [name, tensor] : source_.constants) constants.insert(name);
    for (const auto& value : graph.input()) {
      if (constants.contains(value.name())) continue;
      if (!value.type().has_tensor_type()) {
        unsupported(value.name(), "this input is no tensor");
        continue;
      }
      const auto& tensor = value.type().tensor_type();
      const std::optional<DataType> type = type_of_onnx(tensor.elem_type());
      if (!type) {
        unsupported(value.name(), "this input has elements of ONNX's type " + std::to_string(tensor.elem_type()));
        continue;
      }
      if (*type == DataType::kF32 && tensor.elem_type() != onnx::TensorProto::FLOAT) {
        report_.warnings.push_back("the input '" + value.name() + "' becomes f32");
      }
      SourceInput input{.name = value.name(), .type = *type, .has_shape = tensor.has_shape()};
      const int rank = tensor.shape().dim_size();
      if (rank > Shape::kMaxRank) {
        unsupported(value.name(), "this input has " + std::to_string(rank) + " dimensions, but at most " +
                                      std::to_string(Shape::kMaxRank) + " are possible");
        continue;
      }
      std::vector<int64_t> dims;
      for (const auto& dim : tensor.shape().dim()) {
        // Exporters write 0 and -1, too, where they mean an open dimension.
        dims.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : Shape::kDynamic);
      }
      input.shape = Shape(dims);
      source_.inputs.push_back(std::move(input));
    }
  }

  // What If and Loop contain. The inputs of a body are given by its node, whatever types and shapes are written there.
  Result<std::shared_ptr<const SourceModel>> read_body(const onnx::GraphProto& graph) {
    auto body = std::make_shared<SourceModel>();
    OCTET_CHECK(read_constants(graph, *body));
    for (const auto& input : graph.input()) body->inputs.push_back({.name = input.name()});
    for (const auto& output : graph.output()) body->outputs.push_back(output.name());
    for (const auto& node : graph.node()) {
      OCTET_CHECK(read_node(node, *body));
    }
    return std::shared_ptr<const SourceModel>(std::move(body));
  }

  Status read_bodies(const onnx::NodeProto& proto, SourceNode& node) {
    for (const auto& attribute : proto.attribute()) {
      if (attribute.type() != onnx::AttributeProto::GRAPH) continue;
      OCTET_TRY(const auto body, read_body(attribute.g()));
      const size_t expected = node.op_type == "If" ? 1 : body->inputs.size();
      if (static_cast<size_t>(proto.input_size()) != expected) {
        return Error{ErrorCode::kInvalidFile, "node '" + node.name + "' (" + node.op_type + ") has " +
                                                  std::to_string(proto.input_size()) + " inputs, not " +
                                                  std::to_string(expected)};
      }
      node.bodies[attribute.name()] = body;
    }
    for (const auto& [name, body] : node.bodies) {
      for (std::string& outer : outer_names(*body)) node.inputs.push_back(std::move(outer));
    }
    return {};
  }

  Status read_node(const onnx::NodeProto& proto, SourceModel& model) {
    SourceNode node{.name = proto.name(), .op_type = proto.op_type(), .domain = domain_name(proto.domain())};
    if (node.name.empty() && proto.output_size() > 0) node.name = proto.output(0);
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    const auto opset = opsets_.find(node.domain);
    if (opset != opsets_.end()) node.opset = static_cast<int>(std::clamp<int64_t>(opset->second, 0, INT_MAX));
    for (const auto& attribute : proto.attribute()) {
      OCTET_CHECK(read_attribute(attribute, node));
    }
    if (node.domain.empty() && (node.op_type == "If" || node.op_type == "Loop")) OCTET_CHECK(read_bodies(proto, node));
    for (const OldForm& old : kOldForms) {
      if (!node.domain.empty() || node.op_type != old.op || node.opset >= old.before) continue;
      node.refusal = "its form of operator set " + std::to_string(node.opset) + " is not read, only those from " +
                     std::to_string(old.before) + " on";
    }
    model.nodes.push_back(std::move(node));
    return {};
  }

  // Attributes of other kinds (types, graphs that are no bodies) belong to operations that octet does not know, and are
  // left out.
  Status read_attribute(const onnx::AttributeProto& proto, SourceNode& node) {
    using Proto = onnx::AttributeProto;
    const auto set = [&](Attribute value) { return node.attributes.emplace(proto.name(), std::move(value)).second; };
    bool is_new = true;
    switch (proto.type()) {
      case Proto::INT:
        is_new = set(int64_t{proto.i()});
        break;
      case Proto::FLOAT:
        is_new = set(proto.f());
        break;
      case Proto::STRING:
        is_new = set(proto.s());
        break;
      case Proto::INTS:
        is_new = set(std::vector<int64_t>(proto.ints().begin(), proto.ints().end()));
        break;
      case Proto::FLOATS:
        is_new = set(std::vector<float>(proto.floats().begin(), proto.floats().end()));
        break;
      case Proto::STRINGS:
        is_new = set(std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
        break;
      case Proto::TENSOR: {
        Result<Tensor> tensor = tensors_.read(proto.t());
        if (!tensor.ok()) {
          return Error{tensor.error().code, "node '" + node.name + "' (" + node.op_type + "), attribute '" +
                                                proto.name() + "': " + tensor.error().message};
        }
        is_new = set(std::move(*tensor));
        break;
      }
      default:
        break;
    }
    if (is_new) return {};
    return Error{ErrorCode::kInvalidFile,
                 "node '" + node.name + "' (" + node.op_type + ") has the attribute '" + proto.name() + "' twice"};
  }

  const onnx::ModelProto& model_;
  OnnxTensorReader tensors_;
  ImportReport& report_;
  std::map<std::string, int64_t> opsets_;
  SourceModel source_;
};

// Whether libonnx knows the operators as the file means them: of a later ONNX it knows older forms.
bool is_known_to_checker(const onnx::ModelProto& model) {
  const auto& known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  return std::ranges::all_of(model.opset_import(), [&](const onnx::OperatorSetIdProto& opset) {
    const auto range = known.find(opset.domain());
    return range == known.end() || opset.version() <= range->second.second;
  });
}

// libonnx's own opinion: a warning, no more.
void check(const onnx::ModelProto& model, ImportReport& report) {
  if (!is_known_to_checker(model)) return;
  const auto is_external = [](const onnx::TensorProto& tensor) {
    return tensor.data_location() == onnx::TensorProto::EXTERNAL;
  };
  const auto& tensors = model.graph().initializer();
  if (std::any_of(tensors.begin(), tensors.end(), is_external)) return;
  if (static_cast<int64_t>(model.ByteSizeLong()) > kMaxCheckedBytes) return;
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& finding) {
    const std::string text = finding.what();
    report.warnings.push_back("ONNX's checker: " + text.substr(0, text.find('\n')));
  }
}

// Outputs need not say their shapes, but to the checker, which would say nothing else.
void give_outputs_shapes(onnx::ModelProto& model) {
  for (auto& output : *model.mutable_graph()->mutable_output()) {
    auto& type = *output.mutable_type();
    if (type.has_tensor_type()) type.mutable_tensor_type()->mutable_shape();
  }
}

Result<SourceModel> read_source(const std::string& path, ImportReport& report) {
  onnx::ModelProto model;
  OCTET_CHECK(parse(path, model));
  OCTET_TRY(SourceModel source, OnnxReader(model, path, report).read());
  give_outputs_shapes(model);
  check(model, report);
  return source;
}

}  // namespace

bool has_onnx() {
  return true;
}

Result<Graph> import_onnx(const std::string& path, const ImportOptions& options, ImportReport& report) {
  try {
    OCTET_TRY(const SourceModel source, read_source(path, report));
    return build_graph(source, options, report);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kResource, "'" + path + "' needs more memory than there is"};
  } catch (const std::exception& error) {
    return not_onnx(path, error.what());
  }
}

}  // namespace octet
