#include "runtime/execution_plan.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <type_traits>

#include "runtime/batch_slices.h"
#include "runtime/mapped_file.h"
#include "runtime/memory_planner.h"
#include "runtime/pixel_input.h"
#include "runtime/step_patterns.h"

namespace octet {
namespace {

constexpr int kBeforeFirstStep = -1;
constexpr auto kNotPrepared = [](const Buffers&) { assert(false && "a plan of places cannot run"); };
constexpr int kAfterLastStep = std::numeric_limits<int>::max();

// Tensors that share memory (views, in-place outputs) form a group; a group is one buffer of the arena.
class BufferGroups {
 public:
  explicit BufferGroups(size_t tensors) : parent_(tensors), lifetimes_(tensors) {
    for (size_t i = 0; i < tensors; ++i) parent_[i] = static_cast<int32_t>(i);
  }

  int32_t root(int32_t tensor) const {
    while (parent_[static_cast<size_t>(tensor)] != tensor) tensor = parent_[static_cast<size_t>(tensor)];
    return tensor;
  }
  BufferLifetime& lifetime(int32_t tensor) { return lifetimes_[static_cast<size_t>(root(tensor))]; }
  // `tensor` (not yet in a group) becomes a member of the group of `host`.
  void join(int32_t tensor, int32_t host) {
    const BufferLifetime added = lifetimes_[static_cast<size_t>(tensor)];
    parent_[static_cast<size_t>(tensor)] = root(host);
    BufferLifetime& group = lifetime(host);
    group.bytes = std::max(group.bytes, added.bytes);
    group.first = std::min(group.first, added.first);
    group.last = std::max(group.last, added.last);
  }

 private:
  std::vector<int32_t> parent_;
  std::vector<BufferLifetime> lifetimes_;
};

class Planner {
 public:
  Planner(const PackedModel& model, std::vector<Shape> shapes, const PlanOptions& options, int64_t slices)
      : model_(model), shapes_(std::move(shapes)), options_(options), groups_(model.tensors.size()) {
    plan_.slices = slices;
    for (const PackedTensor& t : model.tensors) types_.push_back(t.type);
  }

  Result<ExecutionPlan> plan() {
    if (options_.pixels != nullptr) OCTET_CHECK(take_pixels());
    OCTET_CHECK(make_steps());
    if (!options_.places_only) release_pages(model_.mapped);  // what the system mapped around the constants
    set_lifetimes();
    share_memory();
    return place();
  }

 private:
  const PackedTensor& tensor(int32_t id) const { return model_.tensors[static_cast<size_t>(id)]; }
  bool is_constant(int32_t id) const { return tensor(id).data != nullptr; }

  Status take_pixels() {
    OCTET_TRY(const Shape shape, pixel_shape(model_, *options_.pixels, shapes_));
    const auto image = static_cast<size_t>(model_.inputs[0]);
    shapes_[image] = shape;
    types_[image] = DataType::kU8;
    return {};
  }

  std::vector<TensorDesc> descs(const std::vector<int32_t>& ids) const {
    std::vector<TensorDesc> found;
    for (const int32_t id : ids) {
      if (id < 0) {
        found.push_back({.present = false});
        continue;
      }
      found.push_back(tensor(id).desc());
      found.back().shape = shapes_[static_cast<size_t>(id)];
      found.back().type = types_[static_cast<size_t>(id)];
    }
    return found;
  }

  Status make_steps() {
    const PatternContext context{model_, shapes_, options_.threads, options_.pixels};
    for (size_t i = 0; i < model_.nodes.size();) {
      size_t count = 0;
      const auto pattern = std::find_if(step_patterns().begin(), step_patterns().end(), [&](const StepPattern& row) {
        count = row.matches(context, i);
        return count > 0;
      });
      if (count > 0) {
        const PackedNode& last = model_.nodes[i + count - 1];
        Kernel kernel = kNotPrepared;
        if (!options_.places_only) {
          OCTET_TRY(kernel, pattern->prepare(context, i));
        }
        add_step(model_.nodes[i].inputs, last, pattern->name, std::move(kernel));
        i += count;
      } else {
        OCTET_CHECK(make_single_step(model_.nodes[i]));
        ++i;
      }
    }
    return {};
  }

  Status make_single_step(const PackedNode& node) {
    PlannedStep& step = add_step(node.inputs, node, "view", {});
    if (is_view(node.op) && !is_constant(node.inputs[0])) return {};
    // The file was checked with its open sizes: what integers can count depends on them.
    if (const Status types = check_types(node.op, step.inputs, step.outputs); !types.ok()) {
      return Error{types.error().code, "node '" + node.name + "': " + types.error().message};
    }
    if (options_.places_only) {
      step.kernel = kNotPrepared;
      return {};
    }
    step.macs = count_macs(node.op, step.inputs, step.outputs);
    Result<SelectedKernel> selected =
        select_kernel(node.op, step.inputs, step.outputs, options_.threads, options_.packed, scratchpad_);
    if (!selected.ok()) {
      return Error{selected.error().code, "node '" + node.name + "': " + selected.error().message};
    }
    step.kernel_name = selected->name;
    step.kernel = std::move(selected->kernel);
    release_constants(node);
    return {};
  }

  // Most kernels have packed their constants by now and never read them again; the others, and later sessions, get them
  // from the file again. Step by step, so that file and packed constants are never all in memory.
  void release_constants(const PackedNode& node) const {
    for (const int32_t id : node.inputs) {
      if (id < 0 || !is_constant(id)) continue;
      const auto* data = static_cast<const std::byte*>(tensor(id).data);
      if (model_.is_mapped(data)) release_pages({data, static_cast<size_t>(tensor(id).data_bytes)});
    }
  }

  PlannedStep& add_step(const std::vector<int32_t>& inputs, const PackedNode& node, const char* name, Kernel kernel) {
    auto step = std::make_unique<PlannedStep>();
    step->node = &node;
    step->kernel_name = name;
    step->kernel = std::move(kernel);
    step->inputs = descs(inputs);
    step->outputs = descs(node.outputs);
    step->input_ids = inputs;
    plan_.steps.push_back(std::move(step));
    return *plan_.steps.back();
  }

  int64_t bytes_of(int32_t id) const {
    return shapes_[static_cast<size_t>(id)].element_count() * element_bytes(types_[static_cast<size_t>(id)]);
  }

  void set_lifetimes() {
    live_.assign(model_.tensors.size(), false);
    const auto start = [&](int32_t id, int step) {
      live_[static_cast<size_t>(id)] = true;
      groups_.lifetime(id) = {bytes_of(id), step, step};
    };
    // Inputs and outputs keep their memory for the whole run: the caller fills and reads them at any time.
    for (const int32_t id : model_.inputs) {
      start(id, kBeforeFirstStep);
      groups_.lifetime(id).last = kAfterLastStep;
    }
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const PlannedStep& step = *plan_.steps[i];
      for (size_t k = 0; k < step.input_ids.size(); ++k) {
        const int32_t id = step.input_ids[k];
        if (id < 0 || is_constant(id) || reads_only_shape(step.node->op, k)) continue;
        int& last = groups_.lifetime(id).last;
        last = std::max(last, static_cast<int>(i));
      }
      for (const int32_t id : plan_.steps[i]->node->outputs) start(id, static_cast<int>(i));
    }
    for (const int32_t id : model_.outputs) {
      groups_.lifetime(id).first = kBeforeFirstStep;
      groups_.lifetime(id).last = kAfterLastStep;
    }
  }

  void share_memory() {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const PlannedStep& step = *plan_.steps[i];
      const int32_t output = step.node->outputs[0];
      if (!step.kernel) {
        groups_.join(output, plan_.steps[i]->input_ids[0]);
      } else if (const int host = in_place_host(i); host >= 0) {
        groups_.join(output, host);
      }
    }
  }

  // The tensor whose memory step i may overwrite with its output, or -1.
  int32_t in_place_host(size_t i) {
    const PlannedStep& step = *plan_.steps[i];
    const int32_t output = step.node->outputs[0];
    const int index = step.input_ids == step.node->inputs ? in_place_input(step.node->op, step.inputs, step.outputs)
                                                          : -1;  // a pattern: its kernels do not promise it
    if (index < 0 || groups_.lifetime(output).last == kAfterLastStep) return -1;
    const int32_t host = plan_.steps[i]->input_ids[static_cast<size_t>(index)];
    if (host < 0 || is_constant(host)) return -1;
    const BufferLifetime& lifetime = groups_.lifetime(host);
    if (lifetime.last != static_cast<int>(i) || lifetime.bytes < groups_.lifetime(output).bytes) return -1;
    const auto same_memory = std::count_if(
        plan_.steps[i]->input_ids.begin(), plan_.steps[i]->input_ids.end(),
        [&](int32_t id) { return id >= 0 && !is_constant(id) && groups_.root(id) == groups_.root(host); });
    return same_memory == 1 ? host : -1;
  }

  ExecutionPlan place() {
    std::vector<BufferLifetime> buffers;
    std::vector<size_t> buffer_of(model_.tensors.size(), 0);
    for (size_t id = 0; id < model_.tensors.size(); ++id) {
      const auto tensor_id = static_cast<int32_t>(id);
      if (!live_[id] || groups_.root(tensor_id) != tensor_id) continue;
      buffer_of[id] = buffers.size();
      buffers.push_back(groups_.lifetime(tensor_id));
    }
    plan_.slice_arena_bytes = place_buffers(buffers).arena_bytes;
    // Inputs and outputs have memory for all slices. In a group they are alone, or views of one another.
    std::vector<int64_t> strides(buffers.size(), 0);
    for (const std::vector<int32_t>* ids : {&model_.inputs, &model_.outputs}) {
      for (const int32_t id : *ids) {
        if (!is_constant(id)) strides[buffer_of[static_cast<size_t>(groups_.root(id))]] = bytes_of(id);
      }
    }
    for (size_t i = 0; i < buffers.size(); ++i) buffers[i].bytes += (plan_.slices - 1) * strides[i];
    const ArenaPlacement placement = place_buffers(buffers);
    plan_.arena_bytes = placement.arena_bytes + kArenaAlignment;
    plan_.offsets.assign(model_.tensors.size(), -1);
    plan_.slice_strides.assign(model_.tensors.size(), 0);
    for (size_t id = 0; id < model_.tensors.size(); ++id) {
      if (!live_[id]) continue;
      const auto root = static_cast<size_t>(groups_.root(static_cast<int32_t>(id)));
      plan_.offsets[id] = placement.offsets[buffer_of[root]];
      plan_.slice_strides[id] = strides[buffer_of[root]];
    }
    plan_.shapes = std::move(shapes_);
    plan_.types = std::move(types_);
    return std::move(plan_);
  }

  const PackedModel& model_;
  std::vector<Shape> shapes_;
  std::vector<DataType> types_;
  PlanOptions options_;
  std::shared_ptr<Scratchpad> scratchpad_ = std::make_shared<Scratchpad>(options_.max_scratch_bytes);
  BufferGroups groups_;
  std::vector<bool> live_;  // made by a step or given: has memory
  ExecutionPlan plan_;
};

}  // namespace

Result<ExecutionPlan> make_plan(const PackedModel& model, std::span<const Shape> input_shapes,
                                const PlanOptions& options) {
  OCTET_TRY(std::vector<Shape> shapes, infer_model_shapes(model, input_shapes));
  const std::vector<Shape> one = sample_shapes(model, shapes);
  if (one.empty()) return Planner(model, std::move(shapes), options, 1).plan();
  const int64_t samples = input_shapes[0][0];
  OCTET_TRY(ExecutionPlan plan, Planner(model, one, options, samples).plan());
  const int64_t count = slice_samples(samples, plan.slice_arena_bytes);
  if (count == 1) return plan;
  std::vector<Shape> slice_shapes(input_shapes.begin(), input_shapes.end());
  for (Shape& shape : slice_shapes) shape[0] = count;
  OCTET_TRY(shapes, infer_model_shapes(model, slice_shapes));
  return Planner(model, std::move(shapes), options, samples / count).plan();
}

bool ExecutionPlan::uses_openmp() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const auto& step) { return std::string_view(step->kernel_name) == "onednn"; });
}

void bind_arena(ExecutionPlan& plan, const PackedModel& model, std::byte* arena) {
  const auto address = [&](int32_t id) -> void* {
    if (id < 0) return nullptr;
    const int64_t offset = plan.offsets[static_cast<size_t>(id)];
    return offset < 0 ? const_cast<void*>(model.tensors[static_cast<size_t>(id)].data) : arena + offset;
  };
  for (const auto& step : plan.steps) {
    for (const int32_t id : step->input_ids) step->src.push_back(address(id));
    for (const int32_t id : step->node->outputs) step->dst.push_back(address(id));
  }
}

void move_slices(ExecutionPlan& plan, int64_t by) {
  const auto move = [&](auto*& address, int32_t id) {
    if (id < 0) return;
    if (const int64_t stride = plan.slice_strides[static_cast<size_t>(id)]; stride != 0) {
      using Byte =
          std::conditional_t<std::is_const_v<std::remove_pointer_t<std::remove_reference_t<decltype(address)>>>,
                             const std::byte, std::byte>;
      address = static_cast<Byte*>(address) + by * stride;
    }
  };
  for (const auto& step : plan.steps) {
    for (size_t i = 0; i < step->src.size(); ++i) move(step->src[i], step->input_ids[i]);
    for (size_t i = 0; i < step->dst.size(); ++i) move(step->dst[i], step->node->outputs[i]);
  }
}

}  // namespace octet
