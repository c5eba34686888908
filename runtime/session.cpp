#include "octet/session.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "runtime/execution_plan.h"

namespace octet {
namespace {

// Sets the calling thread's OpenMP team size, which oneDNN follows, and puts the old one back.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
    changed_ = threads != before_;
  }
  ~ThreadScope() {
    if (changed_) omp_set_num_threads(before_);
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
  bool changed_ = false;
};

}  // namespace

struct Session::State {
  std::shared_ptr<const PackedModel> model;
  ExecutionPlan plan;
  std::unique_ptr<std::byte, decltype(&std::free)> arena{nullptr, std::free};
  int threads = 1;

  // A tensor as it is while a slice runs.
  TensorView view(int32_t id, int64_t slice) const {
    const auto index = static_cast<size_t>(id);
    const PackedTensor& tensor = model->tensors[index];
    const int64_t offset = plan.offsets[index];
    void* data = offset < 0 ? const_cast<void*>(tensor.data) : arena.get() + offset;
    return {plan.types[index], plan.shapes[index], static_cast<std::byte*>(data) + slice * plan.slice_strides[index]};
  }
  // An input or output, of all slices.
  TensorView whole(int32_t id) const {
    TensorView tensor = view(id, 0);
    if (plan.slices > 1) tensor.shape[0] *= plan.slices;
    return tensor;
  }
  void run_step(size_t i) const {
    const PlannedStep& step = *plan.steps[i];
    if (step.kernel) step.kernel({step.src.data(), step.dst.data()});
  }
  template <class F>
  void for_each_slice(const F& f) {
    for (int64_t slice = 0; slice < plan.slices; ++slice) {
      f(slice);
      if (plan.slices > 1) next_slice(plan, (slice + 1) % plan.slices);
    }
  }
};

Result<Session> Session::create(const Model& model, const SessionOptions& options) try {
  if (options.threads < 0 || options.threads > 1024) {
    return Error{ErrorCode::kUsage, "a session cannot have " + std::to_string(options.threads) + " threads"};
  }
  std::vector<Shape> shapes = options.input_shapes;
  if (shapes.empty()) {
    for (const TensorInfo& input : model.inputs()) {
      shapes.push_back(input.shape);
      if (input.shape.rank() > 0 && input.shape[0] == Shape::kDynamic) shapes.back()[0] = options.batch;
    }
    const bool has_batch = std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) {
      return shape.rank() > 0 && shape[0] == options.batch;
    });
    if (options.batch != 1 && !has_batch) {
      return Error{ErrorCode::kUsage, "a batch of " + std::to_string(options.batch) + ", but the input '" +
                                          model.inputs()[0].name + "' is " + shapes[0].to_string()};
    }
  }
  auto state = std::make_unique<State>();
  state->model = model.packed_;
  state->threads = options.threads == 0 ? default_threads() : options.threads;
  const ThreadScope scope(state->threads);
  OCTET_TRY(state->plan, make_plan(*state->model, shapes,
                                   {.threads = state->threads,
                                    .pixels = options.pixels ? &*options.pixels : nullptr,
                                    .packed = model.packed_constants_.get()}));

  const auto bytes = static_cast<size_t>(state->plan.arena_bytes);
  state->arena.reset(static_cast<std::byte*>(std::aligned_alloc(64, bytes + 64)));
  if (state->arena == nullptr) {
    return Error{ErrorCode::kResource, "no memory for activations of " + std::to_string(bytes) + " bytes"};
  }
  bind_arena(state->plan, *state->model, state->arena.get());
  for (const int32_t id : state->model->inputs) {
    const TensorView input = state->whole(id);
    std::memset(input.data, 0, static_cast<size_t>(input.byte_count()));
  }
  return Session(std::move(state));
} catch (const std::exception& error) {
  // Sizes from a file that fit every rule may still exceed this machine.
  return Error{ErrorCode::kResource, std::string("a session could not be made: ") + error.what()};
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

TensorView Session::input(size_t i) {
  return state_->whole(state_->model->inputs[i]);
}
TensorView Session::output(size_t i) const {
  return state_->whole(state_->model->outputs[i]);
}

void Session::run() {
  const ThreadScope scope(state_->threads);
  state_->for_each_slice([&](int64_t) {
    for (size_t i = 0; i < state_->plan.steps.size(); ++i) state_->run_step(i);
  });
}

void Session::run(const Observer& observer) {
  const ThreadScope scope(state_->threads);
  state_->for_each_slice([&](int64_t slice) {
    const auto show = [&](int32_t id) {
      observer(state_->model->tensors[static_cast<size_t>(id)].name, state_->view(id, slice));
    };
    for (const int32_t id : state_->model->inputs) show(id);
    for (size_t i = 0; i < state_->plan.steps.size(); ++i) {
      state_->run_step(i);
      for (const int32_t id : state_->plan.steps[i]->node->outputs) show(id);
    }
  });
}

void Session::run(std::span<double> step_us) {
  using Clock = std::chrono::steady_clock;
  const ThreadScope scope(state_->threads);
  Clock::time_point before = Clock::now();
  state_->for_each_slice([&](int64_t) {
    for (size_t i = 0; i < state_->plan.steps.size(); ++i) {
      state_->run_step(i);
      const Clock::time_point after = Clock::now();
      step_us[i] += std::chrono::duration<double, std::micro>(after - before).count();
      before = after;
    }
  });
}

std::vector<StepInfo> Session::steps() const {
  std::vector<StepInfo> infos;
  for (const auto& step : state_->plan.steps) {
    infos.push_back({.name = step->node->name,
                     .op = op_name(step->node->op),
                     .kernel = step->kernel_name,
                     .output_shape = step->outputs[0].shape,
                     .macs = step->macs,
                     .arithmetic = step->inputs[0].type,
                     .is_slow = step->is_slow()});
  }
  return infos;
}

int64_t Session::arena_bytes() const {
  return state_->plan.arena_bytes;
}
int Session::threads() const {
  return state_->threads;
}

}  // namespace octet
