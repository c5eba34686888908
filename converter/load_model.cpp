#include "converter/load_model.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "converter/lower.h"
#include "converter/open_sizes.h"

namespace octet {
namespace {

bool has_packed_magic(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;  // a pipe would wait for a writer
  std::array<char, 8> head{};
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  const size_t count = std::fread(head.data(), 1, head.size(), file);
  std::fclose(file);
  return count == head.size() && std::memcmp(head.data() + 1, "OCTET", 5) == 0;
}

bool has_packed_extension(const std::string& path) {
  return std::filesystem::path(path).extension() == ".octet";
}

}  // namespace

Result<ImportedModel> import_and_fold(const std::string& path, const ImportOptions& options, ImportReport& report,
                                      const PassObserver& observer) {
  OCTET_TRY(Graph graph, import_model(path, options, report));
  OCTET_CHECK(run_passes(graph, observer));
  return ImportedModel{std::move(graph), report};
}

Result<LoadedModel> load_any_model(const std::string& path, const ImportOptions& options) {
  if (has_packed_magic(path) || has_packed_extension(path)) {
    OCTET_TRY(Model model, Model::load(path));
    if (!options.input_shapes.empty()) {
      OCTET_TRY(model, with_input_shapes(model, options.input_shapes));
    }
    std::error_code ignored;
    const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path, ignored));
    return LoadedModel{std::move(model), true, std::nullopt, bytes};
  }
  ImportReport report;
  OCTET_TRY(ImportedModel imported, import_and_fold(path, options, report));
  OCTET_TRY(PackedModel packed, lower_f32(imported.graph));
  int64_t bytes = 0;
  for (const PackedTensor& tensor : packed.tensors) bytes += tensor.data_bytes;
  return LoadedModel{Model::from_packed(std::make_shared<PackedModel>(std::move(packed))), false,
                     std::move(imported.graph), bytes};
}

}  // namespace octet
