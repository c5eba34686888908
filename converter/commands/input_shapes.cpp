#include <charconv>

#include "converter/commands/commands.h"

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

Result<std::map<std::string, Shape>> parse_input_shapes(const std::vector<std::string>& texts) {
  std::map<std::string, Shape> shapes;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::string name = text.substr(0, equals == std::string::npos ? 0 : equals);
    if (name.empty()) {
      return Error{ErrorCode::kUsage, "--input-shape '" + text + "': not of the form NAME=1x3x224x224"};
    }
    OCTET_TRY(shapes[name], parse_shape(text, std::string_view(text).substr(equals + 1)));
  }
  return shapes;
}

}  // namespace octet
