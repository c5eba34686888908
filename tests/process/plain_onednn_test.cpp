// The control of all tests that find the same bytes on every CPU: their networks with oneDNN's integers taken as they
// come. Where a CPU adds pairs of products in 16 bits, or oneDNN is capped to the instructions of one that does, other
// bytes come out of them; elsewhere the same. OCTET_TEST_FILE in the environment is the path of one more packed file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/onednn_context.h"
#include "octet/octet.hpp"
#include "runtime/packed_format.h"
#include "tests/support/old_files.h"
#include "tests/support/random_packed_net.h"
#include "tests/support/skip.h"
#include "tests/support/tensor.h"

namespace octet {
namespace {

struct How {
  bool plain_onednn = false;  // layers of u8 and s8 run on oneDNN, whatever it makes of them, if it takes them at all
  bool all_255 = false;       // each of these layers reads nothing but 255, instead of what was computed
};

// A network run node by node.
class NodeRun {
 public:
  NodeRun(const PackedModel& model, How how) : model_(model), how_(how), bytes_(model.tensors.size()) {
    std::vector<Shape> inputs;
    for (const int32_t id : model.inputs) {
      inputs.push_back(tensor(id).shape);
      for (int i = 0; i < inputs.back().rank(); ++i) {
        if (inputs.back()[i] == Shape::kDynamic) inputs.back()[i] = 1;
      }
    }
    Result<std::vector<Shape>> shapes = infer_model_shapes(model, inputs);
    REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
    shapes_ = std::move(*shapes);
    for (const int32_t id : model.inputs) fill_with_ends(id);
    for (const PackedNode& node : model.nodes) run(node);
  }

  // Of each tensor that is no constant.
  const std::vector<test::Bytes>& bytes() const { return bytes_; }
  int layers_on_onednn() const { return layers_on_onednn_; }

 private:
  const PackedTensor& tensor(int32_t id) const { return model_.tensors[static_cast<size_t>(id)]; }
  const Shape& shape(int32_t id) const { return shapes_[static_cast<size_t>(id)]; }

  test::Bytes& allocate(int32_t id) {
    test::Bytes& bytes = bytes_[static_cast<size_t>(id)];
    bytes.resize(static_cast<size_t>(shape(id).element_count() * element_bytes(tensor(id).type)));
    return bytes;
  }

  // Nothing but the ends of the range, where sums of products go as far as they can.
  void fill_with_ends(int32_t id) {
    test::Bytes& bytes = allocate(id);
    const bool is_f32 = tensor(id).type == DataType::kF32;
    uint64_t state = 1;
    for (size_t i = 0; i < bytes.size(); i += is_f32 ? sizeof(float) : 1) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const bool high = state >> 63 != 0;
      if (is_f32) {
        *reinterpret_cast<float*>(&bytes[i]) = high ? 1e3F : -1e3F;
      } else if (tensor(id).type == DataType::kU8) {
        bytes[i] = high ? std::byte{255} : std::byte{0};
      }
    }
  }

  std::vector<TensorDesc> descs_of(const std::vector<int32_t>& ids) const {
    std::vector<TensorDesc> descs;
    for (const int32_t id : ids) {
      descs.push_back(id < 0 ? TensorDesc{.present = false} : tensor(id).desc());
      if (id >= 0) descs.back().shape = shape(id);
    }
    return descs;
  }

  // oneDNN's row, but not what keeps octet from it; null where oneDNN has no such convolution.
  static Kernel plain_convolution(const Conv2dParams& params, const std::vector<TensorDesc>& inputs,
                                  const TensorDesc& dst) {
    const auto table = kernel_table(params);
    const auto row = std::ranges::find_if(table, [](const auto& r) { return std::string_view(r.name) == "onednn"; });
    REQUIRE(row != table.end());
    Result<Kernel> kernel = row->prepare({params, inputs, {&dst, 1}});
    return kernel.ok() ? std::move(*kernel) : nullptr;
  }

  static Kernel plain_layer(const OpParams& op, const std::vector<TensorDesc>& inputs, const TensorDesc& dst) {
    if (const auto* conv = std::get_if<Conv2dParams>(&op)) return plain_convolution(*conv, inputs, dst);
    // As a 1x1 convolution, which octet, too, makes of it.
    static Conv2dParams params;  // outlives the kernel
    params.clamp = std::get<FullyConnectedParams>(op).clamp;
    std::vector<TensorDesc> image_inputs = inputs;
    TensorDesc image = dst;
    const int64_t depth = inputs[1].shape[1], count = inputs[1].shape[0];
    image_inputs[0].shape = {1, inputs[0].shape.element_count() / depth, 1, depth};
    image_inputs[1].shape = {count, 1, 1, depth};
    image.shape = {1, dst.shape.element_count() / count, 1, count};
    return plain_convolution(params, image_inputs, image);
  }

  void run(const PackedNode& node) {
    const std::vector<TensorDesc> inputs = descs_of(node.inputs), outputs = descs_of(node.outputs);
    const bool has_weights =
        std::holds_alternative<Conv2dParams>(node.op) || std::holds_alternative<FullyConnectedParams>(node.op);
    const bool is_layer = has_weights && inputs[0].type == DataType::kU8 && inputs[1].zero_points.empty();
    if (is_layer && how_.all_255) std::ranges::fill(bytes_[static_cast<size_t>(node.inputs[0])], std::byte{255});
    std::vector<const void*> src;
    for (const int32_t id : node.inputs) {
      const bool is_computed = id >= 0 && tensor(id).data == nullptr;
      src.push_back(is_computed ? bytes_[static_cast<size_t>(id)].data() : id < 0 ? nullptr : tensor(id).data);
    }
    std::vector<void*> dst;
    for (const int32_t id : node.outputs) dst.push_back(allocate(id).data());
    Kernel kernel = is_layer && how_.plain_onednn ? plain_layer(node.op, inputs, outputs[0]) : nullptr;
    if (kernel) {
      ++layers_on_onednn_;
    } else {
      Result<SelectedKernel> selected = select_kernel(node.op, inputs, outputs, 1);
      REQUIRE_MESSAGE(selected.ok(), node.name << ": " << selected.error().message);
      kernel = std::move(selected->kernel);
    }
    kernel({src.data(), dst.data()});
  }

  const PackedModel& model_;
  How how_;
  std::vector<Shape> shapes_;
  std::vector<test::Bytes> bytes_;
  int layers_on_onednn_ = 0;
};

// Whether plain oneDNN gives the bytes of all activations that octet gives.
bool is_same(const std::string& name, const PackedModel& model, bool all_255) {
  const NodeRun exact(model, {.all_255 = all_255}), plain(model, {.plain_onednn = true, .all_255 = all_255});
  const std::string found = exact.bytes() == plain.bytes() ? "the same bytes" : "other bytes";
  const std::string inputs = all_255 ? "layers that read 255" : "layers";
  MESSAGE(name << ": " << plain.layers_on_onednn() << " " << inputs << " on oneDNN, " << found);
  CHECK(plain.layers_on_onednn() > 0);
  return exact.bytes() == plain.bytes();
}

}  // namespace

TEST_CASE("with plain oneDNN networks of integers give other bytes where pairs of products saturate, and only there") {
#if !defined(__x86_64__)
  return test::skip("only x86 adds pairs of products in 16 bits");
#endif
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    CHECK(is_same("random net " + std::to_string(seed), test::random_packed_net(seed), false) ==
          onednn::has_exact_int8());
  }
  if (const char* file = std::getenv("OCTET_TEST_FILE")) {
    const std::string text = test::read_bytes(file);
    const auto bytes = std::as_bytes(std::span(text));
    test::Bytes aligned(bytes.begin(), bytes.end());
    const Result<PackedModel> model = read_model(aligned, nullptr, Backing::kMemory);
    REQUIRE_MESSAGE(model.ok(), model.error().message);
    // Weights of a trained network may have no two that saturate at where its activations are large.
    const bool same = is_same(file, *model, false);
    CHECK((same || !onednn::has_exact_int8()));
    CHECK(is_same(file, *model, true) == onednn::has_exact_int8());
  }
}

}  // namespace octet
