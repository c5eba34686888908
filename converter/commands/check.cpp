// octet check MODEL: every unsupported thing at once, with the reason.
#include <iostream>
#include <memory>

#include "converter/commands/commands.h"
#include "converter/load_model.h"
#include "converter/lower.h"

namespace octet {
namespace {

struct Options {
  std::string model;
  std::vector<std::string> input_shapes;
};

Result<int> check(const Options& options) {
  ImportOptions import_options;
  OCTET_TRY(import_options.input_shapes, parse_input_shapes(options.input_shapes));
  ImportReport report;
  Result<ImportedModel> imported = import_and_fold(options.model, import_options, report);
  for (const std::string& warning : report.warnings) warn("octet check", warning);
  if (!report.problems.empty()) {
    std::cout << one_line(options.model) << ": " << report.problems.size()
              << (report.problems.size() == 1 ? " problem\n" : " problems\n");
    for (const ImportProblem& problem : report.problems) {
      const std::string where = problem.node + (problem.op.empty() ? "" : " (" + problem.op + ")");
      std::cout << "  " << one_line(where) << (where.empty() ? "" : ": ") << one_line(problem.reason) << "\n";
    }
    if (!imported.ok()) return exit_code(imported.error().code);
    return kExitUnsupported;
  }
  if (!imported.ok()) return imported.error();
  OCTET_CHECK(lower_f32(imported->graph));
  std::cout << one_line(options.model) << ": " << report.format << ", " << imported->graph.nodes.size()
            << " nodes after folding, everything is supported\n";
  return kExitOk;
}

}  // namespace

CommandRun set_up_check(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "ONNX, octet JSON or TensorFlow.js model")->required();
  add_input_shapes(app, options->input_shapes, "NAME=1x3x224x224, for inputs whose shape is open");
  return [options] { return check(*options); };
}

}  // namespace octet
