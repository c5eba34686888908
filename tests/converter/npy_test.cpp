// .npy files: what is read, what is refused, and that files are whole or not there.
#include "converter/data/npy.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>

#include "converter/atomic_file.h"
#include "tests/support/npy_file.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

using test::npy_file;

std::string failure(const std::string& contents) {
  const test::ScratchFolder folder;
  const Result<Tensor> tensor = read_npy(folder.write("x.npy", contents));
  REQUIRE_FALSE(tensor.ok());
  CHECK(tensor.error().code == ErrorCode::kInvalidFile);
  CHECK(tensor.error().message.find("x.npy") != std::string::npos);
  return tensor.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class T>
std::vector<T> read_as(const std::string& contents, DataType type, const Shape& shape) {
  const test::ScratchFolder folder;
  const Result<Tensor> tensor = read_npy(folder.write("x.npy", contents));
  if (!tensor.ok()) FAIL(tensor.error().message);
  CHECK(tensor.value().type() == type);
  CHECK(tensor.value().shape() == shape);
  const auto values = tensor.value().as<T>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("every element type that octet has is read, f2 and f8 as f32") {
  CHECK(read_as<float>(npy_file<float>("<f4", "(2, 2)", {1, -2, 0.5F, 1e30F}), DataType::kF32, {2, 2}) ==
        std::vector<float>{1, -2, 0.5F, 1e30F});
  CHECK(read_as<float>(npy_file<double>("<f8", "(3,)", {0.1, -2, 1e300}), DataType::kF32, {3}) ==
        std::vector<float>{0.1F, -2, INFINITY});
  CHECK(read_as<float>(npy_file<uint16_t>("<f2", "(6,)", {0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x3555}),
                       DataType::kF32, {6}) == std::vector<float>{1, -2, 0x1p-24F, 65504, -INFINITY, 0.333251953125F});
  CHECK(read_as<uint8_t>(npy_file<uint8_t>("|u1", "(2,)", {0, 255}), DataType::kU8, {2}) ==
        std::vector<uint8_t>{0, 255});
  CHECK(read_as<int8_t>(npy_file<int8_t>("|i1", "(1, 2)", {-128, 127}), DataType::kS8, {1, 2}) ==
        std::vector<int8_t>{-128, 127});
  CHECK(read_as<int32_t>(npy_file<int32_t>("<i4", "()", {-7}), DataType::kS32, {}) == std::vector<int32_t>{-7});
  CHECK(read_as<int64_t>(npy_file<int64_t>("<i8", "(1,)", {INT64_MIN}), DataType::kS64, {1}) ==
        std::vector<int64_t>{INT64_MIN});
  CHECK(read_as<uint8_t>(npy_file<uint8_t>("|b1", "(2,)", {1, 0}), DataType::kBool, {2}) == std::vector<uint8_t>{1, 0});
  CHECK(read_as<float>(npy_file<float>("<f4", "(0, 3)", {}), DataType::kF32, {0, 3}).empty());
}

TEST_CASE("versions 1 to 3 are read, and what else Python may write in a header") {
  for (const int version : {1, 2, 3}) {
    CHECK(read_as<float>(npy_file<float>("<f4", "(1,)", {4}, version), DataType::kF32, {1}) == std::vector<float>{4});
  }
  const std::string python2 =
      test::npy_bytes("{\"shape\":(1L,),\"fortran_order\":False,\"descr\":\"<f4\"}", std::string("\0\0\x80\x3f", 4));
  CHECK(read_as<float>(python2, DataType::kF32, {1}) == std::vector<float>{1});
  CHECK(has(failure(npy_file<float>("<f4", "(1,)", {4}, 4)), "version 4, not 1 to 3"));
}

TEST_CASE("what octet has no type or order for is refused by its name") {
  CHECK(has(failure(npy_file<float>(">f4", "(1,)", {4})), "'>f4'"));
  CHECK(has(failure(npy_file<uint16_t>("<u2", "(1,)", {4})), "'<u2'"));
  CHECK(has(failure(npy_file<char>("|O", "(1,)", {4})), "'|O'"));
  CHECK(has(failure(test::npy_bytes("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "1234")),
            "Fortran order"));
  CHECK(has(failure(test::npy_bytes("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234")),
            "not read"));
}

TEST_CASE("every truncated .npy is refused, and extra bytes are") {
  const std::string file = npy_file<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6});
  for (size_t length = 0; length < file.size(); ++length) {
    CAPTURE(length);
    failure(file.substr(0, length));
  }
  CHECK(has(failure(file + "x"), "3x2 elements of 4 bytes, but 25 bytes follow"));
  CHECK(has(failure("PK" + file), "not an .npy file"));
}

TEST_CASE("hostile sizes are refused before memory is taken") {
  for (const std::string shape :
       {"(1000000000000,)", "(4294967296, 4294967296)", "(9223372036854775807, 2)", "(99999999999999999999,)", "(-1,)",
        "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "(1", "1,)", "[1]", "(1.5,)", "(a,)", ""}) {
    CAPTURE(shape);
    failure(npy_file<float>("<f4", shape, {4}));
  }
  failure(test::npy_bytes("", "1234"));
  failure(test::npy_bytes("{}", "1234"));
  failure(test::npy_bytes("{'descr': '", "1234"));
  std::string long_header = npy_file<float>("<f4", "(1,)", {4}, 2);
  long_header[8] = long_header[9] = long_header[10] = long_header[11] = '\xff';
  CHECK(has(failure(long_header), "the header ends at byte 4294967307"));
}

TEST_CASE("what is written reads back the same, for every type and rank") {
  const test::ScratchFolder folder;
  for (const DataType type :
       {DataType::kF32, DataType::kU8, DataType::kS8, DataType::kS32, DataType::kS64, DataType::kBool}) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 0, 3}, Shape{1, 2, 3, 1, 2, 1, 1, 2}}) {
      Tensor tensor(type, shape);
      auto* bytes = static_cast<uint8_t*>(tensor.data());
      for (int64_t i = 0; i < tensor.byte_count(); ++i) bytes[i] = static_cast<uint8_t>(i % 2);
      REQUIRE(write_npy(folder.path("x.npy"), tensor.view()).ok());
      const Result<Tensor> again = read_npy(folder.path("x.npy"));
      REQUIRE(again.ok());
      CHECK(again.value().type() == type);
      CHECK(again.value().shape() == shape);
      CHECK(std::memcmp(again.value().data(), tensor.data(), static_cast<size_t>(tensor.byte_count())) == 0);
    }
  }
}

TEST_CASE("a failed write leaves the old file and nothing beside it") {
  const test::ScratchFolder folder;
  const auto bytes = std::as_bytes(std::span("new", 3));
  const Status missing = write_file_atomically(folder.path("missing/x"), bytes);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::kResource);
  CHECK(has(missing.error().message, "missing/x': No such file"));
  std::filesystem::create_directory(folder.path("folder"));
  CHECK(has(write_file_atomically(folder.path("folder"), bytes).error().message, "directory"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a write replaces a file, follows a link, and spares a device") {
  const test::ScratchFolder folder;
  const auto bytes = std::as_bytes(std::span("new", 3));
  const std::string file = folder.write("x", "old and longer");
  std::filesystem::create_symlink("x", folder.path("link"));
  REQUIRE(write_file_atomically(folder.path("link"), bytes).ok());
  CHECK(std::filesystem::is_symlink(folder.path("link")));
  CHECK(test::read_text(file) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
  REQUIRE(write_file_atomically("/dev/null", bytes).ok());
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace octet
