// ONNX files for fuzzers to start from.
#pragma once

#include <map>
#include <string>

namespace octet::test {

// By name: networks that octet takes, which together have what its reader of ONNX reads. External weights are those
// of import_model (model_fuzz.h).
std::map<std::string, std::string> onnx_networks();

// One node of the operation, with as many inputs as many of them take; few are right, all are names to mutate.
std::string onnx_op(const std::string& op, size_t inputs);

}  // namespace octet::test
