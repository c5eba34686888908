// Source models written in a few lines, and what they compute.
#pragma once

#include <doctest/doctest.h>

#include "converter/import/source_model.h"
#include "converter/lower.h"
#include "converter/passes/passes.h"
#include "octet/session.hpp"

namespace octet::test {

struct SourceBuilder {
  SourceModel model;
  int opset = 13;

  SourceBuilder& input(const std::string& name, const Shape& shape, DataType type = DataType::kF32) {
    return model.inputs.push_back({name, type, shape}), *this;
  }
  SourceBuilder& f32(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    return model.constants.emplace_back(name, Tensor::f32(shape, values)), *this;
  }
  SourceBuilder& s64(const std::string& name, const std::vector<int64_t>& values) {
    const Shape shape{static_cast<int64_t>(values.size())};
    return model.constants.emplace_back(name, Tensor::s64(shape, values)), *this;
  }
  using Attributes = std::map<std::string, Attribute, std::less<>>;
  SourceBuilder& node(const std::string& op, std::vector<std::string> inputs, std::vector<std::string> outputs,
                      Attributes attributes = {}, const std::string& domain = "") {
    SourceNode added{op + std::to_string(model.nodes.size()),
                     op,
                     domain,
                     opset,
                     std::move(inputs),
                     std::move(outputs),
                     std::move(attributes)};
    return model.nodes.push_back(std::move(added)), *this;
  }
  SourceBuilder& output(const std::string& name) { return model.outputs.push_back(name), *this; }

  Result<Graph> build(ImportReport& report, const ImportOptions& options = {}) const {
    return build_graph(model, options, report);
  }
  Graph graph() const {
    ImportReport report;
    Result<Graph> built = build(report);
    REQUIRE_MESSAGE(built.ok(), built.error().message);
    return *built;
  }
  // The message of the error that building ends with.
  std::string error() const {
    ImportReport report;
    const Result<Graph> built = build(report);
    return built.ok() ? "no error" : built.error().message;
  }
};

struct Computed {
  Shape shape;
  std::vector<float> values;
};

// Output 0 for one f32 input.
inline Computed run_session(PackedModel packed, const std::vector<float>& x) {
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  Result<Session> session = Session::create(model, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  const std::span<float> input = session->input().as<float>();
  REQUIRE(input.size() == x.size());
  std::copy(x.begin(), x.end(), input.begin());
  session->run();
  const std::span<const float> output = session->output().as<float>();
  return {session->output().shape, {output.begin(), output.end()}};
}

// The same, as a session computes the graph after all passes.
inline Computed compute(const SourceBuilder& source, const std::vector<float>& x) {
  Graph graph = source.graph();
  const Status passed = run_passes(graph);
  REQUIRE_MESSAGE(passed.ok(), passed.error().message);
  Result<PackedModel> packed = lower_f32(graph);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  return run_session(std::move(*packed), x);
}

}  // namespace octet::test
