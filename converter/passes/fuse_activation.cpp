// any arithmetic of x with constants that computes f(x) -> f(x)     f: an activation of the table below
// x * sigmoid(x), x * clip(x + 3, 0, 6) / 6, x * 0.5 * (1 + erf(x / 1.4142)): exporters spell activations out in many
// ways. What is compared is not the spelling but what it computes, at points where the functions of the table differ;
// so every order and every split of the constants is found. On integers one lookup takes the place of several
// roundings.
// Refused when a value in between feeds anything else or is a graph output; for constants that are no scalars; for more
// than kMaxNodes nodes.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr size_t kMaxNodes = 10;

constexpr std::array<UnaryParams, 9> kActivations{{
    {UnaryKind::kSigmoid},
    {UnaryKind::kTanh},
    {UnaryKind::kHardSigmoid, 1.0F / 6, 0.5F},
    {UnaryKind::kHardSwish},
    {UnaryKind::kSoftplus},
    {UnaryKind::kSilu},
    {UnaryKind::kGelu},
    {UnaryKind::kGeluTanh},
    {UnaryKind::kMish},
}};

constexpr std::array<float, 16> kPoints{-9,    -4.5F, -3.1F, -2.9F, -1.7F, -1,   -0.6F, -0.1F,
                                        0.05F, 0.4F,  1,     1.9F,  2.8F,  3.3F, 4.6F,  9};
using Answers = std::array<float, kPoints.size()>;

float evaluate(BinaryKind kind, float a, float b) {
  switch (kind) {
    case BinaryKind::kAdd:
      return a + b;
    case BinaryKind::kSub:
      return a - b;
    case BinaryKind::kMul:
      return a * b;
    case BinaryKind::kDiv:
      return a / b;
    case BinaryKind::kPow:
      return std::pow(a, b);
    case BinaryKind::kMin:
      return std::min(a, b);
    case BinaryKind::kMax:
      return std::max(a, b);
    default:  // of integers
      return std::nanf("");
  }
}

// Who makes and who reads each value.
struct Links {
  explicit Links(const Graph& graph) : producer(graph.values.size()), users(graph.values.size()) {
    for (const Node& node : graph.nodes) {
      for (const ValueId id : node.outputs) producer[static_cast<size_t>(id)] = &node;
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) users[static_cast<size_t>(id)].push_back(&node);
      }
    }
  }
  std::vector<const Node*> producer;
  std::vector<std::vector<const Node*>> users;
};

// The nodes between a value and the result of `root`, as a function of that value alone.
class Region {
 public:
  Region(const Graph& graph, const Links& links, const Node& root, ValueId source)
      : graph_(graph), links_(links), root_(root), source_(source) {}

  // f(x) at kPoints; nothing if the root depends on more than the source, or if somebody reads what is in between.
  std::optional<Answers> answers() {
    const std::optional<Answers> result = result_of(root_);
    return result && reads_source_ && is_closed() ? result : std::nullopt;
  }
  size_t node_count() const { return results_.size(); }

 private:
  std::optional<Answers> value_of(ValueId id) {
    if (id == source_) {
      reads_source_ = true;
      return kPoints;
    }
    const Value& value = graph_.value(id);
    if (const std::optional<float> number = number_of(value)) {
      Answers same;
      same.fill(*number);
      return same;
    }
    const Node* node = links_.producer[static_cast<size_t>(id)];
    if (node == nullptr || value.shape != graph_.value(source_).shape) return std::nullopt;
    return result_of(*node);
  }

  std::optional<Answers> result_of(const Node& node) {
    if (const auto found = results_.find(&node); found != results_.end()) return found->second;
    if (results_.size() == kMaxNodes) return std::nullopt;
    results_[&node] = {};
    Answers result;
    if (const auto* unary = node.as<UnaryParams>()) {
      const std::optional<Answers> a = value_of(node.inputs[0]);
      if (!a) return std::nullopt;
      std::transform(a->begin(), a->end(), result.begin(), [&](float x) { return octet::evaluate(*unary, x); });
    } else if (const auto* binary = node.as<BinaryParams>()) {
      const std::optional<Answers> a = value_of(node.inputs[0]);
      const std::optional<Answers> b = a ? value_of(node.inputs[1]) : std::nullopt;
      if (!b) return std::nullopt;
      std::transform(a->begin(), a->end(), b->begin(), result.begin(), [&](float x, float y) {
        return std::min(std::max(evaluate(binary->kind, x, y), binary->clamp.min), binary->clamp.max);
      });
    } else {
      return std::nullopt;
    }
    return results_[&node] = result;
  }

  bool is_closed() const {
    return std::ranges::all_of(results_, [&](const auto& entry) {
      const ValueId made = entry.first->outputs[0];
      return entry.first == &root_ || (!graph_.is_output(made) &&
                                       std::ranges::all_of(links_.users[static_cast<size_t>(made)],
                                                           [&](const Node* user) { return results_.contains(user); }));
    });
  }

  const Graph& graph_;
  const Links& links_;
  const Node& root_;
  ValueId source_;
  bool reads_source_ = false;
  std::map<const Node*, Answers> results_;
};

std::optional<UnaryParams> known(const Answers& answers) {
  for (const UnaryParams& params : kActivations) {
    bool same = true;
    for (size_t i = 0; same && i < kPoints.size(); ++i) {
      const float y = octet::evaluate(params, kPoints[i]);
      same = std::fabs(answers[i] - y) <= 5e-6F * std::max(1.0F, std::fabs(y));
    }
    if (same) return params;
  }
  return std::nullopt;
}

// What the root could be a function of: every value of its shape not far above it, the nearest first.
std::vector<ValueId> sources_of(const Graph& graph, const Links& links, const Node& root) {
  std::vector<ValueId> found;
  const Shape& shape = graph.value(root.outputs[0]).shape;
  const auto add = [&](const Node& node) {
    if (!node.is<UnaryParams>() && !node.is<BinaryParams>()) return;
    for (const ValueId id : node.inputs) {
      const bool is_new = std::find(found.begin(), found.end(), id) == found.end();
      if (is_new && !graph.value(id).is_constant() && graph.value(id).shape == shape) found.push_back(id);
    }
  };
  add(root);
  for (size_t i = 0; i < found.size() && i < kMaxNodes; ++i) {
    if (const Node* node = links.producer[static_cast<size_t>(found[i])]) add(*node);
  }
  return found;
}

}  // namespace

int fuse_activation(Graph& graph) {
  const Links links(graph);
  int count = 0;
  for (Node& root : graph.nodes) {
    if (graph.value(root.outputs[0]).type != DataType::kF32) continue;
    for (const ValueId source : sources_of(graph, links, root)) {
      Region region(graph, links, root, source);
      const std::optional<Answers> answers = region.answers();
      const std::optional<UnaryParams> activation = answers ? known(*answers) : std::nullopt;
      if (!activation || (region.node_count() == 1 && root.is<UnaryParams>())) continue;
      root.op = *activation;
      graph.nodes.set_inputs(root, {source});
      ++count;
      break;
    }
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
