#include "converter/size_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/readings.h"

namespace octet {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Use {
  kShows,  // any function: what follows the size must still do so afterwards
  kSize,
  kMoves,  // elements of its first input, as the others say
  kJoins,  // elements of all inputs
  kAdds,
  kSubtracts,
  kMultiplies,
  kDivides,
  kRounds,
  kCompares,
  kIsGreatest,  // of its inputs; of its only input and 0
  kClips,
  kModulo,
  kChooses,
};

struct OpUse {
  std::string_view op;
  Use use;
  int chooser = -1;  // the input that decides which elements are taken
};

constexpr OpUse kOpUses[] = {
    {"Shape", Use::kSize},
    {"Size", Use::kSize},
    {"Cast", Use::kRounds},
    {"CastLike", Use::kRounds},
    {"Floor", Use::kRounds},
    {"Ceil", Use::kRounds},
    {"Round", Use::kRounds},
    {"Identity", Use::kMoves},
    {"Reshape", Use::kMoves},
    {"Flatten", Use::kMoves},
    {"Squeeze", Use::kMoves},
    {"Unsqueeze", Use::kMoves},
    {"Transpose", Use::kMoves},
    {"Slice", Use::kMoves},
    {"Split", Use::kMoves},
    {"Expand", Use::kMoves},
    {"Tile", Use::kMoves},
    {"Gather", Use::kMoves, 1},
    {"GatherElements", Use::kMoves, 1},
    {"GatherND", Use::kMoves, 1},
    {"Concat", Use::kJoins},
    {"Where", Use::kJoins, 0},
    {"ScatterElements", Use::kJoins, 1},
    {"ScatterND", Use::kJoins, 1},
    {"Add", Use::kAdds},
    {"Sum", Use::kAdds},
    {"Sub", Use::kSubtracts},
    {"Mul", Use::kMultiplies},
    {"Div", Use::kDivides},
    {"Equal", Use::kCompares},
    {"Less", Use::kCompares},
    {"LessOrEqual", Use::kCompares},
    {"Greater", Use::kCompares},
    {"GreaterOrEqual", Use::kCompares},
    {"Max", Use::kIsGreatest},
    {"Relu", Use::kIsGreatest},
    {"Abs", Use::kIsGreatest},
    {"Clip", Use::kClips},
    {"Mod", Use::kModulo},
    {"Min", Use::kChooses},
    {"Sign", Use::kChooses},
    {"And", Use::kChooses},
    {"Or", Use::kChooses},
    {"Xor", Use::kChooses},
    {"Not", Use::kChooses},
    {"HardSigmoid", Use::kChooses},
    {"ReduceMax", Use::kChooses},
    {"ReduceMin", Use::kChooses},
    {"ArgMax", Use::kChooses},
    {"ArgMin", Use::kChooses},
    {"TopK", Use::kChooses},
    {"NonZero", Use::kChooses},
    {"OneHot", Use::kChooses},
    {"If", Use::kChooses},
    {"Loop", Use::kChooses},
};

OpUse use_of(const std::string& op_type) {
  const auto* const found = std::ranges::find(kOpUses, op_type, &OpUse::op);
  return found == std::end(kOpUses) ? OpUse{op_type, Use::kShows} : *found;
}

double number_at(const Tensor& tensor, int64_t i) {
  const auto at = static_cast<size_t>(i);
  switch (tensor.type()) {
    case DataType::kF32:
      return tensor.as<float>()[at];
    case DataType::kS64:
      return static_cast<double>(tensor.as<int64_t>()[at]);
    case DataType::kS32:
      return tensor.as<int32_t>()[at];
    case DataType::kS8:
      return tensor.as<int8_t>()[at];
    case DataType::kU8:
    case DataType::kBool:
      return tensor.as<uint8_t>()[at];
    case DataType::kBf16:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

bool is_uniform(const Tensor& tensor, double value) {
  for (int64_t i = 0; i < tensor.element_count(); ++i) {
    if (number_at(tensor, i) != value) return false;
  }
  return true;
}

// One value as it is in each reading.
struct Followed {
  std::vector<const Tensor*> readings;
  bool same_shape = true;
  int64_t following = 0;           // elements that are not the same in every reading
  int64_t first = 0;               // of them
  double at_least = -kInfinity;    // what those are at any size
  double least_fixed = kInfinity;  // of the others
  double most_fixed = -kInfinity;

  bool follows() const { return following > 0; }
  double least() const { return follows() ? std::min(at_least, least_fixed) : least_fixed; }
};

Followed follow(std::vector<const Tensor*> readings) {
  Followed value{.readings = std::move(readings)};
  const Tensor& own = *value.readings[0];
  for (const Tensor* other : value.readings) value.same_shape = value.same_shape && other->shape() == own.shape();
  const int64_t count = own.element_count();
  if (!value.same_shape) {
    // More copies of the same numbers at another size are no other numbers.
    const auto is_more = [&](const Tensor* other) {
      return is_copies_of(own, *other) ||
             (count > 0 && is_uniform(own, number_at(own, 0)) && is_uniform(*other, number_at(own, 0)));
    };
    if (!std::ranges::all_of(value.readings, is_more)) {
      value.following = std::max<int64_t>(count, 1);
      return value;
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const double number = number_at(own, i);
    const auto is_same = [&](const Tensor* other) { return !value.same_shape || number_at(*other, i) == number; };
    if (!std::ranges::all_of(value.readings, is_same)) {
      if (value.following++ == 0) value.first = i;
      continue;
    }
    value.least_fixed = std::min(value.least_fixed, number);
    value.most_fixed = std::max(value.most_fixed, number);
  }
  return value;
}

// Whether q * b = a in every reading, element by element.
bool divides_exactly(const Followed& a, const Followed& b, const Followed& q) {
  for (size_t k = 0; k < q.readings.size(); ++k) {
    const int64_t count = q.readings[k]->element_count();
    const auto at = [&](const Followed& value, int64_t i) {
      const int64_t own = value.readings[k]->element_count();
      return own == count ? number_at(*value.readings[k], i)
             : own == 1   ? number_at(*value.readings[k], 0)
                          : std::numeric_limits<double>::quiet_NaN();
    };
    for (int64_t i = 0; i < count; ++i) {
      if (!(at(q, i) * at(b, i) == at(a, i))) return false;
    }
  }
  return true;
}

bool are_equal(const Followed& a, const Followed& b) {
  for (size_t k = 0; k < a.readings.size(); ++k) {
    const Tensor &x = *a.readings[k], &y = *b.readings[k];
    if (x.shape() != y.shape()) return false;
    for (int64_t i = 0; i < x.element_count(); ++i) {
      if (!(number_at(x, i) == number_at(y, i))) return false;
    }
  }
  return true;
}

// Whether the size that a value follows is still to be seen in what was made of it.
bool shows_in(const Followed& input, const Followed& output) {
  if (!output.same_shape) return true;
  const bool element_wise = input.same_shape && input.readings[0]->shape() == output.readings[0]->shape();
  return output.following >= (element_wise ? input.following : 1);
}

// One step in all readings.
class StepCheck {
 public:
  StepCheck(std::span<const SizeStep* const> steps, std::span<const std::string> shapes, OpenSize open,
            std::map<ValueId, double>& at_least)
      : step_(*steps[0]), use_(use_of(step_.op_type)), shapes_(shapes), open_(open) {
    const auto follow_all = [&](auto list, std::vector<std::optional<Followed>>& values) {
      for (size_t i = 0; i < (step_.*list).size(); ++i) {
        std::vector<const Tensor*> readings;
        for (const SizeStep* step : steps) {
          if (i < (step->*list).size() && (step->*list)[i]) readings.push_back(&(step->*list)[i]->tensor);
        }
        values.emplace_back();
        if (readings.size() < steps.size()) continue;
        values.back() = follow(std::move(readings));
        const auto known = at_least.find((step_.*list)[i]->id);
        if (known != at_least.end()) values.back()->at_least = known->second;
      }
    };
    follow_all(&SizeStep::inputs, inputs_);
    follow_all(&SizeStep::outputs, outputs_);
    for (const auto& input : inputs_) any_follows_ = any_follows_ || (input && input->follows());
  }

  // Where it is fine: what the outputs' elements that follow the size are at least.
  Result<double> run() const {
    if (use_.use == Use::kSize) return !inputs_.empty() && inputs_[0] ? 0.0 : 1.0;  // constants may be empty
    if (!any_follows_) return -kInfinity;
    if (use_.chooser >= 0 && follows(static_cast<size_t>(use_.chooser))) {
      return refuse(static_cast<size_t>(use_.chooser), "chooses by");
    }
    switch (use_.use) {
      case Use::kMoves:
        return moved();
      case Use::kJoins:
        return joined();
      case Use::kAdds:
        return sum();
      case Use::kSubtracts:
        return both() && !follows(1) ? inputs_[0]->at_least - inputs_[1]->most_fixed : -kInfinity;
      case Use::kMultiplies:
        return product();
      case Use::kDivides:
        return quotient();
      case Use::kRounds:
        return rounded();
      case Use::kCompares:
        return compared();
      case Use::kIsGreatest:
        return greatest();
      case Use::kClips:
        return clipped();
      case Use::kModulo:
        return remainder();
      case Use::kChooses:
        return refuse(first_following(), "chooses by");
      default:
        return shown();
    }
  }

  const std::vector<std::optional<Followed>>& outputs() const { return outputs_; }

 private:
  bool follows(size_t i) const { return i < inputs_.size() && inputs_[i] && inputs_[i]->follows(); }
  bool both() const { return inputs_.size() == 2 && inputs_[0] && inputs_[1]; }
  size_t first_following() const {
    size_t i = 0;
    while (!follows(i)) ++i;
    return i;
  }

  Error refuse(size_t i, const std::string& does) const {
    const Followed& value = *inputs_[i];
    std::string numbers;
    for (size_t k = 0; k < value.readings.size(); ++k) {
      const Tensor& tensor = *value.readings[k];
      std::string number = tensor.shape().to_string() + " numbers";
      if (value.same_shape) {
        number = std::to_string(number_at(tensor, value.first));
        number.erase(number.find_last_not_of('0') + 1);
        if (number.back() == '.') number.pop_back();
      }
      numbers += (k == 0 ? "" : ", ") + number + " at " + shapes_[k];
    }
    return {ErrorCode::kUnsupported, "node '" + step_.node + "' (" + step_.op_type + ") " + does +
                                         " what follows the size (" + numbers +
                                         "), so that other sizes may come to something else"};
  }

  // Every input that follows the size must show in an output.
  Result<double> shown() const {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!follows(i)) continue;
      const auto shows = [&](const auto& output) { return output && shows_in(*inputs_[i], *output); };
      if (std::ranges::none_of(outputs_, shows)) return refuse(i, "makes the same of");
    }
    return -kInfinity;
  }

  Result<double> moved() const {
    bool by_sizes = false;
    for (size_t i = 1; i < inputs_.size(); ++i) {
      if (!follows(i)) continue;
      by_sizes = true;
      const auto shows = [](const auto& output) { return output && (!output->same_shape || output->follows()); };
      if (std::ranges::none_of(outputs_, shows)) return refuse(i, "moves the same by");
    }
    return by_sizes ? -kInfinity : inputs_[0]->at_least;
  }

  double joined() const {
    const bool in_place = outputs_[0] && outputs_[0]->same_shape;
    double least = kInfinity;
    for (const auto& input : inputs_) {
      if (input && input->follows()) least = std::min(least, input->at_least);
      if (input && !in_place) least = std::min(least, input->least_fixed);
    }
    return least;
  }

  double sum() const {
    double least = 0;
    for (const auto& input : inputs_) least += input ? input->least() : -kInfinity;
    return least;
  }

  double product() const {
    double least = 1;
    for (const auto& input : inputs_) {
      if (!input || !(input->least() >= 0)) return -kInfinity;
      least *= input->least();
    }
    return least;
  }

  Result<double> quotient() const {
    if (!both()) return shown();
    const Followed &a = *inputs_[0], &b = *inputs_[1];
    if (outputs_[0] && !divides_exactly(a, b, *outputs_[0])) {
      OCTET_CHECK(not_exact(outputs_[0]->readings[0]->type() != DataType::kF32));
    }
    const bool positive = a.least() >= 0 && b.least() > 0;
    if (!positive) return -kInfinity;
    return b.follows() ? 0 : std::floor(a.least() / b.most_fixed);
  }

  // Where something is lost: whole numbers of a batch lose it between the readings, too.
  Status not_exact(bool rounds) const {
    if (rounds && open_ == OpenSize::kBatch) return refuse(first_following(), "rounds what it makes of");
    return shown().ok() ? Status{} : Status{refuse(first_following(), "rounds to the same")};
  }

  Result<double> rounded() const {
    const Followed& x = *inputs_[0];
    if (!outputs_[0]) return shown();
    if (outputs_[0]->readings[0]->type() == DataType::kBool) {
      if (x.follows() && !(x.at_least > 0)) return refuse(0, "compares with 0");
      return -kInfinity;
    }
    if (!are_equal(x, *outputs_[0])) OCTET_CHECK(not_exact(true));
    return std::floor(x.at_least);
  }

  Result<double> compared() const {
    if (both()) {
      const Followed &a = *inputs_[0], &b = *inputs_[1];
      if (are_equal(a, b)) return -kInfinity;
      const Followed &moving = follows(0) ? a : b, &other = follows(0) ? b : a;
      if (!other.follows() && moving.at_least > other.most_fixed) return -kInfinity;
    }
    return refuse(first_following(), "compares");
  }

  Result<double> greatest() const {
    double most = inputs_.size() == 1 ? 0 : -kInfinity;
    double least = kInfinity;
    int following = 0;
    for (const auto& input : inputs_) {
      if (input && input->follows()) {
        ++following;
        least = input->at_least;
      } else {
        most = std::max(most, input ? input->most_fixed : kInfinity);
      }
    }
    if (both() && are_equal(*inputs_[0], *inputs_[1])) return least;
    if (following == 1 && least >= most) return least;
    return refuse(first_following(), "chooses by");
  }

  // By inputs 1 and 2, below and above; older files have them as attributes, which are not looked at.
  Result<double> clipped() const {
    const bool below = inputs_.size() == 2 && both() && !follows(1) && inputs_[0]->at_least >= inputs_[1]->most_fixed;
    if (below) return inputs_[0]->at_least;
    return refuse(first_following(), "chooses by");
  }

  Result<double> remainder() const {
    const auto is_zero = [](const Tensor* reading) { return is_uniform(*reading, 0); };
    if (open_ == OpenSize::kBatch && outputs_[0] && std::ranges::all_of(outputs_[0]->readings, is_zero)) {
      return -kInfinity;
    }
    return refuse(first_following(), "takes the remainder of");
  }

  const SizeStep& step_;
  OpUse use_;
  std::span<const std::string> shapes_;
  OpenSize open_;
  std::vector<std::optional<Followed>> inputs_, outputs_;
  bool any_follows_ = false;
};

std::optional<SizeStep::Value> constant_of(const std::string& name, const Graph& graph,
                                           const SizeArithmetic::Names& names) {
  const auto found = names.find(name);
  if (found == names.end() || !graph.value(found->second).is_constant()) return std::nullopt;
  return SizeStep::Value{found->second, *graph.value(found->second).constant};
}

}  // namespace

bool SizeArithmetic::follows_from_shapes(const SourceNode& node, const Graph& graph, const Names& names) const {
  const auto is_read = [&](const std::string& name) {
    const auto found = names.find(name);
    return found != names.end() && (!graph.value(found->second).is_constant() || of_shapes_.contains(found->second));
  };
  const auto is_constant = [&](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() || graph.value(found->second).is_constant();
  };
  return std::ranges::any_of(node.inputs, is_read) && std::ranges::all_of(node.outputs, is_constant);
}

void SizeArithmetic::note(const SourceNode& node, const Graph& graph, const Names& names) {
  if (!follows_from_shapes(node, graph, names)) return;
  SizeStep step{node.name, node.name, node.op_type, {}, {}};
  for (const std::string& name : node.inputs) step.inputs.push_back(constant_of(name, graph, names));
  for (const std::string& name : node.outputs) {
    step.outputs.push_back(constant_of(name, graph, names));
    if (step.outputs.back()) of_shapes_.insert(step.outputs.back()->id);
  }
  steps_.push_back(std::move(step));
}

void SizeArithmetic::note_decision(const SourceNode& node, const std::string& name, const Graph& graph,
                                   const Names& names) {
  const auto found = names.find(name);
  if (found == names.end() || !of_shapes_.contains(found->second)) return;
  steps_.push_back({node.name + ":" + name, node.name, node.op_type, {constant_of(name, graph, names)}, {}});
}

Status check_arithmetic(std::span<const SizeArithmetic> readings, std::span<const std::string> shapes, OpenSize open) {
  std::vector<std::map<std::string_view, const SizeStep*>> by_key(readings.size());
  for (size_t k = 1; k < readings.size(); ++k) {
    for (const SizeStep& step : readings[k].steps()) by_key[k][step.key] = &step;
  }
  std::map<ValueId, double> at_least;  // by value of the first reading
  for (const SizeStep& own : readings[0].steps()) {
    std::vector<const SizeStep*> steps{&own};
    for (size_t k = 1; k < readings.size(); ++k) {
      const auto found = by_key[k].find(own.key);
      if (found != by_key[k].end()) steps.push_back(found->second);
    }
    // Nodes of a branch that is not taken everywhere: its condition, which differs, is refused.
    if (steps.size() < readings.size()) continue;
    const StepCheck check(steps, shapes, open, at_least);
    OCTET_TRY(const double least, check.run());
    for (size_t i = 0; i < own.outputs.size(); ++i) {
      if (own.outputs[i] && check.outputs()[i]) at_least[own.outputs[i]->id] = least;
    }
  }
  return {};
}

}  // namespace octet
