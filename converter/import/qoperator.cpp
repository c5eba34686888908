#include "converter/import/qoperator.h"

#include <array>
#include <map>
#include <span>
#include <string_view>

#include "converter/import/quantized_names.h"

namespace octet {
namespace {

constexpr int kOpset = 13;  // by which the new nodes are written

// Where the inputs of an op stand. A data input is followed by its scale and its zero point; so are its scale and zero
// point where the outputs' are.
struct QOperator {
  std::string_view name, domain;
  std::string_view real;  // the op on real numbers
  int data_count;         // of data inputs from `first_data` on; -1: all that come
  size_t first_data;
  int output;                // input that is the output's scale; -1: the output is not quantized
  int bias;                  // input that is an s32 bias, at the product of the first two scales; -1: none
  bool keeps_first = false;  // input 0 is no integer of its own, and goes to the op as it is

  bool has_optional_output() const { return name == "QGemm"; }
};

constexpr QOperator kOperators[] = {
    {"QLinearConv", "", "Conv", 2, 0, 6, 8},
    {"QLinearMatMul", "", "MatMul", 2, 0, 6, -1},
    {"QGemm", kMicrosoftDomain, "Gemm", 2, 0, 7, 6},
    {"QLinearAdd", kMicrosoftDomain, "Add", 2, 0, 6, -1},
    {"QLinearMul", kMicrosoftDomain, "Mul", 2, 0, 6, -1},
    {"QLinearAveragePool", kMicrosoftDomain, "AveragePool", 1, 0, 3, -1},
    {"QLinearGlobalAveragePool", kMicrosoftDomain, "GlobalAveragePool", 1, 0, 3, -1},
    {"QLinearReduceMean", kMicrosoftDomain, "ReduceMean", 1, 0, 3, -1},
    {"QLinearSigmoid", kMicrosoftDomain, "Sigmoid", 1, 0, 3, -1},
    {"QLinearLeakyRelu", kMicrosoftDomain, "LeakyRelu", 1, 0, 3, -1},
    {"QLinearSoftmax", kMicrosoftDomain, "Softmax", 1, 0, 3, -1},
    {"QLinearConcat", kMicrosoftDomain, "Concat", -1, 2, 0, -1},
    {"QLinearWhere", kMicrosoftDomain, "Where", 2, 1, 7, -1, true},
};

// Integers in, an s32 sum out; the zero points are optional.
struct IntegerOperator {
  std::string_view name;
  std::array<int64_t, 2> axes;  // of the inputs, along which their zero points vary
};
constexpr IntegerOperator kIntegerOperators[] = {{"ConvInteger", {0, 0}}, {"MatMulInteger", {-2, -1}}};

const std::string& input(const SourceNode& node, size_t i) {
  static const std::string absent;
  return i < node.inputs.size() ? node.inputs[i] : absent;
}

SourceNode make(std::string name, std::string op, std::vector<std::string> inputs, std::string output) {
  return {std::move(name), std::move(op), "", kOpset, std::move(inputs), {std::move(output)}, {}};
}

class Expander {
 public:
  Expander(const SourceModel& source, std::vector<SourceNode>& nodes) : nodes_(nodes) {
    for (const auto& [name, tensor] : source.constants) constants_.emplace(name, &tensor);
    for (const SourceNode& node : source.nodes) {
      if (node.op_type != "Constant" || node.outputs.empty()) continue;
      const auto value = node.attributes.find("value");
      const Tensor* tensor = value == node.attributes.end() ? nullptr : std::get_if<Tensor>(&value->second);
      if (tensor != nullptr) constants_.emplace(node.outputs[0], tensor);
    }
  }

  // False: the node is none.
  bool expand(const SourceNode& node) {
    for (const QOperator& row : kOperators) {
      if (node.op_type != row.name || node.domain != row.domain) continue;
      const Status status = expand(node, row);
      if (!status.ok()) {
        nodes_.push_back(node);
        nodes_.back().refusal = status.error().message;
        nodes_.back().refusal_code = status.error().code;
      }
      return true;
    }
    for (const IntegerOperator& row : kIntegerOperators) {
      if (node.op_type == row.name && node.domain.empty()) return expand(node, row);
    }
    const bool linear = node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear";
    if (!linear || node.domain != kMicrosoftDomain) return false;
    nodes_.push_back(node);
    nodes_.back().domain.clear();
    nodes_.back().opset = kOpset;
    return true;
  }

 private:
  // What people call a part of the node; the output names a node that has no name.
  static std::string part(const SourceNode& node, const std::string& what) {
    return (node.name.empty() ? node.outputs[0] : node.name) + ":" + what;
  }

  // Input `at`, with this scale and zero point. `axis`: of several scales.
  std::string dequantize(const SourceNode& node, size_t at, const std::string& scale, const std::string& zero_point,
                         int64_t axis) {
    std::string output = node.outputs[0] + ":real_" + std::to_string(nodes_.size());
    SourceNode result = make(part(node, "input_" + std::to_string(at)), "DequantizeLinear",
                             {input(node, at), scale, zero_point}, output);
    result.attributes["axis"] = axis;
    nodes_.push_back(std::move(result));
    return output;
  }

  Status expand(const SourceNode& node, const QOperator& row) {
    OCTET_CHECK(check_inputs(node, row));
    SourceNode real{node.name, std::string(row.real), "", kOpset, {}, node.outputs, node.attributes};
    OCTET_CHECK(take_attributes(real));
    // Whatever its integers are: ONNX Runtime's kernels fold those of s8, too.
    if (row.name == "QLinearAdd") real.attributes[kFoldsZeroPoints] = int64_t{1};
    const float alpha = take_alpha(real, row);
    const bool scales_weights = alpha > 0 && alpha != 1;
    const std::string weights_scale =
        scales_weights ? product(node, "weights_scale", input(node, 4), alpha) : input(node, 4);
    if (row.keeps_first) real.inputs.push_back(input(node, 0));
    for (size_t i = 0; i < data_count(node, row); ++i) {
      const size_t at = row.first_data + 3 * i;
      const std::string& scale = scales_weights && i == 1 ? weights_scale : input(node, at + 1);
      real.inputs.push_back(dequantize(node, at, scale, input(node, at + 2), axis(node, i)));
    }
    if (row.bias >= 0 && !input(node, static_cast<size_t>(row.bias)).empty()) {
      const std::string scale = node.outputs[0] + ":bias_scale";
      nodes_.push_back(make(part(node, "bias_scale"), "Mul", {input(node, 1), weights_scale}, scale));
      real.inputs.push_back(dequantize(node, static_cast<size_t>(row.bias), scale, "", 0));
    }
    const auto output = static_cast<size_t>(row.output);
    const bool is_quantized = !input(node, output).empty(), is_multiplied = !(alpha > 0);
    std::string result = node.outputs[0];
    if (is_quantized || is_multiplied) result += ":real";
    real.outputs = {result};
    nodes_.push_back(std::move(real));
    if (is_multiplied) result = product(node, is_quantized ? "multiplied" : "", result, alpha);
    if (!is_quantized) return {};
    nodes_.push_back(make(part(node, "output"), "QuantizeLinear",
                          {result, input(node, output), input(node, output + 1)}, node.outputs[0]));
    return {};
  }

  // QGemm is alpha * a_scale * b_scale * (sum + c): alpha multiplies the bias, too, as it does not in Gemm. What is
  // above 0 is part of b's scale, and the layer stays one of integers.
  static float take_alpha(SourceNode& real, const QOperator& row) {
    const auto* alpha = row.real == "Gemm" ? real.attribute<float>("alpha") : nullptr;
    if (alpha == nullptr) return 1;  // one of another type is refused by the reader of Gemm
    const float factor = *alpha;
    real.attributes.erase("alpha");
    return factor;
  }

  // x * factor; without `what`, under the name of the node's output.
  std::string product(const SourceNode& node, const std::string& what, const std::string& x, float factor) {
    std::string output = what.empty() ? node.outputs[0] : node.outputs[0] + ":" + what;
    const std::string constant = node.outputs[0] + ":alpha";
    nodes_.push_back(make(constant, "Constant", {}, constant));
    nodes_.back().attributes["value"] = Tensor::f32(Shape{}, std::span(&factor, 1));
    nodes_.push_back(make(part(node, "times_alpha"), "Mul", {x, constant}, output));
    return output;
  }

  static size_t data_count(const SourceNode& node, const QOperator& row) {
    return row.data_count < 0 ? (node.inputs.size() - row.first_data) / 3 : static_cast<size_t>(row.data_count);
  }

  // That the inputs are there, and that each scale which is a constant has as many elements as it can have.
  Status check_inputs(const SourceNode& node, const QOperator& row) const {
    if (node.outputs.empty() || node.outputs[0].empty()) return invalid("it has no output");
    if (row.data_count < 0 && (node.inputs.size() < 5 || node.inputs.size() % 3 != 2)) {
      return invalid("it has " + std::to_string(node.inputs.size()) +
                     " inputs, but two are its output's and three each tensor's");
    }
    for (size_t i = 0; i < data_count(node, row); ++i) {
      const size_t at = row.first_data + 3 * i;
      OCTET_CHECK(require(node, at));
      OCTET_CHECK(require(node, at + 1));
      if (!has_several_scales(row, i)) OCTET_CHECK(require_one(node, at + 1));
    }
    const auto output = static_cast<size_t>(row.output);
    if (!(row.has_optional_output() && input(node, output).empty())) {
      OCTET_CHECK(require(node, output));
      OCTET_CHECK(require_one(node, output));
    }
    const Tensor* bias = row.bias < 0 ? nullptr : constant_of(input(node, static_cast<size_t>(row.bias)));
    if (bias == nullptr || bias->type() == DataType::kS32) return {};
    return invalid("its input " + std::to_string(row.bias) + ", the bias, is " + to_string(bias->type()) + ", not s32");
  }

  static Status require(const SourceNode& node, size_t i) {
    return input(node, i).empty() ? invalid("its input " + std::to_string(i) + " is missing") : Status{};
  }

  Status require_one(const SourceNode& node, size_t scale) const {
    const Tensor* tensor = constant_of(input(node, scale));
    if (tensor == nullptr || tensor->element_count() == 1) return {};
    return invalid("its input " + std::to_string(scale) + ", the scale '" + input(node, scale) + "', has " +
                   std::to_string(tensor->element_count()) + " elements, not 1");
  }

  // Weights do, and both factors of a matrix product.
  static bool has_several_scales(const QOperator& row, size_t i) {
    return row.name == "QLinearMatMul" || (row.bias >= 0 && i == 1);
  }

  // Leaves those that the op on real numbers has.
  static Status take_attributes(SourceNode& real) {
    if (const auto last = real.attributes.find("channels_last"); last != real.attributes.end()) {
      const auto* flag = std::get_if<int64_t>(&last->second);
      if (flag == nullptr || *flag != 0) {
        return Error{ErrorCode::kUnsupported, "its channels are the last axis (channels_last)"};
      }
      real.attributes.erase(last);
    }
    // The operator set by whose rules a softmax is meant.
    if (const auto opset = real.attributes.find("opset"); opset != real.attributes.end()) {
      const auto* number = std::get_if<int64_t>(&opset->second);
      if (number == nullptr || *number < 1 || *number > INT32_MAX) return invalid("its 'opset' is no operator set");
      real.opset = static_cast<int>(*number);
      real.attributes.erase(opset);
    }
    return {};
  }

  static Error invalid(const std::string& why) { return {ErrorCode::kInvalidFile, why}; }

  // Along which the scales of data input i vary: output channels.
  static int64_t axis(const SourceNode& node, size_t i) {
    if (node.op_type == "QLinearMatMul") return i == 0 ? -2 : -1;
    if (i == 0) return 0;
    if (node.op_type != "QGemm") return 0;
    return node.int_attribute("transB", 0) != 0 ? 0 : 1;
  }

  // x - zero_point, which broadcasts: a zero point for each row, or column, of each matrix.
  std::string difference(const SourceNode& node, const std::string& x, const std::string& zero_point) {
    std::string output = node.outputs[0] + ":real_" + std::to_string(nodes_.size());
    const std::array<std::string, 2> reals{output + ":x", output + ":zero_point"};
    for (size_t i = 0; i < 2; ++i) {
      nodes_.push_back(make(reals[i], "Cast", {i == 0 ? x : zero_point}, reals[i]));
      nodes_.back().attributes["to"] = int64_t{1};  // f32
    }
    nodes_.push_back(make(output, "Sub", {reals[0], reals[1]}, output));
    return output;
  }

  // Whether zero points of several dimensions are one for each row of input 0, or each column of input 1.
  static bool is_one_for_each(const Shape& points, const IntegerOperator& row, size_t i) {
    if (points.rank() < 2 || points.element_count() == 1) return true;
    return row.name == "MatMulInteger" && points[points.rank() - 1 - static_cast<int>(i)] == 1;
  }

  // op(a - a_zero_point, b - b_zero_point)
  bool expand(const SourceNode& node, const IntegerOperator& row) {
    if (input(node, 0).empty() || input(node, 1).empty() || node.outputs.empty()) return false;
    for (size_t i = 0; i < 2; ++i) {
      const Tensor* points = constant_of(input(node, 2 + i));
      if (points != nullptr && !is_one_for_each(points->shape(), row, i)) return false;
    }
    SourceNode sum{node.name, node.op_type, "", kOpset, {}, node.outputs, node.attributes};
    for (size_t i = 0; i < 2; ++i) {
      const std::string& zero_point = input(node, 2 + i);
      const Tensor* points = constant_of(zero_point);
      const int64_t count = points == nullptr ? 1 : points->element_count();
      if (count > 1 && points->shape().rank() > 1) {
        sum.inputs.push_back(difference(node, input(node, i), zero_point));
        continue;
      }
      const std::string one = node.outputs[0] + ":one_" + std::to_string(i);
      SourceNode constant = make(one, "Constant", {}, one);
      constant.attributes["value"] = ones(count);
      nodes_.push_back(std::move(constant));
      sum.inputs.push_back(dequantize(node, i, one, zero_point, row.axes[i]));
    }
    nodes_.push_back(std::move(sum));
    return true;
  }

  // A scalar where count is 1. All nodes share the bytes: a few of them may have the same many zero points.
  Tensor ones(int64_t count) {
    const auto [at, is_new] = ones_.try_emplace(count);
    if (is_new) {
      at->second = Tensor(DataType::kF32, count == 1 ? Shape{} : Shape{count});
      std::ranges::fill(at->second.as<float>(), 1.0F);
    }
    return at->second;
  }

  // Null where the name is none.
  const Tensor* constant_of(const std::string& name) const {
    const auto found = constants_.find(name);
    return found == constants_.end() ? nullptr : found->second;
  }

  std::map<std::string_view, const Tensor*> constants_;
  std::map<int64_t, Tensor> ones_;  // by their count
  std::vector<SourceNode>& nodes_;
};

}  // namespace

std::vector<SourceNode> expand_qoperators(const SourceModel& source) {
  std::vector<SourceNode> result;
  Expander expander(source, result);
  for (const SourceNode& node : source.nodes) {
    if (!expander.expand(node)) result.push_back(node);
  }
  return result;
}

}  // namespace octet
