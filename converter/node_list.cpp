#include "converter/node_list.h"

#include <algorithm>
#include <numeric>

namespace octet {

NodeList& NodeList::operator=(NodeList other) noexcept {
  nodes_ = std::move(other.nodes_);
  names_.forget();
  changed();
  return *this;
}

void NodeList::push_back(Node node) {
  changed();
  nodes_.push_back(std::move(node));
}

void NodeList::insert(size_t index, Node node) {
  changed();
  names_.insert(index, node.name);
  nodes_.insert(nodes_.begin() + static_cast<std::ptrdiff_t>(index), std::move(node));
}

void NodeList::erase(size_t index) {
  changed();
  names_.erase(index, nodes_[index].name);
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(index));
}

void NodeList::truncate(size_t count) {
  changed();
  for (size_t i = nodes_.size(); i-- > count;) names_.erase(i, nodes_[i].name);
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(count), nodes_.end());
}

void NodeList::move_up(size_t from, size_t to) {
  changed();
  names_.reorder(to);
  const auto first = nodes_.begin() + static_cast<std::ptrdiff_t>(from);
  std::rotate(first, first + 1, nodes_.begin() + static_cast<std::ptrdiff_t>(to));
}

void NodeList::set_input(Node& node, size_t i, ValueId id) {
  changed();
  if (node.inputs.size() <= i) node.inputs.ids_.resize(i + 1, kNoValue);
  node.inputs.ids_[i] = id;
}

void NodeList::set_inputs(Node& node, std::vector<ValueId> ids) {
  changed();
  node.inputs.ids_ = std::move(ids);
}

void NodeList::set_output(Node& node, size_t i, ValueId id) {
  changed();
  node.outputs.ids_[i] = id;
}

void NodeList::replace_inputs(ValueId from, ValueId to) {
  const std::span<const uint32_t> found = readers(from);
  for (const uint32_t reader : std::vector(found.begin(), found.end())) {
    std::vector<ValueId>& ids = nodes_[reader].inputs.ids_;
    std::replace(ids.begin(), ids.end(), from, to);
  }
  changed();
}

void NodeList::renumber(const std::vector<ValueId>& new_ids) {
  changed();
  for (Node& node : nodes_) {
    for (std::vector<ValueId>* ids : {&node.inputs.ids_, &node.outputs.ids_}) {
      for (ValueId& id : *ids) {
        if (id != kNoValue) id = new_ids[static_cast<size_t>(id)];
      }
    }
  }
}

std::optional<size_t> NodeList::writer(ValueId id) const {
  const std::vector<uint32_t>& writers = index().writers;
  const auto at = static_cast<size_t>(id);
  if (id < 0 || at >= writers.size() || writers[at] == kNone) return std::nullopt;
  return writers[at];
}

std::span<const uint32_t> NodeList::readers(ValueId id) const {
  const Index& made = index();
  const auto at = static_cast<size_t>(id);
  if (id < 0 || at >= made.writers.size()) return {};
  return std::span(made.readers).subspan(made.first[at], made.first[at + 1] - made.first[at]);
}

bool NodeList::is_indexed_right() const {
  return index() == make_index() && names_.is_right(nodes_);
}

NodeList::Index NodeList::make_index() const {
  size_t values = 0;
  for (const Node& node : nodes_) {
    for (const ValueId id : node.inputs) values = std::max(values, static_cast<size_t>(id + 1));
    for (const ValueId id : node.outputs) values = std::max(values, static_cast<size_t>(id + 1));
  }
  Index made{
      .writers = std::vector<uint32_t>(values, kNone), .readers = {}, .first = std::vector<uint32_t>(values + 1)};
  // Behind each value first the number of its readers, then their end, which goes down to their start.
  for (const Node& node : nodes_) {
    for (const ValueId id : node.inputs) {
      if (id >= 0) ++made.first[static_cast<size_t>(id)];
    }
  }
  std::partial_sum(made.first.begin(), made.first.end(), made.first.begin());
  made.readers.resize(made.first.back());
  for (size_t i = nodes_.size(); i-- > 0;) {
    for (const ValueId id : nodes_[i].inputs) {
      if (id >= 0) made.readers[--made.first[static_cast<size_t>(id)]] = static_cast<uint32_t>(i);
    }
    for (const ValueId id : nodes_[i].outputs) {
      if (id >= 0) made.writers[static_cast<size_t>(id)] = static_cast<uint32_t>(i);
    }
  }
  return made;
}

const NodeList::Index& NodeList::index() const {
  const std::lock_guard lock(mutex_);
  if (!index_) index_ = make_index();
  return *index_;
}

}  // namespace octet
