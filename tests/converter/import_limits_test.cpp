// Small models that ask for time and memory without end.
#include "converter/import/import_limits.h"

#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

// x through a body that only carries it on, `times` times.
SourceBuilder loop(const std::string& name, int64_t times, SourceModel body) {
  body.inputs = {{"i", DataType::kS64, {}}, {"on", DataType::kBool, {}}, {"v", DataType::kF32, {1, 3}}};
  body.outputs = {"on", body.nodes.empty() ? "v" : body.nodes.back().outputs[0]};
  SourceBuilder source;
  source.input("x", {1, 3}).s64("times", {times}).node("Loop", {"times", "", "x"}, {"y"}).output("y");
  source.model.nodes[0].name = name;
  source.model.nodes[0].bodies["body"] = std::make_shared<const SourceModel>(std::move(body));
  return source;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a loop pays for the bytes of the names that it makes anew") {
  CHECK(loop("loop", 1000, {}).error() == "no error");
  const std::string message = loop(std::string(1 << 20, 'n'), 100, {}).error();
  // Of a turn: 6 names of 2^20 bytes and a few, and a node.
  const bool refused =
      has(message, "it has 21518 nodes, as often as it runs (8 names, or 4096 bytes, count as one), but at most 20000");
  CHECK(refused);
}

TEST_CASE("a loop pays for the attributes that it copies, and not for tensors") {
  const std::vector<int64_t> list(1 << 20, 1);
  const auto with = [](Attribute attribute) {
    SourceModel body;
    body.nodes.push_back({"relu", "Relu", "", 13, {"v"}, {"w"}, {{"list", std::move(attribute)}}});
    return loop("loop", 100, std::move(body)).error();
  };
  CHECK(with(Tensor::s64({1 << 20}, list)) == "no error");
  CHECK(has(with(list), "but at most 20000 are read"));
  CHECK(has(with(std::vector<std::string>(1 << 16, std::string(100, 's'))), "but at most 20000 are read"));
  CHECK(has(with(std::string(1 << 23, 's')), "but at most 20000 are read"));
}

TEST_CASE("a node's name is charged for each of its outputs") {
  SourceBuilder source;
  source.input("x", {1, 1000, 2});
  std::vector<std::string> parts;
  for (int i = 0; i < 1000; ++i) parts.push_back("p" + std::to_string(i));
  source.node("Split", {"x"}, parts, {{"axis", int64_t{1}}});
  for (const std::string& part : parts) source.output(part);
  CHECK(source.error() == "no error");
  source.model.nodes[0].name = std::string(1 << 16, 'n');
  CHECK(has(source.error(),
            "the model has 23993 nodes (an output beyond a node's first counts as 8, 4096 bytes of names"));
}

}  // namespace octet::test
