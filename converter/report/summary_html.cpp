#include "converter/report/summary_html.h"

#include <sstream>

#include "converter/metrics.h"
#include "converter/report/html.h"

namespace octet {

std::string summary_html(const NetworkCost& cost, const Comparison& comparison, const std::optional<GateResult>& gate) {
  std::ostringstream html;
  const auto row = [&](const std::string& what, const std::string& value, const std::string& remark) {
    html << "<tr><td>" << what << "</td><td>" << value << "</td><td>" << remark << "</td></tr>\n";
  };
  html << "<h2>Summary</h2>\n<table><tr><th>measure</th><th>this network</th><th>beside the float model</th></tr>\n";
  row("bytes", std::to_string(cost.bytes),
      std::to_string(cost.reference_bytes) + ", " +
          number(static_cast<double>(cost.reference_bytes) / static_cast<double>(cost.bytes), 2) + " times smaller");
  row("latency, ms", number(cost.latency_ms, 3),
      number(cost.reference_latency_ms, 3) + ", " + number(cost.reference_latency_ms / cost.latency_ms, 2) +
          " times as fast");
  for (const LayerComparison& output : comparison.outputs) {
    if (output.is_whole()) {
      row("the same in " + escape(output.name) + ", %", number(output.agreement(), 2), "");
    } else {
      row("SQNR of " + escape(output.name) + ", dB", number(output.cumulative.sqnr_db(), 1), "");
    }
  }
  if (gate.has_value()) {
    row("top-1 on held-out samples, %", number(percent(gate->right, gate->count), 2),
        number(percent(gate->float_right, gate->count), 2) + ", a drop of " + number(gate->drop(), 2) + " points");
  }
  html << "</table>\n";
  return html.str();
}

}  // namespace octet
