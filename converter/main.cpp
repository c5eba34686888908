// octet: the converter's command line. Results on stdout, everything else on stderr.
#include <csignal>
#include <iostream>

#include "converter/commands/commands.h"
#include "converter/shards.h"
#include "octet/zoo.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app("octet turns trained neural networks into 8-bit integer networks, and checks what that costs", "octet");
  octet::add_version(app);
  app.require_subcommand(1);
  std::vector<octet::CommandRun> runs;
  std::vector<CLI::App*> subcommands;
  for (const octet::Command& command : octet::kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.description);
    octet::add_version(*sub);
    runs.push_back(command.set_up(*sub));
    subcommands.push_back(sub);
  }
  if (const auto code = octet::parse_command_line(app, argc, argv)) return *code;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!subcommands[i]->parsed()) continue;
    const octet::Result<int> result = runs[i]();
    if (!result.ok()) return octet::report("octet " + subcommands[i]->get_name(), result.error());
    std::cout.flush();
    if (!std::cout) return octet::report("octet", {octet::ErrorCode::kResource, "cannot write to standard output"});
    return *result;
  }
  return octet::kExitUsage;
}

int run_with_shards(int argc, char** argv) {
  const octet::ShardScope scope;
  const int code = run(argc, argv);
  if (code != octet::kExitOk) octet::abandon_shards(code);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  octet::use_zoo();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of writing it
  return octet::run_program("octet", run_with_shards, argc, argv);
}
