#include "converter/size_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/followed_value.h"

namespace octet {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Use {
  kShows,  // any function: what follows the size must still do so afterwards
  kSize,
  kMakes,  // as many elements as its inputs say
  kMoves,  // elements of its first input, as the others say
  kJoins,  // elements of all inputs
  kAdds,
  kNegates,
  kSubtracts,
  kMultiplies,
  kMultipliesAll,  // elements of its input
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
    {"ConstantOfShape", Use::kMakes},
    {"Range", Use::kMakes},
    {"Add", Use::kAdds},
    {"Neg", Use::kNegates},
    {"ReduceProd", Use::kMultipliesAll},
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

// Of the elements of a value that follow the size.
struct Known {
  double at_least = -kInfinity;
  int degree = kMostDegree + 1;
};

// One step in all readings.
class StepCheck {
 public:
  StepCheck(std::span<const SizeStep* const> steps, std::span<const std::string> shapes, OpenSize open,
            const std::map<ValueId, Known>& known_values)
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
        const auto known = known_values.find((step_.*list)[i]->id);
        if (known == known_values.end()) continue;
        values.back()->at_least = known->second.at_least;
        values.back()->degree = known->second.degree;
      }
    };
    follow_all(&SizeStep::inputs, inputs_);
    follow_all(&SizeStep::outputs, outputs_);
    for (const auto& input : inputs_) any_follows_ = any_follows_ || (input && input->follows());
  }

  // Where it is fine: what is known of the outputs.
  Result<Known> run() const {
    const int of_counts = step_.op_type == "Shape" ? 1 : kMostDegree;  // a sum over ones may be a product of two
    if (use_.use == Use::kSize) return Known{!inputs_.empty() && inputs_[0] ? 0.0 : 1.0, of_counts};  // 0: of constants
    if (!any_follows_) return Known{-kInfinity, of_counts};
    OCTET_TRY(const double at_least, least());
    const int made = degree();
    if (open_ == OpenSize::kBatch && made > kMostDegree) return refuse(first_following(), "makes a curve of");
    return Known{at_least, made};
  }

  const std::vector<std::optional<Followed>>& outputs() const { return outputs_; }

 private:
  // What the outputs' elements that follow the size are at least.
  Result<double> least() const {
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
      case Use::kNegates:
        return -kInfinity;
      case Use::kSubtracts:
        return both() && !follows(1) ? inputs_[0]->at_least - inputs_[1]->most_fixed : -kInfinity;
      case Use::kMultiplies:
        return product();
      case Use::kMultipliesAll:
        return inputs_[0]->least() >= 1 ? inputs_[0]->least() : -kInfinity;
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

  int degree() const {
    int most = 0, sum = 0;
    for (const auto& input : inputs_) {
      if (!input || !input->follows()) continue;
      most = std::max(most, input->degree);
      sum += input->degree;
    }
    if (use_.use == Use::kShows) return kMostDegree + 1;
    if (use_.use == Use::kMultiplies) return sum;
    if (use_.use != Use::kMultipliesAll) return most;
    const Followed& x = *inputs_[0];
    return x.same_shape && x.following <= kMostDegree ? most * static_cast<int>(x.following) : kMostDegree + 1;
  }

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
    // c / n may come out even at 1, 2 and 3 alone; q n / n does so wherever n is not 0.
    const bool is_ratio = outputs_[0] && !outputs_[0]->follows() && b.least() > 0;
    const bool is_seen = open_ == OpenSize::kImage && outputs_[0] && outputs_[0]->follows();
    if (b.follows() && !is_ratio && !is_seen) return refuse(1, "divides by");
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
    const bool by_number = both() && !follows(1);
    if (open_ == OpenSize::kBatch && by_number && outputs_[0] && std::ranges::all_of(outputs_[0]->readings, is_zero)) {
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
  std::map<ValueId, Known> known;  // by value of the first reading
  for (const SizeStep& own : readings[0].steps()) {
    std::vector<const SizeStep*> steps{&own};
    for (size_t k = 1; k < readings.size(); ++k) {
      const auto found = by_key[k].find(own.key);
      if (found != by_key[k].end()) steps.push_back(found->second);
    }
    // Nodes of a branch that is not taken everywhere: its condition, which differs, is refused.
    if (steps.size() < readings.size()) continue;
    const StepCheck check(steps, shapes, open, known);
    OCTET_TRY(const Known made, check.run());
    for (size_t i = 0; i < own.outputs.size(); ++i) {
      if (own.outputs[i] && check.outputs()[i]) known[own.outputs[i]->id] = made;
    }
  }
  return {};
}

}  // namespace octet
