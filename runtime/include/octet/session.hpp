// A model planned for concrete shapes and a number of threads, ready to run.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "octet/model.hpp"

namespace octet {

// The least of OMP_NUM_THREADS, the CPUs that this process may run on, and its cgroup's CPU quota (rounded up).
int default_threads();

// What pixels mean to a model: values[c][p] is the f32 in channel c of its input where the pixel is p. An image library
// makes it from a preprocessing (octet/image.hpp, pixel_input).
struct PixelInput {
  int channel_axis = 1;                        // of the model's input: 1 for [N, C, H, W], 3 for [N, H, W, C]
  std::vector<std::array<float, 256>> values;  // one for each channel
};

struct SessionOptions {
  int threads = 0;    // 0: default_threads()
  int64_t batch = 1;  // what a dynamic first dimension of an input becomes
  // If not empty: one concrete shape per model input, in order; `batch` is ignored. Needed where the model leaves more
  // open than the batch (sizes of images): sessions of one model may each have another.
  std::vector<Shape> input_shapes;
  // If set, input() is u8 pixels [N, H, W, C], whatever the model's layout, and no f32 image is ever made: the session
  // goes from pixels straight to the bytes that the f32 image would be quantized to. For models with one input that is
  // quantized at once; input_shapes stays in the model's own layout.
  std::optional<PixelInput> pixels;
  // If set, activations live here, and not in memory of the session's own: at least Session::required_arena_bytes(),
  // aligned to 64, alive as long as the session. Sessions may share it if their runs do not overlap; create() and run()
  // overwrite all of it, other sessions' inputs and outputs too. So with a shared arena: create all sessions first,
  // then, for each run, write the inputs, run, and read the outputs before anything else runs there.
  std::span<std::byte> arena;
  // Of the session's own arena: activations that take more are refused, kResource with both numbers, before any memory
  // is taken for them or for packed weights. What kernels share while they run (the gates of a recurrent layer, say)
  // may take as much again.
  int64_t max_arena_bytes = std::numeric_limits<int64_t>::max();
};

// One step of the plan, for benchmarks and reports.
struct StepInfo {
  std::string name;    // the node's
  std::string op;      // "conv2d"
  std::string kernel;  // the row of the kernel table that was chosen: "onednn", "reference"
  Shape output_shape;
  int64_t macs = 0;                      // multiply-accumulates of a run, all slices of the batch together
  DataType arithmetic = DataType::kF32;  // of the source: kU8 multiplies integers, kF32 and kBf16 floats
  // Multiply-accumulates without a fast kernel: plain code does them, ten to a hundred times slower. On a CPU with
  // AVX512-VNNI no network should have such a step.
  bool is_slow = false;
};

// Owns its activations in one arena and its prepared kernels; shares the model's weights. Not thread-safe: one thread
// at a time; different sessions may run at once, also on one model.
class Session {
 public:
  // Infers shapes, chooses kernels, places every activation. All that can fail, fails here.
  // kUsage: shapes that the model does not take; kUnsupported: no kernel, or a model that cannot be fed pixels;
  // kResource: memory.
  static Result<Session> create(const Model& model, const SessionOptions& options = {});

  // The bytes that a session with these options needs as SessionOptions::arena (which itself is ignored), some of it
  // slack: kernels may read, but do not use, up to 64 bytes behind a tensor. Packs nothing: takes microseconds. Errors
  // are those of create().
  static Result<int64_t> required_arena_bytes(const Model& model, const SessionOptions& options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // Where input i is read from, at every run, and output i written to. Valid as long as the session; run() leaves
  // inputs as they are. Index by order (as Model::inputs() lists them); i must exist.
  TensorView input(size_t i = 0);
  TensorView output(size_t i = 0) const;

  // Computes the outputs from the inputs. Cannot fail, but for steps that steps() calls `onednn` or `widened`: oneDNN
  // allocates in each call, and where it cannot, run() throws std::bad_alloc (in oneDNN's own loops the process ends).
  // The outputs are then undefined; the session is as before, and may run again.
  void run();

  // run(), calling `observer` after each step for each tensor that it wrote, while its bytes are still there. Graph
  // inputs come first. Names are those of the tensors. A large batch runs in slices, one after the other, where no node
  // mixes samples: the observer then sees each slice of each tensor. What the observer throws ends the run as above.
  using Observer = std::function<void(const std::string& name, const TensorView& tensor)>;
  void run(const Observer& observer);

  // run(), adding to step_us[i] the microseconds that step i took. step_us.size() == steps().size().
  void run(std::span<double> step_us);

  std::vector<StepInfo> steps() const;
  int64_t arena_bytes() const;  // == required_arena_bytes()
  int threads() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace octet
