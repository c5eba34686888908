// An ONNX model under construction: names, nodes, constants, bytes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "octet/result.h"
#include "octet/types.h"

namespace onnx {
class ModelProto;
class NodeProto;
}  // namespace onnx

namespace octet {

using Ints = std::vector<int64_t>;
using OnnxAttribute = std::variant<int64_t, float, std::string, Ints, std::vector<float>, std::vector<std::string>>;
using OnnxAttributes = std::vector<std::pair<std::string, OnnxAttribute>>;

template <size_t N>
Ints to_ints(const std::array<int64_t, N>& values) {
  return {values.begin(), values.end()};
}

class OnnxBuilder {
 public:
  static constexpr int64_t kOpset = 17;

  explicit OnnxBuilder(const std::string& graph_name);
  ~OnnxBuilder();

  // `wanted`, or with a number behind it where that is taken; taken from then on.
  std::string unique(const std::string& wanted);

  // An initializer; returns its name. `data` is copied.
  std::string add_constant(const std::string& name, DataType type, const Shape& shape, const void* data);
  std::string add_floats(const std::string& name, const std::vector<float>& values);  // rank 1
  std::string add_ints(const std::string& name, const std::vector<int64_t>& values);  // rank 1
  std::string add_scalar(const std::string& name, float value);                       // rank 0

  // A node of one output; returns the output's name, made from `output`. An empty input is one that is left out.
  std::string add_node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                       const OnnxAttributes& attributes = {});
  // The same with several outputs.
  std::vector<std::string> add_node(const std::string& op, const std::vector<std::string>& inputs,
                                    const std::vector<std::string>& outputs, const OnnxAttributes& attributes = {});

  // A dynamic dimension of axis 0 is "N", of others "INPUT_AXIS".
  void add_input(const std::string& name, DataType type, const Shape& shape);
  // The graph's output `name`, a name that unique() was asked for, is what `value` holds: the node that makes `value`
  // writes it, or an Identity where that is an input, a constant, or an output already.
  void add_output(const std::string& name, const std::string& value, DataType type, const Shape& shape);
  void add_metadata(const std::string& key, const std::string& value);

  // kUnsupported: more than the 2 GB that a file of ONNX holds.
  Result<std::string> bytes() const;

 private:
  void rename(const std::string& from, const std::string& to);
  // What a value is called now: several outputs may hold what one of them has renamed.
  const std::string& current_name(const std::string& value) const;

  std::unique_ptr<onnx::ModelProto> model_;
  std::map<std::string, int> makers_;  // value to the index of the node that makes it
  std::set<std::string> names_;
  std::map<std::string, std::string> renamed_;  // to outputs, which keep their names
  std::set<std::string> outputs_;
};

}  // namespace octet
