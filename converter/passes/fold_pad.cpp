// conv2d(pad(x, 0)) -> conv2d(x) with larger pads;  averages that count the padding, likewise;
// max_pool(pad(x, 0)) -> max_pool(x) with larger pads, where x >= 0: a window has a real tap, and 0 is then no maximum
// Refused for pads of other values, modes, axes or signs; for pools that round up; for an average that has pads of its
// own but does not count them; for pads that a pool's window could lie in; where the padded value is a graph output or
// read by something that refuses.
#include <algorithm>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

bool is_never_negative(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr) return false;
  if (const auto* unary = node->as<UnaryParams>()) {
    return (unary->kind == UnaryKind::kClip && unary->alpha >= 0) || unary->kind == UnaryKind::kSigmoid ||
           unary->kind == UnaryKind::kHardSigmoid || unary->kind == UnaryKind::kAbs;
  }
  if (const auto* conv = node->as<Conv2dParams>()) return conv->clamp.min >= 0;
  if (const auto* binary = node->as<BinaryParams>()) return binary->clamp.min >= 0;
  return false;
}

// The pads of an NHWC image as conv2d has them: top, left, bottom, right.
std::optional<std::array<int64_t, 4>> image_pads(const PadParams& pad) {
  if (pad.mode != PadMode::kConstant || pad.value != 0 || pad.before.size() != 4) return std::nullopt;
  if (pad.before[0] != 0 || pad.before[3] != 0 || pad.after[0] != 0 || pad.after[3] != 0) return std::nullopt;
  const std::array pads{pad.before[1], pad.before[2], pad.after[1], pad.after[2]};
  if (std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p < 0; })) return std::nullopt;
  return pads;
}

std::array<int64_t, 4> sum(std::array<int64_t, 4> a, const std::array<int64_t, 4>& b) {
  for (size_t i = 0; i < 4; ++i) a[i] += b[i];
  return a;
}

// The user's op with the pads in it, or nothing.
std::optional<GraphOp> absorb(const Graph& graph, const Node& user, ValueId padded, ValueId source,
                              const std::array<int64_t, 4>& pads) {
  if (std::count(user.inputs.begin(), user.inputs.end(), padded) != 1 || user.input(0) != padded) return std::nullopt;
  if (const auto* conv = user.as<Conv2dParams>()) {
    Conv2dParams params = *conv;
    params.pads = sum(params.pads, pads);
    return params;
  }
  const auto* pool = user.as<Pool2dParams>();
  if (pool == nullptr || pool->global || pool->ceil_mode) return std::nullopt;
  Pool2dParams params = *pool;
  params.pads = sum(params.pads, pads);
  for (size_t i = 0; i < 4; ++i) {
    if (params.pads[i] >= (params.kernel[i % 2] - 1) * params.dilations[i % 2] + 1) return std::nullopt;
  }
  if (pool->kind == PoolKind::kMax)
    return is_never_negative(graph, source) ? std::optional<GraphOp>(params) : std::nullopt;
  const bool had_pads = pool->pads != std::array<int64_t, 4>{};
  if (had_pads && !pool->count_include_pad) return std::nullopt;
  params.count_include_pad = true;
  return params;
}

}  // namespace

int fold_pad(Graph& graph) {
  int count = 0;
  for (Node& node : graph.nodes) {
    const auto* pad = node.as<PadParams>();
    if (pad == nullptr) continue;
    const ValueId source = node.input(0);
    const ValueId padded = node.outputs[0];
    const auto pads = image_pads(*pad);
    if (!pads || graph.is_output(padded)) continue;
    const std::vector<Node*> users = graph.users(padded);
    std::vector<GraphOp> ops;
    for (const Node* user : users) {
      if (auto op = absorb(graph, *user, padded, source, *pads)) ops.push_back(std::move(*op));
    }
    if (users.empty() || ops.size() != users.size()) continue;
    for (size_t i = 0; i < users.size(); ++i) {
      users[i]->op = std::move(ops[i]);
      graph.nodes.set_input(*users[i], 0, source);
    }
    ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
