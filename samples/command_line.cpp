#include "samples/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <numeric>

#include "octet/octet.hpp"
#include "runtime/shortened.h"
#include "runtime/visible_bytes.h"

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
  const bool is_option = word.starts_with('-');
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

// The program, and its sub-command if one was given.
std::string active_name(const CLI::App& app) {
  const CLI::App& command = active(app);
  return &command == &app ? app.get_name() : app.get_name() + " " + command.get_name();
}

// What is unknown among the words: said first, because it is often why something else is missing.
std::string describe_unknown(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App& command = active(app);
  const std::vector<std::string> options = option_names(command);
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (word.rfind("--", 0) != 0 || word.size() == 2) continue;
    if (std::find(options.begin(), options.end(), word) != options.end()) continue;
    const std::string match = nearest(word, options);
    return "unknown option '" + word + "'" + (match.empty() ? "" : " (did you mean '" + match + "'?)");
  }
  std::vector<std::string> commands;
  for (const CLI::App* sub : app.get_subcommands({})) commands.push_back(sub->get_name());
  if (&command == &app && !commands.empty() && argc > 1 && argv[1][0] != '-') {
    const std::string match = nearest(argv[1], commands);
    return "unknown command '" + std::string(argv[1]) + "'" + (match.empty() ? "" : " (did you mean '" + match + "'?)");
  }
  return {};
}

// The library ignores a value of OCTET_MAX_ISA that it does not know.
std::optional<int> check_max_isa(const CLI::App& app) {
  const char* cap = std::getenv("OCTET_MAX_ISA");
  if (cap == nullptr || *cap == '\0') return std::nullopt;
  const auto names = isa_names();
  if (std::ranges::find(names, std::string_view(cap)) != names.end()) return std::nullopt;
  std::cerr << active_name(app) << ": the environment variable OCTET_MAX_ISA is '" << one_line(cap) << "', not one of";
  for (const char* name : names) std::cerr << (name == names.front() ? " " : ", ") << name;
  std::cerr << "\n";
  return kExitUsage;
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

std::string one_line(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const size_t count = visible_bytes(text);
    safe += count == 0 ? "?" : text.substr(0, count);
    text.remove_prefix(std::max<size_t>(count, 1));
  }
  return safe;
}

std::string message_line(std::string_view text) {
  return one_line(shortened(text, kMostMessageBytes));
}

CLI::Validator whole_number(uint64_t min, uint64_t max) {
  const auto check = [min, max](const std::string& text) -> std::string {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= min && value <= max) return {};
    return "'" + text + "' is not a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  };
  return CLI::Validator(check, "");
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return check_max_isa(app);
  } catch (const CLI::ExtrasError&) {
    std::cerr << active_name(app) << ": " << one_line(describe_extras(app)) << "; see --help\n";
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::string unknown = describe_unknown(app, argc, argv);
    std::cerr << active_name(app) << ": " << one_line(unknown.empty() ? error.what() : unknown) << "; see --help\n";
    return kExitUsage;
  }
}

int run_program(const char* program, int (*body)(int argc, char** argv), int argc, char** argv) {
  try {
    return body(argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << program << ": out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << "\n";
  }
  return kExitResource;
}

int report(std::string_view program, const Error& error) {
  std::cerr << program << ": " << message_line(error.message) << "\n";
  return exit_code(error.code);
}

void warn(std::string_view program, std::string_view message) {
  std::cerr << program << ": warning: " << message_line(message) << "\n";
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
