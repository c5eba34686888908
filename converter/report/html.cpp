#include "converter/report/html.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <string_view>

#include "runtime/visible_bytes.h"

namespace octet {

std::string escape(const std::string& text) {
  std::string safe;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t count = visible_bytes(rest);
    const std::string_view character = count == 0 ? "?" : rest.substr(0, count);
    rest.remove_prefix(std::max<size_t>(count, 1));
    switch (character.front()) {
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
        safe += character;
    }
  }
  return safe;
}

std::string number(double value, int digits) {
  if (std::isnan(value)) return "none";
  if (std::isinf(value)) return value > 0 ? "exact" : "none";
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

}  // namespace octet
