// Wrong functions on purpose. The harness is only worth its keep while it refuses each of them.
#pragma once

#include "dlfs/graph/function.h"

namespace dlfs::testing {

FunctionPtr with_zero_backward(FunctionPtr function);  // all gradients are 0
FunctionPtr with_set_for_add(FunctionPtr function);    // a gradient is set where it must be added to
FunctionPtr with_wrong_largest(
    FunctionPtr function);  // the largest element of forward's first output is 1 % too large
FunctionPtr with_coarse_halves(
    FunctionPtr function);  // where the first output is of 16 bits, 5 of them are kept

}  // namespace dlfs::testing
