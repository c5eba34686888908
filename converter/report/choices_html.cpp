#include "converter/report/choices_html.h"

#include <sstream>

#include "converter/report/html.h"

namespace octet {
namespace {

std::string decibels_and_agreement(double decibels, const Objective& objective) {
  const double share =
      objective.count == 0 ? 0 : 100 * static_cast<double>(objective.agreeing) / static_cast<double>(objective.count);
  return "<td>" + number(decibels, 2) + "</td><td>" + number(share, 1) + "</td>";
}

}  // namespace

std::string choices_html(std::span<const CalibrationTrial> trials, std::span<const CorrectionStep> corrections) {
  std::ostringstream page;
  if (!trials.empty()) {
    page << "<h2>Calibrations, judged on " << trials[0].objective.count << " samples</h2>\n"
         << "<table><tr><th>ranges by</th><th></th><th>SQNR dB</th><th>agreement %</th><th>SQNR dB, biases "
            "corrected</th><th>agreement %</th></tr>\n";
    for (const CalibrationTrial& trial : trials) {
      page << "<tr><td>" << escape(trial.name) << "</td><td></td>"
           << decibels_and_agreement(trial.objective.sqnr_db(), trial.objective)
           << (trial.corrected.has_value() ? decibels_and_agreement(trial.corrected->sqnr_db(), *trial.corrected)
                                           : "<td></td><td></td>")
           << "</tr>\n";
    }
    page << "</table>\n";
  }
  if (!corrections.empty()) {
    page << "<h2>Corrections, judged on " << corrections[0].before.count << " samples held out</h2>\n"
         << "<table><tr><th>correction</th><th></th><th>layers</th><th>SQNR dB before</th><th>agreement %</th><th>SQNR "
            "dB after</th><th>agreement %</th><th>seconds</th></tr>\n";
    for (const CorrectionStep& step : corrections) {
      page << "<tr><td>" << escape(to_string(step.chain)) << "</td><td>" << (step.is_kept ? "kept" : "rejected")
           << "</td><td>" << step.layers << "</td>"
           << decibels_and_agreement(step.before.typical_sqnr_db(), step.before)
           << decibels_and_agreement(step.after.typical_sqnr_db(), step.after) << "<td>" << number(step.seconds, 1)
           << "</td></tr>\n";
    }
    page << "</table>\n";
  }
  return page.str();
}

}  // namespace octet
