// --input-shape NAME=1x3x224x224, as all octet programs take it.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "octet/model.hpp"

namespace octet {

// Adds the option, which may be repeated.
void add_input_shapes(CLI::App& app, std::vector<std::string>& texts, const std::string& description);

// kUsage with what is wrong: not of this form, or an input named twice.
Result<std::map<std::string, Shape>> parse_input_shapes(const std::vector<std::string>& texts);

// What SessionOptions::input_shapes needs to be: for each input the given shape, else the model's own with this batch.
// Empty if no shape is given. kUsage: a name that is no input's.
Result<std::vector<Shape>> session_shapes(const Model& model, const std::vector<std::string>& texts, int64_t batch);

}  // namespace octet
