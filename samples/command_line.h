// What all octet programs share: option parsing with exit codes of the contract, and error output.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "octet/result.h"

namespace octet {

// The exit codes of every program.
enum ExitCode : int {
  kExitOk = 0,
  kExitResource = 1,
  kExitUsage = 2,
  kExitUnsupported = 3,
  kExitInvalidFile = 4,
  kExitAccuracy = 5,
  kExitSqnr = 6,
};

int exit_code(ErrorCode code);

// Adds --version to the program or sub-command.
void add_version(CLI::App& app);

// Accepts a whole number from `min` to `max`, nothing else: CLI11 itself takes -5 or 10^30 for an unsigned option.
CLI::Validator whole_number(uint64_t min, uint64_t max);

// Parses; on --help, --version, a wrong command line or an OCTET_MAX_ISA that is no level prints what is due and
// returns the exit code. An unknown option is named with its nearest match.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// Names come from files and may hold anything: the text with a '?' for every byte that is no part of a visible
// character in UTF-8, so that it stays one line and steers no terminal.
std::string one_line(std::string_view text);
// The same for a message, without its middle where a name makes it longer than people read.
std::string message_line(std::string_view text);

// What a main function does: runs `body`, whose exceptions (memory that cannot be had, as a rule) end the program with a
// message and kExitResource. Returns the exit code.
int run_program(const char* program, int (*body)(int argc, char** argv), int argc, char** argv);

// "PROGRAM: MESSAGE" on stderr; returns the error's exit code.
int report(std::string_view program, const Error& error);
// "PROGRAM: warning: MESSAGE" on stderr.
void warn(std::string_view program, std::string_view message);

// The candidate with the fewest single-character changes to `word`, if that is few enough to be meant; else empty.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace octet
