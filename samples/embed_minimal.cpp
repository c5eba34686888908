// A network in an application: load, check, plan, fill the input, run, read the output.
#include <algorithm>
#include <cstdio>

#include "octet/octet.hpp"

static int fail(octet::ErrorCode code, const std::string& message) {
  std::fprintf(stderr, "embed_minimal: %s\n", message.c_str());
  return 1 + static_cast<int>(code);  // 1 resource, 2 usage, 3 unsupported, 4 invalid file
}

int main(int argc, char** argv) {
  if (argc != 2) return fail(octet::ErrorCode::kUsage, "usage: embed_minimal FILE.octet");
  const auto model = octet::Model::load(argv[1]);
  if (!model.ok()) return fail(model.error().code, model.error().message);
  const auto inputs = model->inputs(), outputs = model->outputs();
  if (inputs.size() != 1 || outputs.empty()) {
    return fail(octet::ErrorCode::kUnsupported, model->name() + ": not one input and an output");
  }
  for (const auto& tensor : {inputs[0], outputs[0]}) {  // as<float>() below is for f32, as<uint8_t>() for u8, ...
    if (tensor.type == octet::DataType::kF32) continue;
    return fail(octet::ErrorCode::kUnsupported, "'" + tensor.name + "' is " + to_string(tensor.type) + ", not f32");
  }
  auto session = octet::Session::create(*model);
  if (!session.ok()) return fail(session.error().code, session.error().message);

  std::ranges::fill(session->input().as<float>(), 0.5F);  // your data: shape and layout of the source model
  session->run();                                         // allocates nothing, cannot fail

  const auto scores = session->output().as<float>();
  std::printf("class %td of %zu\n", std::ranges::max_element(scores) - scores.begin(), scores.size());
  if (std::fflush(stdout) != 0) return fail(octet::ErrorCode::kResource, "cannot write to stdout");
}
