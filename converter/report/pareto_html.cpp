#include "converter/report/pareto_html.h"

#include <sstream>

#include "converter/report/html.h"

namespace octet {

std::string pareto_html(const Conversion& conversion) {
  if (!conversion.ladder.has_value()) return {};
  const PrecisionLadder& ladder = *conversion.ladder;
  std::ostringstream part;
  std::vector<std::pair<Precision, const char*>> columns{{Precision::kF32, "f32"}, {Precision::kBf16, "bf16"}};
  if (ladder.offers(Precision::kInt4)) columns.emplace_back(Precision::kInt4, "int4");
  part << "<h2>Mixed precision: what each network of the front costs and keeps</h2>\n<p>Measured on held-out samples "
          "with biases corrected; the latency is that of one thread.</p>\n<table><tr>";
  for (const auto& column : columns) part << "<th>" << column.second << " layers</th>";
  part << "<th></th><th>latency ms</th><th>bytes</th><th>SQNR dB</th><th>agreement %</th><th>drop</th></tr>\n";
  for (size_t i = 0; i < ladder.rungs.size(); ++i) {
    const MixRung& rung = ladder.rungs[i];
    part << "<tr>";
    for (const auto& column : columns) {
      const std::set<std::string> layers = rung.layers_in(column.first);
      std::string names;
      for (const std::string& name : layers) names += (names.empty() ? "" : ",") + name;
      part << "<td title=\"" << escape(names) << "\">" << layers.size() << " of " << ladder.choices.layers.size()
           << "</td>";
    }
    part << "<td>" << (conversion.rung == i ? "chosen" : "") << "</td><td>" << number(rung.latency_us / 1000, 3)
         << "</td><td>" << rung.bytes << "</td><td>" << number(rung.measured.sqnr_db(), 2) << "</td><td>"
         << number(rung.agreement(), 1) << "</td><td>";
    if (const auto drop = conversion.drop_of(rung)) part << number(*drop, 2);
    part << "</td></tr>\n";
  }
  part << "</table>\n";
  return part.str();
}

}  // namespace octet
