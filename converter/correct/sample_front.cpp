#include "converter/correct/sample_front.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "converter/correct/probe.h"
#include "converter/parallel.h"

namespace octet {
namespace {

// The activations that nodes from `node` on read, made before it.
std::vector<int32_t> live_tensors(const PackedModel& model, size_t node) {
  std::set<int32_t> made(model.inputs.begin(), model.inputs.end());
  for (size_t i = 0; i < node; ++i) made.insert(model.nodes[i].outputs.begin(), model.nodes[i].outputs.end());
  std::set<int32_t> live;
  const auto read = [&](int32_t id) {
    if (made.contains(id)) live.insert(id);
  };
  for (size_t i = node; i < model.nodes.size(); ++i) {
    for (const int32_t id : model.nodes[i].inputs) read(id);
  }
  for (const int32_t id : model.outputs) read(id);
  return {live.begin(), live.end()};
}

}  // namespace

Status SampleFront::advance(const PackedModel& model, size_t node) {
  const std::vector<int32_t> ids = live_tensors(model, node);
  std::vector<Shape> input_shapes;
  for (const Tensor& tensor : samples_[0]) input_shapes.push_back(tensor.shape());
  OCTET_TRY(const std::vector<Shape> shapes, infer_model_shapes(model, input_shapes));
  int64_t bytes = 0;
  for (const int32_t id : ids) {
    const auto i = static_cast<size_t>(id);
    bytes += shapes[i].element_count() * element_bytes(model.tensors[i].type);
  }
  if (bytes * static_cast<int64_t>(samples_.size()) > most_bytes_) return {};

  std::vector<Sample> next(samples_.size());
  for (Sample& sample : next) {
    for (const int32_t id : ids) {
      sample.emplace_back(model.tensors[static_cast<size_t>(id)].type, shapes[static_cast<size_t>(id)]);
    }
  }
  OCTET_CHECK(visit(model, ids, [&](size_t sample, size_t k, const TensorView& tensor) {
    std::memcpy(next[sample][k].data(), tensor.data, static_cast<size_t>(tensor.byte_count()));
  }));
  ids_ = ids;
  tensors_ = std::move(next);
  is_at_inputs_ = false;
  return {};
}

Status SampleFront::visit(const PackedModel& model, const std::vector<int32_t>& wanted, const Visitor& visit) const {
  const std::vector<int32_t>& from = is_at_inputs_ ? model.inputs : ids_;
  const std::span<const Sample> samples = is_at_inputs_ ? samples_ : std::span<const Sample>(tensors_);
  // What the front holds is there; the rest a session makes, whose output it becomes.
  struct Source {
    bool is_in_front;
    size_t index;
  };
  std::vector<Source> sources;
  std::vector<int32_t> made;
  for (const int32_t id : wanted) {
    const auto at = std::find(from.begin(), from.end(), id);
    if (at != from.end()) {
      sources.push_back({true, static_cast<size_t>(at - from.begin())});
    } else {
      sources.push_back({false, made.size()});
      made.push_back(id);
    }
  }
  std::optional<Model> part;
  if (!made.empty()) part = Model::from_packed(std::make_shared<PackedModel>(cut_model(model, from, made)));
  std::vector<Shape> shapes;
  for (const Tensor& tensor : samples[0]) shapes.push_back(tensor.shape());

  std::vector<std::optional<Session>> sessions(static_cast<size_t>(std::max(threads_, 1)));
  return parallel_for(samples.size(), threads_, {}, [&](int worker, size_t i) -> Status {
    std::optional<Session>& session = sessions[static_cast<size_t>(worker)];
    if (part.has_value()) {
      if (!session.has_value()) {
        OCTET_TRY(session, Session::create(*part, {.threads = 1, .input_shapes = shapes}));
      }
      for (size_t k = 0; k < samples[i].size(); ++k) {
        std::memcpy(session->input(k).data, samples[i][k].data(), static_cast<size_t>(samples[i][k].byte_count()));
      }
      session->run();
    }
    for (size_t k = 0; k < sources.size(); ++k) {
      const auto [is_in_front, index] = sources[k];
      visit(i, k, is_in_front ? samples[i][index].view() : session->output(index));
    }
    return {};
  });
}

}  // namespace octet
