// What export makes of files that no converter writes; what it makes of others, tests/cli and tests/conformance run.
#include "converter/export/export_onnx.h"

#include <doctest/doctest.h>

#include "octet/model.hpp"
#include "runtime/packed_format.h"
#include "tests/support/packed_builder.h"

namespace octet::test {
namespace {

int nodes_of(const std::string& onnx, const std::string& op) {
  int count = 0;
  for (size_t at = onnx.find(op); at != std::string::npos; at = onnx.find(op, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("an absent second input of a reshape or resize is exported as none") {
  PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1, 4, 4, 2});
  const int32_t twice = b.activation("twice", DataType::kF32, {1, 8, 8, 2});
  const int32_t flat = b.activation("flat", DataType::kF32, {1, 128});
  b.node("twice", ResizeParams{.sizes = {8, 8}}, {x, -1}, {twice});
  b.node("flatten", ReshapeParams{{1, 128}}, {twice, -1}, {flat});
  b.output(flat);
  const PackedModel model = b.take();
  REQUIRE(Model::from_memory(write_model(model)).ok());
  const Result<std::string> onnx = export_onnx(model);
  REQUIRE_MESSAGE(onnx.ok(), onnx.error().message);
  CHECK(nodes_of(*onnx, "Concat") == 0);
}

TEST_CASE("dimensions of another tensor are exported as its shape's") {
  const Result<std::string> onnx = export_onnx(reshape_like_net());
  REQUIRE_MESSAGE(onnx.ok(), onnx.error().message);
  CHECK(nodes_of(*onnx, "Concat") == 1);
}

}  // namespace octet::test
