#include "kernels/training/linear_gradient.h"

#include <optional>

#include "kernels/onednn_context.h"

namespace octet {
namespace {

// c = a b as a primitive, with the places of its arguments.
struct Product {
  std::optional<onednn::Executable> executable;
  size_t a = 0, b = 0, c = 0;

  Product(const dnnl::memory::desc& a_desc, const dnnl::memory::desc& b_desc, const dnnl::memory::desc& c_desc) {
    onednn::Attributes attributes;
    attributes.finish();
    const auto pd = onednn::matmul_desc(a_desc, b_desc, c_desc, attributes.attr());
    executable.emplace(dnnl::matmul(pd), pd, nullptr);
    a = executable->bind(DNNL_ARG_SRC, a_desc);
    b = executable->bind(DNNL_ARG_WEIGHTS, b_desc);
    c = executable->bind(DNNL_ARG_DST, c_desc);
  }
  void run(const float* a_data, const float* b_data, float* c_data) {
    executable->set(a, a_data);
    executable->set(b, b_data);
    executable->set(c, c_data);
    executable->run();
  }
};

}  // namespace

struct LinearGradient::State {
  Product forward, weights_gradient;
};

Result<LinearGradient> LinearGradient::create(const Sizes& sizes) {
  const onednn::ThreadScope threads(1);
  return onednn::guarded("training", [&]() -> Result<LinearGradient> {
    const auto& [g, r, i, o, stride] = sizes;
    const auto desc = [](const dnnl::memory::dims& dims, const dnnl::memory::dims& strides) {
      return onednn::strided_desc(DataType::kF32, dims, strides);
    };
    const auto src = desc({g, r, i}, {stride, i, 1});
    const auto dst = desc({g, r, o}, {r * o, o, 1});
    return LinearGradient(std::unique_ptr<State>(
        new State{Product(src, desc({g, i, o}, {o * i, 1, i}), dst),
                  Product(desc({g, o, r}, {r * o, 1, o}), src, desc({g, o, i}, {o * i, i, 1}))}));
  });
}

LinearGradient::LinearGradient(std::unique_ptr<State> state) : state_(std::move(state)) {}
LinearGradient::LinearGradient(LinearGradient&&) noexcept = default;
LinearGradient& LinearGradient::operator=(LinearGradient&&) noexcept = default;
LinearGradient::~LinearGradient() = default;

void LinearGradient::forward(const float* src, const float* weights, float* dst) {
  const onednn::ThreadScope threads(1);
  state_->forward.run(src, weights, dst);
}

void LinearGradient::weights_gradient(const float* src, const float* dst_gradient, float* weights_gradient) {
  const onednn::ThreadScope threads(1);
  state_->weights_gradient.run(dst_gradient, src, weights_gradient);
}

}  // namespace octet
