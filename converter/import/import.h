// The way in: a model file of any supported format becomes a float graph.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "converter/given.h"
#include "converter/graph.h"
#include "converter/size_arithmetic.h"

namespace octet {

struct ImportOptions {
  std::map<std::string, Shape> input_shapes;  // by input name; overrides what the file says
  // Given ImportReport::files once they are read; its error is that of import_model.
  std::function<Status(const std::vector<std::string>& files)> check_files = {};
};

// One thing that keeps a model from being converted.
struct ImportProblem {
  std::string node;    // its name in the source model, or that of an input or tensor, or "" where several are at fault;
                       // shortened (runtime/shortened.h), as the others are
  std::string op;      // "Conv", or "" where no op is at fault
  std::string reason;  // one line
  ErrorCode code = ErrorCode::kUnsupported;
};

// "node 'conv1' (Conv): REASON"
std::string to_string(const ImportProblem& problem);

// What was found beside the graph. Problems are all listed at once; any makes the import fail.
struct ImportReport {
  std::string format;  // "ONNX (opset 13, IR 7)", "octet JSON", "TensorFlow.js layers"
  std::vector<ImportProblem> problems;
  std::vector<std::string> warnings;
  std::vector<std::string> files;                     // beside the model, that its constants were read from
  GivenTable given;                                   // of a quantized model
  std::map<std::string, std::vector<int>> open_axes;  // by input: what the file leaves open beside the batch
  SizeArithmetic arithmetic;                          // what was computed of shapes

  // One more problem, its texts shortened: thousands of them may name one name of megabytes.
  void add(const ImportProblem& problem);
};

// What an import with problems ends with: the first of them, and how many more there are.
Error error_of(const ImportReport& report);

// Reads MODEL by its content: ONNX, octet JSON, or TensorFlow.js layers. The graph's batch dimension is dynamic where
// the network allows that (whatever the file says), every other dimension is known. kInvalidFile: missing, damaged or
// contradictory; kUnsupported: valid, but `report` has problems; kUsage: input_shapes name no input. With problems the
// error names the first and counts them, and is kInvalidFile where one of them is.
Result<Graph> import_model(const std::string& path, const ImportOptions& options, ImportReport& report);

// The formats behind import_model.
Result<Graph> import_onnx(const std::string& path, const ImportOptions& options, ImportReport& report);
Result<Graph> import_json(const std::string& path, const ImportOptions& options, ImportReport& report);
Result<Graph> import_tfjs(const std::string& path, const ImportOptions& options, ImportReport& report);

// Whether this build reads ONNX (libonnx was there when it was built).
bool has_onnx();

}  // namespace octet
