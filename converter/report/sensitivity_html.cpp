#include "converter/report/sensitivity_html.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "converter/report/html.h"

namespace octet {
namespace {

constexpr double kBarWidth = 260;

// The share of the largest error.
std::string bar(double error, double most) {
  const double width = most > 0 && std::isfinite(error) ? kBarWidth * std::min(error / most, 1.0) : 0;
  return "<svg width=\"" + number(kBarWidth, 0) + "\" height=\"10\" role=\"img\"><rect class=\"track\" width=\"" +
         number(kBarWidth, 0) + "\" height=\"10\"/><rect class=\"own\" width=\"" + number(width, 1) +
         "\" height=\"10\"/></svg>";
}

}  // namespace

std::string sensitivity_html(std::span<const LayerSensitivity> rows, const std::string& title,
                             const std::string& method, size_t sample_count, const std::string& keep_float) {
  double most = 0;
  for (const LayerSensitivity& row : rows) most = std::max(most, row.error);
  std::ostringstream page;
  page
      << "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" << escape(title)
      << "</title>\n<style>" << kReportStyle << "</style>\n<h1>" << escape(title) << "</h1>\n<p>Sensitivity by "
      << escape(method) << " on " << sample_count
      << " samples: the error of the outputs, relative to their variance, if this layer alone has so many bits and all "
         "others are float.</p>\n";
  if (!keep_float.empty()) {
    page << "<p>Half of the error: <code>--keep-float " << escape(keep_float) << "</code></p>\n";
  }
  page << "<table><tr><th>node</th><th>op</th><th>bits</th><th>error</th><th>SQNR dB</th><th>share of the "
          "largest</th><th>agreement %</th></tr>\n";
  for (const LayerSensitivity& row : rows) {
    std::ostringstream error;
    error << row.error;
    page << "<tr><td title=\"" << escape(row.node) << "\">" << escape(row.node) << "</td><td>" << escape(row.op)
         << "</td><td>" << row.bits << "</td><td>" << error.str() << "</td><td>"
         << number(-10 * std::log10(row.error), 1) << "</td><td>" << bar(row.error, most) << "</td><td>";
    if (row.objective.has_value() && row.objective->count > 0) {
      page << number(100.0 * static_cast<double>(row.objective->agreeing) / static_cast<double>(row.objective->count),
                     1);
    }
    page << "</td></tr>\n";
  }
  page << "</table>\n</html>\n";
  return page.str();
}

}  // namespace octet
