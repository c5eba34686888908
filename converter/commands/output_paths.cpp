#include "converter/commands/output_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace octet {
namespace {

namespace fs = std::filesystem;

// Not what takes bytes without keeping them: devices and pipes.
bool is_kept(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

bool is_same_file(const std::string& a, const std::string& b) {
  if (!is_kept(a) || !is_kept(b)) return false;
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  // Of what is not there yet: links among the folders are followed, "." and ".." are resolved.
  const fs::path path = fs::weakly_canonical(fs::absolute(a, error), error);
  if (error) return false;
  const fs::path other = fs::weakly_canonical(fs::absolute(b, error), error);
  return !error && path == other;
}

Status check_writable(const NamedPath& output) {
  const auto cannot = [&](const std::string& why) {
    return Error{ErrorCode::kResource, output.what + ": cannot write '" + output.path + "': " + why};
  };
  struct stat status {};
  const bool exists = stat(output.path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) return cannot(std::strerror(errno));
  if (exists && S_ISDIR(status.st_mode)) return cannot("it is a folder");
  if (exists && !S_ISREG(status.st_mode)) return {};
  if (exists && access(output.path.c_str(), W_OK) != 0) return cannot(std::strerror(errno));
  // A link stays a link: the new file is made beside what it points to.
  std::error_code error;
  const fs::path target = exists ? fs::canonical(output.path, error) : fs::path(output.path);
  if (error) return cannot(error.message());
  const std::string folder = target.has_parent_path() ? target.parent_path().string() : ".";
  if (access(folder.c_str(), W_OK | X_OK) != 0) return cannot("the folder '" + folder + "': " + std::strerror(errno));
  return {};
}

}  // namespace

std::string is_named(const std::string& path) {
  return path.empty() ? "names no file" : "";
}

void add_given(std::vector<NamedPath>& paths, const std::string& what, const std::string& path) {
  if (!path.empty()) paths.push_back({what, path});
}

void add_data(std::vector<NamedPath>& paths, const std::vector<std::string>& data) {
  for (const std::string& given : data) {
    add_given(paths, "--data", given);
    if (const size_t equals = given.find('='); equals != std::string::npos) {
      add_given(paths, "--data", given.substr(equals + 1));
    }
  }
}

Status check_distinct(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs) {
  const auto same = [](const NamedPath& output, const NamedPath& other) {
    return Error{ErrorCode::kUsage,
                 output.what + " '" + output.path + "' is the same file as " + other.what + " '" + other.path + "'"};
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (const NamedPath& input : inputs) {
      if (is_same_file(outputs[i].path, input.path)) return same(outputs[i], input);
    }
    for (size_t k = 0; k < i; ++k) {
      if (is_same_file(outputs[i].path, outputs[k].path)) return same(outputs[i], outputs[k]);
    }
  }
  return {};
}

Status check_outputs(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs) {
  OCTET_CHECK(check_distinct(outputs, inputs));
  for (const NamedPath& output : outputs) OCTET_CHECK(check_writable(output));
  return {};
}

std::function<Status(const std::vector<std::string>&)> distinct_from(std::vector<NamedPath> outputs) {
  return [outputs = std::move(outputs)](const std::vector<std::string>& files) {
    std::vector<NamedPath> inputs;
    for (const std::string& file : files) inputs.push_back({"the model's file", file});
    return check_distinct(outputs, inputs);
  };
}

}  // namespace octet
