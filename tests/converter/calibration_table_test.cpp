// Saved calibrations: they come back equal, take little space, merge exactly, and no damaged one is believed.
#include "converter/calibrate/calibration_table.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "converter/calibrate/count_code.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

// A folder that vanishes with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("octet_calibration_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

ActivationStats stats_of(const std::vector<float>& values) {
  ActivationStats stats;
  stats.observe(values);
  return stats;
}

std::vector<float> random_values(size_t count, uint32_t seed, bool relu) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& v : values) v = relu ? std::max(0.0F, normal(random)) : normal(random);
  return values;
}

CalibrationTable sample_table() {
  CalibrationTable table{"a \"model\"", "size=32x32,scale=1/255", 123, {}};
  table.stats["empty"] = ActivationStats();
  table.stats["broken"] = stats_of({NAN, INFINITY});
  table.stats["zero"] = stats_of({0, 0});
  table.stats["constant"] = stats_of({-3.7F, -3.7F});
  table.stats["one bin's edge"] = stats_of({4});
  table.stats["subnormal"] = stats_of({std::numeric_limits<float>::denorm_min(), -1e-40F});
  table.stats["extreme"] = stats_of({std::numeric_limits<float>::max(), -std::numeric_limits<float>::max(), 0.1F});
  table.stats["both/sides:0"] = stats_of(random_values(5000, 1, false));
  table.stats["relu"] = stats_of(random_values(5000, 2, true));
  return table;
}

// The error of loading `text`.
std::string error_of(const Folder& folder, const std::string& text) {
  write_text(folder.file("bad.json"), text);
  const Result<CalibrationTable> loaded = load_calibration_table(folder.file("bad.json"));
  if (loaded.ok()) return "";
  CHECK(loaded.error().code == ErrorCode::kInvalidFile);
  CHECK(loaded.error().message.find("bad.json") != std::string::npos);
  CHECK(loaded.error().message.find('\n') == std::string::npos);
  return loaded.error().message;
}

TEST_CASE("counts survive their text") {
  std::mt19937_64 random(1);
  const uint64_t most = ActivationStats::kMaxCount;
  for (std::vector<uint64_t> counts :
       {std::vector<uint64_t>{}, {0}, {1}, {most}, {most, 0, most}, {0, 0, 15, 31, 16, 0}, {512, 511, 1 << 20}}) {
    CHECK(decode_counts(encode_counts(counts), counts.size()) == counts);
  }
  std::vector<uint64_t> counts(1000);
  for (uint64_t& count : counts) count = (random() >> 2) >> (random() % 62);
  CHECK(decode_counts(encode_counts(counts), 1000) == counts);
  CHECK_FALSE(decode_counts(encode_counts(counts), 999).has_value());
  // Pinned, because files hold it: 1 is 2 = C, 1 to 0 is 3 = D, 0 to 16 is 32 = gB, 16 to 0 is 33 = hB.
  CHECK(encode_counts(std::vector<uint64_t>{1, 0, 16, 0}) == "CDgBhB");
}

TEST_CASE("text that is no list of counts is refused") {
  const std::string most = encode_counts(std::vector<uint64_t>{ActivationStats::kMaxCount});
  for (const std::string& text :
       {std::string("C D"), std::string("C="), std::string("g"), std::string("Cg"), std::string("D"), std::string("CF"),
        std::string("B"), std::string("gA"), std::string("CgA"), most + "C", std::string(14, '/'),
        std::string(13, '/') + "A", std::string(30, 'g') + "B"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_counts(text, 100).has_value());
  }
}

TEST_CASE("a table comes back equal, and the same table gives the same bytes") {
  const Folder folder;
  CalibrationTable table = sample_table();
  table.weights = "0123456789abcdef";
  REQUIRE(save_calibration_table(table, folder.file("a.json")).ok());
  const Result<CalibrationTable> loaded = load_calibration_table(folder.file("a.json"));
  REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  CHECK(*loaded == table);
  REQUIRE(save_calibration_table(*loaded, folder.file("b.json")).ok());
  CHECK(read_text(folder.file("a.json")) == read_text(folder.file("b.json")));
  const CalibrationTable nothing;
  REQUIRE(save_calibration_table(nothing, folder.file("a.json")).ok());
  CHECK(*load_calibration_table(folder.file("a.json")) == nothing);
}

TEST_CASE("the table of a network with 25 values takes less than 300 KB") {
  // Half of them behind a ReLU, and as many values each as 1000 samples of 32x32x16 give, up to a factor that only
  // scales the counts: 4096 bins with 250 to 16000 counts take one more character than with 16 to 1000, at most.
  const Folder folder;
  CalibrationTable table{"net", "cifar10", 1000, {}};
  for (uint32_t i = 0; i < 25; ++i) {
    ActivationStats stats = stats_of(random_values(1 << 18, i, i % 2 == 0));
    for (int k = 0; k < 4; ++k) stats.merge(stats);
    table.stats["value" + std::to_string(i)] = stats;
  }
  REQUIRE(save_calibration_table(table, folder.file("a.json")).ok());
  CHECK(fs::file_size(folder.file("a.json")) < 300000);
}

TEST_CASE("merged shards give the bytes of one run") {
  const Folder folder;
  const std::vector<float> values = random_values(9000, 3, false);
  const auto part = [&](size_t begin, size_t end, uint64_t samples) {
    return CalibrationTable{"net", "raw", samples, {{"x", stats_of({values.begin() + begin, values.begin() + end})}}};
  };
  const CalibrationTable whole = part(0, 9000, 9);
  CalibrationTable a = part(0, 1000, 1);
  CalibrationTable b = part(1000, 6000, 5);
  const CalibrationTable c = part(6000, 9000, 3);
  CalibrationTable forward = a;
  REQUIRE(merge_calibration_tables(forward, b).ok());
  REQUIRE(merge_calibration_tables(forward, c).ok());
  REQUIRE(merge_calibration_tables(b, c).ok());
  REQUIRE(merge_calibration_tables(b, a).ok());
  CHECK(forward == whole);
  CHECK(b == whole);
}

TEST_CASE("tables of different networks do not merge, and a refusal changes nothing") {
  CalibrationTable table{"net", "raw", 1, {{"x", stats_of({1})}}};
  const CalibrationTable before = table;
  const auto refused = [&](const CalibrationTable& other, const std::string& what) {
    const Status status = merge_calibration_tables(table, other);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::kInvalidFile);
    CHECK_MESSAGE(status.error().message.find(what) != std::string::npos, status.error().message);
    CHECK(table == before);
  };
  refused({"other", "raw", 1, table.stats}, "'net' and 'other'");
  refused({"net", "tf", 1, table.stats}, "'raw' and 'tf'");
  refused({"net", "raw", 1, {}}, "'x'");
  refused({"net", "raw", 1, {{"x", stats_of({1})}, {"y", stats_of({1})}}}, "'y'");
}

TEST_CASE("a table that cannot be written or named says so") {
  const Status status = save_calibration_table({}, "/nonexistent/folder/a.json");
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::kResource);
  CHECK(status.error().message.find("/nonexistent/folder/a.json") != std::string::npos);
  const Folder folder;
  const CalibrationTable bad_name{"net", "", 0, {{"\xff\xfe", stats_of({1})}}};
  CHECK_FALSE(save_calibration_table(bad_name, folder.file("a.json")).ok());
  CHECK_FALSE(fs::exists(folder.file("a.json")));
  CHECK_FALSE(load_calibration_table(folder.file("a.json")).ok());
}

TEST_CASE("no truncated table is believed") {
  const Folder folder;
  CalibrationTable table{"net", "raw", 2, {{"x", stats_of({-1, 0, 2, 2.001F})}}};
  REQUIRE(save_calibration_table(table, folder.file("a.json")).ok());
  const std::string text = read_text(folder.file("a.json"));
  for (size_t n = 0; n + 2 < text.size(); ++n) REQUIRE(error_of(folder, text.substr(0, n)) != "");
}

TEST_CASE("a table takes memory in proportion to its file") {
  const Folder folder;
  const auto table_of = [](int values, const ActivationStats& stats) {
    CalibrationTable table{"net", "raw", 1, {}};
    for (int i = 0; i < values; ++i) table.stats["v" + std::to_string(i)] = stats;
    return *calibration_text(table);
  };
  // One bin's text, "C", is a character; 65536 bytes a value.
  const ActivationStats constant = stats_of({1});
  CHECK(error_of(folder, table_of(1024, constant)) == "");
  CHECK(error_of(folder, table_of(3000, ActivationStats())) == "");
  const std::string message = error_of(folder, table_of(1030, constant));
  const std::string expected =
      "the histograms of 1030 values take 67502080 bytes of memory, but what is written of them justifies 67174784";
  CHECK_MESSAGE(message.find("bad.json: values: " + expected) != std::string::npos, message);
  // Those that data give may be more, read one by one and merged.
  const std::string text = table_of(1100, stats_of(random_values(5000, 1, false)));
  Result<CalibrationTable> table = parse_calibration(text, "a.json");
  REQUIRE_MESSAGE(table.ok(), table.error().message);
  REQUIRE(merge_calibration_tables(*table, *parse_calibration(text, "b.json")).ok());
  CHECK(table->stats.at("v1099").count() == 10000);
  CHECK(parse_calibration(*calibration_text(*table), "c.json").ok());
}

TEST_CASE("every number of a table is checked") {
  const Folder folder;
  // 1, -2, 0, 0 and 3.5: width 2^-10, bins 1024, -2049, 0 and 3584.
  REQUIRE(
      save_calibration_table({"net", "raw", 2, {{"x", stats_of({1, -2, 0, 0, 3.5F})}}}, folder.file("a.json")).ok());
  const std::string good = read_text(folder.file("a.json"));
  REQUIRE(error_of(folder, good) == "");
  const auto broken = [&](const std::string& from, const std::string& to, const std::string& what) {
    CAPTURE(from);
    std::string text = good;
    const size_t position = text.find(from);
    REQUIRE(position != std::string::npos);
    text.replace(position, from.size(), to);
    const std::string message = error_of(folder, text);
    CHECK_MESSAGE(message.find(what) != std::string::npos, message);
  };
  broken("octet calibration", "octet", "not a calibration table");
  broken("\"format\"", "\"form\"", "not a calibration table");
  broken("\"version\": 1", "\"version\": 2", "version: is 2, but this octet reads version 1");
  broken("\"version\": 1", "\"version\": \"1\"", "version");
  broken("\"model\"", "\"mode\"", "'model' is missing");
  broken("\"raw\"", "7", "preprocessing");
  broken("\"sample_count\": 2", "\"sample_count\": -2", "sample_count: is -2");
  broken("\"sample_count\": 2", "\"sample_count\": 2.5", "sample_count");
  broken("\"count\":5", "\"count\":4", "'x': bins");
  broken("\"count\":5", "\"count\":6", "'x': bins");
  broken("\"count\":5", "\"count\":0", "'x': bins");
  broken("\"count\":5", "\"count\":-5", "is -5");
  broken("\"count\":5", "\"count\":9223372036854775807", "not a count");
  broken("\"count\":5", "\"count\":18446744073709551615", "too large");
  broken("\"zero_count\":2", "\"zero_count\":3", "zero_count is 3, but bin 0 counts 2");
  broken("\"zero_count\":2,", "", "'zero_count' is missing");
  broken("\"nonfinite_count\":0", "\"nonfinite_count\":null", "nonfinite_count");
  broken("\"min\":-2.0", "\"min\":4.0", "exceeds");
  broken("\"min\":-2.0", "\"min\":-1.0", "min and max lie in bins -1025 and 3584");
  broken("\"min\":-2.0", "\"min\":-4.0", "exponent: is -10, but the extremes need -9");
  broken("\"max\":3.5", "\"max\":3.6", "not an f32 number");
  broken("\"max\":3.5", "\"max\":1e40", "not an f32 number");
  broken("\"max\":3.5", "\"max\":1e999", "bad.json");
  broken("\"exponent\":-10", "\"exponent\":-11", "exponent: is -11");
  broken("\"exponent\":-10", "\"exponent\":99999999999", "exponent");
  broken("\"first_bin\":-2049", "\"first_bin\":-2048", "bins -2048 to 3585");
  broken("\"first_bin\":-2049", "\"first_bin\":-4097", "outside of -4096 to 4095");
  broken("\"first_bin\":-2049", "\"first_bin\":4096", "outside");
  broken("\"first_bin\":-2049", "\"first_bin\":4095", "at most 1 counts");
  broken("\"bins\":\"C", "\"bins\":\"*", "not a list");
  broken("\"bins\":\"C", "\"bins\":\"AC", "fills bins");
  broken("\"bins\":\"", "\"bins\":\"\",\"b\":\"", "is empty, but count is 5");
  broken("\"values\": {", "\"values\": [], \"v\": {", "values: is a array, not an object");
  broken("\"values\": {", "\"values\": {\"x\": {},", "two fields 'x'");
  broken("\"values\": {", "\"values\": {\"y\": 3,", "'y'");
}

}  // namespace
}  // namespace octet
