#include "samples/profile.h"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <vector>

#include "samples/command_line.h"

namespace octet {
namespace {

std::vector<double> least_step_us(Session& session, int runs) {
  std::vector<double> least(session.steps().size(), 1e300);
  std::vector<double> step_us(least.size());
  for (int i = 0; i < runs; ++i) {
    std::fill(step_us.begin(), step_us.end(), 0.0);
    session.run(std::span<double>(step_us));
    for (size_t k = 0; k < least.size(); ++k) least[k] = std::min(least[k], step_us[k]);
  }
  return least;
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(const Json& share) {
  return fixed(100 * share.get<double>(), 1) + "%";
}

struct Column {
  const char* title;
  bool is_text;  // text stands left, numbers right
  std::function<std::string(const Json& step)> cell;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"step", true, [](const Json& step) { return one_line(step["name"].get<std::string>()); }},
      {"op", true, [](const Json& step) { return step["op"].get<std::string>(); }},
      {"kernel", true, [](const Json& step) { return step["kernel"].get<std::string>(); }},
      {"output", true, [](const Json& step) { return step["shape"].get<std::string>(); }},
      {"ms", false, [](const Json& step) { return fixed(step["ms"], 4); }},
      {"share", false, [](const Json& step) { return percent(step["share"]); }},
      {"sum", false, [](const Json& step) { return percent(step["cumulative_share"]); }},
      {"GOPS", false, [](const Json& step) { return step["macs"] > 0 ? fixed(step["gops"], 1) : ""; }},
      {"of peak", false, [](const Json& step) { return step["macs"] > 0 ? percent(step["peak_share"]) : ""; }},
  };
  return all;
}

void print_cell(const Column& column, const std::string& text, size_t width) {
  std::cout << (column.is_text ? std::left : std::right) << std::setw(static_cast<int>(width)) << text << "  ";
}

}  // namespace

Json profile_steps(Session& session, int runs, const PeakRates& peak) {
  const std::vector<StepInfo> steps = session.steps();
  const std::vector<double> least = least_step_us(session, runs);
  double total = 0;
  for (const double us : least) total += us;
  Json rows = Json::array();
  double sum = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepInfo& step = steps[i];
    sum += least[i];
    const double gops = least[i] > 0 ? 2e-3 * static_cast<double>(step.macs) / least[i] : 0.0;
    const double limit = step.arithmetic == DataType::kF32    ? peak.f32_gops
                         : step.arithmetic == DataType::kBf16 ? 0  // not measured
                                                              : peak.int8_gops;
    rows.push_back({{"name", step.name},
                    {"op", step.op},
                    {"kernel", step.kernel},
                    {"shape", step.output_shape.to_string()},
                    {"ms", least[i] / 1000},
                    {"share", total > 0 ? least[i] / total : 0.0},
                    {"cumulative_share", total > 0 ? sum / total : 0.0},
                    {"macs", step.macs},
                    {"gops", gops},
                    {"peak_share", limit > 0 ? gops / limit : 0.0},
                    {"reference", step.is_slow}});
  }
  return rows;
}

Json peak_json(const PeakRates& peak) {
  return {{"int8_gops", peak.int8_gops},
          {"f32_gops", peak.f32_gops},
          {"int8_instruction", peak.int8_instruction},
          {"f32_instruction", peak.f32_instruction}};
}

void print_profile(const Json& steps, const Json& peak) {
  std::cout << "peak       " << fixed(peak["int8_gops"], 0) << " GOPS int8 ("
            << peak["int8_instruction"].get<std::string>() << "), " << fixed(peak["f32_gops"], 0) << " GOPS f32 ("
            << peak["f32_instruction"].get<std::string>() << "), measured on these threads\n\n";
  const size_t number_width = std::to_string(steps.size()).size();
  std::vector<size_t> widths;
  for (const Column& column : columns()) {
    size_t width = std::string(column.title).size();
    for (const Json& step : steps) width = std::max(width, column.cell(step).size());
    widths.push_back(width);
  }
  const auto number = [&](const std::string& text) {
    std::cout << std::right << std::setw(static_cast<int>(number_width)) << text << "  ";
  };
  number("#");
  for (size_t k = 0; k < widths.size(); ++k) print_cell(columns()[k], columns()[k].title, widths[k]);
  std::cout << "\n";
  int order = 0;
  for (const Json& step : steps) {
    number(std::to_string(order++));
    for (size_t k = 0; k < widths.size(); ++k) print_cell(columns()[k], columns()[k].cell(step), widths[k]);
    std::cout << (step["reference"].get<bool>() ? "slow: plain reference code" : "") << "\n";
  }
}

}  // namespace octet
