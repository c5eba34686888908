// classify: what is in these pictures? From image files to labels with a packed model.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "octet/image.hpp"
#include "octet/octet.hpp"
#include "octet/zoo.h"
#include "samples/command_line.h"
#include "samples/input_shapes.h"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> images;
  std::string model;
  std::vector<std::string> input_shapes;
  size_t top = 5;
  int threads = 0;
  bool json = false;
};

// The bundled model, made by the build, lies beside this program.
std::string bundled_model() {
  std::error_code unknown;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return (program.parent_path() / "models" / "cifar10_resnet.octet").string();
}

// A model that is ready for images.
struct Classifier {
  Model model;
  Preprocessing preprocessing;
  ImageInput input;
  Session session;
};

Result<Classifier> prepare(const Options& options) {
  std::error_code unknown;
  if (options.model.empty() && !std::filesystem::exists(bundled_model(), unknown)) {
    return Error{ErrorCode::kInvalidFile, "no bundled model at '" + bundled_model() +
                                              "' (the build makes it, with its converter); give --model"};
  }
  OCTET_TRY(Model model, Model::load(options.model.empty() ? bundled_model() : options.model));
  const std::vector<TensorInfo> inputs = model.inputs();
  if (inputs.size() != 1 || inputs[0].type != DataType::kF32) {
    return Error{ErrorCode::kUnsupported,
                 "'" + model.name() + "' has " + std::to_string(inputs.size()) + " inputs; classify feeds one, of f32"};
  }
  if (model.outputs().empty() || model.outputs()[0].type != DataType::kF32) {
    return Error{ErrorCode::kUnsupported, "'" + model.name() + "' has no f32 output of scores"};
  }
  if (model.preprocessing().empty()) {
    warn("classify", "the model does not say how it was trained to see images: pixels go in as 0..255");
  }
  OCTET_TRY(Preprocessing preprocessing,
            Preprocessing::parse(model.preprocessing().empty() ? "raw" : model.preprocessing()));
  OCTET_TRY(const std::vector<Shape> shapes, session_shapes(model, options.input_shapes, 1));
  OCTET_TRY(const ImageInput input,
            resolve_input(preprocessing, shapes.empty() ? inputs[0].shape : shapes[0], inputs[0].name));
  SessionOptions session_options{
      .threads = options.threads, .input_shapes = {input.shape()}, .pixels = pixel_input(preprocessing, input.layout)};
  Result<Session> from_pixels = Session::create(model, session_options);
  if (from_pixels.ok()) return Classifier{std::move(model), preprocessing, input, std::move(*from_pixels)};
  // A float model, or one that computes on its image first, takes the normalized image.
  session_options.pixels.reset();
  OCTET_TRY(Session session, Session::create(model, session_options));
  return Classifier{std::move(model), preprocessing, input, std::move(session)};
}

// Softmax, unless the model's last layer did it already: then all are in 0..1 and sum to 1.
std::vector<double> probabilities(std::span<const float> scores) {
  std::vector<double> p(scores.begin(), scores.end());
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  const bool is_distribution = std::all_of(p.begin(), p.end(), [](double v) { return v >= 0; });
  if (is_distribution && std::abs(sum - 1) < 0.02) return p;  // an integer softmax sums to 1 within its rounding
  const double highest = *std::max_element(p.begin(), p.end());
  for (double& v : p) v = std::exp(v - highest);
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& v : p) v /= total;
  return p;
}

// What a picture's scores say; a warning where they say nothing.
Result<Json> classify(Classifier& classifier, const std::string& path, size_t top, std::vector<std::string>& notices) {
  OCTET_TRY(const Image image, load_image(path, &notices));
  OCTET_CHECK(preprocess(image, classifier.preprocessing, classifier.input, classifier.session.input()));
  classifier.session.run();

  const std::span<const float> scores = classifier.session.output().as<float>();
  if (scores.empty()) return Error{ErrorCode::kUnsupported, "the model's output has no elements"};
  const auto not_finite = std::count_if(scores.begin(), scores.end(), [](float v) { return !std::isfinite(v); });
  if (not_finite > 0) {
    notices.push_back("'" + path + "': " + std::to_string(not_finite) + " of " + std::to_string(scores.size()) +
                      " scores are not finite: its labels mean nothing");
  }
  const std::vector<double> p = probabilities(scores);
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  top = std::min(top, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](size_t a, size_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });

  const std::vector<std::string>& names = classifier.model.class_names();
  Json predictions = Json::array();
  for (const size_t index : std::span(order).first(top)) {
    const std::string label = index < names.size() ? names[index] : std::to_string(index);
    predictions.push_back({{"index", index}, {"label", label}, {"probability", p[index]}});
  }
  return Json{{"image", path}, {"predictions", predictions}};
}

void print_text(const Json& result) {
  std::cout << one_line(result["image"].get<std::string>()) << "\n";
  for (const Json& row : result["predictions"]) {
    std::cout << std::fixed << std::setprecision(2) << std::setw(8) << 100 * row["probability"].get<double>() << " %  "
              << one_line(row["label"].get<std::string>()) << "\n";
  }
}

// One bad image does not keep the others from their labels; the exit code is the first failure's.
int run(const Options& options) {
  Result<Classifier> classifier = prepare(options);
  if (!classifier.ok()) return report("classify", classifier.error());
  int code = kExitOk;
  Json results = Json::array();
  std::vector<std::string> notices;
  for (const std::string& path : options.images) {
    const size_t known = notices.size();
    const Result<Json> result = classify(*classifier, path, options.top, notices);
    for (size_t i = known; i < notices.size(); ++i) warn("classify", notices[i]);
    if (!result.ok()) {
      const int failed = report("classify", result.error());
      if (code == kExitOk) code = failed;
    } else if (options.json) {
      results.push_back(result.value());
    } else {
      print_text(result.value());
    }
  }
  // A path need not be UTF-8, JSON must.
  if (options.json) std::cout << Json{{"images", results}}.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
  if (std::cout.flush()) return code;
  return report("classify", {ErrorCode::kResource, "cannot write to stdout"});
}

int run_classify(int argc, char** argv) {
  Options options;
  CLI::App app("Names what is in pictures, with a packed model", "classify");
  add_version(app);
  app.add_option("IMAGE", options.images, "jpg, png, bmp or ppm files")->required();
  app.add_option("--model", options.model, "a file made by octet convert (default: the bundled model)");
  add_input_shapes(app, options.input_shapes, "NAME=1x3x224x224, where the model leaves the size open");
  app.add_option("--top", options.top, "labels to show for each image")->check(whole_number(1, 1 << 30));
  app.add_option("--threads", options.threads, "default: what this process may use")->check(whole_number(1, 1024));
  app.add_flag("--json", options.json, "one JSON object on stdout");
  if (const std::optional<int> code = parse_command_line(app, argc, argv)) return *code;
  return run(options);
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  octet::use_zoo();
  return octet::run_program("classify", octet::run_classify, argc, argv);
}
