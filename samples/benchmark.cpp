// benchmark: how long a packed model takes on this machine, whole and step by step.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <random>

#include "octet/image.hpp"
#include "octet/octet.hpp"
#include "octet/zoo.h"
#include "samples/command_line.h"
#include "samples/input_shapes.h"
#include "samples/profile.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string model;
  std::vector<std::string> input_shapes;
  int threads = 0;
  int runs = 100;
  int warmup = 10;
  int64_t batch = 1;
  bool input_u8 = false;
  bool profile = false;
  bool json = false;
};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024.0;
  }
  return 0;
}

// Values as a network sees them; a benchmark on zeros would flatter nothing here, but look as if it did.
void fill_inputs(Session& session, size_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 1);
  for (size_t i = 0; i < count; ++i) {
    const TensorView input = session.input(i);
    if (input.type == DataType::kF32) {
      for (float& v : input.as<float>()) v = normal(random);
    }
  }
}

// The milliseconds of each of `runs` calls, sorted.
template <class Call>
std::vector<double> time_calls(int warmup, int runs, const Call& call) {
  for (int i = 0; i < warmup; ++i) call();
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    call();
    times.push_back(ms_since(start));
  }
  std::sort(times.begin(), times.end());
  return times;
}

Json summarize(const std::vector<double>& sorted) {
  const auto at = [&](double share) {
    return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
  };
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  return {{"min", sorted.front()},
          {"median", at(0.5)},
          {"mean", sum / static_cast<double>(sorted.size())},
          {"p90", at(0.9)},
          {"p99", at(0.99)}};
}

// From u8 pixels of the input's size to the outputs, in a session that makes no f32 image.
Result<Json> time_u8(const Model& model, const Options& options, const std::vector<Shape>& shapes) {
  const std::vector<TensorInfo> inputs = model.inputs();
  if (inputs.size() != 1) {
    return Error{ErrorCode::kUnsupported,
                 "--input-u8 feeds one image, but the model has " + std::to_string(inputs.size()) + " inputs"};
  }
  OCTET_TRY(const Preprocessing preprocessing,
            Preprocessing::parse(model.preprocessing().empty() ? "raw" : model.preprocessing()));
  OCTET_TRY(const ImageInput input,
            resolve_input(preprocessing, shapes.empty() ? inputs[0].shape : shapes[0], inputs[0].name));
  OCTET_TRY(Session session, Session::create(model, {.threads = options.threads,
                                                     .batch = options.batch,
                                                     .input_shapes = shapes,
                                                     .pixels = pixel_input(preprocessing, input.layout)}));
  std::mt19937 random(1);
  for (uint8_t& pixel : session.input().as<uint8_t>()) pixel = static_cast<uint8_t>(random());
  return summarize(time_calls(options.warmup, options.runs, [&] { session.run(); }));
}

void print_text(const Json& result) {
  const auto line = [](const char* what, const Json& ms) {
    std::cout << what << std::fixed << std::setprecision(3) << " min " << ms["min"].get<double>() << "  median "
              << ms["median"].get<double>() << "  mean " << ms["mean"].get<double>() << "  p90 "
              << ms["p90"].get<double>() << "  p99 " << ms["p99"].get<double>() << " ms\n";
  };
  line("latency   ", result["latency_ms"]);
  if (result["batch"] > 1) {
    std::cout << "an image   min " << result["ms_per_image"]["min"].get<double>() << "  median "
              << result["ms_per_image"]["median"].get<double>() << " ms\n";
  }
  if (result.contains("latency_u8_ms")) line("from u8   ", result["latency_u8_ms"]);
  std::cout << "load       " << result["load_ms"].get<double>() << " ms, first run "
            << result["first_run_ms"].get<double>() << " ms\n"
            << "memory     peak " << std::setprecision(1) << result["peak_rss_mb"].get<double>() << " MB, activations "
            << result["arena_bytes"].get<int64_t>() << " bytes\n"
            << "threads " << result["threads"] << ", batch " << result["batch"] << ", runs " << result["runs"]
            << ", isa " << result["isa"].get<std::string>() << "\n";
  if (result.contains("steps")) print_profile(result["steps"], result["peak"]);
}

Result<int> benchmark(const Options& options) {
  const auto start = Clock::now();
  OCTET_TRY(const Model model, Model::load(options.model));
  OCTET_TRY(const std::vector<Shape> shapes, session_shapes(model, options.input_shapes, options.batch));
  OCTET_TRY(Session session,
            Session::create(model, {.threads = options.threads, .batch = options.batch, .input_shapes = shapes}));
  Json result;
  const double load_ms = ms_since(start);
  fill_inputs(session, model.inputs().size());
  const auto first = Clock::now();
  session.run();
  const double first_ms = ms_since(first);

  result["batch"] = session.input().shape.rank() > 0 ? session.input().shape[0] : 1;  // as the model has it
  result["latency_ms"] = summarize(time_calls(options.warmup, options.runs, [&] { session.run(); }));
  const auto batch = static_cast<double>(result["batch"].get<int64_t>());
  for (const char* key : {"min", "median", "mean"}) {
    result["ms_per_image"][key] = result["latency_ms"][key].get<double>() / batch;
  }
  result["load_ms"] = load_ms;
  result["first_run_ms"] = first_ms;
  result["peak_rss_mb"] = peak_rss_mb();
  result["arena_bytes"] = session.arena_bytes();
  result["threads"] = session.threads();
  result["runs"] = options.runs;
  result["isa"] = cpu_isa();
  if (options.input_u8) {
    OCTET_TRY(result["latency_u8_ms"], time_u8(model, options, shapes));
  }
  if (options.profile) {
    const PeakRates peak = measure_peak(session.threads());
    result["peak"] = peak_json(peak);
    result["steps"] = profile_steps(session, options.runs, peak);
  }
  if (options.json) {
    std::cout << result.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";  // names need not be UTF-8
  } else {
    print_text(result);
  }
  if (!std::cout.flush()) return Error{ErrorCode::kResource, "cannot write to stdout"};
  return kExitOk;
}

int run_benchmark(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the latency of a packed model: quantizing the input and writing f32 outputs included",
               "benchmark");
  add_version(app);
  app.add_option("MODEL", options.model, "a .octet file")->required();
  app.add_option("--threads", options.threads, "default: what affinity and cgroup allow")->check(whole_number(1, 1024));
  app.add_option("--runs", options.runs, "timed runs")->check(whole_number(1, 1 << 24))->capture_default_str();
  app.add_option("--warmup", options.warmup, "runs before them")
      ->check(whole_number(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--batch", options.batch, "samples a run")->check(whole_number(1, 1 << 16))->capture_default_str();
  add_input_shapes(app, options.input_shapes, "NAME=1x3x224x224, for inputs whose size is open; without --batch");
  app.get_option("--input-shape")->excludes("--batch");
  app.add_flag("--input-u8", options.input_u8, "also from u8 pixels of the input's size, without an f32 image");
  app.add_flag("--profile", options.profile,
               "a line for every step: kernel, time, share, GOPS, share of this machine's peak");
  app.add_flag("--json", options.json, "one JSON object on stdout");
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  const Result<int> result = benchmark(options);
  return result.ok() ? *result : report("benchmark", result.error());
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  octet::use_zoo();
  return octet::run_program("benchmark", octet::run_benchmark, argc, argv);
}
