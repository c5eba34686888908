#include "converter/export/export_onnx.h"

#include "converter/export/op_writers.h"

namespace octet {

Result<std::string> export_onnx(const PackedModel& model, bool exact_residuals) {
  OnnxBuilder onnx(model.name);
  QdqWriter writer(model, onnx, exact_residuals);
  for (const int32_t id : model.inputs) writer.write_input(id);
  for (const int32_t id : model.outputs) onnx.unique(writer.tensor(id).name);
  std::string problems;
  for (const PackedNode& node : model.nodes) {
    const Status written = write_op(writer, node);
    if (written.ok()) continue;
    if (!problems.empty()) problems += "; ";
    problems += "node '" + node.name + "' (" + op_name(node.op) + "): " + written.error().message;
    writer.write_nothing(node);
  }
  if (!problems.empty()) return Error{ErrorCode::kUnsupported, problems};
  for (const int32_t id : model.outputs) {
    const PackedTensor& output = writer.tensor(id);
    onnx.add_output(output.name, writer.read(id), output.type, output.shape);
  }
  if (!model.preprocessing.empty()) onnx.add_metadata("octet.preprocess", model.preprocessing);
  if (const std::string& names = writer.separate_zero_points(); !names.empty()) {
    onnx.add_metadata("octet.separate_zero_points", names);
  }
  std::string class_names;
  for (const std::string& name : model.class_names) class_names += name + "\n";
  if (!class_names.empty()) onnx.add_metadata("octet.class_names", class_names);
  return onnx.bytes();
}

}  // namespace octet
