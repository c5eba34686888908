// The pass over the data: every f32 value is seen, once a sample, and the answer knows nothing of threads.
#include "converter/observe.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include "converter/data/dataset.h"
#include "converter/progress.h"
#include "octet/session.hpp"
#include "tests/support/images.h"
#include "tests/support/packed_builder.h"
#include "tests/support/skip.h"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("octet_observe_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
  }
  // 20 images of 6x5 pixels, each another pattern.
  void write_images() const {
    for (int i = 0; i < 20; ++i) {
      std::vector<int> samples(6 * 5 * 3);
      for (size_t k = 0; k < samples.size(); ++k)
        samples[k] = static_cast<int>((k * k + 31 * static_cast<size_t>(i) * k) % 256);
      write("image" + std::to_string(i) + ".ppm", encode_pnm('6', 6, 5, 255, samples));
    }
  }
};

// x -> relu(-x + 100). What the session computes has the names "x", "negative", "shifted" and "sum".
Model small_f32_net() {
  PackedBuilder b;
  constexpr int64_t n = Shape::kDynamic;
  const auto x = b.input("x", DataType::kF32, {n, 5, 6, 3});
  const auto negative = b.activation("negative", DataType::kF32, {n, 5, 6, 3});
  b.node("negate", UnaryParams{.kind = UnaryKind::kNeg}, {x}, {negative});
  const auto shifted = b.activation("shifted", DataType::kF32, {n, 5, 6, 3});
  const auto hundred = b.constant("hundred", DataType::kF32, {1}, std::vector<float>{100});
  b.node("shift", BinaryParams{.kind = BinaryKind::kAdd}, {negative, hundred}, {shifted});
  const auto sum = b.activation("sum", DataType::kF32, {n, 5, 6, 3});
  b.node("clip", UnaryParams{.kind = UnaryKind::kClip, .alpha = 0, .beta = INFINITY}, {shifted}, {sum});
  b.output(sum);
  return Model::from_packed(std::make_shared<PackedModel>(b.take()));
}

TEST_CASE("observing sees every value of every sample, whatever the number of threads") {
  const Folder folder;
  folder.write_images();
  const Model model = small_f32_net();
  const Result<Dataset> data = Dataset::open({folder.path.string()}, model.inputs(), "scale=1/2,mean=10");
  REQUIRE_MESSAGE(data.ok(), (data.ok() ? "" : data.error().message));
  const std::vector<size_t> indices = {3, 0, 1, 19, 7, 8, 9};

  // The definition: sample by sample, value by value.
  StatsTable expected;
  for (const size_t i : indices) {
    const Result<std::vector<Tensor>> sample = data->sample(i);
    REQUIRE(sample.ok());
    for (const float x : (*sample)[0].as<float>()) {
      expected["x"].observe(std::vector<float>{x});
      expected["negative"].observe(std::vector<float>{-x});
      expected["shifted"].observe(std::vector<float>{-x + 100});
      expected["sum"].observe(std::vector<float>{std::max(-x + 100, 0.0F)});
    }
  }
  for (const int threads : {1, 2, 5, 16}) {
    CAPTURE(threads);
    size_t last = 0;
    const std::thread::id caller = std::this_thread::get_id();
    const Result<Observation> seen = observe(model, *data, indices, threads, [&](size_t done, size_t total) {
      CHECK(std::this_thread::get_id() == caller);
      CHECK(total == indices.size());
      CHECK(done >= last);
      last = done;
    });
    REQUIRE(seen.ok());
    CHECK(seen->stats == expected);
    CHECK(last == indices.size());
  }
  CHECK(expected.at("sum").count() == indices.size() * 90);
}

TEST_CASE("observing nothing gives nothing") {
  const Folder folder;
  folder.write_images();
  const Model model = small_f32_net();
  const Result<Dataset> data = Dataset::open({folder.path.string()}, model.inputs(), "raw");
  REQUIRE(data.ok());
  const Result<Observation> seen = observe(model, *data, {}, 2, nullptr);
  REQUIRE(seen.ok());
  CHECK(seen->stats.empty());
}

TEST_CASE("a sample that cannot be read ends the pass with its name") {
  const Folder folder;
  folder.write_images();
  folder.write("image5.ppm", "P6 6 5 255\nshort");
  const Model model = small_f32_net();
  const Result<Dataset> data = Dataset::open({folder.path.string()}, model.inputs(), "raw");
  REQUIRE(data.ok());
  std::vector<size_t> indices(data->size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  for (const int threads : {1, 3}) {
    const Result<Observation> seen = observe(model, *data, indices, threads, nullptr);
    REQUIRE_FALSE(seen.ok());
    CHECK(seen.error().code == ErrorCode::kInvalidFile);
    CHECK_MESSAGE(seen.error().message.find("image5.ppm") != std::string::npos, seen.error().message);
  }
}

// What `work` writes to stderr when that is a terminal.
template <class Work>
std::string on_terminal(const Work& work) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return "no terminal";
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  const int saved = dup(STDERR_FILENO);
  dup2(terminal, STDERR_FILENO);
  work();
  std::fflush(stderr);
  char text[4096];
  const ssize_t count = read(master, text, sizeof text);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(terminal);
  close(master);
  return {text, static_cast<size_t>(std::max<ssize_t>(count, 0))};
}

TEST_CASE("progress shows on a terminal what is done and what is left, after a second") {
  const std::string text = on_terminal([] {
    ProgressLine progress("calibrating");
    progress.update(1, 4);  // within the first second: nothing
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    progress.update(2, 4);
    progress.finish();
  });
  if (text == "no terminal") return test::skip("there is no pseudoterminal");
  CHECK_MESSAGE(text.find("calibrating  2/4  50 %  1 s left") != std::string::npos, text);
  CHECK(text.find("1/4") == std::string::npos);
  CHECK(text.ends_with("\r\033[K"));
  CHECK(on_terminal([] {
          ProgressLine progress("calibrating");
          progress.update(4, 4);
          progress.finish();
        }).empty());
}

}  // namespace
}  // namespace octet::test
