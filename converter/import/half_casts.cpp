#include "converter/import/half_casts.h"

namespace octet {
namespace {

constexpr int64_t kOnnxFloat16 = 10, kOnnxBfloat16 = 16;  // TensorProto.DataType

struct HalfCasts {
  std::string first;
  size_t count = 0;
};

bool is_half_cast(const SourceNode& node) {
  if (node.op_type != "Cast" || !node.domain.empty()) return false;
  const auto* type = node.attribute<int64_t>("to");
  return type != nullptr && (*type == kOnnxFloat16 || *type == kOnnxBfloat16);
}

// Bodies of If and Loop included.
void count(const SourceModel& source, HalfCasts& casts) {
  for (const SourceNode& node : source.nodes) {
    for (const auto& [name, body] : node.bodies) count(*body, casts);
    if (!is_half_cast(node)) continue;
    if (casts.count++ == 0) casts.first = node.name;
  }
}

}  // namespace

std::string half_cast_warning(const SourceModel& source) {
  HalfCasts casts;
  count(source, casts);
  if (casts.count == 0) return "";
  const std::string more = casts.count == 1 ? "" : " and " + std::to_string(casts.count - 1) + " more";
  return "'" + casts.first + "'" + more + ": casts to float16 or bfloat16 round nothing, all is computed as f32";
}

}  // namespace octet
