// Packed files of every version that octet has written, in tests/data, load and answer as they did.
#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

#include "octet/octet.hpp"
#include "runtime/packed_bytes.h"
#include "tests/support/old_files.h"

namespace octet {
namespace {

// Of the input that tests/data/README.md describes.
std::string output_of(const Model& model, int threads) {
  Result<Session> session = Session::create(model, {.threads = threads, .batch = 2});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  int64_t i = 0;
  for (float& value : session->input().as<float>()) value = static_cast<float>(i++ * 37 % 9 - 4);
  session->run();
  const TensorView output = session->output();
  return {static_cast<const char*>(output.data), static_cast<size_t>(output.byte_count())};
}

}  // namespace

TEST_CASE("packed files of every version load, and answer the bytes that they always answered") {
  std::set<uint32_t> versions;
  for (const test::OldFile& file : test::old_files()) {
    CAPTURE(file.path.string());
    PackedHeader header;
    REQUIRE(file.bytes.size() > sizeof header);
    std::memcpy(&header, file.bytes.data(), sizeof header);
    versions.insert(header.version);
    const Result<Model> model = Model::load(file.path.string());
    REQUIRE_MESSAGE(model.ok(), model.error().message);
    const std::string expected = test::read_bytes(std::filesystem::path(file.path).replace_extension(".output"));
    for (const int threads : {1, 2}) CHECK(output_of(*model, threads) == expected);
    const Result<Model> copy = Model::from_memory(file.bytes);
    REQUIRE_MESSAGE(copy.ok(), copy.error().message);
    CHECK(output_of(*copy, 1) == expected);
  }
  for (uint32_t version = 1; version <= kPackedVersion; ++version) {
    CHECK_MESSAGE(versions.contains(version), "no file of version " << version << " in tests/data");
  }
}

TEST_CASE("each of the old files has one row in their README, and each row a file") {
  const std::string readme = test::read_bytes(OCTET_SOURCE_DIR "/tests/data/README.md");
  const auto count = [&](const std::string& text) {
    size_t found = 0;
    for (size_t at = readme.find(text); at != std::string::npos; at = readme.find(text, at + 1)) ++found;
    return found;
  };
  const std::vector<test::OldFile> files = test::old_files();
  for (const test::OldFile& file : files) {
    CAPTURE(file.path.string());
    CHECK(count("\n| `" + file.path.filename().string() + "` |") == 1);
  }
  CHECK(count("\n| `") == files.size());
}

}  // namespace octet
