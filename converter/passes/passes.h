// The list of passes: rewrites of the float graph that keep its function, in the order in which they run.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "converter/graph.h"

namespace octet {

struct Pass {
  const char* name;         // the name of its file
  const char* description;  // one line, for --dump-passes and the README
  int (*run)(Graph&);       // returns the number of rewrites
};

std::span<const Pass> passes();

// Runs all passes, each until it finds nothing more, and all again until none does; re-infers and verifies the graph
// after each. `observer`, if given, sees the graph after each pass that changed something (--dump-passes). An error is
// a bug in a pass, and names it.
Status run_passes(Graph& graph, const std::function<void(const Pass&, int rewrites, const Graph&)>& observer = {});

}  // namespace octet
