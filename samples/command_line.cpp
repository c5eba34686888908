#include "samples/command_line.h"

#include <algorithm>
#include <iostream>
#include <numeric>

#include "octet/octet.hpp"

namespace octet {
namespace {

// Levenshtein distance, one row at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The sub-command that was being parsed, or the program itself.
const CLI::App& active(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : *chosen.front();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "unknown option '--thread' (did you mean '--threads'?)"
std::string describe_extras(const CLI::App& app) {
  const CLI::App& command = active(app);
  std::vector<std::string> extras = command.remaining();
  if (extras.empty()) extras = app.remaining(true);
  if (extras.empty()) return "unexpected arguments";
  const std::string& word = extras.front();
  const bool is_option = word.rfind("-", 0) == 0;
  std::vector<std::string> candidates = option_names(command);
  if (!is_option) {
    candidates.clear();
    for (const CLI::App* sub : command.get_subcommands({})) candidates.push_back(sub->get_name());
  }
  const std::string name = word.substr(0, word.find('='));
  const std::string match = nearest(name, candidates);
  return (is_option ? "unknown option '" : "unexpected argument '") + name + "'" +
         (match.empty() ? "" : " (did you mean '" + match + "'?)");
}

}  // namespace

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kResource:
      return kExitResource;
    case ErrorCode::kUsage:
      return kExitUsage;
    case ErrorCode::kUnsupported:
      return kExitUnsupported;
    case ErrorCode::kInvalidFile:
      return kExitInvalidFile;
  }
  return kExitResource;
}

void add_version(CLI::App& app) {
  app.set_version_flag("--version", std::string("octet ") + version(), "Print the version and exit");
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    std::cerr << app.get_name() << ": " << describe_extras(app) << "; see --help\n";
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::cerr << app.get_name() << ": " << error.what() << "; see --help\n";
    return kExitUsage;
  }
}

int report(std::string_view program, const Error& error) {
  std::cerr << program << ": " << error.message << "\n";
  return exit_code(error.code);
}

void warn(std::string_view program, std::string_view message) {
  std::cerr << program << ": warning: " << message << "\n";
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = word.size() / 2 + 1;  // more than half of it different: not what was meant
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace octet
