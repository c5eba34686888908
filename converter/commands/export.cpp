// octet export: a packed model as standard QDQ ONNX.
#include <iostream>
#include <memory>

#include "converter/atomic_file.h"
#include "converter/commands/commands.h"
#include "converter/commands/output_paths.h"
#include "converter/export/export_onnx.h"
#include "octet/model.hpp"
#include "runtime/packed_model.h"

namespace octet {
namespace {

struct Options {
  std::string model;
  std::string onnx;
  bool exact_residuals = false;
};

Result<int> run(const Options& options) {
  const NamedPath output{"--onnx", options.onnx};
  const NamedPath input{"FILE", options.model};
  OCTET_CHECK(check_outputs({&output, 1}, {&input, 1}));
  OCTET_TRY(const Model model, Model::load(options.model));
  OCTET_TRY(const std::string bytes, export_onnx(model.packed(), options.exact_residuals));
  OCTET_CHECK(write_file_atomically(options.onnx, std::as_bytes(std::span(bytes))));
  std::cout << one_line(options.onnx) << ": " << bytes.size() << " bytes\n";
  return kExitOk;
}

}  // namespace

CommandRun set_up_export(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("FILE", options->model, "a .octet file")->required();
  app.add_option("--onnx", options->onnx, "the ONNX file to write")->required()->check(is_named, "", "NAMED");
  app.add_flag("--exact-residuals", options->exact_residuals,
               "sums of a convolution and a residual in whole numbers, scales of 1: octet's own steps in any runtime");
  return [options] { return run(*options); };
}

}  // namespace octet
