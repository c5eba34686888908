// The list of sub-commands of `octet`: one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>

#include "octet/types.h"
#include "samples/command_line.h"
#include "samples/input_shapes.h"

namespace octet {

// Adds its options to the sub-command and returns what runs it: an exit code, or an error for report().
using CommandRun = std::function<Result<int>()>;

struct Command {
  const char* name;
  const char* description;
  CommandRun (*set_up)(CLI::App& app);
};

CommandRun set_up_convert(CLI::App& app);
CommandRun set_up_check(CLI::App& app);
CommandRun set_up_inspect(CLI::App& app);
CommandRun set_up_run(CLI::App& app);
CommandRun set_up_evaluate(CLI::App& app);
CommandRun set_up_compare(CLI::App& app);
CommandRun set_up_export(CLI::App& app);
CommandRun set_up_sensitivity(CLI::App& app);

inline constexpr Command kCommands[] = {
    {"convert", "Turn a float model into one packed integer file", set_up_convert},
    {"check", "List everything in a model that octet does not support, at once", set_up_check},
    {"inspect", "Show nodes, shapes, types, scales, sizes and multiply-accumulates", set_up_inspect},
    {"run", "Feed .npy tensors, write .npy tensors", set_up_run},
    {"evaluate", "Measure accuracy on labelled data, alone or against another model", set_up_evaluate},
    {"compare", "Show what quantization costs, layer by layer", set_up_compare},
    {"export", "Write a packed model as standard QDQ ONNX", set_up_export},
    {"sensitivity", "Rank layers by what their integers cost the outputs", set_up_sensitivity},
};

}  // namespace octet
