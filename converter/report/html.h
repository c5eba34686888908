// What the HTML reports share.
#pragma once

#include <string>

namespace octet {

inline constexpr const char* kReportStyle = R"(
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 110rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid #8883; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td:first-child { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
code { background: #8882; padding: .1rem .3rem; border-radius: .2rem; overflow-wrap: anywhere; }
.all { fill: #3b7dd8; } .own { fill: #e08a2e; } .track { fill: #8882; } .hist { fill: #8886; } .end { stroke: #c33; }
.key span { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: middle; }
)";

// Text, safe between tags and in quoted attributes, with a '?' for each byte of control characters and broken UTF-8.
std::string escape(const std::string& text);

// With so many digits behind the point; infinity is "exact" (the decibels of an error of 0), -infinity and NaN are
// "none" (those of values that are not finite).
std::string number(double value, int digits);

}  // namespace octet
