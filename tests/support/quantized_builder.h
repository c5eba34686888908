// Quantized source models written in a few lines, and what they become.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "converter/given.h"
#include "tests/support/source_builder.h"

namespace octet::test {

// A source model in which integers are written in short.
struct QuantizedBuilder : SourceBuilder {
  template <class T>
  QuantizedBuilder& integers(const std::string& name, DataType type, const Shape& shape, const std::vector<T>& values) {
    return model.constants.emplace_back(name, Tensor::from<T>(type, shape, values)), *this;
  }
  // name_scale, name_zero: of a u8, s8 or (without zero point) s32 tensor.
  QuantizedBuilder& params(const std::string& name, const std::vector<float>& scales, DataType type,
                           const std::vector<int>& zero_points) {
    const Shape shape = scales.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(scales.size())};
    f32(name + "_scale", shape, scales);
    if (type == DataType::kU8)
      return integers<uint8_t>(name + "_zero", type, shape, {zero_points.begin(), zero_points.end()});
    return integers<int8_t>(name + "_zero", type, shape, {zero_points.begin(), zero_points.end()});
  }
  QuantizedBuilder& quantize(const std::string& from, const std::string& to, const std::string& name) {
    return node("QuantizeLinear", {from, name + "_scale", name + "_zero"}, {to}), *this;
  }
  QuantizedBuilder& dequantize(const std::string& from, const std::string& to, const std::string& name,
                               int64_t axis = 0, bool has_zero = true) {
    std::vector<std::string> inputs{from, name + "_scale"};
    if (has_zero) inputs.push_back(name + "_zero");
    return node("DequantizeLinear", inputs, {to}, {{"axis", axis}}), *this;
  }
};

struct Packed {
  PackedModel model;
  std::vector<std::string> notices;

  const PackedTensor& tensor(const std::string& name) const {
    for (const PackedTensor& t : model.tensors) {
      if (t.name == name) return t;
    }
    FAIL("no tensor " << name);
    return model.tensors[0];
  }
  const PackedNode& only(const std::string& op) const {
    const PackedNode* found = nullptr;
    for (const PackedNode& node : model.nodes) {
      if (op_name(node.op) != op) continue;
      CHECK_MESSAGE(found == nullptr, "two nodes of " << op);
      found = &node;
    }
    REQUIRE_MESSAGE(found != nullptr, "no node of " << op);
    return *found;
  }
  const PackedTensor& input(const PackedNode& node, size_t i) const {
    return model.tensors[static_cast<size_t>(node.inputs[i])];
  }
  const PackedTensor& output(const PackedNode& node) const {
    return model.tensors[static_cast<size_t>(node.outputs[0])];
  }
  std::vector<std::string> ops() const {
    std::vector<std::string> names;
    for (const PackedNode& node : model.nodes) names.emplace_back(op_name(node.op));
    return names;
  }
};

inline Packed pack(const SourceBuilder& source, const std::set<std::string>& keep_float = {}) {
  ImportReport report;
  Result<Graph> graph = source.build(report);
  REQUIRE_MESSAGE(graph.ok(), graph.error().message);
  const Status passed = run_passes(*graph);
  REQUIRE_MESSAGE(passed.ok(), passed.error().message);
  REQUIRE(is_quantized(*graph));
  Packed packed;
  const GivenIntegers given = take_given_integers(*graph, report.given, keep_float, packed.notices);
  Result<PackedModel> model = lower_given(*graph, given);
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  packed.model = std::move(*model);
  return packed;
}

inline std::vector<float> run(const PackedModel& packed, const std::vector<float>& x) {
  return run_session(packed, x).values;
}

}  // namespace octet::test
