#include "converter/import/import.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "converter/import/json_file.h"
#include "runtime/shortened.h"

namespace octet {
namespace {

// JSON is told from ONNX by its first character: a protobuf message of a model starts with the tag of a field.
Result<bool> looks_like_json(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Error{ErrorCode::kInvalidFile, "'" + path + "' is a folder, not a model"};
  }
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return Error{ErrorCode::kInvalidFile, "'" + path + "' is not a regular file"};
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return Error{ErrorCode::kInvalidFile, "the model '" + path + "' cannot be opened"};
  int c = std::fgetc(file.get());
  if (c == 0x89)
    return Error{ErrorCode::kInvalidFile, "'" + path + "' is no model to convert (a packed file or a picture)"};
  if (c == EOF) return Error{ErrorCode::kInvalidFile, "the model '" + path + "' is empty"};
  if (c == 0xEF && std::fgetc(file.get()) == 0xBB && std::fgetc(file.get()) == 0xBF) c = std::fgetc(file.get());
  while (c == ' ' || c == '\t' || c == '\r' || c == '\n') c = std::fgetc(file.get());
  return c == '{' || c == '[';
}

Result<Graph> import_any_json(const std::string& path, const ImportOptions& options, ImportReport& report) {
  OCTET_TRY(const Json json, read_json_file(path));
  const bool is_tfjs = json.contains("modelTopology") || json.contains("weightsManifest");
  return is_tfjs ? import_tfjs(path, options, report) : import_json(path, options, report);
}

}  // namespace

std::string to_string(const ImportProblem& problem) {
  if (problem.node.empty()) return problem.reason;
  if (problem.op.empty()) return "'" + problem.node + "': " + problem.reason;
  return "node '" + problem.node + "' (" + problem.op + "): " + problem.reason;
}

void ImportReport::add(const ImportProblem& problem) {
  problems.push_back({shortened(problem.node, kMostNameBytes), shortened(problem.op, kMostNameBytes),
                      shortened(problem.reason, kMostMessageBytes), problem.code});
}

Error error_of(const ImportReport& report) {
  const auto& problems = report.problems;
  std::string text = to_string(problems.front());
  if (problems.size() > 1) text += " (and " + std::to_string(problems.size() - 1) + " more, see octet check)";
  const bool any_invalid = std::ranges::count(problems, ErrorCode::kInvalidFile, &ImportProblem::code) > 0;
  return {any_invalid ? ErrorCode::kInvalidFile : ErrorCode::kUnsupported, text};
}

Result<Graph> import_model(const std::string& path, const ImportOptions& options, ImportReport& report) {
  OCTET_TRY(const bool is_json, looks_like_json(path));
  OCTET_TRY(Graph graph, is_json ? import_any_json(path, options, report) : import_onnx(path, options, report));
  if (options.check_files) OCTET_CHECK(options.check_files(report.files));
  return graph;
}

}  // namespace octet
