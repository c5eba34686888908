// The same file and the same input give the same bytes at every level of instruction sets, with any number of threads,
// in a batch of any size, each time. Levels are fixed for the life of a process, so this program runs itself once for
// each.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "octet/octet.hpp"
#include "tests/support/random_packed_net.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

// In the environment of a child: where it writes the bytes of all its outputs.
constexpr const char* kResultFile = "OCTET_TEST_SAME_BYTES";
constexpr int kNets = 6;
constexpr int64_t kImages = 4;
// Of all outputs: the same from every compiler, with every oneDNN, in Debug and Release. It changes only where the
// networks, the inputs or what octet computes were changed on purpose.
constexpr uint64_t kHash = 0x985596c316dac4e2;

std::vector<float> make_images(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<size_t>(kImages * test::kNetSize * test::kNetSize * test::kNetChannels));
  for (size_t i = 0; i < values.size(); ++i) {
    const bool extreme = i < values.size() / 2;  // the first images: nothing but 0 and 255
    values[i] =
        extreme ? (test::pick(random, 0, 1) == 0 ? -1e3F : 1e3F) : std::uniform_real_distribution<float>(-3, 3)(random);
  }
  return values;
}

// FNV-1a.
uint64_t hash_of(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

// The outputs' bytes, image by image, taken `batch` at a time.
std::string outputs_of(Session& session, size_t outputs, const std::vector<float>& images, int64_t batch) {
  const size_t image_bytes = images.size() * sizeof(float) / kImages;
  std::string all;
  for (int64_t first = 0; first < kImages; first += batch) {
    std::memcpy(session.input().data,
                reinterpret_cast<const std::byte*>(images.data()) + static_cast<size_t>(first) * image_bytes,
                image_bytes * static_cast<size_t>(batch));
    session.run();
    for (int64_t i = 0; i < batch; ++i) {
      for (size_t output = 0; output < outputs; ++output) {
        const TensorView tensor = session.output(output);
        const int64_t bytes = tensor.byte_count() / batch;
        all.append(static_cast<const char*>(tensor.data) + i * bytes, static_cast<size_t>(bytes));
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("threads, batches and repetitions change no byte; a child tells its parent what they are") {
  std::string all;
  for (uint32_t seed = 1; seed <= kNets; ++seed) {
    CAPTURE(seed);
    PackedModel packed = test::random_packed_net(seed);
    const Status checked = check_model(packed);
    REQUIRE_MESSAGE(checked.ok(), checked.error().message);
    const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
    const std::vector<float> images = make_images(seed);
    std::string expected;
    for (const int threads : {1, 2, 3}) {
      for (const int64_t batch : {int64_t{1}, int64_t{2}, kImages}) {
        CAPTURE(threads);
        CAPTURE(batch);
        Result<Session> session = Session::create(model, {.threads = threads, .batch = batch});
        REQUIRE_MESSAGE(session.ok(), session.error().message);
        for (int repetition = 0; repetition < 3; ++repetition) {
          const std::string found = outputs_of(*session, model.outputs().size(), images, batch);
          if (expected.empty()) expected = found;
          CHECK(found == expected);
        }
      }
    }
    // A net of which nothing is left but one value would prove nothing.
    CHECK(std::set<char>(expected.begin(), expected.end()).size() > 40);
    all += expected;
  }
  CHECK(hash_of(all) == kHash);
  if (const char* file = std::getenv(kResultFile)) std::ofstream(file, std::ios::binary) << all;
}

TEST_CASE("no level of instruction sets changes a byte") {
  if (std::getenv(kResultFile) != nullptr) return;
  const test::ScratchFolder folder;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto results_at = [&](const std::string& variable, const std::string& level) {
    const std::string file = folder.path(variable + level);
    const std::string command =
        "env -u OCTET_MAX_ISA DNNL_MAX_CPU_ISA=" + (variable[0] == 'O' ? std::string("DEFAULT") : level) + " " +
        variable + "=" + level + " " + kResultFile + "='" + file + "' '" + self + "' > '" + folder.path("said") +
        "' 2>&1";
    REQUIRE_MESSAGE(std::system(command.c_str()) == 0, level << ": " << test::read_text(folder.path("said")));
    return test::read_text(file);
  };
  const std::string plain = results_at("OCTET_MAX_ISA", "any");
  REQUIRE(plain.size() > 10000);
  for (const std::string level : {"sse41", "avx2", "avx512", "avx512_vnni", "avx512_vbmi"}) {
    CAPTURE(level);
    CHECK(results_at("OCTET_MAX_ISA", level) == plain);
  }
  for (const std::string level : {"SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT"}) {
    CAPTURE(level);
    CHECK(results_at("ONEDNN_MAX_CPU_ISA", level) == plain);
  }
}

}  // namespace octet
