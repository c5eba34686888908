#include "converter/import/source_model.h"

#include <algorithm>
#include <set>

#include "converter/constant_folding.h"
#include "converter/import/control_flow.h"
#include "converter/import/free_batch.h"
#include "converter/import/half_casts.h"
#include "converter/import/import_limits.h"
#include "converter/import/node_order.h"
#include "converter/import/qoperator.h"
#include "converter/import/quantized_names.h"
#include "converter/op_rule.h"
#include "converter/ops/quantize.h"

namespace octet {
namespace {

class GraphBuilder {
 public:
  GraphBuilder(const SourceModel& source, const ImportOptions& options, ImportReport& report, BatchHints& hints,
               int64_t& operations_left)
      : source_(source),
        options_(options),
        report_(report),
        hints_(hints),
        operations_left_(operations_left),
        nodes_(expand_qoperators(source)) {}

  Result<Graph> run() {
    OCTET_CHECK(check_counts(source_, nodes_));
    name_nodes();
    OCTET_CHECK(find_writers());
    const Result<std::vector<int>> ordered = order_nodes(nodes_, writers_, source_.outputs);
    if (!ordered.ok()) return unordered(ordered.error());
    const std::vector<int>& order = *ordered;
    OCTET_CHECK(add_inputs());
    add_constants(order);
    bytes_left_ = most_bytes_ = kMaxFoldedBytes + 4 * constant_bytes(graph_, 0);
    for (const int i : order) {
      read(nodes_[static_cast<size_t>(i)], i);
      if (is_full()) break;
    }
    for (const std::string& name : source_.outputs) bind_output(name);
    if (!report_.problems.empty()) return error_of(report_);
    if (graph_.inputs.empty()) return Error{ErrorCode::kUnsupported, "the model has no inputs: nothing is left to run"};
    give_back_names();
    for (const auto& [id, constant] : quantized_.constants) {
      if (constant.scales.size() == 1 && constant.type != DataType::kS32) {
        report_.given.constants[graph_.value(id).name] = constant;
      }
    }
    graph_.remove_dead();
    graph_.name = source_.name;
    graph_.preprocessing = source_.preprocessing;
    graph_.class_names = source_.class_names;
    return std::move(graph_);
  }

 private:
  void problem(const std::string& node, const std::string& op, const std::string& reason, ErrorCode code) {
    report_.add({node, op, reason, code});
  }

  // Of nodes that read each other in a cycle: what else is wrong, as far as that can be told without an order.
  Error unordered(const Error& cycle) {
    problem("", "", cycle.message, cycle.code);
    for (const SourceNode& node : nodes_) {
      if (is_known(node)) report_missing(node);
    }
    return error_of(report_);
  }

  // Every node gets a name of its own, as people and reports need one.
  void name_nodes() {
    UniqueNames names;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      SourceNode& node = nodes_[i];
      node.name = names.give(node.name.empty() ? node.op_type + "_" + std::to_string(i) : node.name);
    }
  }

  Status find_writers() {
    std::map<std::string, std::string, std::less<>> owners;
    std::string clash;
    const auto own = [&](const std::string& name, const std::string& owner, int writer) {
      const auto [at, is_new] = owners.emplace(name, owner);
      if (is_new) {
        writers_[name] = writer;
      } else if (clash.empty()) {
        clash = "the name '" + name + "' is given twice: to " + at->second + " and to " + owner;
      }
    };
    for (const SourceInput& input : source_.inputs) own(input.name, "an input", kFromOutside);
    for (const auto& [name, tensor] : source_.constants) own(name, "a constant", kFromOutside);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (const std::string& name : nodes_[i].outputs) {
        if (!name.empty()) own(name, "an output of node '" + nodes_[i].name + "'", static_cast<int>(i));
      }
    }
    std::set<std::string_view> outputs;
    for (const std::string& name : source_.outputs) {
      if (!outputs.insert(name).second && clash.empty()) clash = "the output '" + name + "' is listed twice";
    }
    if (clash.empty()) return {};
    return Error{ErrorCode::kInvalidFile, clash};
  }

  Status add_inputs() {
    for (const auto& [name, shape] : options_.input_shapes) {
      const auto same = [&wanted = name](const SourceInput& input) { return input.name == wanted; };
      if (std::none_of(source_.inputs.begin(), source_.inputs.end(), same)) {
        return Error{ErrorCode::kUsage, "a shape is given for '" + name + "', but the network has no such input"};
      }
    }
    for (const SourceInput& input : source_.inputs) OCTET_CHECK(add_input(input));
    return {};
  }

  Status add_input(const SourceInput& input) {
    Shape shape = input.shape;
    for (int axis = 1; axis < shape.rank(); ++axis) {
      if (shape[axis] == Shape::kDynamic) report_.open_axes[input.name].push_back(axis);
    }
    if (const auto given = options_.input_shapes.find(input.name); given != options_.input_shapes.end()) {
      if (input.has_shape && given->second.rank() != shape.rank()) {
        return Error{ErrorCode::kUsage, "the input '" + input.name + "' has the shape " + shape.to_string() +
                                            ", but is to get " + given->second.to_string()};
      }
      shape = given->second;
    } else if (!input.has_shape) {
      problem(input.name, "", "the file does not say the shape of this input; give it with --input-shape",
              ErrorCode::kUnsupported);
      return {};
    }
    const bool dynamic_batch = shape.rank() > 0 && shape[0] == Shape::kDynamic;
    const std::string text = shape.to_string();
    if (dynamic_batch) shape[0] = 1;
    if (!shape.is_concrete()) {
      problem(input.name, "",
              "the shape " + text + " of this input is open beyond the batch; give it with --input-shape",
              ErrorCode::kUnsupported);
      return {};
    }
    if (shape.element_count() < 1) {
      problem(input.name, "", "the shape " + text + " of this input has no elements, or too many",
              ErrorCode::kInvalidFile);
      return {};
    }
    const ValueId id = graph_.add_value(input.name, input.type, shape);
    graph_.inputs.push_back(id);
    names_[input.name] = id;
    if (dynamic_batch) hints_.dynamic_inputs.insert(input.name);
    return {};
  }

  void add_constants(const std::vector<int>& order) {
    std::set<std::string_view> used(source_.outputs.begin(), source_.outputs.end());
    for (const int i : order) {
      const SourceNode& node = nodes_[static_cast<size_t>(i)];
      used.insert(node.inputs.begin(), node.inputs.end());
    }
    for (const auto& [name, tensor] : source_.constants) {
      if (used.contains(name)) names_[name] = graph_.add_constant(name, tensor);
    }
  }

  // Whether a reader, or what is here, takes the node; else that is reported.
  bool is_known(const SourceNode& node) {
    std::string why = node.refusal;
    ErrorCode code = node.refusal_code;
    if (why.empty() && find_reader(node) == nullptr && node.bodies.empty()) {
      why = unknown_operation(node);
      code = ErrorCode::kUnsupported;
    }
    if (!why.empty()) problem(node.name, node.op_type, why, code);
    return why.empty();
  }

  // Inputs that are not there: their writer failed and is in the report, or leaves them out, or there is none. What is
  // not known in bodies that are not read for it.
  void report_missing(const SourceNode& node) {
    std::set<std::string_view> seen{""};
    for (const std::string& name : node.inputs) {
      if (!seen.insert(name).second || names_.contains(name)) continue;
      const auto writer = writers_.find(name);
      if (writer == writers_.end() && !source_.unreadable.contains(name)) {
        problem(node.name, node.op_type, "it reads '" + name + "', which nothing writes", ErrorCode::kInvalidFile);
      } else if (left_out_.contains(name)) {
        const std::string& by = nodes_[static_cast<size_t>(writer->second)].name;
        problem(node.name, node.op_type,
                "it reads '" + name + "', an output of '" + by + "' that octet does not compute",
                ErrorCode::kUnsupported);
      }
    }
    for (const auto& [attribute, body] : node.bodies) {
      for (const SourceNode& inner : body->nodes) is_known(inner);
    }
  }

  // Reads one node; what fails is reported, and nothing that depends on it is. `place`: of the node, or of the one that
  // it is part of, in nodes_.
  void read(const SourceNode& node, int place) {
    if (!is_known(node)) return;
    const auto is_there = [&](const std::string& name) { return name.empty() || names_.contains(name); };
    if (!std::ranges::all_of(node.inputs, is_there)) return report_missing(node);
    if (!node.bodies.empty()) {
      const Status status = node.op_type == "If" ? read_if(node, place) : read_loop(node, place);
      if (!status.ok()) problem(node.name, node.op_type, status.error().message, status.error().code);
      return;
    }
    const size_t before = graph_.nodes.size();
    const size_t first_value = graph_.values.size();
    const std::optional<MovedIntegers> moved = moved_integers(quantized_, names_, graph_, node);
    std::map<std::string, ValueId> real;  // what inputs were before they became integers
    Status status = moved || node.op_type == "DequantizeLinear" ? Status{} : make_integers(node, real);
    const SourceNode& wanted = moved ? moved->node : node;
    NodeReader node_reader(wanted, graph_, names_, quantized_, bytes_left_);
    if (status.ok()) status = find_reader(wanted)->read(node_reader);
    const Status charged = charge(constant_bytes(graph_, first_value));  // of a node that fails too: they are there
    if (status.ok()) status = charged;
    if (status.ok()) status = settle(before, node);
    if (status.ok()) status = charge(readers_.shared_bytes(graph_, before));
    for (const auto& [name, id] : real) names_[name] = id;
    if (!status.ok()) {
      for (const std::string& name : node.outputs) names_.erase(name);
      graph_.nodes.truncate(before);
      const std::string prefix = "node '" + node.name + "' (" + node.op_type + "): ";
      const std::string& message = status.error().message;
      problem(node.name, node.op_type, message.starts_with(prefix) ? message.substr(prefix.size()) : message,
              status.error().code);
      return;
    }
    for (const std::string& name : node.outputs) {
      const auto found = names_.find(name);
      if (!name.empty() && found == names_.end()) left_out_.insert(name);
      if (!moved || found == names_.end() || graph_.value(found->second).type != DataType::kF32) continue;
      quantized_.integers[found->second] = moved->type;
    }
    note_constants(quantized_, names_, node, report_.given);
    note_sum(node, report_.given);
    report_.arithmetic.note(node, graph_, names_);
  }

  const IntegerType* integers(const std::string& name) const { return integers_of_name(quantized_, names_, name); }

  // For a node that computes with integers itself: binds its inputs to them, and notes what they were bound to.
  Status make_integers(const SourceNode& node, std::map<std::string, ValueId>& real) {
    for (const std::string& name : node.inputs) {
      const IntegerType* type = integers(name);
      if (type == nullptr) continue;
      real[name] = names_[name];
      OCTET_TRY(names_[name], integers_of(name, *type));
    }
    return {};
  }

  Result<ValueId> integers_of(const std::string& name, const IntegerType& type) {
    const SourceNode cast{.name = name + ":integers", .op_type = "Cast"};
    NodeReader reader(cast, graph_, names_, quantized_, bytes_left_);
    return emit_integers(reader, names_[name], type);
  }

  // Nothing more is read then: of what failed it all is still there.
  bool is_full() const { return bytes_left_ < 0 || graph_.values.size() > kMaxValues; }

  Status charge(int64_t bytes) {
    bytes_left_ -= bytes;
    OCTET_CHECK(check_values(graph_));
    if (bytes_left_ >= 0) return {};
    return Error{ErrorCode::kUnsupported, "the constants that are folded up to here, or that nodes share, take " +
                                              std::to_string(most_bytes_ - bytes_left_) + " bytes, but at most " +
                                              std::to_string(most_bytes_) + " are allowed"};
  }

  // The only element of a constant that decides what becomes of a node; null where `name` is none.
  const Tensor* decision(const SourceNode& node, const std::string& name) {
    report_.arithmetic.note_decision(node, name, graph_, names_);
    const std::optional<Tensor>& tensor = graph_.value(names_.at(name)).constant;
    return tensor && tensor->element_count() == 1 ? &*tensor : nullptr;
  }
  static bool is_true(const Tensor& tensor) { return *static_cast<const uint8_t*>(tensor.data()) != 0; }

  static Error data_decides(const char* what) {
    return {ErrorCode::kUnsupported, std::string(what) + " depends on the data"};
  }

  // Reads a body as nodes among others. The names of its outputs; none where a problem has been reported.
  Result<std::vector<std::string>> read_body(const SourceNode& owner, const SourceModel& body,
                                             const std::string& prefix, const std::vector<std::string>& arguments,
                                             int place) {
    const BodySize size = size_of(body);
    body_nodes_ += cost_of(size, owner.name.size() + prefix.size());
    OCTET_CHECK(charge(size.constant_bytes));
    if (body_nodes_ > kMaxNodes) {
      return too_many("it", body_nodes_, "nodes, as often as it runs (8 names, or 4096 bytes, count as one)",
                      kMaxNodes);
    }
    SourceModel copy = with_prefix(body, owner.name + prefix);
    for (size_t i = 0; i < arguments.size(); ++i) names_[copy.inputs[i].name] = names_.at(arguments[i]);
    for (auto& [name, tensor] : copy.constants) names_[name] = graph_.add_constant(name, std::move(tensor));
    const size_t problems = report_.problems.size();
    for (const SourceNode& node : copy.nodes) {
      for (const std::string& name : node.outputs) {
        if (!name.empty() && !writers_.emplace(name, place).second) {
          return Error{ErrorCode::kInvalidFile, "the name '" + name + "' is given twice"};
        }
      }
      read(node, place);
      if (is_full()) break;
    }
    if (report_.problems.size() > problems) return std::vector<std::string>();
    for (const std::string& name : copy.outputs) {
      if (!names_.contains(name)) return Error{ErrorCode::kInvalidFile, "'" + name + "' in its body is not written"};
    }
    return copy.outputs;
  }

  // Two names for one value.
  void bind(const std::string& output, const std::string& name) {
    if (!output.empty()) names_[output] = names_.at(name);
  }

  // if (constant) a else b -> the nodes of a, or of b
  Status read_if(const SourceNode& node, int place) {
    if (node.inputs[0].empty()) return Error{ErrorCode::kInvalidFile, "it has no condition"};
    const Tensor* condition = decision(node, node.inputs[0]);
    if (condition == nullptr || condition->type() != DataType::kBool) return data_decides("its condition");
    const char* branch = is_true(*condition) ? "then_branch" : "else_branch";
    const auto body = node.bodies.find(branch);
    if (body == node.bodies.end() || body->second->outputs.size() != node.outputs.size()) {
      return Error{ErrorCode::kInvalidFile, "it has no " + std::string(branch) + ", or one with other outputs"};
    }
    OCTET_TRY(const auto made, read_body(node, *body->second, "/", {}, place));
    for (size_t i = 0; i < made.size(); ++i) bind(node.outputs[i], made[i]);
    return {};
  }

  // for (i < constant && condition) body -> the nodes of the body, once for each i; what it collects is concatenated.
  Status read_loop(const SourceNode& node, int place) {
    const auto found = node.bodies.find("body");
    if (found == node.bodies.end()) return Error{ErrorCode::kInvalidFile, "it has no body"};
    const SourceModel& body = *found->second;
    if (body.inputs.size() < 2 || body.outputs.size() + 1 < body.inputs.size() ||
        body.outputs.size() != node.outputs.size() + 1) {
      return Error{ErrorCode::kInvalidFile, "its body has " + std::to_string(body.inputs.size()) + " inputs and " +
                                                std::to_string(body.outputs.size()) + " outputs"};
    }
    int64_t count = std::numeric_limits<int64_t>::max();
    if (!node.inputs[0].empty()) {
      const Tensor* trips = decision(node, node.inputs[0]);
      if (trips == nullptr || trips->type() != DataType::kS64) return data_decides("how often it runs");
      count = trips->as<int64_t>()[0];
    }
    const bool conditional = !node.inputs[1].empty();
    std::string condition = node.inputs[1];
    std::vector<std::string> carried(node.inputs.begin() + 2,
                                     node.inputs.begin() + static_cast<int64_t>(body.inputs.size()));
    if (const auto absent = std::ranges::find(carried, ""); absent != carried.end()) {
      return Error{ErrorCode::kInvalidFile, "its input " + std::to_string(absent - carried.begin() + 2) + " is absent"};
    }
    std::vector<std::vector<std::string>> collected(body.outputs.size() - 1 - carried.size());
    for (int64_t i = 0; i < count; ++i) {
      const Tensor* goes_on = conditional ? decision(node, condition) : nullptr;
      if (conditional && goes_on == nullptr) return data_decides("how often it runs");
      if (conditional && !is_true(*goes_on)) break;
      const std::string prefix = "#" + std::to_string(i) + "/";
      names_[node.name + prefix] = graph_.add_constant(node.name + prefix, Tensor::s64(Shape{}, std::span(&i, 1)));
      names_[node.name + prefix + "on"] = graph_.add_constant(node.name + prefix + "on", true_tensor());
      std::vector<std::string> arguments{node.name + prefix, node.name + prefix + "on"};
      arguments.insert(arguments.end(), carried.begin(), carried.end());
      OCTET_TRY(const auto made, read_body(node, body, prefix, arguments, place));
      if (made.empty()) return {};
      condition = made[0];
      std::copy_n(made.begin() + 1, carried.size(), carried.begin());
      for (size_t k = 0; k < collected.size(); ++k) {
        const std::string row = node.name + prefix + "row" + std::to_string(k);
        read({row, "Unsqueeze", "", 11, {made[1 + carried.size() + k]}, {row}, {{"axes", std::vector<int64_t>{0}}}},
             place);
        collected[k].push_back(row);
      }
    }
    for (size_t i = 0; i < carried.size(); ++i) bind(node.outputs[i], carried[i]);
    for (size_t k = 0; k < collected.size(); ++k) {
      const std::string& output = node.outputs[carried.size() + k];
      if (output.empty()) continue;
      if (collected[k].empty()) return Error{ErrorCode::kUnsupported, "it never runs: what it collects is empty"};
      read({output, "Concat", "", 11, collected[k], {output}, {{"axis", int64_t{0}}}}, place);
    }
    return {};
  }

  static Tensor true_tensor() {
    constexpr uint8_t kTrue = 1;
    return Tensor::from(DataType::kBool, Shape{}, std::span(&kTrue, 1));
  }

  // Evaluates what the new nodes make of constants, and checks that kernels take the others.
  Status settle(size_t before, const SourceNode& source) {
    for (size_t i = before; i < graph_.nodes.size();) {
      const Node& node = graph_.nodes[i];
      OCTET_CHECK(charge_folding(graph_, node, operations_left_));
      OCTET_CHECK(charge(folded_bytes(graph_, node)));
      if (std::optional<std::vector<Tensor>> results = evaluate_constant(graph_, node)) {
        for (size_t k = 0; k < results->size(); ++k) graph_.value(node.outputs[k]).constant = std::move((*results)[k]);
        graph_.nodes.erase(i);
        continue;
      }
      if (const std::optional<OpParams> op = to_packed(node.op)) {
        OCTET_CHECK(check_types(*op, graph_.descs(node.inputs), graph_.descs(node.outputs)));
      }
      if (source.op_type == "Reshape") hints_.reshapes.insert(node.name);
      ++i;
    }
    return {};
  }

  void bind_output(const std::string& name) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
      if (!writers_.contains(name) && !source_.unreadable.contains(name)) {
        problem(name, "", "the model lists this output, but nothing writes it", ErrorCode::kInvalidFile);
      } else if (left_out_.contains(name)) {
        problem(name, "", "octet does not compute this output", ErrorCode::kUnsupported);
      }
      return;
    }
    if (const IntegerType* type = integers(name)) {
      const size_t before = graph_.nodes.size();
      const Result<ValueId> made = integers_of(name, *type);
      Status status = made.ok() ? settle(before, {}) : Status{made.error()};
      if (!status.ok()) return problem(name, "", status.error().message, status.error().code);
      names_[name] = *made;
    }
    ValueId id = names_[name];
    // An output that is a constant, or another value under a new name, is made by a node of its own.
    if (graph_.value(id).is_constant() || graph_.value(id).name != name) {
      const Value& value = graph_.value(id);
      if (value.is_constant() && value.name == name) graph_.rename(id, name + ":constant");
      const ValueId copy = graph_.add_value(name, value.type, value.shape);
      graph_.insert_node(graph_.nodes.size(), name, IdentityParams{}, {id}, {copy});
      graph_.rename(copy, name);
      names_[name] = id = copy;
    }
    graph_.outputs.push_back(id);
  }

  // A name that a reader made up may be one that the source uses: the source's value keeps it.
  void give_back_names() {
    UniqueNames names;
    std::vector<bool> settled(graph_.values.size(), false);
    for (const auto& [name, id] : names_) {
      if (graph_.value(id).name == name) settled[static_cast<size_t>(id)] = names.give(name) == name;
    }
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      if (!settled[i]) graph_.rename(static_cast<ValueId>(i), names.give(graph_.values[i].name));
    }
  }

  const SourceModel& source_;
  const ImportOptions& options_;
  ImportReport& report_;
  BatchHints& hints_;
  int64_t& operations_left_;  // for folding constants
  std::vector<SourceNode> nodes_;
  Writers writers_;
  Graph graph_;
  std::map<std::string, ValueId, std::less<>> names_;
  QuantizedValues quantized_;
  std::set<std::string> left_out_;  // outputs of nodes that were read, but not these
  int64_t bytes_left_ = 0;          // for constants that are folded, or that nodes share
  int64_t most_bytes_ = 0;          // of these
  ConstantReaders readers_;
  size_t body_nodes_ = 0;           // of If and Loop, as often as they run
};

}  // namespace

Result<Graph> build_graph(const SourceModel& source, const ImportOptions& options, ImportReport& report) {
  if (std::string warning = half_cast_warning(source); !warning.empty()) report.warnings.push_back(std::move(warning));
  BatchHints hints;
  int64_t operations_left = kMaxFoldingOperations;  // of all readings together
  OCTET_TRY(Graph graph, GraphBuilder(source, options, report, hints, operations_left).run());
  const auto read = [&](const std::map<std::string, Shape>& shapes) -> Result<Reading> {
    ImportReport other_report;
    BatchHints other_hints;
    OCTET_TRY(Graph other,
              GraphBuilder(source, ImportOptions{shapes}, other_report, other_hints, operations_left).run());
    return Reading{std::move(other), std::move(other_report.arithmetic)};
  };
  free_batch(graph, report.arithmetic, hints, read, report.warnings);
  OCTET_CHECK(graph.verify());
  return graph;
}

}  // namespace octet
