// What --data names: folders, lists, arrays, several inputs.
#include "converter/data/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "tests/support/images.h"
#include "tests/support/npy_file.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

using Strings = std::vector<std::string>;
constexpr int64_t kN = Shape::kDynamic;

const std::vector<TensorInfo> kImageInput = {{"data", DataType::kF32, {kN, 3, 2, 2}}};

// A 2x2 image of one colour.
std::string plain_ppm(int value) {
  return test::encode_pnm('6', 2, 2, 255, std::vector<int>(12, value));
}

Dataset open(const Strings& data, const std::vector<TensorInfo>& inputs = kImageInput,
             const std::string& spec = "raw") {
  Result<Dataset> dataset = Dataset::open(data, inputs, spec);
  if (!dataset.ok()) FAIL(dataset.error().message);
  return dataset.value();
}

std::string failure(const Strings& data, const std::vector<TensorInfo>& inputs, ErrorCode code,
                    const std::string& spec = "raw") {
  const Result<Dataset> dataset = Dataset::open(data, inputs, spec);
  REQUIRE_FALSE(dataset.ok());
  CHECK(dataset.error().code == code);
  return dataset.error().message;
}

Strings names(const Dataset& data) {
  Strings all;
  for (size_t i = 0; i < data.size(); ++i) all.push_back(data.name(i));
  return all;
}

// The first element of the first input.
float first_value(const Dataset& data, size_t index) {
  const auto sample = data.sample(index);
  if (!sample.ok()) FAIL(sample.error().message);
  return (*sample.value()[0].as<float>().begin());
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a folder gives its images, however deep and whatever the case of their names, in the order of paths") {
  const test::ScratchFolder folder;
  folder.write("b/2.PPM", plain_ppm(2));
  folder.write("b/1.JpEg", plain_ppm(1));  // the content counts
  folder.write("a/x/0.png", plain_ppm(0));
  folder.write("c.bmp", plain_ppm(3));
  folder.write("labels.txt", "no image");
  folder.write("png", "no image");
  const Dataset data = open({folder.path()});
  CHECK(names(data) == Strings{"a/x/0.png", "b/1.JpEg", "b/2.PPM", "c.bmp"});
  for (size_t i = 0; i < 4; ++i) CHECK(first_value(data, i) == static_cast<float>(i));
  CHECK(data.sample(0).value()[0].shape() == Shape{1, 3, 2, 2});
}

TEST_CASE("a list file gives its lines in their order, relative to itself") {
  const test::ScratchFolder folder;
  folder.write("pictures/one.ppm", plain_ppm(1));
  const std::string absolute = folder.write("two words.ppm", plain_ppm(2));
  const std::string list = folder.write("lists/l.txt", "../two words.ppm\r\n\n../pictures/one.ppm\n" + absolute);
  const Dataset data = open({list});
  CHECK(names(data) == Strings{"../two words.ppm", "../pictures/one.ppm", absolute});
  CHECK(first_value(data, 0) == 2);
  CHECK(first_value(data, 1) == 1);
  CHECK(first_value(data, 2) == 2);
}

TEST_CASE("one image is a data set of one") {
  const test::ScratchFolder folder;
  const Dataset data = open({folder.write("one.ppm", plain_ppm(7))});
  CHECK(names(data) == Strings{"one.ppm"});
  CHECK(first_value(data, 0) == 7);
}

TEST_CASE("an array's first axis counts the samples; the rest is the input, with or without its batch") {
  const test::ScratchFolder folder;
  const std::string path = folder.write("x.npy", test::npy_file<float>("<f4", "(3, 1, 2)", {1, 2, 3, 4, 5, 6}));
  for (const Shape& shape : {Shape{kN, 1, 2}, Shape{1, 1, 2}, Shape{8, 1, kN}, Shape{1, 2}, Shape{kN, 2}}) {
    CAPTURE(shape.to_string());
    const Dataset data = open({path}, {{"x", DataType::kF32, shape}});
    CHECK(data.size() == 3);
    CHECK_FALSE(data.has_names());
    CHECK(data.name(1).empty());
    CHECK(first_value(data, 2) == 5);
    CHECK(data.sample(2).value()[0].shape() == (shape.rank() == 3 ? Shape{1, 1, 2} : Shape{1, 2}));
  }
  CHECK(has(failure({path}, {{"x", DataType::kF32, {kN, 1, 3}}}, ErrorCode::kInvalidFile),
            "has samples of 1x2, but the input 'x' is Nx1x3"));
  CHECK(has(failure({path}, {{"x", DataType::kS32, {kN, 1, 2}}}, ErrorCode::kInvalidFile),
            "is f32, but the input 'x' is s32"));
}

TEST_CASE("a sample with NaN or infinities is refused by its number when it is asked for; the others serve") {
  const test::ScratchFolder folder;
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const std::string path = folder.write("x.npy", test::npy_file<float>("<f4", "(2, 3)", {1, 2, 3, bad, 5, bad}));
    const Dataset data = open({path}, {{"x", DataType::kF32, {kN, 3}}});
    const auto found = data.sample(1);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == ErrorCode::kInvalidFile);
    CHECK(has(found.error().message, "x.npy': its sample [1] holds 2 NaN or infinite numbers beside 1 finite ones"));
    CHECK(first_value(data, 0) == 1);
  }
}

TEST_CASE("integer arrays become f32 where the input is f32, and stay where it is not") {
  const test::ScratchFolder folder;
  const std::string u8 = folder.write("u8.npy", test::npy_file<uint8_t>("|u1", "(2, 1)", {7, 255}));
  const std::string s64 = folder.write("s64.npy", test::npy_file<int64_t>("<i8", "(2, 1)", {-7, 1 << 20}));
  const std::vector<TensorInfo> f32 = {{"x", DataType::kF32, {kN, 1}}};
  CHECK(first_value(open({u8}, f32), 1) == 255);
  CHECK(first_value(open({s64}, f32), 0) == -7);
  const Dataset same = open({s64}, {{"x", DataType::kS64, {kN, 1}}});
  CHECK(same.sample(1).value()[0].as<int64_t>()[0] == 1 << 20);
  CHECK(
      has(failure({u8}, {{"x", DataType::kS64, {kN, 1}}}, ErrorCode::kInvalidFile), "is u8, but the input 'x' is s64"));
}

TEST_CASE("several inputs are given by name, in any order, with as many samples each") {
  const test::ScratchFolder folder;
  const std::string a = folder.write("a.npy", test::npy_file<float>("<f4", "(2, 1)", {1, 2}));
  const std::string b = folder.write("b.npy", test::npy_file<float>("<f4", "(2, 2)", {3, 4, 5, 6}));
  const std::string c = folder.write("c.npy", test::npy_file<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}));
  const std::vector<TensorInfo> inputs = {{"a", DataType::kF32, {kN, 1}}, {"b", DataType::kF32, {kN, 2}}};
  const Dataset data = open({"b=" + b, "a=" + a}, inputs);
  CHECK(data.size() == 2);
  CHECK(data.sample(1).value()[0].as<float>()[0] == 2);
  CHECK(data.sample(1).value()[1].as<float>()[0] == 5);
  CHECK(has(failure({"a=" + a, "b=" + c}, inputs, ErrorCode::kInvalidFile), "has 3 samples, but another input 2"));
  CHECK(has(failure({"a=" + a}, inputs, ErrorCode::kUsage), "no --data for the input 'b' (--data b=PATH)"));
  CHECK(has(failure({a}, inputs, ErrorCode::kUsage), "is not NAME=PATH with an input's name: 'a', 'b'"));
  CHECK(has(failure({"a=" + a, "c=" + b}, inputs, ErrorCode::kUsage), "--data 'c="));
  CHECK(has(failure({"a=" + a, "a=" + a, "b=" + b}, inputs, ErrorCode::kUsage), "given twice for the input 'a'"));
  CHECK(has(failure({"a=", "b=" + b}, inputs, ErrorCode::kUsage), "--data 'a=' has no path"));
  CHECK(open({"a=" + a}, {inputs[0]}).size() == 2);
}

TEST_CASE("data that is not there, or holds nothing, is refused by name") {
  const test::ScratchFolder folder;
  CHECK(has(failure({folder.path("gone")}, kImageInput, ErrorCode::kInvalidFile), "gone': No such file"));
  CHECK(has(failure({folder.path()}, kImageInput, ErrorCode::kInvalidFile), "holds no images"));
  CHECK(has(failure({folder.write("empty.txt", "\n\n")}, kImageInput, ErrorCode::kInvalidFile), "lists no images"));
  CHECK(has(failure({folder.write("b.dat", std::string("a\0b", 3))}, kImageInput, ErrorCode::kInvalidFile), "neither"));
  CHECK(has(failure({folder.write("x.npy", "junk")}, kImageInput, ErrorCode::kInvalidFile), "not an .npy file"));
  const std::string none = folder.write("n.npy", test::npy_file<float>("<f4", "(0, 3)", {}));
  CHECK(has(failure({none}, {{"x", DataType::kF32, {kN, 3}}}, ErrorCode::kInvalidFile), "no samples"));
}

TEST_CASE("images need an input that an image can be, and a right spec") {
  const test::ScratchFolder folder;
  folder.write("a.ppm", plain_ppm(1));
  CHECK(has(failure({folder.path()}, {{"x", DataType::kF32, {1, 640}}}, ErrorCode::kUsage), "1x640"));
  CHECK(has(failure({folder.path()}, {{"x", DataType::kS64, {1, 3, 2, 2}}}, ErrorCode::kUnsupported), "'x' is s64"));
  CHECK(has(failure({folder.path()}, kImageInput, ErrorCode::kUsage, "imagenet"), "224x224"));
  CHECK(has(failure({folder.path()}, kImageInput, ErrorCode::kUsage, "rav"), "'raw'"));
}

TEST_CASE("a damaged image fails when it is asked for, by its path; the others serve") {
  const test::ScratchFolder folder;
  folder.write("1.png", "no image");
  folder.write("2.png", plain_ppm(5));
  const Dataset data = open({folder.path()});
  const auto bad = data.sample(0);
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code == ErrorCode::kInvalidFile);
  CHECK(has(bad.error().message, "1.png' is no image"));
  CHECK(first_value(data, 1) == 5);
}

TEST_CASE("what was adapted is noted once for all samples; gray stays gray where the input is") {
  const test::ScratchFolder folder;
  const std::string gray = test::encode_png(2, 2, 1, test::pattern(2, 2, 1));
  folder.write("1.png", gray);
  folder.write("2.png", gray);
  const Dataset rgb = open({folder.path()});
  CHECK(rgb.notices().empty());
  for (const size_t i : {0, 1, 0}) CHECK(rgb.sample(i).ok());
  REQUIRE(rgb.notices().size() == 1);
  CHECK(rgb.notices()[0] == folder.path("1.png") + ": gray becomes RGB");
  const Dataset one = open({folder.path()}, {{"x", DataType::kF32, {kN, 1, 2, 2}}}, "raw,color=gray");
  CHECK(one.sample(0).ok());
  CHECK(one.notices().empty());
}

TEST_CASE("workers may draw samples at once") {
  const test::ScratchFolder folder;
  for (int i = 0; i < 8; ++i)
    folder.write(std::to_string(i) + ".png",
                 test::encode_png(2, 2, 1, std::vector<uint8_t>(4, static_cast<uint8_t>(i))));
  const Dataset data = open({folder.path()});
  std::vector<std::thread> workers;
  std::vector<int> right(4);
  for (size_t w = 0; w < 4; ++w) {
    workers.emplace_back([&, w] {
      for (size_t i = 0; i < 64; ++i) {
        const auto sample = data.sample(i % 8);
        if (sample.ok() && sample.value()[0].as<float>()[0] == static_cast<float>(i % 8)) ++right[w];
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(right == std::vector<int>(4, 64));
  CHECK(data.notices().size() == 1);
}

TEST_CASE("a draw has different samples, is the same for a seed everywhere, and another for another") {
  const test::ScratchFolder folder;
  const std::string path = folder.write("x.npy", test::npy_file<float>("<f4", "(100, 1)", std::vector<float>(100)));
  const Dataset data = open({path}, {{"x", DataType::kF32, {kN, 1}}});
  const std::vector<size_t> drawn = data.choose(10, 0);
  CHECK(drawn == std::vector<size_t>{0, 1, 21, 35, 38, 39, 55, 72, 79, 95});  // by an independent splitmix64
  CHECK(std::is_sorted(drawn.begin(), drawn.end()));
  CHECK(std::adjacent_find(drawn.begin(), drawn.end()) == drawn.end());
  CHECK(data.choose(10, 1) != drawn);
  CHECK(data.choose(0, 0).empty());
  CHECK(data.choose(100, 3).size() == 100);
  CHECK(data.choose(1000, 0) == data.choose(100, 5));
}

}  // namespace octet
