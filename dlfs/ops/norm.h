// A batch norm's values in a trace, as the ops take them that apply it (batch_norm) or fold it away (fold_norm).
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct BatchNorm {
  Value scale, bias, mean, variance;
  // Of x, as conv gives them with `sums` or `moments`: the pass over x for m and v is saved; may be null.
  Value sums = {};
  bool moments = false;  // which of the two
};

}  // namespace dlfs
