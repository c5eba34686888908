// What a session runs: kernels chosen, activations placed, nothing left that can fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

// One call of a prepared kernel. Address tables point into the arena, or at constants.
struct PlannedStep {
  const PackedNode* node = nullptr;  // the (last) node that it computes
  const char* kernel_name = "view";
  Kernel kernel;                            // empty: a view, nothing to compute
  std::vector<int32_t> input_ids;           // tensors that it reads; it writes node->outputs
  std::vector<TensorDesc> inputs, outputs;  // what the kernel was prepared for, concrete
  std::vector<const void*> src;
  std::vector<void*> dst;
  int64_t macs = 0;

  // Multiply-accumulates for which no row but the reference was found (oneDNN's rows refuse its own reference code).
  bool is_slow() const { return macs > 0 && std::string_view(kernel_name) == "reference"; }
};

// Where a tensor lives: at `offset` in the arena, unless it is a constant.
//
// A batch may run in slices (batch_slices.h): the steps run once for each, and only the model's inputs and outputs have
// memory for all samples, slice after slice.
struct ExecutionPlan {
  std::vector<Shape> shapes;     // per tensor, concrete; of one slice
  std::vector<DataType> types;   // per tensor: the model's, but u8 for an input that is fed pixels
  std::vector<int64_t> offsets;  // per tensor; -1 for constants and for tensors that fusion removed
  int64_t arena_bytes = 0;       // a multiple of kArenaAlignment; kernels may read (not use) that much behind a tensor
  int64_t slices = 1;
  std::vector<int64_t> slice_strides;  // per tensor; bytes from slice to slice: 0 but for inputs, outputs, their views
  int64_t slice_arena_bytes = 0;       // what the arena would be for one slice alone
  // Whether a step runs on oneDNN, and so on OpenMP's threads.
  bool uses_openmp() const;

  std::vector<std::unique_ptr<PlannedStep>> steps;  // kernels hold references into their step, so steps do not move
};

struct PlanOptions {
  int threads = 1;
  const PixelInput* pixels = nullptr;   // feed the input, unless null
  PackedConstants* packed = nullptr;    // of the model; null: the plan packs for itself
  size_t max_scratch_bytes = SIZE_MAX;  // of what kernels share while they run
  bool places_only = false;             // prepares no kernels: the plan says where everything lies, but cannot run
};

// Plans `model` for concrete input shapes. Kernels are prepared here, on the calling thread. kUsage: shapes that the
// model does not take; kUnsupported: no kernel for a node, or pixels for a model that does not take them; kResource:
// memory.
Result<ExecutionPlan> make_plan(const PackedModel& model, std::span<const Shape> input_shapes,
                                const PlanOptions& options);

// Fills the steps' address tables for an arena that starts at `arena` (64-byte aligned), and for its first slice.
void bind_arena(ExecutionPlan& plan, const PackedModel& model, std::byte* arena);

// Moves the address tables on by so many slices; the caller keeps them within plan.slices.
void move_slices(ExecutionPlan& plan, int64_t by);

}  // namespace octet
