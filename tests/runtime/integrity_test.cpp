// The SHA-256 that a packed file carries.
#include "octet/integrity.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "octet/octet.hpp"
#include "runtime/packed_bytes.h"
#include "tests/support/packed_builder.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

std::vector<std::byte> plain_file() {
  return write_model(test::small_int8_net());
}

// Makes the checksum right again, as whoever changes a file on purpose would.
void reseal(std::vector<std::byte>& file) {
  const uint64_t right = checksum(file);
  std::memcpy(file.data() + offsetof(PackedHeader, checksum), &right, sizeof right);
}

}  // namespace

TEST_CASE("the digest is sha256sum's, of the file without it and with no checksum") {
  const std::vector<std::byte> file = append_sha256(plain_file());
  const Result<Sha256> digest = verify_sha256(file);
  REQUIRE_MESSAGE(digest.ok(), digest.error().message);

  std::string body(reinterpret_cast<const char*>(file.data()), file.size() - 32);
  std::fill_n(body.begin() + 56, 8, '\0');
  const test::ScratchFolder folder;
  const std::string command = "sha256sum < '" + folder.write("body", body) + "' > '" + folder.path("said") + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(test::read_text(folder.path("said")).substr(0, 64) == to_string(*digest));
}

TEST_CASE("a file with a digest is a model like one without") {
  const Result<Model> model = Model::from_memory(append_sha256(plain_file()));
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  CHECK(write_model(model->packed()) == plain_file());
}

TEST_CASE("a change under a right checksum is noticed, wherever it is, with both digests") {
  const std::vector<std::byte> file = append_sha256(plain_file());
  for (size_t i = 0; i < file.size(); ++i) {
    if (i >= offsetof(PackedHeader, checksum) && i < sizeof(PackedHeader)) continue;
    std::vector<std::byte> changed = file;
    changed[i] ^= std::byte{1};
    reseal(changed);
    const Result<Sha256> digest = verify_sha256(changed);
    REQUIRE(!digest.ok());
    if (i >= sizeof(PackedHeader)) CHECK(digest.error().message.find("but it carries") != std::string::npos);
  }
}

TEST_CASE("what carries no digest says so, and what is cut short is no octet file") {
  const std::vector<std::byte> file = plain_file();
  CHECK(verify_sha256(file).error().message == "the file carries no SHA-256");
  for (size_t size = 0; size < file.size(); ++size) CHECK(!verify_sha256(std::span(file).first(size)).ok());
}

TEST_CASE("anything else behind the sections is refused") {
  std::vector<std::byte> file = append_sha256(plain_file());
  PackedHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  for (const uint64_t extra : {uint64_t{1}, uint64_t{31}, uint64_t{33}, uint64_t{64}}) {
    header.file_bytes = end_of_sections(header) + extra;
    file.resize(header.file_bytes);
    std::memcpy(file.data(), &header, sizeof header);
    reseal(file);
    const Result<Model> model = Model::from_memory(file);
    REQUIRE(!model.ok());
    CHECK(model.error().message.find("more or less than a digest") != std::string::npos);
  }
}

}  // namespace octet
