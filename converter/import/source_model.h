// A model as its file describes it, free of the file format; and the one function that makes a float graph of it.
#pragma once

#include <set>

#include "converter/import/import.h"
#include "converter/import/node_reader.h"

namespace octet {

// SourceNode::domain of a node whose op_type is its name in octet's own JSON (OpReader::json), as ONNX has none for it.
inline constexpr const char* kJsonDomain = "octet";
// SourceNode::domain of ONNX Runtime's own operations, a few of which are read.
inline constexpr const char* kMicrosoftDomain = "com.microsoft";

struct SourceInput {
  std::string name;
  DataType type = DataType::kF32;
  Shape shape;            // dynamic dimensions are kDynamic
  bool has_shape = true;  // false: the file does not even know the rank
};

// Untrusted: names may clash, nodes may be in any order, form cycles, or read what does not exist.
struct SourceModel {
  std::string name;
  std::vector<SourceInput> inputs;
  std::vector<std::string> outputs;
  std::vector<std::pair<std::string, Tensor>> constants;
  std::set<std::string, std::less<>> unreadable;  // inputs and constants that the report says why of, or counts
  std::vector<SourceNode> nodes;
  std::string preprocessing;
  std::vector<std::string> class_names;
};

// Sorts the nodes, reads each with its op's OpReader, evaluates what depends on constants alone (the shape arithmetic
// of exporters), and frees the batch dimension. A dynamic first dimension of an input is taken as 1 until then; another
// dynamic dimension must be in options.input_shapes. Every problem of every node goes to `report` before it fails.
Result<Graph> build_graph(const SourceModel& source, const ImportOptions& options, ImportReport& report);

}  // namespace octet
