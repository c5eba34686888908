#include "samples/input_shapes.h"

#include <charconv>

namespace octet {
namespace {

Result<Shape> parse_shape(const std::string& option, std::string_view text) {
  std::vector<int64_t> dims;
  const Error wrong{ErrorCode::kUsage, "--input-shape '" + option + "': not of the form NAME=1x3x224x224"};
  while (true) {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 1 || dims.size() == Shape::kMaxRank) return wrong;
    dims.push_back(dim);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return Shape(std::span<const int64_t>(dims));
    if (text.front() != 'x') return wrong;
    text.remove_prefix(1);
  }
}

}  // namespace

void add_input_shapes(CLI::App& app, std::vector<std::string>& texts, const std::string& description) {
  app.add_option("--input-shape", texts, description)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Result<std::map<std::string, Shape>> parse_input_shapes(const std::vector<std::string>& texts) {
  std::map<std::string, Shape> shapes;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::string name = text.substr(0, equals == std::string::npos ? 0 : equals);
    if (name.empty()) {
      return Error{ErrorCode::kUsage, "--input-shape '" + text + "': not of the form NAME=1x3x224x224"};
    }
    OCTET_TRY(const Shape shape, parse_shape(text, std::string_view(text).substr(equals + 1)));
    const auto [known, is_new] = shapes.emplace(name, shape);
    if (!is_new) {
      return Error{ErrorCode::kUsage, "--input-shape '" + text + "': a second shape of '" + name + "', after " +
                                          known->second.to_string()};
    }
  }
  return shapes;
}

Result<std::vector<Shape>> session_shapes(const Model& model, const std::vector<std::string>& texts, int64_t batch) {
  OCTET_TRY(auto given, parse_input_shapes(texts));
  std::vector<Shape> shapes;
  if (given.empty()) return shapes;
  for (const TensorInfo& input : model.inputs()) {
    Shape& shape = shapes.emplace_back(input.shape);
    if (shape.rank() > 0 && shape[0] == Shape::kDynamic) shape[0] = batch;
    if (const auto found = given.extract(input.name)) shape = found.mapped();
  }
  if (given.empty()) return shapes;
  return Error{ErrorCode::kUsage,
               "a shape is given for '" + given.begin()->first + "', but the network has no such input"};
}

}  // namespace octet
