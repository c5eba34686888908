// A network in an application: load, plan, fill the input, run, read the output.
#include <algorithm>
#include <cstdio>

#include "octet/octet.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: embed_minimal FILE.octet\n", stderr), 2;
  const auto model = octet::Model::load(argv[1]);
  if (!model.ok()) return std::fprintf(stderr, "%s\n", model.error().message.c_str()), 4;
  auto session = octet::Session::create(*model);
  if (!session.ok()) return std::fprintf(stderr, "%s\n", session.error().message.c_str()), 3;

  std::ranges::fill(session->input().as<float>(), 0.5F);  // your data: shape and layout of the source model
  session->run();                                         // allocates nothing, cannot fail

  const auto scores = session->output().as<float>();
  std::printf("class %td of %zu\n", std::ranges::max_element(scores) - scores.begin(), scores.size());
}
