#include "converter/report/comparison_html.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace octet {
namespace {

constexpr double kMaxDb = 60;  // the right end of the bars: more is as good as exact
constexpr double kBarWidth = 260;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid #8883; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td:first-child { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
code { background: #8882; padding: .1rem .3rem; border-radius: .2rem; overflow-wrap: anywhere; }
.all { fill: #3b7dd8; } .own { fill: #e08a2e; } .track { fill: #8882; }
.key span { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: middle; }
)";

std::string escape(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string number(double value, int digits) {
  if (!std::isfinite(value)) return "exact";
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

double bar(double db) {
  return std::clamp(std::isfinite(db) ? db : kMaxDb, 0.0, kMaxDb) / kMaxDb * kBarWidth;
}

// Two bars over one track: everything quantized so far, and this node alone.
std::string bars(const LayerComparison& layer) {
  std::ostringstream svg;
  svg << std::fixed << std::setprecision(1) << "<svg width=\"" << kBarWidth << "\" height=\"14\" role=\"img\">"
      << "<rect class=\"track\" width=\"" << kBarWidth << "\" height=\"14\"/>"
      << "<rect class=\"all\" y=\"1\" width=\"" << bar(layer.cumulative.sqnr_db()) << "\" height=\"6\"/>";
  if (layer.isolated.count() > 0) {
    svg << "<rect class=\"own\" y=\"7\" width=\"" << bar(layer.isolated.sqnr_db()) << "\" height=\"6\"/>";
  }
  svg << "</svg>";
  return svg.str();
}

void append_table(std::ostringstream& page, const std::vector<LayerComparison>& rows) {
  page << "<table><tr><th>tensor</th><th>op</th><th>SQNR dB</th><th>isolated</th><th>0 to 60 dB</th><th>relative "
          "error</th>"
          "<th>cosine</th><th>max error</th><th>clipped %</th></tr>\n";
  for (const LayerComparison& row : rows) {
    const TensorError& error = row.cumulative;
    page << "<tr><td title=\"" << escape(row.name) << "\">" << escape(row.name) << "</td><td>" << escape(row.op)
         << "</td><td>" << number(error.sqnr_db(), 1) << "</td><td>"
         << (row.isolated.count() > 0 ? number(row.isolated.sqnr_db(), 1) : "") << "</td><td>" << bars(row)
         << "</td><td>" << number(error.relative_error(), 4) << "</td><td>" << number(error.cosine(), 5) << "</td><td>"
         << number(error.max_error(), 4) << "</td><td>" << number(100 * error.clip_rate(), 3) << "</td></tr>\n";
  }
  page << "</table>\n";
}

}  // namespace

std::string comparison_html(const Comparison& comparison, const std::string& title, size_t sample_count,
                            const std::string& keep_float) {
  std::ostringstream page;
  page << "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
       << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" << escape(title)
       << "</title>\n<style>" << kStyle << "</style>\n<h1>" << escape(title) << "</h1>\n<p>" << sample_count
       << " samples. SQNR is the signal over the error of the integer network against the float one, in decibels: "
          "higher is "
          "better, 6 dB are one bit.</p>\n<p class=\"key\"><span style=\"background:#3b7dd8\"></span>everything before "
          "it "
          "quantized too<span style=\"background:#e08a2e\"></span>only this node quantized (isolated)</p>\n";
  if (!keep_float.empty()) {
    page << "<p>Worst on their own: <code>--keep-float " << escape(keep_float) << "</code></p>\n";
  }
  page << "<h2>Outputs</h2>\n";
  append_table(page, comparison.outputs);
  page << "<h2>Layers, in the order of execution</h2>\n";
  append_table(page, comparison.layers);
  page << "</html>\n";
  return page.str();
}

}  // namespace octet
