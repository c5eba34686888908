// octet run: .npy tensors in, .npy tensors out, through the same session whether the model is float or packed.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "converter/commands/commands.h"
#include "converter/commands/output_paths.h"
#include "converter/data/npy.h"
#include "converter/load_model.h"
#include "octet/session.hpp"

namespace octet {
namespace {

struct Options {
  std::string model;
  std::vector<std::string> inputs;
  std::string output_dir;
  std::vector<std::string> input_shapes;
  int threads = 0;
};

// One tensor per model input, in the model's order.
Result<std::vector<Tensor>> read_inputs(const std::vector<std::string>& options, const std::vector<TensorInfo>& infos) {
  std::vector<Tensor> tensors(infos.size());
  std::vector<bool> given(infos.size(), false);
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::kUsage, "--input '" + option + "': not of the form NAME=X.npy"};
    }
    const std::string name = option.substr(0, equals);
    const auto info = std::find_if(infos.begin(), infos.end(), [&](const TensorInfo& i) { return i.name == name; });
    if (info == infos.end()) {
      std::string names;
      for (const TensorInfo& i : infos) names += (names.empty() ? "'" : ", '") + i.name + "'";
      return Error{ErrorCode::kInvalidFile, "the model has no input '" + name + "'; it has " + names};
    }
    const auto index = static_cast<size_t>(info - infos.begin());
    if (given[index]) return Error{ErrorCode::kUsage, "the input '" + name + "' is given twice"};
    given[index] = true;
    const std::string path = option.substr(equals + 1);
    OCTET_TRY(tensors[index], read_npy(path));
    if (tensors[index].type() != info->type) {
      return Error{ErrorCode::kInvalidFile, "'" + path + "' is " + to_string(tensors[index].type()) +
                                                ", but the input '" + name + "' is " + to_string(info->type)};
    }
  }
  for (size_t i = 0; i < infos.size(); ++i) {
    if (!given[i]) return Error{ErrorCode::kUsage, "the input '" + infos[i].name + "' is missing (--input NAME=X.npy)"};
  }
  return tensors;
}

// Of tensors that fit but for their number of samples, where the model takes one number alone: what can be done.
Status check_batch(const std::vector<Tensor>& inputs, const LoadedModel& loaded) {
  const std::vector<TensorInfo> infos = loaded.model.inputs();
  const TensorInfo* fixed = nullptr;
  std::string shapes, given;
  for (size_t i = 0; i < infos.size(); ++i) {
    const Shape& own = infos[i].shape;
    Shape wanted = inputs[i].shape();
    if (own.rank() == 0 || own[0] == Shape::kDynamic || wanted.rank() != own.rank() || wanted[0] == own[0]) continue;
    const std::string text = wanted.to_string();
    wanted[0] = own[0];
    if (wanted != own) continue;
    if (fixed == nullptr) {
      fixed = &infos[i];
      given = text;
    }
    shapes += " --input-shape " + infos[i].name + "=" + text;
  }
  if (fixed == nullptr) return {};
  const std::string count = std::to_string(fixed->shape[0]);
  return Error{ErrorCode::kInvalidFile,
               "the model's batch is fixed at " + count + ": the input '" + fixed->name + "' is " +
                   fixed->shape.to_string() + ", but the given tensor is " + given + "; give it " + count +
                   (loaded.is_packed ? " at a time, or convert the model with" : " at a time, or read it with") +
                   shapes};
}

Status make_folder(const std::string& path) {
  std::error_code made, found;
  std::filesystem::create_directories(path, made);
  if (std::filesystem::is_directory(path, found)) return {};
  const std::error_code& error = made ? made : found;
  return Error{ErrorCode::kResource,
               "cannot make the folder '" + path + "': " + (error ? error.message() : "it is a file")};
}

// An output's file without its extension: '/' in a name becomes '_', as do characters that no file may be called by or
// that terminals take for commands.
std::string file_name(std::string name) {
  const auto is_no_letter = [](char c) { return c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  std::replace_if(name.begin(), name.end(), is_no_letter, '_');
  return name;
}

// Each output has a file of its own, which takes the place of nothing that was read.
Status check_files(const Options& options, const std::vector<TensorInfo>& outputs) {
  std::vector<NamedPath> inputs{{"MODEL", options.model}};
  for (const std::string& input : options.inputs) inputs.push_back({"--input", input.substr(input.find('=') + 1)});
  std::map<std::string, const std::string*> names;
  for (const TensorInfo& output : outputs) {
    const std::string file = file_name(output.name) + ".npy";
    const auto [at, is_new] = names.emplace(file, &output.name);
    if (!is_new) {
      return Error{ErrorCode::kUnsupported,
                   "the outputs '" + *at->second + "' and '" + output.name + "' would both be " + file};
    }
    const NamedPath path{"--output-dir", (std::filesystem::path(options.output_dir) / file).string()};
    OCTET_CHECK(check_distinct({&path, 1}, inputs));
  }
  return {};
}

Result<int> run(const Options& options) {
  OCTET_TRY(const auto shapes, parse_input_shapes(options.input_shapes));
  OCTET_TRY(const LoadedModel loaded, load_any_model(options.model, {shapes}));
  OCTET_TRY(const std::vector<Tensor> inputs, read_inputs(options.inputs, loaded.model.inputs()));
  const std::vector<TensorInfo> infos = loaded.model.outputs();
  OCTET_CHECK(check_files(options, infos));
  OCTET_CHECK(check_batch(inputs, loaded));
  SessionOptions session_options{.threads = options.threads};
  for (const Tensor& input : inputs) session_options.input_shapes.push_back(input.shape());
  Result<Session> session = Session::create(loaded.model, session_options);
  if (!session.ok()) {
    // Shapes come from files here, not from the command line.
    const bool shape = session.error().code == ErrorCode::kUsage;
    return Error{shape ? ErrorCode::kInvalidFile : session.error().code, session.error().message};
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::memcpy(session->input(i).data, inputs[i].data(), static_cast<size_t>(inputs[i].byte_count()));
  }
  OCTET_CHECK(make_folder(options.output_dir));
  session->run();
  for (size_t i = 0; i < infos.size(); ++i) {
    const std::string file = file_name(infos[i].name) + ".npy";
    const std::string path = (std::filesystem::path(options.output_dir) / file).string();
    OCTET_CHECK(write_npy(path, session->output(i)));
    std::cout << one_line(path) << ": " << to_string(infos[i].type) << " " << session->output(i).shape.to_string()
              << "\n";
  }
  return kExitOk;
}

}  // namespace

CommandRun set_up_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a .octet file or a float model")->required();
  app.add_option("--input", options->inputs, "NAME=X.npy, once for each input")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--output-dir", options->output_dir, "one NAME.npy per output is written there")->required();
  add_input_shapes(app, options->input_shapes,
                   "NAME=1x3x224x224, for a float model whose inputs are open; a packed one takes the tensors' shapes");
  app.add_option("--threads", options->threads, "default: what affinity and cgroup allow")
      ->check(whole_number(1, 1024));
  return [options] { return run(*options); };
}

}  // namespace octet
