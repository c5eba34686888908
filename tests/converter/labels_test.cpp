// Labels and class names.
#include "converter/data/labels.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/support/images.h"
#include "tests/support/npy_file.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

using Labels = std::vector<int64_t>;

// A data set of images with these names; what is in them is never looked at.
class Images {
 public:
  explicit Images(const std::vector<std::string>& names) {
    for (const std::string& name : names) folder_.write("data/" + name, "x");
    data_ = Dataset::open({folder_.path("data")}, {{"x", DataType::kF32, {1, 3, 2, 2}}}, "raw").value();
  }
  Result<Labels> load(const std::string& text, int64_t class_count = 0) {
    return load_labels(folder_.write("labels.txt", text), *data_, class_count);
  }
  Labels labels(const std::string& text) {
    const Result<Labels> result = load(text);
    if (!result.ok()) FAIL(result.error().message);
    return result.value();
  }
  // The message behind the labels file's path.
  std::string failure(const std::string& text, int64_t class_count = 0) {
    const Result<Labels> result = load(text, class_count);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == ErrorCode::kInvalidFile);
    const std::string& message = result.error().message;
    REQUIRE(message.find("/labels.txt' ") != std::string::npos);
    return message.substr(message.find("/labels.txt' ") + 13);
  }

 private:
  test::ScratchFolder folder_;
  std::optional<Dataset> data_;
};

}  // namespace

TEST_CASE("a label is matched by path or by last part, on either side; other files' lines are ignored") {
  Images images({"a.png", "b/c d.png"});
  CHECK(images.labels("a.png 1\nb/c d.png 2\n") == Labels{1, 2});
  CHECK(images.labels("c d.png\t2\r\n\r\na.png, 1") == Labels{1, 2});
  CHECK(images.labels("val/a.png,1\nval/x/c d.png , 2\nother.png 9\n") == Labels{1, 2});
  CHECK(images.labels("a.png 1\na.png 1\nc d.png 0") == Labels{1, 0});
}

TEST_CASE("a whole path goes before a last part") {
  Images images({"cat/1.png", "dog/1.png"});
  CHECK(images.labels("cat/1.png 3\ndog/1.png 5\n") == Labels{3, 5});
  CHECK(images.failure("1.png 3\n") == "line 1: '1.png' is not enough: 2 samples have that name, one is 'cat/1.png'");
}

TEST_CASE("a bad labels file is refused by line and text") {
  Images images({"a.png", "b.png"});
  CHECK(images.failure("a.png 1\nb.png one\n") == "line 2: 'b.png one' is not a file name and a class index");
  CHECK(images.failure("a.png 1\nb.png -1\n") == "line 2: 'b.png -1' is not a file name and a class index");
  CHECK(images.failure("a.png 1.5\n") == "line 1: 'a.png 1.5' is not a file name and a class index");
  CHECK(images.failure("a.png\n") == "line 1: 'a.png' is not a file name and a class index");
  CHECK(images.failure("7\n") == "line 1: '7' is not a file name and a class index");
  CHECK(images.failure("a.png 99999999999999999999\n").find("line 1") == 0);
  CHECK(images.failure("a.png 1\n") == "has no label for 'b.png'");
  CHECK(images.failure("") == "has no label for 'a.png'");
  CHECK(images.failure("a.png 1\nb.png 2\na.png 3\n") == "gives 'a.png' the label 1 in line 1, but 3 in line 3");
  CHECK(images.failure("a.png 1\nb.png 10\n", 10) == "gives 'b.png' the label 10, but the model has 10 classes");
  CHECK(images.load("a.png 1\nb.png 9\n", 10).ok());
}

TEST_CASE("arrays have one label a line") {
  const test::ScratchFolder folder;
  const std::string path = folder.write("x.npy", test::npy_file<float>("<f4", "(3, 1)", {1, 2, 3}));
  const Dataset data = Dataset::open({path}, {{"x", DataType::kF32, {1, 1}}}, "").value();
  const auto load = [&](const std::string& text) { return load_labels(folder.write("l", text), data, 10); };
  CHECK(load("4\n 5 \r\n6").value() == Labels{4, 5, 6});
  CHECK(load("4\n5\n").error().message.find("has 2 labels, but the data 3 samples") != std::string::npos);
  CHECK(load("4\n5\nsix\n").error().message.find("line 3: 'six' is not a class index") != std::string::npos);
  CHECK(load("4\n5\n10\n").error().message.find("gives sample 2 the label 10") != std::string::npos);
}

TEST_CASE("class names are as many as the model has classes") {
  const test::ScratchFolder folder;
  const std::string path = folder.write("names.txt", "tench, Tinca tinca\r\ngoldfish\nsea lion\n\n");
  const std::vector<std::string> expected = {"tench, Tinca tinca", "goldfish", "sea lion"};
  CHECK(load_class_names(path, {Shape::kDynamic, 3}).value() == expected);
  CHECK(load_class_names(path, {1, 3, 1, 1}).value() == expected);
  const auto wrong = load_class_names(path, {1, 1000});
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kInvalidFile);
  CHECK(wrong.error().message.find("has 3 names, but the model 1000 classes") != std::string::npos);
  CHECK(
      load_class_names(folder.write("n", "a\n\nc\n"), {1, 3}).error().message.find("line 2: '' is not a class name") !=
      std::string::npos);
  CHECK(load_class_names(folder.path("gone"), {1, 3}).error().code == ErrorCode::kInvalidFile);
}

}  // namespace octet
