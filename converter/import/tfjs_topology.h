// How Keras writes a network down: classes, names, and pointers from a layer to what it reads.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "converter/import/json_file.h"

namespace octet {

// The value that one call of a layer makes: a layer that is shared is called several times.
struct Call {
  std::string layer;
  int64_t index = 0;

  friend auto operator<=>(const Call&, const Call&) = default;
};

// The model's description: behind "model_config" where a converter wrote it.
Result<JsonAt> model_of(const JsonAt& topology);

Result<std::string> class_of(const JsonAt& layer);
Result<std::string> name_of(const JsonAt& layer);
// Whether layers of this class hold layers of their own.
bool is_model(const std::string& class_name);

// What each call of a layer of a functional model reads.
Result<std::vector<std::vector<Call>>> read_calls(const JsonAt& layer);
// A functional model's "input_layers" or "output_layers": a list of pointers, or one alone.
Result<std::vector<Call>> read_ends(const JsonAt& config, const char* name);

}  // namespace octet
