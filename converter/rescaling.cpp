#include "converter/rescaling.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "converter/number_text.h"

namespace octet {
namespace {

// A factor is 2^((code - kOne) / kSteps), the code 3 digits of 6 bits.
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kFactorLength = 3;
constexpr int kOne = 1 << 17;
constexpr int kMostCode = (1 << 18) - 1;
constexpr double kSteps = 1 << 12;

constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_same(const ChannelRescaling& channel, size_t index) {
  return channel.source == index && channel.factor == 1 && channel.shift == 0;
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string factor_text(double factor) {
  const double code = std::clamp(std::nearbyint(std::log2(factor) * kSteps) + kOne, 0.0, double{kMostCode});
  const auto bits = static_cast<size_t>(code);
  return {kDigits[bits >> 12], kDigits[(bits >> 6) & 63], kDigits[bits & 63]};
}

std::optional<double> parse_factor(std::string_view text) {
  int code = 0;
  for (const char digit : text) {
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    code = code * 64 + static_cast<int>(value);
  }
  return std::exp2((code - kOne) / kSteps);
}

// What separates names, and bytes that are no text, as "%3B".
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 127 && c != '%' && c != ';') {
      text += c;
    } else {
      text += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      name += text[i];
      continue;
    }
    const size_t high = i + 2 < text.size() ? kHex.find(text[i + 1]) : std::string_view::npos;
    const size_t low = i + 2 < text.size() ? kHex.find(text[i + 2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    name += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return name;
}

// ";factors;shifts;sources" of one line.
std::string channels_text(const ValueRescaling& channels) {
  std::string factors, shifts, sources;
  for (size_t c = 0; c < channels.size(); ++c) {
    const auto append = [c](std::string& list, auto number) {
      list += (list.empty() ? "" : " ") + number_text(c) + ":" + number_text(number);
    };
    factors += factor_text(channels[c].factor);
    if (channels[c].shift != 0) append(shifts, static_cast<float>(channels[c].shift));
    if (channels[c].source != c) append(sources, channels[c].source);
  }
  return ";" + factors + ";" + shifts + ";" + sources;
}

// The text up to `separator`, which is taken off as well.
std::string_view take(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view first = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return first;
}

// Calls visit(channel, number) for each "channel:number"; whether all are.
template <class T, class Visit>
bool parse_pairs(std::string_view text, size_t channels, Visit visit) {
  while (!text.empty()) {
    std::string_view pair = take(text, ' ');
    const std::optional<size_t> channel = parse_number<size_t>(take(pair, ':'));
    const std::optional<T> number = parse_number<T>(pair);
    if (!channel.has_value() || *channel >= channels || !number.has_value()) return false;
    visit(*channel, *number);
  }
  return true;
}

std::optional<ValueRescaling> parse_channels(std::string_view text) {
  const std::string_view factors = take(text, ';');
  const std::string_view shifts = take(text, ';');
  if (factors.empty() || factors.size() % kFactorLength != 0) return std::nullopt;
  ValueRescaling channels(factors.size() / kFactorLength);
  for (size_t c = 0; c < channels.size(); ++c) {
    const std::optional<double> factor = parse_factor(factors.substr(c * kFactorLength, kFactorLength));
    if (!factor.has_value()) return std::nullopt;
    channels[c] = {.source = c, .factor = *factor};
  }
  bool is_valid = parse_pairs<float>(shifts, channels.size(),
                                     [&](size_t c, float shift) { channels[c].shift = static_cast<double>(shift); });
  is_valid &= parse_pairs<size_t>(text, channels.size(), [&](size_t c, size_t source) { channels[c].source = source; });
  for (const ChannelRescaling& channel : channels) {
    is_valid &= channel.shift >= 0 && std::isfinite(channel.shift) && channel.source < channels.size();
  }
  return is_valid ? std::optional(std::move(channels)) : std::nullopt;
}

}  // namespace

ValueRescaling& rescaling_of(Rescaling& rescaling, const std::string& value, size_t channels) {
  ValueRescaling& found = rescaling[value];
  for (size_t c = found.size(); c < channels; ++c) found.push_back({.source = c});
  return found;
}

bool rescale_values(const ValueRescaling& channels, std::span<float> values) {
  if (values.size() % channels.size() != 0) return false;
  std::vector<float> before(channels.size());
  for (size_t first = 0; first < values.size(); first += channels.size()) {
    const std::span<float> pixel = values.subspan(first, channels.size());
    std::copy(pixel.begin(), pixel.end(), before.begin());
    for (size_t c = 0; c < pixel.size(); ++c) {
      const ChannelRescaling& channel = channels[c];
      const double y = channel.factor * (static_cast<double>(before[channel.source]) - channel.shift);
      pixel[c] = static_cast<float>(channel.shift > 0 ? std::max(y, 0.0) : y);
    }
  }
  return true;
}

std::string to_text(const Rescaling& rescaling) {
  std::map<std::string, std::string> names;  // by what is the same for all of them
  for (const auto& [name, channels] : rescaling) {
    bool is_kept = true;
    for (size_t c = 0; c < channels.size(); ++c) is_kept = is_kept && is_same(channels[c], c);
    if (is_kept) continue;
    std::string& list = names[channels_text(channels)];
    list += (list.empty() ? "" : " ") + escaped(name);
  }
  std::string text;
  for (const auto& [channels, list] : names) text += list + channels + "\n";
  return text;
}

Result<Rescaling> parse_rescaling(std::string_view text) {
  Rescaling rescaling;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take(text, '\n');
    std::string_view names = take(line, ';');
    const std::optional<ValueRescaling> channels = parse_channels(line);
    while (!names.empty()) {
      const std::optional<std::string> name = unescaped(take(names, ' '));
      if (!channels.has_value() || !name.has_value()) {
        return Error{ErrorCode::kInvalidFile, "the metadata '" + std::string(kRescalingKey) + "', line " +
                                                  std::to_string(number) + ", is not 'names;factors;shifts;sources'"};
      }
      rescaling[*name] = *channels;
    }
  }
  return rescaling;
}

}  // namespace octet
