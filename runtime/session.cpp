#include "octet/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "kernels/thread_scope.h"
#include "kernels/thread_team.h"
#include "runtime/execution_plan.h"
#include "runtime/memory_planner.h"
#include "runtime/resource_error.h"

namespace octet {
namespace {

Result<std::vector<Shape>> input_shapes(const Model& model, const SessionOptions& options) {
  if (!options.input_shapes.empty()) return options.input_shapes;
  std::vector<Shape> shapes;
  for (const TensorInfo& input : model.inputs()) {
    Shape& shape = shapes.emplace_back(input.shape);
    if (shape.rank() > 0 && shape[0] == Shape::kDynamic) shape[0] = options.batch;
    if (!shape.is_concrete() && options.batch > 0) {
      return Error{ErrorCode::kUsage, "the input '" + input.name + "' is " + input.shape.to_string() +
                                          ", open beyond the batch: a session needs its shape"};
    }
  }
  const bool has_batch = std::any_of(shapes.begin(), shapes.end(),
                                     [&](const Shape& shape) { return shape.rank() > 0 && shape[0] == options.batch; });
  if (options.batch != 1 && !has_batch) {
    return Error{ErrorCode::kUsage, "a batch of " + std::to_string(options.batch) + ", but the input '" +
                                        model.inputs()[0].name + "' is " + shapes[0].to_string()};
  }
  return shapes;
}

Status check_arena(std::span<std::byte> arena, int64_t needed) {
  const auto behind = reinterpret_cast<uintptr_t>(arena.data()) % kArenaAlignment;
  if (behind != 0) {
    return Error{ErrorCode::kUsage, "the arena starts " + std::to_string(behind) + " bytes behind a multiple of " +
                                        std::to_string(kArenaAlignment)};
  }
  if (static_cast<int64_t>(arena.size()) < needed) {
    return Error{ErrorCode::kUsage, "the arena has " + std::to_string(arena.size()) + " bytes, but the session needs " +
                                        std::to_string(needed)};
  }
  return {};
}

// Systems lend more memory than they have, and end the process that uses it.
int64_t physical_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page_bytes > 0 ? int64_t{pages} * page_bytes : std::numeric_limits<int64_t>::max();
}

}  // namespace

struct Session::State {
  std::shared_ptr<const PackedModel> model;
  ExecutionPlan plan;
  std::unique_ptr<std::byte, decltype(&std::free)> own_arena{nullptr, std::free};  // null: the caller's is used
  std::byte* arena = nullptr;
  int threads = 1;
  std::unique_ptr<ThreadTeam> team;  // null: one thread, or OpenMP's

  // A tensor as it is while a slice runs.
  TensorView view(int32_t id, int64_t slice) const {
    const auto index = static_cast<size_t>(id);
    const PackedTensor& tensor = model->tensors[index];
    const int64_t offset = plan.offsets[index];
    void* data = offset < 0 ? const_cast<void*>(tensor.data) : arena + offset;
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
    struct Place {
      ExecutionPlan& plan;
      int64_t slice;
      void move(int64_t by) {
        slice += by;
        move_slices(plan, by);
      }
      // Back to the first slice for the next run, also where f throws.
      ~Place() {
        if (slice > 0) move(-slice);
      }
    };
    Place place{plan, 0};
    f(0);
    while (place.slice + 1 < plan.slices) {
      place.move(1);
      f(place.slice);
    }
  }
};

Result<Session> Session::create(const Model& model, const SessionOptions& options) try {
  if (options.threads < 0 || options.threads > 1024) {
    return Error{ErrorCode::kUsage, "a session cannot have " + std::to_string(options.threads) + " threads"};
  }
  OCTET_TRY(const std::vector<Shape> shapes, input_shapes(model, options));
  auto state = std::make_unique<State>();
  state->model = model.packed_;
  state->threads = options.threads == 0 ? default_threads() : options.threads;
  const ThreadScope scope(state->threads);
  PlanOptions plan_options{.threads = state->threads,
                           .pixels = options.pixels ? &*options.pixels : nullptr,
                           .packed = model.packed_constants_.get(),
                           .places_only = true};
  // Memory first: sizes that this machine cannot hold are refused before kernels make tables of them.
  OCTET_TRY(const ExecutionPlan places, make_plan(*state->model, shapes, plan_options));
  const auto bytes = static_cast<size_t>(places.arena_bytes);
  if (options.arena.data() != nullptr) {
    OCTET_CHECK(check_arena(options.arena, places.arena_bytes));
    state->arena = options.arena.data();
  } else if (places.arena_bytes > options.max_arena_bytes) {
    return Error{ErrorCode::kResource, "the activations take " + std::to_string(bytes) + " bytes, but are allowed " +
                                           std::to_string(options.max_arena_bytes)};
  } else if (const int64_t memory = physical_memory_bytes(); places.arena_bytes > memory) {
    return Error{ErrorCode::kResource, "the activations take " + std::to_string(bytes) +
                                           " bytes, but this machine has " + std::to_string(memory)};
  } else {
    state->own_arena.reset(static_cast<std::byte*>(std::aligned_alloc(kArenaAlignment, bytes)));
    state->arena = state->own_arena.get();
  }
  if (state->arena == nullptr) {
    return Error{ErrorCode::kResource, "no memory for activations of " + std::to_string(bytes) + " bytes"};
  }
  plan_options.places_only = false;
  plan_options.max_scratch_bytes = static_cast<size_t>(std::min(options.max_arena_bytes, physical_memory_bytes()));
  OCTET_TRY(state->plan, make_plan(*state->model, shapes, plan_options));
  assert(state->plan.arena_bytes == places.arena_bytes);
  if (state->threads > 1 && !state->plan.uses_openmp()) state->team = std::make_unique<ThreadTeam>(state->threads);
  bind_arena(state->plan, *state->model, state->arena);
  for (const int32_t id : state->model->inputs) {
    const TensorView input = state->whole(id);
    std::memset(input.data, 0, static_cast<size_t>(input.byte_count()));
  }
  return Session(std::move(state));
} catch (const std::exception& error) {
  // Sizes from a file that fit every rule may still exceed this machine.
  return resource_error("a session could not be made", error);
}

Result<int64_t> Session::required_arena_bytes(const Model& model, const SessionOptions& options) try {
  OCTET_TRY(const std::vector<Shape> shapes, input_shapes(model, options));
  OCTET_TRY(
      const ExecutionPlan plan,
      make_plan(*model.packed_, shapes, {.pixels = options.pixels ? &*options.pixels : nullptr, .places_only = true}));
  return plan.arena_bytes;
} catch (const std::exception& error) {
  return resource_error("a session could not be planned", error);
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
  const TeamScope team(state_->team.get());
  state_->for_each_slice([&](int64_t) {
    for (size_t i = 0; i < state_->plan.steps.size(); ++i) state_->run_step(i);
  });
}

void Session::run(const Observer& observer) {
  const ThreadScope scope(state_->threads);
  const TeamScope team(state_->team.get());
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
  const TeamScope team(state_->team.get());
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
                     .macs = step->macs * state_->plan.slices,
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
