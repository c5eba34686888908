// Stands in for import/onnx.cpp and export/ in a build without libonnx.
#include "converter/export/export_onnx.h"
#include "converter/import/import.h"

namespace octet {

bool has_onnx() {
  return false;
}

Result<Graph> import_onnx(const std::string& path, const ImportOptions&, ImportReport&) {
  return Error{ErrorCode::kUnsupported, "'" + path + "' is no JSON, and this octet was built without ONNX support"};
}

Result<std::string> export_onnx(const PackedModel&) {
  return Error{ErrorCode::kUnsupported, "this octet was built without ONNX support"};
}

}  // namespace octet
