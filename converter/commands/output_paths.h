// The files that a command is told to write, judged before its work: none destroys what the command reads.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "octet/result.h"

namespace octet {

// What the command line calls a file, and where it is: {"--report", "r.html"}.
struct NamedPath {
  std::string what, path;
};

// For CLI11: refuses a path without characters.
std::string is_named(const std::string& path);

// Adds the paths that are given: an empty one is no option.
void add_given(std::vector<NamedPath>& paths, const std::string& what, const std::string& path);
// Of --data, PATH or NAME=PATH.
void add_data(std::vector<NamedPath>& paths, const std::vector<std::string>& data);

// kUsage: an output is the same file as an input or as another output, however the two are spelled. Devices and pipes
// are never the same: what they are given is not kept.
Status check_distinct(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs);

// What would fail after all the work. kUsage: see check_distinct. kResource: an output that cannot be written: it is a
// folder, its folder is missing or takes no file, or the file that is there may not be replaced. Devices and pipes are
// taken as they are.
Status check_outputs(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs);

// For ImportOptions::check_files: check_distinct of the files that lie beside a model.
std::function<Status(const std::vector<std::string>&)> distinct_from(std::vector<NamedPath> outputs);

}  // namespace octet
