// TensorFlow.js layers format: model.json holds the topology that Keras wrote, and a manifest of weight shards.
#include "converter/import/tfjs.h"
#include "converter/import/tfjs_topology.h"

#include <algorithm>
#include <queue>
#include <set>

#include "converter/import/import.h"
#include "converter/import/import_limits.h"

namespace octet {
namespace {

// What JSON takes to be read: a value counts as one, and so do 64 characters.
size_t values_of(const Json& json) {
  if (json.is_string()) return 1 + json.get_ref<const std::string&>().size() / 64;
  size_t count = 1;
  if (json.is_structured()) {
    for (const Json& item : json) count += values_of(item);
  }
  return count;
}

class TopologyReader {
 public:
  TopologyReader(const ImportOptions& options, const TfjsWeights& weights, ImportReport& report)
      : options_(options), weights_(weights), report_(report) {
    constants_.most_bytes = kMaxFoldedBytes + 4 * weights.byte_count();
  }

  // A Sequential or functional model; `inputs` are given when it is a layer of another one.
  Result<std::vector<ValueId>> read_model(const JsonAt& model, const std::vector<ValueId>* inputs);

  Result<Graph> finish(std::vector<ValueId> outputs);

 private:
  using Calls = std::map<Call, std::vector<ValueId>>;
  struct Waiting {
    JsonAt layer;
    Call call;
    std::vector<Call> sources;
    size_t unread = 0;  // sources that are not there yet
  };

  Result<std::vector<ValueId>> read_sequential(const JsonAt& config, const std::vector<ValueId>* inputs);
  Result<std::vector<ValueId>> read_functional(const JsonAt& config, const std::vector<ValueId>* inputs);
  // A layer that is called again is read again, with all that is in it: a few nested models that call each other twice
  // ask for calls without end.
  Status charge_call(const JsonAt& layer, const std::string& name, size_t inputs);
  Result<ValueId> add_input(const JsonAt& config, const std::string& name);
  // Calls layers as soon as what they read is among `values`, and adds what they make.
  Status call_all(std::vector<Waiting>& waiting, Calls& values);
  // The outputs of a layer on these inputs. Empty, with a problem in the report, where it is not supported.
  Result<std::vector<ValueId>> call_layer(const JsonAt& layer, const std::vector<ValueId>& inputs);

  const ImportOptions& options_;
  const TfjsWeights& weights_;
  ImportReport& report_;
  Graph graph_;
  std::set<std::string, std::less<>> names_;  // of the graph's values
  TfjsConstants constants_;
  size_t cost_ = 0;  // of the calls up to here, in nodes
};

Status TopologyReader::charge_call(const JsonAt& layer, const std::string& name, size_t inputs) {
  constexpr size_t kNamedBytes = 256;  // of a name, which may be all that is too much
  const std::string owner = layer.where + ": the layer '" + name.substr(0, kNamedBytes) + "'";
  if (inputs > kMaxNodeValues) return too_many(owner, inputs, "inputs", kMaxNodeValues);
  OCTET_TRY(const JsonAt config, layer.field("config"));
  cost_ += std::max<size_t>(inputs, 1) + name.size() / kNameBytesPerNode + values_of(config.json) / kJsonValuesPerNode;
  if (cost_ <= kMaxNodes) return {};
  return Error{ErrorCode::kUnsupported, owner + " is called where the calls of the model's layers cost " +
                                            std::to_string(cost_) + " nodes, but at most " + std::to_string(kMaxNodes) +
                                            " are read"};
}

Result<ValueId> TopologyReader::add_input(const JsonAt& config, const std::string& name) {
  const char* const kFields[] = {"batch_input_shape", "batch_shape", "batchInputShape"};
  const auto field = std::find_if(std::begin(kFields), std::end(kFields), [&](const char* f) { return config.has(f); });
  if (field == std::end(kFields)) return config.invalid("the field 'batch_input_shape' is missing");
  OCTET_TRY(const JsonAt shape_field, config.field(*field));
  OCTET_TRY(const auto elements, shape_field.list());
  std::vector<int64_t> dims;
  for (const JsonAt& element : elements) {
    if (element.json.is_null()) {
      dims.push_back(Shape::kDynamic);
      continue;
    }
    OCTET_TRY(const int64_t dim, element.as_integer());
    if (dim < 1 || dim > INT32_MAX) return element.invalid("the dimension " + std::to_string(dim) + " is out of range");
    dims.push_back(dim);
  }
  if (dims.empty() || dims.size() > Shape::kMaxRank) {
    return shape_field.invalid("has " + std::to_string(dims.size()) + " dimensions");
  }
  Shape shape(dims);
  if (const auto given = options_.input_shapes.find(name); given != options_.input_shapes.end()) {
    if (given->second.rank() != shape.rank()) {
      return Error{ErrorCode::kUsage, "--input-shape gives '" + name + "' the shape " + given->second.to_string() +
                                          ", but the model has " + shape.to_string()};
    }
    shape = given->second;
  }
  shape[0] = Shape::kDynamic;
  for (int i = 1; i < shape.rank(); ++i) {
    if (shape[i] >= 1) continue;
    report_.add(
        {name, "InputLayer",
         "the input's shape is " + shape.to_string() + ": dimension " + std::to_string(i) + " needs --input-shape"});
    return kNoValue;
  }
  const ValueId id = graph_.add_value(name, DataType::kF32, shape);
  names_.insert(graph_.value(id).name);
  graph_.inputs.push_back(id);
  return id;
}

Result<std::vector<ValueId>> TopologyReader::call_layer(const JsonAt& layer, const std::vector<ValueId>& inputs) {
  OCTET_TRY(const std::string class_name, class_of(layer));
  OCTET_TRY(const std::string name, name_of(layer));
  OCTET_CHECK(charge_call(layer, name, inputs.size()));
  if (is_model(class_name)) return read_model(layer, &inputs);
  const auto types = tfjs_layer_types();
  const auto type =
      std::find_if(types.begin(), types.end(), [&](const TfjsLayerType& t) { return t.class_name == class_name; });
  if (type == types.end()) {
    report_.add({name, class_name, "octet does not know this layer"});
    return std::vector<ValueId>{};
  }
  if (std::find(inputs.begin(), inputs.end(), kNoValue) != inputs.end()) return std::vector<ValueId>{};

  // NodeReader finds the inputs by name, and gives the output the layer's.
  SourceNode node{.name = name, .op_type = class_name, .outputs = {name}};
  std::map<std::string, ValueId, std::less<>> names;
  for (const ValueId id : inputs) {
    node.inputs.push_back(graph_.value(id).name);
    names[graph_.value(id).name] = id;
  }
  if (node.inputs.empty()) return layer.invalid("the layer '" + name + "' reads nothing");
  OCTET_TRY(const JsonAt config, layer.field("config"));
  const size_t before = graph_.values.size();
  QuantizedValues quantized;
  NodeReader reader(node, graph_, names, quantized);
  const Result<ValueId> output = type->read({reader, config, weights_, constants_});
  if (!output.ok()) {
    if (output.error().code != ErrorCode::kUnsupported) return output.error();
    std::string reason = output.error().message;
    const std::string prefix = reader.unsupported("").message;
    if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
    report_.add({name, class_name, reason});
    return std::vector<ValueId>{};
  }
  if (!names_.contains(name)) reader.set_output(0, *output);
  for (size_t i = before; i < graph_.values.size(); ++i) names_.insert(graph_.values[i].name);
  return std::vector{*output};
}

Result<std::vector<ValueId>> TopologyReader::read_sequential(const JsonAt& config, const std::vector<ValueId>* inputs) {
  // Before Keras 2.2.3 the configuration was the list itself.
  const Result<JsonAt> list = config.json.is_array() ? Result<JsonAt>(config) : config.field("layers");
  if (!list.ok()) return list.error();
  OCTET_TRY(const auto layers, list->list());
  if (layers.empty()) return list->invalid("the list is empty");
  ValueId x = inputs != nullptr && !inputs->empty() ? inputs->front() : kNoValue;
  bool known = inputs != nullptr;
  for (const JsonAt& layer : layers) {
    OCTET_TRY(const std::string class_name, class_of(layer));
    OCTET_TRY(const JsonAt layer_config, layer.field("config"));
    OCTET_TRY(const std::string name, name_of(layer));
    if (class_name == "InputLayer") {
      if (known) continue;
      OCTET_TRY(x, add_input(layer_config, name));
      known = true;
      continue;
    }
    if (!known && !is_model(class_name)) {
      OCTET_TRY(x, add_input(layer_config, name + "_input"));
      known = true;
    }
    Result<std::vector<ValueId>> outputs = known ? call_layer(layer, {x}) : read_model(layer, nullptr);
    if (!outputs.ok()) return outputs.error();
    known = true;
    x = outputs->empty() ? kNoValue : outputs->front();
  }
  return std::vector{x};
}

// Layers are usually in order, but need not be.
Status TopologyReader::call_all(std::vector<Waiting>& waiting, Calls& values) {
  std::map<Call, std::vector<size_t>> readers;
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < waiting.size(); ++i) {
    for (const Call& source : waiting[i].sources) {
      if (values.contains(source)) continue;
      ++waiting[i].unread;
      readers[source].push_back(i);
    }
    if (waiting[i].unread == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const Waiting& next = waiting[ready.top()];
    ready.pop();
    std::vector<ValueId> sources;
    for (const Call& source : next.sources) sources.push_back(values[source].empty() ? kNoValue : values[source][0]);
    OCTET_TRY(values[next.call], call_layer(next.layer, sources));
    for (const size_t reader : readers[next.call]) {
      if (--waiting[reader].unread == 0) ready.push(reader);
    }
  }
  const auto stuck = std::ranges::find_if(waiting, [](const Waiting& it) { return it.unread > 0; });
  if (stuck == waiting.end()) return {};
  const auto missing = std::ranges::find_if(stuck->sources, [&](const Call& c) { return !values.contains(c); });
  return stuck->layer.invalid("the layer '" + stuck->call.layer + "' reads '" + missing->layer +
                              "', which does not exist or depends on it");
}

Result<std::vector<ValueId>> TopologyReader::read_functional(const JsonAt& config, const std::vector<ValueId>* inputs) {
  OCTET_TRY(const JsonAt list, config.field("layers"));
  OCTET_TRY(const auto layers, list.list());
  OCTET_TRY(const auto starts, read_ends(config, "input_layers"));
  OCTET_TRY(const auto ends, read_ends(config, "output_layers"));
  Calls values;
  std::set<std::string> names;
  std::vector<Waiting> waiting;
  for (const JsonAt& layer : layers) {
    OCTET_TRY(const std::string class_name, class_of(layer));
    OCTET_TRY(const std::string name, name_of(layer));
    if (!names.insert(name).second) return layer.invalid("the layer '" + name + "' is there twice");
    if (class_name == "InputLayer") {
      OCTET_CHECK(charge_call(layer, name, 0));
      const auto start = std::find_if(starts.begin(), starts.end(), [&](const Call& c) { return c.layer == name; });
      const auto place = static_cast<size_t>(start - starts.begin());
      ValueId id = kNoValue;
      if (inputs == nullptr) {
        OCTET_TRY(const JsonAt layer_config, layer.field("config"));
        OCTET_TRY(id, add_input(layer_config, name));
      } else if (place < inputs->size()) {
        id = (*inputs)[place];
      } else {
        return layer.invalid("the input '" + name + "' is not given");
      }
      values[{name, 0}] = {id};
      continue;
    }
    OCTET_TRY(const auto calls, read_calls(layer));
    const size_t count = waiting.size() + calls.size();
    if (count > kMaxNodes) return too_many(config.where, count, "calls of layers", kMaxNodes);
    for (size_t i = 0; i < calls.size(); ++i) waiting.push_back({layer, {name, static_cast<int64_t>(i)}, calls[i], 0});
  }
  OCTET_CHECK(call_all(waiting, values));
  std::vector<ValueId> outputs;
  for (const Call& end : ends) {
    const auto found = values.find(end);
    if (found == values.end()) return config.invalid("the output layer '" + end.layer + "' does not exist");
    outputs.push_back(found->second.empty() ? kNoValue : found->second[0]);
  }
  return outputs;
}

Result<std::vector<ValueId>> TopologyReader::read_model(const JsonAt& model, const std::vector<ValueId>* inputs) {
  OCTET_TRY(const std::string class_name, class_of(model));
  OCTET_TRY(const JsonAt config, model.field("config"));
  if (class_name == "Sequential") return read_sequential(config, inputs);
  if (is_model(class_name)) return read_functional(config, inputs);
  return model.invalid("the class '" + class_name + "' is not Sequential, Model or Functional");
}

Result<Graph> TopologyReader::finish(std::vector<ValueId> outputs) {
  if (!report_.problems.empty()) {
    const ImportProblem& first = report_.problems.front();
    const size_t others = report_.problems.size() - 1;
    return Error{ErrorCode::kUnsupported, "layer '" + first.node + "' (" + first.op + "): " + first.reason +
                                              (others > 0 ? " (and " + std::to_string(others) + " more)" : "")};
  }
  for (const auto& [name, shape] : options_.input_shapes) {
    const bool known = std::any_of(graph_.inputs.begin(), graph_.inputs.end(),
                                   [&, &wanted = name](ValueId id) { return graph_.value(id).name == wanted; });
    if (!known) return Error{ErrorCode::kUsage, "--input-shape names '" + name + "', which is no input of the model"};
  }
  graph_.outputs = std::move(outputs);
  graph_.remove_dead();
  OCTET_CHECK(graph_.infer());
  OCTET_CHECK(graph_.verify());
  return std::move(graph_);
}

}  // namespace

Result<Graph> import_tfjs(const std::string& path, const ImportOptions& options, ImportReport& report) {
  report.format = "TensorFlow.js layers";
  OCTET_TRY(const Json json, read_json_file(path));
  const JsonAt file{json, path};
  OCTET_TRY(const JsonAt manifest, file.field("weightsManifest"));
  WeightFiles files(path);
  OCTET_TRY(const TfjsWeights weights, TfjsWeights::read(manifest, files));
  report.files = files.paths();

  TopologyReader reader(options, weights, report);
  Result<std::vector<ValueId>> outputs = std::vector<ValueId>{};
  if (file.has("modelTopology")) {
    OCTET_TRY(const JsonAt topology, file.field("modelTopology"));
    OCTET_TRY(const JsonAt model, model_of(topology));
    outputs = reader.read_model(model, nullptr);
  } else {
    const std::optional<KnownTopology> known = recover_topology(weights);
    if (!known) {
      return file.invalid("the topology is missing (modelTopology is null), and the names of its " +
                          std::to_string(weights.count()) + " weights are those of no known network");
    }
    report.warnings.push_back(std::string("modelTopology is null: recovered '") + known->name +
                              "' from the names of the weights");
    outputs = reader.read_model({known->config, path + ": modelTopology"}, nullptr);
  }
  if (!outputs.ok()) return outputs.error();
  return reader.finish(std::move(*outputs));
}

}  // namespace octet
