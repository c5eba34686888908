// The packed files of tests/data: every version that octet has written. For programs that define OCTET_SOURCE_DIR.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace octet::test {

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

struct OldFile {
  std::filesystem::path path;
  std::vector<std::byte> bytes;
};

inline std::vector<OldFile> old_files() {
  std::vector<OldFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(OCTET_SOURCE_DIR "/tests/data")) {
    if (entry.path().extension() != ".octet") continue;
    const std::string text = read_bytes(entry.path());
    const auto bytes = std::as_bytes(std::span(text));
    files.push_back({entry.path(), {bytes.begin(), bytes.end()}});
  }
  REQUIRE(!files.empty());
  return files;
}

}  // namespace octet::test
