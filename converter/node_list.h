// The nodes of a graph, in order, and an index of who writes and who reads each value, and one of their names. Nodes are
// read like those of a vector. What they read and write is changed here alone, so that the index cannot be out of date;
// a node in the list keeps its name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "converter/float_ops.h"
#include "converter/unique_names.h"

namespace octet {

using ValueId = int32_t;
constexpr ValueId kNoValue = -1;  // an absent optional input

// What a node reads or writes: a vector that only NodeList changes.
class ValueIds {
 public:
  ValueIds() = default;
  ValueIds(std::vector<ValueId> ids) : ids_(std::move(ids)) {}
  ValueIds(std::initializer_list<ValueId> ids) : ids_(ids) {}
  ValueIds(const ValueIds&) = default;
  ValueIds(ValueIds&&) = default;
  ~ValueIds() = default;

  operator const std::vector<ValueId>&() const { return ids_; }
  operator std::span<const ValueId>() const { return ids_; }
  auto begin() const { return ids_.begin(); }
  auto end() const { return ids_.end(); }
  size_t size() const { return ids_.size(); }
  bool empty() const { return ids_.empty(); }
  ValueId operator[](size_t i) const { return ids_[i]; }
  ValueId front() const { return ids_.front(); }
  ValueId back() const { return ids_.back(); }
  bool operator==(const ValueIds&) const = default;

 private:
  friend class NodeList;
  friend struct Node;  // moves whole nodes about, which NodeList asks for
  ValueIds& operator=(const ValueIds&) = default;
  ValueIds& operator=(ValueIds&&) = default;

  std::vector<ValueId> ids_;
};

struct Node {
  std::string name;  // unique; the source model's, where it has one
  GraphOp op;
  ValueIds inputs;  // kNoValue where an optional input is absent
  ValueIds outputs;

  template <class Params>
  bool is() const {
    return std::holds_alternative<Params>(op);
  }
  // The parameters, or null if it is another op.
  template <class Params>
  const Params* as() const {
    return std::get_if<Params>(&op);
  }
  template <class Params>
  Params* as() {
    return std::get_if<Params>(&op);
  }
  // Input i, or kNoValue where there is none.
  ValueId input(size_t i) const { return i < inputs.size() ? inputs[i] : kNoValue; }
};

class NodeList {
 public:
  NodeList() = default;
  NodeList(std::vector<Node> nodes) : nodes_(std::move(nodes)) {}
  // The index stays behind, and is made anew when it is asked for.
  NodeList(const NodeList& other) : nodes_(other.nodes_) {}
  NodeList(NodeList&& other) noexcept : nodes_(std::move(other.nodes_)) {
    other.changed();
    other.names_.forget();
  }
  NodeList& operator=(NodeList other) noexcept;
  ~NodeList() = default;

  operator std::span<const Node>() const { return nodes_; }
  auto begin() { return nodes_.begin(); }
  auto end() { return nodes_.end(); }
  auto begin() const { return nodes_.begin(); }
  auto end() const { return nodes_.end(); }
  auto rbegin() const { return nodes_.rbegin(); }
  auto rend() const { return nodes_.rend(); }
  size_t size() const { return nodes_.size(); }
  bool empty() const { return nodes_.empty(); }
  Node& operator[](size_t i) { return nodes_[i]; }
  const Node& operator[](size_t i) const { return nodes_[i]; }
  Node& front() { return nodes_.front(); }
  const Node& front() const { return nodes_.front(); }
  Node& back() { return nodes_.back(); }
  const Node& back() const { return nodes_.back(); }
  // The node's place in this list, which holds it.
  size_t index_of(const Node& node) const { return static_cast<size_t>(&node - nodes_.data()); }

  void clear() { truncate(0); }
  void push_back(Node node);
  void insert(size_t index, Node node);
  void erase(size_t index);
  // All nodes from `count` on are dropped.
  void truncate(size_t count);
  // Drops the nodes for which is_dropped(node) holds.
  template <class Predicate>
  void erase_if(const Predicate& is_dropped) {
    changed();
    size_t kept = 0;
    std::erase_if(nodes_, [&](const Node& node) {
      if (!is_dropped(node)) return ++kept, false;
      names_.erase(kept, node.name);
      return true;
    });
  }
  // nodes[from] moves behind those up to nodes[to - 1].
  void move_up(size_t from, size_t to);

  // Of a node that the list holds. Input i may be beyond those that it has.
  void set_input(Node& node, size_t i, ValueId id);
  void set_inputs(Node& node, std::vector<ValueId> ids);
  void set_output(Node& node, size_t i, ValueId id);
  // All nodes that read `from` read `to` instead.
  void replace_inputs(ValueId from, ValueId to);
  // Every value has another number.
  void renumber(const std::vector<ValueId>& new_ids);

  // `wanted`, or with the least suffix "_2", "_3", ... that no node has.
  std::string free_name(std::string_view wanted) { return names_.free(nodes_, wanted); }

  // The place of the node that writes the value; nothing where none does.
  std::optional<size_t> writer(ValueId id) const;
  // The places of the nodes that read it, in order, each as often as it does. Valid while nodes do not change.
  std::span<const uint32_t> readers(ValueId id) const;
  // Whether the indices are as ones made anew: false if a node was changed past this class.
  bool is_indexed_right() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Index {
    std::vector<uint32_t> writers;  // per value
    std::vector<uint32_t> readers;  // of value 0, of value 1, ...
    std::vector<uint32_t> first;    // per value: where its readers start; and their end
    bool operator==(const Index&) const = default;
  };
  Index make_index() const;
  const Index& index() const;
  void changed() { index_.reset(); }

  std::vector<Node> nodes_;
  NameIndex names_;
  mutable std::mutex mutex_;  // const lists are asked by many threads
  mutable std::optional<Index> index_;
};

}  // namespace octet
