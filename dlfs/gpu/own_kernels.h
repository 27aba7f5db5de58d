// Where cuDNN has no engine that the rules of cudnn.h allow, card by card, and the kernel of ours that serves there. No half
// reads it: each takes ours wherever cuDNN gives nothing. It says what we know of cards that we do not have, and
// testing/cards_test.cpp holds it to what cuDNN answers: it fails where a graph that we build is left out, and where one
// that stands here has an engine by now.
#pragma once

#include <string>
#include <vector>

#include "dlfs/base/text.h"
#include "dlfs/gpu/cudnn.h"

namespace dlfs {

struct OwnKernel {
  int architecture;    // 75 for sm_75
  std::string graph;   // as sort_of() says it
  std::string engine;  // "own tiles"
};

inline std::vector<OwnKernel> own_kernels() {
  return {
      // Nothing, of cuDNN 9.19 and the seven cards from sm_75 to sm_120.
  };
}

// "forward, bias, tf32", "filter gradient, grouped, f32"
inline std::string sort_of(const ConvGraph& graph) {
  const char* kind = graph.kind == ConvKind::forward         ? "forward"
                     : graph.kind == ConvKind::data_gradient ? "data gradient"
                                                             : "filter gradient";
  return concat(kind, graph.bias ? ", bias" : "", graph.add ? ", add" : "", graph.relu ? ", relu" : "",
                graph.sums ? ", sums" : "", graph.accumulate ? ", accumulate" : "",
                graph.groups > 1 ? ", grouped" : "", ", ", graph.tf32 ? "tf32" : to_string(graph.dtype));
}

}  // namespace dlfs
