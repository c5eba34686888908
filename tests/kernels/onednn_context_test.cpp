#include "kernels/onednn_context.h"

#include <doctest/doctest.h>

#include <vector>

#include "octet/types.h"

namespace octet {

TEST_CASE("a primitive that does not execute says so") {
  const dnnl::memory::desc square = onednn::dense_desc(DataType::kF32, {2, 2});
  onednn::Attributes attributes;
  attributes.finish();
  const auto pd = onednn::matmul_desc(square, square, square, attributes.attr());
  onednn::Executable executable(dnnl::matmul(pd), pd);
  const std::vector<float> values{1, 2, 3, 4};
  std::vector<float> dst(4, -1.0F);
  executable.set(executable.bind(DNNL_ARG_SRC, square), values.data());
  executable.set(executable.bind(DNNL_ARG_WEIGHTS, square), values.data());
  CHECK_THROWS_AS(executable.run(), dnnl::error);  // it has no dst
  executable.set(executable.bind(DNNL_ARG_DST, square), dst.data());
  executable.run();
  CHECK(dst == std::vector<float>{7, 10, 15, 22});
}

}  // namespace octet
