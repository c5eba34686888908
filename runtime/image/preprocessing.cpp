// The preprocessing spec: one table of keys drives reading, writing and what errors suggest.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "octet/image.hpp"

namespace octet {
namespace {

constexpr int kMaxSpecSide = 1 << 16;

#define OCTET_IMAGENET_STATISTICS "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225"
constexpr PreprocessingPreset kPresets[] = {
    {"imagenet", "size=224x224,resize=256,crop=center,color=rgb," OCTET_IMAGENET_STATISTICS},
    {"tf", "size=224x224,resize=256,crop=center,color=rgb,scale=1/127.5,mean=1,std=1"},
    {"caffe", "size=224x224,resize=256,crop=center,color=bgr,scale=1,mean=104:117:123,std=1"},
    {"cifar10", "size=32x32,fit=crop,filter=bilinear,color=rgb," OCTET_IMAGENET_STATISTICS},
    {"raw", "color=rgb,scale=1,mean=0,std=1"},
};

struct Name {
  std::string_view name;
  int value;
};
constexpr Name kCrops[] = {{"none", 0}, {"center", 1}};
constexpr Name kFits[] = {{"stretch", 0}, {"crop", 1}, {"letterbox", 2}};
constexpr Name kFilters[] = {{"bilinear", 0}, {"bicubic", 1}, {"area", 2}, {"nearest", 3}};
constexpr Name kColors[] = {{"rgb", 0}, {"bgr", 1}, {"gray", 2}};
constexpr Name kLayouts[] = {{"nchw", 0}, {"nhwc", 1}};

// --- numbers ---

bool parse_double(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

// A number or a fraction of two.
bool parse_number(std::string_view text, double& value) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return parse_double(text, value);
  double divisor = 0;
  if (!parse_double(text.substr(0, slash), value) || !parse_double(text.substr(slash + 1), divisor)) return false;
  value /= divisor;
  return std::isfinite(value);
}

std::string shortest(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

// The shorter of the decimal form and 1/x; both read back as the same number.
std::string number_text(double value) {
  std::string decimal = shortest(value);
  for (const double divisor : {std::round(1 / value), std::round(2 / value) / 2}) {
    if (divisor != 0 && 1 / divisor == value) {
      std::string fraction = "1/" + shortest(divisor);
      return fraction.size() < decimal.size() ? fraction : decimal;
    }
  }
  return decimal;
}

bool parse_side(std::string_view text, int& side) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  return error == std::errc{} && end == text.data() + text.size() && side >= 1 && side <= kMaxSpecSide;
}

// --- keys ---

using Channels = std::array<double, 3>;

bool read_size(Preprocessing& p, std::string_view text) {
  const size_t cross = text.find('x');
  return cross != std::string_view::npos && parse_side(text.substr(0, cross), p.width) &&
         parse_side(text.substr(cross + 1), p.height);
}

std::string write_size(const Preprocessing& p) {
  return p.width > 0 ? std::to_string(p.width) + "x" + std::to_string(p.height) : "";
}

bool read_resize(Preprocessing& p, std::string_view text) {
  return parse_side(text, p.resize);
}

std::string write_resize(const Preprocessing& p) {
  return p.resize > 0 ? std::to_string(p.resize) : "";
}

template <Channels Preprocessing::*kMember, bool kMayBeZero>
bool read_channels(Preprocessing& p, std::string_view text) {
  Channels numbers{};
  size_t count = 0;
  for (size_t begin = 0; begin <= text.size(); ++count) {
    const size_t end = std::min(text.find(':', begin), text.size());
    if (count == 3 || !parse_number(text.substr(begin, end - begin), numbers[count])) return false;
    if (!kMayBeZero && numbers[count] == 0) return false;
    begin = end + 1;
  }
  if (count == 2) return false;
  if (count == 1) numbers.fill(numbers[0]);
  p.*kMember = numbers;
  return true;
}

template <Channels Preprocessing::*kMember>
std::string write_channels(const Preprocessing& p) {
  const Channels& n = p.*kMember;
  if (n[0] == n[1] && n[1] == n[2]) return number_text(n[0]);
  return number_text(n[0]) + ":" + number_text(n[1]) + ":" + number_text(n[2]);
}

template <auto kMember, const auto& kNames>
bool read_name(Preprocessing& p, std::string_view text) {
  for (const Name& name : kNames) {
    if (name.name == text) {
      p.*kMember = static_cast<std::remove_reference_t<decltype(p.*kMember)>>(name.value);
      return true;
    }
  }
  return false;
}

template <auto kMember, const auto& kNames>
std::string write_name(const Preprocessing& p) {
  return std::string(kNames[static_cast<size_t>(p.*kMember)].name);
}

bool read_layout(Preprocessing& p, std::string_view text) {
  if (text != "nchw" && text != "nhwc") return false;
  p.layout = text == "nchw" ? Preprocessing::Layout::kNchw : Preprocessing::Layout::kNhwc;
  return true;
}

std::string write_layout(const Preprocessing& p) {
  return p.layout ? std::string(kLayouts[static_cast<size_t>(*p.layout)].name) : "";
}

struct Key {
  std::string_view name;
  std::string_view takes;                               // for errors
  bool (*read)(Preprocessing&, std::string_view text);  // false: a bad value
  std::string (*write)(const Preprocessing&);           // empty: not set
};

using P = Preprocessing;
constexpr Key kKeys[] = {
    {"size", "WIDTHxHEIGHT", read_size, write_size},
    {"resize", "the pixels of the shorter side", read_resize, write_resize},
    {"crop", "none or center", read_name<&P::crop, kCrops>, write_name<&P::crop, kCrops>},
    {"fit", "stretch, crop or letterbox", read_name<&P::fit, kFits>, write_name<&P::fit, kFits>},
    {"filter", "bilinear, bicubic, area or nearest", read_name<&P::filter, kFilters>, write_name<&P::filter, kFilters>},
    {"color", "rgb, bgr or gray", read_name<&P::color, kColors>, write_name<&P::color, kColors>},
    {"scale", "one number or three with ':' between, none 0", read_channels<&P::scale, false>,
     write_channels<&P::scale>},
    {"mean", "one number or three with ':' between", read_channels<&P::mean, true>, write_channels<&P::mean>},
    {"std", "one number or three with ':' between, none 0", read_channels<&P::std, false>, write_channels<&P::std>},
    {"layout", "nchw or nhwc", read_layout, write_layout},
};

// --- errors ---

// Levenshtein's distance, in one row.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j] ? 1 : 0);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

template <class Row>
std::string nearest(std::string_view word, std::span<const Row> rows) {
  const auto best = std::min_element(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return edit_distance(word, a.name) < edit_distance(word, b.name);
  });
  return "'" + std::string(best->name) + "'";
}

Error usage(const std::string& message) {
  return {ErrorCode::kUsage, "preprocessing: " + message};
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 80)) + "'";
}

// --- pieces of a spec ---

Status apply(Preprocessing& p, std::string_view spec, bool first);

Status apply_pair(Preprocessing& p, std::string_view piece, size_t equals) {
  const std::string_view key = piece.substr(0, equals);
  const std::string_view value = piece.substr(equals + 1);
  for (const Key& row : kKeys) {
    if (row.name != key) continue;
    if (row.read(p, value)) return {};
    return usage("'" + std::string(key) + "' takes " + std::string(row.takes) + ", not " + quoted(value));
  }
  return usage("unknown key " + quoted(key) + " in " + quoted(piece) + "; the nearest is " +
               nearest(key, std::span<const Key>(kKeys)));
}

Status apply_preset(Preprocessing& p, std::string_view name, bool first) {
  const auto presets = preprocessing_presets();
  const auto preset = std::find_if(presets.begin(), presets.end(), [&](const auto& row) { return row.name == name; });
  if (preset == presets.end()) {
    const bool is_key = std::any_of(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
    if (is_key) return usage("'" + std::string(name) + "' has no value; write " + std::string(name) + "=...");
    return usage("unknown preset " + quoted(name) + "; the nearest is " + nearest(name, presets));
  }
  if (!first) return usage("the preset " + quoted(name) + " must come first");
  return apply(p, preset->spec, false);
}

Status apply(Preprocessing& p, std::string_view spec, bool first) {
  for (size_t begin = 0; begin <= spec.size(); first = false) {
    const size_t end = std::min(spec.find(',', begin), spec.size());
    const std::string_view piece = spec.substr(begin, end - begin);
    const size_t equals = piece.find('=');
    if (piece.empty()) return usage("an empty piece in " + quoted(spec));
    OCTET_CHECK(equals == std::string_view::npos ? apply_preset(p, piece, first) : apply_pair(p, piece, equals));
    begin = end + 1;
  }
  return {};
}

bool same_for_all(const Channels& n) {
  return n[0] == n[1] && n[1] == n[2];
}

}  // namespace

std::span<const PreprocessingPreset> preprocessing_presets() {
  return kPresets;
}

Result<Preprocessing> Preprocessing::parse(std::string_view spec) {
  Preprocessing p;
  OCTET_CHECK(apply(p, spec, true));
  if (p.color == Color::kGray && !(same_for_all(p.scale) && same_for_all(p.mean) && same_for_all(p.std))) {
    return usage("color=gray has one channel, but scale, mean or std has three numbers");
  }
  return p;
}

std::string Preprocessing::to_string() const {
  std::string text;
  for (const Key& key : kKeys) {
    const std::string value = key.write(*this);
    if (value.empty()) continue;
    if (!text.empty()) text += ',';
    text += std::string(key.name) + "=" + value;
  }
  return text;
}

}  // namespace octet
