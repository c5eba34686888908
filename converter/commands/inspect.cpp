// octet inspect: nodes, shapes, types, scales, sizes, multiply-accumulates.
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "converter/atomic_file.h"
#include "converter/commands/commands.h"
#include "converter/load_model.h"
#include "octet/integrity.hpp"
#include "runtime/fields.h"
#include "runtime/packed_model.h"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::vector<std::string> input_shapes;
  bool json = false;
  bool verify = false;
};

Json shape_json(const Shape& shape) {
  Json dims = Json::array();
  for (const int64_t dim : shape) {
    if (dim == Shape::kDynamic) {
      dims.push_back("N");
    } else {
      dims.push_back(dim);
    }
  }
  return dims;
}

// One number where there is one, a list where there are several, null where there is none.
template <class T>
Json one_or_list(const std::vector<T>& items) {
  if (items.empty()) return nullptr;
  return items.size() == 1 ? Json(items[0]) : Json(items);
}

Json names_json(const PackedModel& model, const std::vector<int32_t>& ids) {
  Json names = Json::array();
  for (const int32_t id : ids) {
    names.push_back(id < 0 ? Json(nullptr) : Json(model.tensors[static_cast<size_t>(id)].name));
  }
  return names;
}

Json tensor_json(const PackedTensor& tensor) {
  const bool implied_zero = !tensor.scales.empty() && tensor.zero_points.empty();
  Json json{{"name", tensor.name},
            {"dtype", to_string(tensor.type)},
            {"shape", shape_json(tensor.shape)},
            {"scale", one_or_list(tensor.scales)},
            {"zero_point", implied_zero ? Json(0) : one_or_list(tensor.zero_points)},
            {"constant", tensor.data != nullptr},
            {"bytes", tensor.data_bytes}};
  if (tensor.file_bits == 16) json["bits"] = 16;
  if (tensor.file_bits == 4) json.update({{"bits", tensor.file_bits}, {"group_size", tensor.file_group}});
  return json;
}

// "; weights of 4 bits in groups of 64" of a layer whose weights are integers, or halves in the file.
std::string weights_text(const PackedModel& model, const PackedNode& node) {
  for (const int32_t id : node.inputs) {
    if (id < 0) continue;
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(id)];
    if ((tensor.type != DataType::kS8 && tensor.file_bits != 16) || tensor.data == nullptr) continue;
    std::string text = "; weights of " + std::to_string(tensor.file_bits) + " bits";
    if (tensor.file_group > 0) text += " in groups of " + std::to_string(tensor.file_group);
    return text;
  }
  return "";
}

// Multiply-accumulates per node, with a dynamic batch taken as 1; none where more is open.
Result<std::vector<int64_t>> node_macs(const PackedModel& model) {
  std::vector<Shape> input_shapes;
  for (const int32_t id : model.inputs) {
    input_shapes.push_back(model.tensors[static_cast<size_t>(id)].shape);
    Shape& shape = input_shapes.back();
    if (shape.rank() > 0 && shape[0] == Shape::kDynamic) shape[0] = 1;
    if (!shape.is_concrete()) return std::vector<int64_t>();
  }
  OCTET_TRY(const std::vector<Shape> shapes, infer_model_shapes(model, input_shapes));
  const auto descs = [&](const std::vector<int32_t>& ids) {
    std::vector<TensorDesc> found;
    for (const int32_t id : ids) {
      found.push_back(id < 0 ? TensorDesc{.present = false} : model.tensors[static_cast<size_t>(id)].desc());
      if (id >= 0) found.back().shape = shapes[static_cast<size_t>(id)];
    }
    return found;
  };
  std::vector<int64_t> macs;
  for (const PackedNode& node : model.nodes)
    macs.push_back(count_macs(node.op, descs(node.inputs), descs(node.outputs)));
  return macs;
}

void print_json(const PackedModel& model, const LoadedModel& loaded, const std::vector<int64_t>& macs,
                const std::string& sha256) {
  Json root;
  root["name"] = model.name;
  root["format"] = loaded.is_packed ? "packed" : "float";
  for (const auto& [key, ids] : {std::pair{"inputs", &model.inputs}, std::pair{"outputs", &model.outputs}}) {
    root[key] = Json::array();
    for (const int32_t id : *ids) {
      const PackedTensor& tensor = model.tensors[static_cast<size_t>(id)];
      root[key].push_back(
          {{"name", tensor.name}, {"dtype", to_string(tensor.type)}, {"shape", shape_json(tensor.shape)}});
    }
  }
  root["preprocess"] = model.preprocessing;
  root["class_names"] = model.class_names;
  root["metadata"] = model.metadata;
  root["tensors"] = Json::array();
  for (const PackedTensor& tensor : model.tensors) root["tensors"].push_back(tensor_json(tensor));
  root["nodes"] = Json::array();
  int64_t total = 0;
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const PackedNode& node = model.nodes[i];
    root["nodes"].push_back({{"name", node.name},
                             {"op", op_name(node.op)},
                             {"parameters", std::visit([](const auto& p) { return fields_to_string(p); }, node.op)},
                             {"inputs", names_json(model, node.inputs)},
                             {"outputs", names_json(model, node.outputs)},
                             {"macs", macs.empty() ? Json(nullptr) : Json(macs[i])}});
    total += macs.empty() ? 0 : macs[i];
  }
  root["macs"] = macs.empty() ? Json(nullptr) : Json(total);
  root["bytes"] = loaded.file_bytes;
  if (!sha256.empty()) root["sha256"] = sha256;
  std::cout << root.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";  // names need not be UTF-8
}

std::string type_text(const PackedTensor& tensor) {
  std::string text = std::string(to_string(tensor.type)) + " " + tensor.shape.to_string();
  if (tensor.scales.size() == 1) {
    std::ostringstream scale;
    scale << std::setprecision(4) << tensor.scales[0];
    text += " scale " + scale.str() + " zero point " +
            std::to_string(tensor.zero_points.empty() ? 0 : tensor.zero_points[0]);
  }
  return text;
}

void print_text(const PackedModel& model, const LoadedModel& loaded, const std::vector<int64_t>& macs,
                const std::string& sha256) {
  std::cout << one_line(model.name) << (loaded.is_packed ? " (packed)" : " (float)") << "\n";
  for (const int32_t id : model.inputs) {
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(id)];
    std::cout << "input  " << one_line(tensor.name) << ": " << type_text(tensor) << "\n";
  }
  for (const int32_t id : model.outputs) {
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(id)];
    std::cout << "output " << one_line(tensor.name) << ": " << type_text(tensor) << "\n";
  }
  if (!model.preprocessing.empty()) std::cout << "preprocess " << one_line(model.preprocessing) << "\n";
  if (!model.class_names.empty()) std::cout << "classes " << model.class_names.size() << "\n";
  std::cout << "\n"
            << std::left << std::setw(36) << "node" << std::setw(17) << "op" << std::right << std::setw(10) << "MMAC"
            << "  output\n";
  int64_t total = 0;
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const PackedNode& node = model.nodes[i];
    const PackedTensor& output = model.tensors[static_cast<size_t>(node.outputs[0])];
    std::cout << std::left << std::setw(36) << one_line(node.name) << std::setw(17) << op_name(node.op) << std::right
              << std::setw(10) << std::fixed << std::setprecision(2);
    macs.empty() ? std::cout << "?" : std::cout << static_cast<double>(macs[i]) / 1e6;
    std::cout << "  " << type_text(output) << weights_text(model, node) << "\n";
    total += macs.empty() ? 0 : macs[i];
  }
  std::cout << "\n" << model.nodes.size() << " nodes, " << std::setprecision(1);
  if (macs.empty()) {
    std::cout << "MMAC by --input-shape, ";
  } else {
    std::cout << static_cast<double>(total) / 1e6 << " MMAC a sample, ";
  }
  std::cout << loaded.file_bytes << " bytes\n";
  if (!sha256.empty()) std::cout << "sha256 " << sha256 << " (verified)\n";
}

Result<std::string> verified_sha256(const std::string& path) {
  OCTET_TRY(const std::vector<std::byte> bytes, read_file(path));
  const Result<Sha256> digest = verify_sha256(bytes);
  if (!digest.ok()) return Error{digest.error().code, "'" + path + "': " + digest.error().message};
  return to_string(*digest);
}

Result<int> inspect(const Options& options) {
  OCTET_TRY(const auto shapes, parse_input_shapes(options.input_shapes));
  OCTET_TRY(const LoadedModel loaded, load_any_model(options.model, {shapes}));
  const PackedModel& model = loaded.model.packed();
  OCTET_TRY(const std::vector<int64_t> macs, node_macs(model));
  OCTET_TRY(const std::string sha256,
            options.verify ? verified_sha256(options.model) : Result<std::string>(std::string()));
  options.json ? print_json(model, loaded, macs, sha256) : print_text(model, loaded, macs, sha256);
  return kExitOk;
}

}  // namespace

CommandRun set_up_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a .octet file or a float model (shown folded)")->required();
  add_input_shapes(app, options->input_shapes, "NAME=1x3x224x224, for inputs whose size is open");
  app.add_flag("--verify", options->verify,
               "compute the SHA-256 of a .octet file, and compare with the one it carries");
  app.add_flag("--json", options->json, "one JSON object on stdout");
  return [options] { return inspect(*options); };
}

}  // namespace octet
