// Any model file as something that runs: a packed file as it is, a float model as its f32 lowering.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "converter/import/import.h"
#include "converter/passes/passes.h"
#include "octet/model.hpp"

namespace octet {

// A float model after all passes.
struct ImportedModel {
  Graph graph;
  ImportReport report;
};

using PassObserver = std::function<void(const Pass&, int rewrites, const Graph&)>;

// import_model and run_passes.
Result<ImportedModel> import_and_fold(const std::string& path, const ImportOptions& options, ImportReport& report,
                                      const PassObserver& observer = {});

// What `run`, `evaluate`, `inspect` and `compare` work on.
struct LoadedModel {
  Model model;
  bool is_packed = false;      // a .octet file
  std::optional<Graph> graph;  // of a float model, folded
  int64_t file_bytes = 0;      // the file itself; of a float model, the bytes of its constants
};

// By content: a .octet file is loaded, and fixed at options.input_shapes if there are any; anything else is imported and
// lowered to f32. The errors of both.
Result<LoadedModel> load_any_model(const std::string& path, const ImportOptions& options = {});

}  // namespace octet
