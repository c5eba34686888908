#include "converter/import/node_order.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace octet {
namespace {

// The nodes that a node reads from.
std::vector<int> sources_of(const SourceNode& node, const Writers& writers) {
  std::vector<int> sources;
  for (const std::string& name : node.inputs) {
    const auto found = writers.find(name);
    if (found != writers.end() && found->second != kFromOutside) sources.push_back(found->second);
  }
  return sources;
}

// Every node left over reads another one that is left over: following these ends in a circle.
Error cycle_error(const std::vector<SourceNode>& nodes, const std::vector<std::vector<int>>& sources,
                  const std::vector<bool>& left_over) {
  std::vector<int> path;
  int at = static_cast<int>(std::find(left_over.begin(), left_over.end(), true) - left_over.begin());
  while (std::find(path.begin(), path.end(), at) == path.end()) {
    path.push_back(at);
    const auto& from = sources[static_cast<size_t>(at)];
    at = *std::find_if(from.begin(), from.end(), [&](int source) { return left_over[static_cast<size_t>(source)]; });
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), at));
  constexpr size_t kNamed = 8;
  std::string names;
  for (size_t i = 0; i < std::min(path.size(), kNamed); ++i) {
    names += (i == 0 ? "'" : ", '") + nodes[static_cast<size_t>(path[i])].name + "'";
  }
  if (path.size() > kNamed) names += " and " + std::to_string(path.size() - kNamed) + " more";
  return {ErrorCode::kInvalidFile, path.size() == 1 ? "node " + names + " reads its own output"
                                                    : "the nodes " + names + " read each other in a cycle"};
}

}  // namespace

Result<std::vector<int>> order_nodes(const std::vector<SourceNode>& nodes, const Writers& writers,
                                     const std::vector<std::string>& outputs) {
  std::vector<std::vector<int>> sources;
  for (const SourceNode& node : nodes) sources.push_back(sources_of(node, writers));

  std::vector<bool> needed(nodes.size(), false);
  std::vector<int> pending;
  const auto need = [&](int i) {
    if (needed[static_cast<size_t>(i)]) return;
    needed[static_cast<size_t>(i)] = true;
    pending.push_back(i);
  };
  for (const std::string& name : outputs) {
    const auto found = writers.find(name);
    if (found != writers.end() && found->second != kFromOutside) need(found->second);
  }
  while (!pending.empty()) {
    const int i = pending.back();
    pending.pop_back();
    for (const int source : sources[static_cast<size_t>(i)]) need(source);
  }

  std::vector<int> unread(nodes.size(), 0);  // sources that do not stand in the order yet
  std::vector<std::vector<int>> readers(nodes.size());
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!needed[i]) continue;
    for (const int source : sources[i]) readers[static_cast<size_t>(source)].push_back(static_cast<int>(i));
    unread[i] = static_cast<int>(sources[i].size());
    if (sources[i].empty()) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  std::vector<bool> left_over = needed;
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    left_over[static_cast<size_t>(i)] = false;
    for (const int reader : readers[static_cast<size_t>(i)]) {
      if (--unread[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
  }
  if (std::find(left_over.begin(), left_over.end(), true) != left_over.end()) {
    return cycle_error(nodes, sources, left_over);
  }
  return order;
}

}  // namespace octet
