#include "converter/data/labels.h"

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "converter/atomic_file.h"

namespace octet {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::optional<int64_t> parse_index(std::string_view text) {
  int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index < 0) return std::nullopt;
  return index;
}

Error bad_line(const std::string& path, size_t line, std::string_view text, const char* form) {
  return {ErrorCode::kInvalidFile, "'" + path + "' line " + std::to_string(line + 1) + ": '" +
                                       std::string(text.substr(0, 80)) + "' is not " + form};
}

std::string last_part(const std::string& name) {
  return std::filesystem::path(name).filename().string();
}

Result<std::vector<int64_t>> numbered_labels(const std::string& path, const std::vector<std::string_view>& lines,
                                             size_t samples) {
  std::vector<int64_t> labels;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::optional<int64_t> index = parse_index(lines[i]);
    if (!index) return bad_line(path, i, lines[i], "a class index");
    labels.push_back(*index);
  }
  if (labels.size() == samples) return labels;
  return Error{ErrorCode::kInvalidFile, "'" + path + "' has " + std::to_string(labels.size()) +
                                            " labels, but the data " + std::to_string(samples) + " samples"};
}

// One line of a labels file for images.
struct NamedLabel {
  std::string_view name;
  int64_t index;
  size_t line;  // from 0
};

Result<std::vector<NamedLabel>> named_labels(const std::string& path, const std::vector<std::string_view>& lines) {
  std::vector<NamedLabel> labels;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line.empty()) continue;
    // The index is behind the last blank or comma, so that file names may hold both.
    const size_t separator = line.find_last_of(" \t,");
    const std::optional<int64_t> index =
        separator == std::string_view::npos ? std::nullopt : parse_index(line.substr(separator + 1));
    std::string_view name = separator == std::string_view::npos ? "" : trim(line.substr(0, separator));
    if (name.ends_with(',')) name = trim(name.substr(0, name.size() - 1));
    if (!index || name.empty()) return bad_line(path, i, line, "a file name and a class index");
    labels.push_back({name, *index, i});
  }
  return labels;
}

// Labels by whole names, and by last parts for those who give one side with folders and the other without.
using ByName = std::multimap<std::string, NamedLabel, std::less<>>;

// The label under `key`, or none. Several lines may say the same.
Result<std::optional<NamedLabel>> find_label(const std::string& path, const ByName& labels, const std::string& key) {
  const auto [begin, end] = labels.equal_range(key);
  if (begin == end) return std::optional<NamedLabel>();
  for (auto it = begin; it != end; ++it) {
    if (it->second.index == begin->second.index) continue;
    return Error{ErrorCode::kInvalidFile,
                 "'" + path + "' gives '" + key + "' the label " + std::to_string(begin->second.index) + " in line " +
                     std::to_string(begin->second.line + 1) + ", but " + std::to_string(it->second.index) +
                     " in line " + std::to_string(it->second.line + 1)};
  }
  return std::optional(begin->second);
}

Result<std::vector<int64_t>> labels_of_images(const std::string& path, const std::vector<std::string_view>& lines,
                                              const Dataset& data) {
  OCTET_TRY(const std::vector<NamedLabel> given, named_labels(path, lines));
  ByName by_name;
  ByName by_last_part;
  for (const NamedLabel& label : given) {
    by_name.emplace(label.name, label);
    by_last_part.emplace(last_part(std::string(label.name)), label);
  }
  std::map<std::string, size_t> samples_by_last_part;
  for (size_t i = 0; i < data.size(); ++i) ++samples_by_last_part[last_part(data.name(i))];

  std::vector<int64_t> labels;
  for (size_t i = 0; i < data.size(); ++i) {
    OCTET_TRY(std::optional<NamedLabel> label, find_label(path, by_name, data.name(i)));
    if (!label.has_value()) {
      const std::string part = last_part(data.name(i));
      OCTET_TRY(label, find_label(path, by_last_part, part));
      if (label.has_value() && samples_by_last_part[part] > 1) {
        return bad_line(path, label->line, label->name,
                        ("enough: " + std::to_string(samples_by_last_part[part]) + " samples have that name, one is '" +
                         data.name(i) + "'")
                            .c_str());
      }
    }
    if (!label.has_value()) {
      return Error{ErrorCode::kInvalidFile, "'" + path + "' has no label for '" + data.name(i) + "'"};
    }
    labels.push_back(label->index);
  }
  return labels;
}

}  // namespace

Result<std::vector<int64_t>> load_labels(const std::string& path, const Dataset& data, int64_t class_count) {
  OCTET_TRY(const std::string text, read_text_file(path));
  const std::vector<std::string_view> lines = split_lines(text);
  OCTET_TRY(std::vector<int64_t> labels,
            data.has_names() ? labels_of_images(path, lines, data) : numbered_labels(path, lines, data.size()));
  for (size_t i = 0; class_count > 0 && i < labels.size(); ++i) {
    if (labels[i] < class_count) continue;
    const std::string sample = data.has_names() ? "'" + data.name(i) + "'" : "sample " + std::to_string(i);
    return Error{ErrorCode::kInvalidFile, "'" + path + "' gives " + sample + " the label " + std::to_string(labels[i]) +
                                              ", but the model has " + std::to_string(class_count) + " classes"};
  }
  return labels;
}

int64_t class_count(const Shape& scores) {
  int64_t classes = 1;
  for (int axis = scores.rank() > 1 ? 1 : 0; axis < scores.rank(); ++axis) classes *= scores[axis];
  return classes;
}

Result<std::vector<std::string>> load_class_names(const std::string& path, const Shape& scores) {
  OCTET_TRY(const std::string text, read_text_file(path));
  std::vector<std::string> names;
  for (const std::string_view line : split_lines(text)) names.emplace_back(line);
  while (!names.empty() && names.back().empty()) names.pop_back();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) return bad_line(path, i, names[i], "a class name");
  }
  const int64_t classes = class_count(scores);
  if (static_cast<int64_t>(names.size()) == classes) return names;
  return Error{ErrorCode::kInvalidFile, "'" + path + "' has " + std::to_string(names.size()) +
                                            " names, but the model " + std::to_string(classes) + " classes"};
}

}  // namespace octet
