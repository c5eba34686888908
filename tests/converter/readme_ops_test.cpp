// The table of operations in converter/README.md is the table of op_rules().
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "converter/op_rule.h"

namespace octet {

TEST_CASE("the README names every operation that a reader exists for") {
  std::ifstream file(OCTET_SOURCE_DIR "/converter/README.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string readme = text.str();
  REQUIRE(!readme.empty());
  for (const OpRule* rule : op_rules()) {
    for (const OpReader& reader : rule->readers) {
      for (const std::string_view name : {reader.onnx, reader.json}) {
        CAPTURE(std::string(name));
        CHECK((name.empty() || readme.find("`" + std::string(name) + "`") != std::string::npos));
      }
    }
  }
}

}  // namespace octet
