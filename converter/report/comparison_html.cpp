#include "converter/report/comparison_html.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "converter/report/histogram.h"
#include "converter/report/html.h"

namespace octet {
namespace {

constexpr double kMaxDb = 60;  // the right end of the bars: more is as good as exact
constexpr double kBarWidth = 260;

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

// A column for each part, square roots of the counts (tails show), with lines where the range ends.
std::string picture(const ActivationStats& stats, Extremes range, const char* what) {
  const Histogram histogram = make_histogram(stats, range);
  if (histogram.counts.empty()) return "";
  constexpr double kWidth = 180;
  constexpr double kHeight = 30;
  const auto count = static_cast<double>(histogram.counts.size());
  const auto root = [](uint64_t n) { return std::sqrt(static_cast<double>(n)); };
  const double most = root(std::max<uint64_t>(*std::ranges::max_element(histogram.counts), 1));
  std::ostringstream svg;
  svg << std::fixed << std::setprecision(1) << "<svg width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" role=\"img\"><title>" << what << ": " << std::setprecision(4) << stats.min() << " to " << stats.max();
  if (!range.empty()) svg << ", integers " << range.min << " to " << range.max;
  svg << std::setprecision(1) << "</title><path class=\"hist\" d=\"M0 " << kHeight;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    svg << "V" << kHeight * (1 - root(histogram.counts[i]) / most) << "H"
        << kWidth * static_cast<double>(i + 1) / count;
  }
  svg << "V" << kHeight << "Z\"/>";
  for (const float end : {range.min, range.max}) {
    if (range.empty()) break;
    const double x =
        std::clamp((end - histogram.first) / (histogram.last - histogram.first) * kWidth, 0.5, kWidth - 0.5);
    svg << "<path class=\"end\" d=\"M" << x << " 0V" << kHeight << "\"/>";
  }
  svg << "</svg>";
  return svg.str();
}

void append_table(std::ostringstream& page, const std::vector<LayerComparison>& rows) {
  page << "<table><tr><th>tensor</th><th>op</th><th>SQNR dB</th><th>isolated</th><th>0 to 60 "
          "dB</th><th>MSE</th><th>relative "
          "error</th>"
          "<th>cosine</th><th>max error</th><th>clipped %</th><th>values and range</th><th>weights and range</th>"
          "<th>channel ratio</th></tr>\n";
  for (const LayerComparison& row : rows) {
    const TensorError& error = row.cumulative;
    std::ostringstream mse;
    mse << std::setprecision(3) << error.mse();
    page << "<tr><td title=\"" << escape(row.name) << "\">" << escape(row.name) << "</td><td>" << escape(row.op)
         << "</td>";
    if (row.is_rescaled) {
      page << "<td colspan=\"11\">rescaled by a correction</td></tr>\n";
      continue;
    }
    if (row.is_whole()) {
      page << "<td colspan=\"11\">" << number(row.agreement(), 2) << " % of " << row.whole_count
           << " whole numbers are the same</td></tr>\n";
      continue;
    }
    page << "<td>" << number(error.sqnr_db(), 1) << "</td><td>"
         << (row.isolated.count() > 0 ? number(row.isolated.sqnr_db(), 1) : "") << "</td><td>" << bars(row)
         << "</td><td>" << mse.str() << "</td><td>" << number(error.relative_error(), 4) << "</td><td>"
         << number(error.cosine(), 5) << "</td><td>" << number(error.max_error(), 4) << "</td><td>"
         << number(100 * error.clip_rate(), 3) << "</td><td>" << picture(row.values, row.integers, "values")
         << "</td><td>" << picture(row.weights, row.weight_range(), "weights") << "</td><td>"
         << (row.weights.count() > 0 ? number(row.weight_range_ratio, 1) : "") << "</td></tr>\n";
  }
  page << "</table>\n";
}

}  // namespace

std::string comparison_html(const Comparison& comparison, const std::string& title, size_t sample_count,
                            const std::string& keep_float, const std::string& more) {
  std::ostringstream page;
  page << "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
       << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" << escape(title)
       << "</title>\n<style>" << kReportStyle << "</style>\n<h1>" << escape(title) << "</h1>\n<p>" << sample_count
       << " samples. SQNR is the signal over the error of the integer network against the float one, in decibels: "
          "higher is "
          "better, 6 dB are one bit.</p>\n<p class=\"key\"><span style=\"background:#3b7dd8\"></span>everything before "
          "it "
          "quantized too<span style=\"background:#e08a2e\"></span>only this node quantized (isolated)</p>\n";
  if (!keep_float.empty()) {
    page << "<p>Worst on their own: <code>--keep-float " << escape(keep_float) << "</code></p>\n";
  }
  const std::string unlike = unlike_channels(comparison.layers);
  if (!unlike.empty()) {
    page << "<p>Channels too unlike for one scale (ratio above 2), use <code>--weights per_channel</code>: "
         << escape(unlike) << "</p>\n";
  }
  page << "<p>Histograms: square roots of the counts of the float network's values and weights, without exact zeros; "
          "the "
          "lines are the ends of what the integers reach. Channel ratio: the largest max|w| of a channel over the "
          "median one.</p>\n";
  page << more << "<h2>Outputs</h2>\n";
  append_table(page, comparison.outputs);
  page << "<h2>Layers, in the order of execution</h2>\n";
  append_table(page, comparison.layers);
  page << "</html>\n";
  return page.str();
}

}  // namespace octet
